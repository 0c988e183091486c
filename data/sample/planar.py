"""Planar partitions: noding lines once, reading off faces and edges, growing regions over neighbours.

Everything that tiles (blocks, communities, unit grids) comes from one noding on a 1 mm raster, so that neighbours share
their vertices exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Geometries", "Integers", "Mesh", "grow", "mesh_of", "node_keys", "thin_out", "trim_ends"]

Geometries = NDArray[np.object_]
Integers = NDArray[np.int64]
RASTER = 0.001
TOUCH = 0.01


@dataclass(frozen=True, slots=True)
class Mesh:
    """Noded pieces of lines, the faces between them, and who lies beside whom.

    ``source`` is the index of the line a piece came from; ``sides`` the one or two faces of a piece (-1: none).
    """

    pieces: Geometries
    source: Integers
    faces: Geometries
    sides: Integers

    def neighbours(self) -> tuple[Integers, Integers]:
        """Returns the pairs of faces with an edge in common, both ways."""
        pairs = self.sides[(self.sides >= 0).all(axis=1)]
        both = np.unique(np.vstack([pairs, pairs[:, ::-1]]), axis=0)
        return both[:, 0], both[:, 1]


def _nearest_source(pieces: Geometries, lines: Geometries) -> Integers:
    """Which line each piece came from; the first line wins where two run together."""
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    found = np.full(len(pieces), len(lines), dtype=np.int64)
    piece, line = shapely.STRtree(lines).query(middles, predicate="dwithin", distance=TOUCH)
    np.minimum.at(found, piece, line)
    return found


def mesh_of(lines: Geometries, faces: bool = True) -> Mesh:
    """Nodes lines and builds the faces between them."""
    pieces = shapely.get_parts(shapely.union_all(lines, grid_size=RASTER))
    pieces = pieces[shapely.length(pieces) > RASTER]
    source = _nearest_source(pieces, lines)
    if not faces:
        return Mesh(pieces, source, np.empty(0, dtype=object), np.full((len(pieces), 2), -1))
    polygons = shapely.get_parts(shapely.polygonize(pieces))
    sides = np.full((len(pieces), 2), -1, dtype=np.int64)
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    piece, face = shapely.STRtree(polygons).query(middles, predicate="dwithin", distance=TOUCH)
    order = np.lexsort((face, piece))
    piece, face = piece[order], face[order]
    first = np.r_[True, piece[1:] != piece[:-1]]
    sides[piece[first], 0] = face[first]
    sides[piece[~first], 1] = face[~first]
    return Mesh(pieces, source, polygons, sides)


def node_keys(pieces: Geometries) -> tuple[Integers, NDArray[np.float64]]:
    """Numbers the end points of pieces: (n, 2) node indices and the nodes' coordinates."""
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(pieces, 0)), shapely.get_coordinates(shapely.get_point(pieces, -1))])
    whole = np.round(ends / RASTER).astype(np.int64)
    _, first, index = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    return np.asarray(index, dtype=np.int64).reshape(2, -1).T, ends[first]


def trim_ends(pieces: Geometries, removable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tells which pieces stay when removable dead ends are taken away again and again."""
    nodes, places = node_keys(pieces)
    keep = np.ones(len(pieces), dtype=bool)
    while True:
        degree = np.bincount(nodes[keep].ravel(), minlength=len(places))
        dead = keep & removable & (degree[nodes] == 1).any(axis=1)
        if not dead.any():
            return keep
        keep &= ~dead


def thin_out(lines: Geometries, removable: NDArray[np.bool_], minimum: Any, rounds: int = 8) -> tuple[Geometries, Integers]:
    """Takes away removable edges until no face is smaller than the minimum area (where that is possible).

    Returns the pieces that stay and the line each came from.
    """
    pieces, source = lines, np.arange(len(lines))
    for _ in range(rounds):
        mesh = mesh_of(pieces)
        source = source[mesh.source]
        pieces = mesh.pieces
        may_go = removable[source]
        gone = _edges_of_small_faces(mesh, may_go, float(minimum))
        keep = trim_ends(pieces, may_go) & ~gone
        pieces, source = pieces[keep], source[keep]
        if not gone.any():
            break
    return pieces, source


def _edges_of_small_faces(mesh: Mesh, may_go: NDArray[np.bool_], minimum: float) -> NDArray[np.bool_]:
    """For each face that is too small: the removable border to the neighbour with the longest such border."""
    area = shapely.area(mesh.faces)
    length = shapely.length(mesh.pieces)
    inner = (mesh.sides >= 0).all(axis=1)
    gone = np.zeros(len(mesh.pieces), dtype=bool)
    touched: set[int] = set()
    for face in np.flatnonzero(area < minimum)[np.argsort(area[area < minimum], kind="stable")]:
        edges = np.flatnonzero(inner & (mesh.sides == face).any(axis=1))
        other = mesh.sides[edges].sum(axis=1) - face
        best, best_length = -1, 0.0
        for candidate in np.unique(other):
            shared = edges[other == candidate]
            if may_go[shared].all() and length[shared].sum() > best_length and int(candidate) not in touched:
                best, best_length = int(candidate), float(length[shared].sum())
        if best >= 0 and int(face) not in touched:
            gone[edges[other == best]] = True
            touched |= {int(face), best}
    return gone


def grow(weights: Any, pairs: tuple[Integers, Integers], centres: NDArray[np.float64], seeds: Integers) -> Integers:
    """Grows regions from seeds over neighbours, always the lightest region first; each stays in one piece.

    >>> row = np.arange(6)
    >>> pairs = (np.r_[row[:-1], row[1:]], np.r_[row[1:], row[:-1]])
    >>> grow(np.ones(6), pairs, np.column_stack([row, row * 0]).astype(float), np.array([0, 5])).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    weights = np.asarray(weights, dtype=float)
    beside: list[list[int]] = [[] for _ in weights]
    for a, b in zip(*pairs, strict=True):
        beside[a].append(int(b))
    region = np.full(len(weights), -1, dtype=np.int64)
    region[seeds] = np.arange(len(seeds))
    load = weights[seeds].copy()
    border: list[set[int]] = [{b for b in beside[s] if region[b] < 0} for s in seeds]
    while True:
        open_regions = [k for k in range(len(seeds)) if border[k]]
        if not open_regions:
            return region
        k = min(open_regions, key=lambda index: (load[index], index))
        near = sorted(border[k])
        distance = np.hypot(*(centres[near] - centres[seeds[k]]).T)
        pick = near[int(np.argmin(distance))]
        region[pick] = k
        load[k] += weights[pick]
        for other in border:
            other.discard(pick)
        border[k] |= {b for b in beside[pick] if region[b] < 0}
