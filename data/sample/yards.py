"""Where things of a site stand: a clear place in its yard; and invented people and telephones to answer for them."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.duty import GIVEN, SURNAMES
from data.sample.planar import Geometries, Integers
from data.sample.terrain import Floats
from data.sample.world import World

__all__ = ["evenly", "far_apart", "people_of", "phones_of", "reporters_of", "yard_points"]

ROUNDS = 8  # of moving places to the middle of their surroundings
TRIED, EDGE, WALL = 48, 6.0, 3.0  # places tried on a plot, how far from its edge and from walls, m
AREA_CODE = "0000"  # no place in the country has it, so nobody can be called


def yard_points(world: World, shapes: Geometries, concern: str, number: int = 1) -> Geometries:
    """Returns places inside each area, away from walls and apart from each other: (n, number) points."""
    random = world.random(concern)
    box = shapely.bounds(shapes)
    share = random.random((len(shapes), TRIED, 2))
    spot = box[:, None, :2] + share * (box[:, None, 2:] - box[:, None, :2])
    points = np.asarray(shapely.points(spot), dtype=object)
    inner = shapely.buffer(shapes, -EDGE)
    inner = np.where(shapely.is_empty(inner), shapes, inner)
    shapely.prepare(inner)
    strain = np.where(shapely.contains(inner[:, None], points), 0.0, 1000.0)
    flat = points.ravel()
    walls = shapely.STRtree(world.buildings.shapes)
    for distance, cost in ((WALL, 100.0), (0.0, 300.0)):
        near = np.unique(walls.query(flat, predicate="dwithin", distance=distance)[0])
        strain.ravel()[near] += cost
    order = np.argsort(strain + share[:, :, 0], axis=1, kind="stable")[:, :number]
    chosen = np.take_along_axis(points, order, axis=1)
    outside = np.take_along_axis(strain, order, axis=1) >= 1000.0
    middle = np.asarray(shapely.point_on_surface(inner), dtype=object)
    return np.asarray(np.where(outside, middle[:, None], chosen), dtype=object)


def far_apart(points: Floats, count: int, first: int = 0) -> Integers:
    """Picks places far from each other, beginning with one.

    >>> far_apart(np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0]]), 2).tolist()
    [0, 2]
    """
    picked = [first]
    gap = np.hypot(*(points - points[first]).T)
    while len(picked) < min(count, len(points)):
        picked.append(int(np.argmax(gap)))
        gap = np.minimum(gap, np.hypot(*(points - points[picked[-1]]).T))
    return np.array(picked, dtype=np.int64)


def evenly(points: Floats, count: int, first: int = 0) -> Integers:
    """Picks places each in the middle of those that lie nearest to it (Lloyd, from places far apart).

    >>> evenly(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [10.0, 0.0], [11.0, 0.0], [12.0, 0.0]]), 2).tolist()
    [1, 4]
    """
    picked = far_apart(points, count, first)
    for _ in range(ROUNDS):
        nearest = np.hypot(*(points[:, None] - points[picked][None]).transpose(2, 0, 1)).argmin(axis=1)
        size = np.maximum(np.bincount(nearest, minlength=len(picked)), 1)
        middle = np.column_stack([np.bincount(nearest, weights=points[:, axis], minlength=len(picked)) for axis in (0, 1)]) / size[:, None]
        far = np.hypot(*(points[:, None] - middle[None]).transpose(2, 0, 1))
        # Each takes a place of its own group, so nobody is picked twice.
        far[nearest[:, None] != np.arange(len(picked))[None]] = np.inf
        picked = np.where(np.isfinite(far.min(axis=0)), far.argmin(axis=0), picked)
    return np.asarray(picked, dtype=np.int64)


CITIZENS = ("hotline", "app")  # sources of a case that have a person behind them


def people_of(world: World, concern: str, count: int) -> NDArray[np.object_]:
    """Invents the names of some people."""
    drawn = world.random(concern).integers(0, len(SURNAMES) * len(GIVEN), count).tolist()
    return np.array([SURNAMES[n % len(SURNAMES)] + GIVEN[n // len(SURNAMES)] for n in drawn], dtype=object)


def reporters_of(world: World, concern: str, source: NDArray[np.object_]) -> dict[str, NDArray[np.object_]]:
    """Returns who told of cases that citizens told, by field; nobody for the others."""
    told = np.isin(source, CITIZENS)
    name, phone = np.full(len(source), None, dtype=object), np.full(len(source), None, dtype=object)
    name[told] = people_of(world, f"{concern} reporters", int(told.sum()))
    drawn = world.random(f"{concern} reporters' telephones").integers(0, 100_000, int(told.sum())).tolist()
    phone[told] = [f"{AREA_CODE}-666{number:05d}" for number in drawn]
    return {"reporter_name": name, "reporter_phone": phone}


def phones_of(world: World, concern: str, count: int) -> NDArray[np.object_]:
    """Invents telephone numbers under an area code that does not exist."""
    drawn = world.random(concern).permutation(10_000)[:count].tolist()
    return np.array([f"{AREA_CODE}-666{number:05d}" for number in drawn], dtype=object)
