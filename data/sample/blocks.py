"""Blocks between the streets: plots inside the red lines and what each is used for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.network import WIDTHS, Network, Waters
from data.sample.plan import PARKS, quarter_at
from data.sample.planar import Geometries, Integers
from data.sample.sizes import CitySize
from data.sample.terrain import CORE, Floats, Ground

__all__ = ["CENTRE", "STATION", "Blocks", "frame_angle", "make_blocks", "road_reserve", "turned"]

CENTRE = (-20.0, -850.0)  # the new centre south of the river: offices, city hall, main square (plan)
STATION = (900.0, 1700.0)
CORNER = 7.0  # radius that crossings cut from a plot
SHORE = 5.0
GARDENS, GARDEN_PLOTS, LEAST_GARDEN, GARDEN_GAP = 0.16, (12_000.0, 70_000.0), 900.0, 4.0  # share, plots, m2, m
POCKET = 3200.0  # plots smaller than this become gardens

FARMLAND = 40_000.0  # fields larger than this have their village

# Shares of use by quarter: residential, commercial, public, industrial, green, other.
USES = ("residential", "commercial", "public", "industrial", "green", "other")
SHARES = {
    "old": (0.64, 0.20, 0.10, 0.00, 0.06, 0.00),
    "mid": (0.69, 0.13, 0.10, 0.01, 0.07, 0.00),
    "new": (0.60, 0.17, 0.12, 0.00, 0.11, 0.00),
    "campus": (0.30, 0.06, 0.55, 0.00, 0.09, 0.00),
    "industry": (0.13, 0.04, 0.03, 0.75, 0.04, 0.01),
    "edge": (0.34, 0.02, 0.03, 0.06, 0.24, 0.31),
}


@dataclass(frozen=True, slots=True)
class Blocks:
    """Plots with their use, the quarter they lie in and their place in the plan; ``face`` is the block's face."""

    plots: Geometries
    face: Integers
    use: NDArray[np.str_]
    quarter: NDArray[np.str_]
    plan: Floats
    park: NDArray[np.str_]  # name of the park the plan sets here, or ""


def road_reserve(network: Network) -> shapely.Geometry:
    """Returns all ground between the red lines of the streets."""
    half = np.array([WIDTHS[grade] / 2 for grade in network.grade.tolist()])
    return shapely.union_all(shapely.buffer(network.lines, half, cap_style="flat"))


def make_blocks(size: CitySize, ground: Ground, network: Network, waters: Waters, random: np.random.Generator) -> Blocks:
    """Cuts the plots out of the street network and plans their use."""
    taken = shapely.union_all([road_reserve(network), waters.all().buffer(SHORE)])
    plots = shapely.get_parts(shapely.difference(network.outline, taken))
    plots = shapely.buffer(shapely.buffer(plots, -CORNER), CORNER, quad_segs=3)
    plots = shapely.get_parts(shapely.simplify(plots, 0.3))
    plots = plots[shapely.area(plots) > 400]
    inside = shapely.point_on_surface(plots)
    face = _within(inside, network.mesh.faces)
    centres = shapely.get_coordinates(inside)
    plan = ground.plan(centres)
    quarter = np.array([quarter_at(float(u), float(v), size) for u, v in plan])
    use = _draw_uses(plots, plan, quarter, random)
    use[(use == "other") & (shapely.area(plots) > FARMLAND)] = "residential"
    belt = shapely.contains_xy(waters.corridor, centres)
    use[belt] = "green"
    park = np.full(len(plots), "", dtype="U12")
    park[belt] = "滨河"
    for name, (west, south, east, north) in PARKS.items():
        here = (plan[:, 0] > west) & (plan[:, 0] < east) & (plan[:, 1] > south) & (plan[:, 1] < north)
        park[here], use[here] = name, "green"
    return _with_gardens(Blocks(plots, face, use, quarter, plan, park), random)


def _with_gardens(blocks: Blocks, random: np.random.Generator) -> Blocks:
    """Cuts gardens out of the corners of some built-up plots; a garden is a plot of its own."""
    plots, area = blocks.plots, shapely.area(blocks.plots)
    fit = np.isin(blocks.use, ("residential", "commercial")) & np.isin(blocks.quarter, ("mid", "new", "campus"))
    fit &= (area > GARDEN_PLOTS[0]) & (area < GARDEN_PLOTS[1]) & (random.random(len(plots)) < GARDENS)
    chosen = np.flatnonzero(fit)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(plots[chosen])).reshape(-1, 5, 2)
    corner = shapely.points(corners[np.arange(len(chosen)), random.integers(0, 4, len(chosen))])
    discs = shapely.buffer(corner, random.uniform(42, 68, len(chosen)))
    gardens = shapely.intersection(plots[chosen], discs)
    rest = shapely.difference(plots[chosen], shapely.buffer(discs, GARDEN_GAP))
    whole = (shapely.area(gardens) > LEAST_GARDEN) & (shapely.get_type_id(gardens) == 3)
    whole &= shapely.get_type_id(rest) == 3
    parent = chosen[whole]
    cut = plots.copy()
    cut[parent] = rest[whole]
    rows = np.r_[np.arange(len(plots)), parent]
    use = np.concatenate([blocks.use, np.full(len(parent), "green", dtype=blocks.use.dtype)])
    shapes = np.concatenate([cut, gardens[whole]])
    return Blocks(shapes, blocks.face[rows], use, blocks.quarter[rows], blocks.plan[rows], blocks.park[rows])


def _within(points: Geometries, faces: Geometries) -> Integers:
    found = np.full(len(points), -1, dtype=np.int64)
    point, face = shapely.STRtree(faces).query(points, predicate="intersects")
    found[point[::-1]] = face[::-1]
    return found


def _draw_uses(plots: Geometries, plan: Floats, quarter: NDArray[np.str_], random: np.random.Generator) -> NDArray[np.str_]:
    """Draws a use for each plot; offices and shops gather at the two centres and at the station."""
    shares = np.array([SHARES[name] for name in quarter.tolist()])
    for (u, v), reach, commercial, public in ((CORE, 260, 1.1, 0.1), (CENTRE, 330, 1.5, 0.5), (STATION, 280, 1.3, 0.2)):
        near = np.exp(-((plan[:, 0] - u) ** 2 + (plan[:, 1] - v) ** 2) / reach**2)
        shares[:, 1] += commercial * near
        shares[:, 2] += public * near
    shares /= shares.sum(axis=1, keepdims=True)
    pick = (random.random((len(plots), 1)) > shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    use = np.array(USES, dtype="U12")[pick]
    use[(shapely.area(plots) < POCKET) & np.isin(quarter, ("mid", "new", "campus"))] = "green"
    return np.asarray(use)


def frame_angle(plots: Geometries) -> Floats:
    """Returns the angle of each plot's frame against the parallel: its nearly east-west side, within 30 degrees."""
    boxes = shapely.get_coordinates(shapely.minimum_rotated_rectangle(plots)).reshape(-1, 5, 2)
    side = boxes[:, 1] - boxes[:, 0]
    angle = np.arctan2(side[:, 1], side[:, 0])
    angle = (angle + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return np.asarray(np.where(np.abs(angle) <= np.radians(30), angle, 0.0), dtype=float)


def turned(geometries: Geometries, angles: Floats, origins: Floats) -> Geometries:
    """Turns each geometry about its own origin.

    >>> point = np.array([shapely.Point(1, 0)], dtype=object)
    >>> turned(point, np.array([np.pi / 2]), np.zeros((1, 2)))[0].y
    1.0
    """
    points, index = shapely.get_coordinates(geometries, return_index=True)
    off = points - origins[index]
    cos, sin = np.cos(angles[index]), np.sin(angles[index])
    moved = np.column_stack([off[:, 0] * cos - off[:, 1] * sin, off[:, 0] * sin + off[:, 1] * cos]) + origins[index]
    return np.asarray(shapely.set_coordinates(geometries.copy(), moved), dtype=object)
