"""Cutting blocks into unit grids of about one hectare; the cuts are noded with the blocks once, so the cells tile."""

from __future__ import annotations

import numpy as np
import shapely

from data.sample.planar import Geometries, Integers, Mesh, mesh_of, thin_out

__all__ = ["cut_cells", "reading_order"]

SMALLEST = 2_600.0  # a cell below this goes to its neighbour, m2
ROW_TOLERANCE = 55.0  # cells whose middles differ by less lie in one row (reference: the tolerance is free)
FAR = 4_000.0


def _halves(block: shapely.Polygon, share: float) -> tuple[shapely.Geometry, list[shapely.Polygon]]:
    """Cuts a polygon across its long side so that about ``share`` of its area lies on the first side."""
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(block))
    first, second = box[1] - box[0], box[2] - box[1]
    if np.hypot(*first) < np.hypot(*second):
        start, along, across = box[1], second, first
    else:
        start, along, across = box[0], first, second
    length = float(np.hypot(*along))
    unit, side = along / length, across / np.hypot(*across)
    low, high, at = 0.0, 1.0, share
    for _ in range(5):
        edge = start + along * at
        corners = [edge - side * FAR, edge + side * FAR, edge + side * FAR - unit * FAR, edge - side * FAR - unit * FAR]
        part = shapely.intersection(block, shapely.Polygon(corners)).area / block.area
        if abs(part - share) < 0.03:
            break
        low, high = (at, high) if part < share else (low, at)
        at = (low + high) / 2
    edge = start + along * at
    cut = shapely.intersection(shapely.LineString([edge - side * FAR, edge + side * FAR]), block)
    corners = [edge - side * FAR, edge + side * FAR, edge + side * FAR - unit * FAR, edge - side * FAR - unit * FAR]
    half = shapely.Polygon(corners)
    parts = shapely.get_parts(np.array([shapely.intersection(block, half), shapely.difference(block, half)], dtype=object))
    return cut, [part for part in parts if part.geom_type == "Polygon" and part.area > SMALLEST]


def _cuts(block: shapely.Polygon, wished: float) -> list[shapely.Geometry]:
    """Returns the lines that cut a block into cells of about the wished area."""
    pieces = round(block.area / wished)
    if pieces < 2:
        return []
    cut, parts = _halves(block, (pieces // 2) / pieces)
    found = [cut]
    for part in parts:
        found += _cuts(part, wished)
    return found


def cut_cells(mesh: Mesh, wished: float) -> tuple[Geometries, Integers]:
    """Cuts every face of a mesh into cells; returns the cells and the face each lies in."""
    cuts = [cut for face in mesh.faces for cut in _cuts(face, wished)]
    cut_lines = shapely.get_parts(np.array(cuts, dtype=object))
    cut_lines = cut_lines[shapely.get_type_id(cut_lines) == 1]
    lines = np.concatenate([mesh.pieces, cut_lines])
    removable = np.arange(len(lines)) >= len(mesh.pieces)
    pieces, _ = thin_out(lines, removable, SMALLEST)
    cells = mesh_of(pieces).faces
    face = np.full(len(cells), -1, dtype=np.int64)
    cell, found = shapely.STRtree(mesh.faces).query(shapely.point_on_surface(cells), predicate="intersects")
    face[cell] = found
    return cells, face


def reading_order(x: np.ndarray, y: np.ndarray, tolerance: float = ROW_TOLERANCE) -> Integers:
    """Orders places left to right, top to bottom, in rows of the given tolerance (CJ/T 349: sequence in a community).

    >>> reading_order(np.array([0.0, 100.0, 50.0]), np.array([0.0, 90.0, 100.0])).tolist()
    [2, 1, 0]
    """
    down = np.argsort(-y, kind="stable")
    row = np.zeros(len(y), dtype=np.int64)
    top, number = y[down[0]], 0
    for index in down:
        if top - y[index] > tolerance:
            top, number = y[index], number + 1
        row[index] = number
    return np.asarray(np.lexsort((x, row)), dtype=np.int64)
