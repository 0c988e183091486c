"""Low places of a town: the hollows of the ground as bowls that hold water, and the underpasses of the ring road.

Both follow from the ground and the plan alone, so that terrain, drainage, sensors and emergencies speak of the same places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from data.sample.sizes import CitySize
from data.sample.terrain import DOWNSTREAM_FALL, RIVER_LEVEL, Floats, Ground

__all__ = ["Bowl", "Underpass", "bowls_of", "distance_field", "ground_level", "interpolated", "underpasses_of", "water_level"]

RAYS, RAY_STEP, REACH = 48, 2.0, 2.6  # rays of a bowl, step along them in metres, their length in radii of the hollow
RAMP, FLAT, HALF_WIDTH, DEPTH = 115.0, 18.0, 13.0, 5.2  # half length, half length of the bottom, half width, depth of an underpass, m
FIELD_STEP = 30.0  # distances from the river vary so slowly that every 30 m is enough (error below 0.02 m in height)


@dataclass(frozen=True, slots=True)
class Bowl:
    """A hollow that holds water up to its spill level.

    Attributes:
        low: its lowest place, metres about the town's middle.
        bottom: level of that place, as ``spill``: above it water runs off over the ground.
        height: ground along rays from the lowest place, shape (rays, steps), infinite behind the first ridge.
    """

    low: Floats
    bottom: float
    spill: float
    height: Floats

    def volume(self, level: float) -> float:
        """Returns how much water stands in the bowl at a level, m3."""
        radius = (np.arange(self.height.shape[1]) + 0.5) * RAY_STEP
        depth = np.maximum(level - self.height, 0.0)
        return float((depth * radius).sum() * RAY_STEP * 2 * np.pi / RAYS)

    def stages(self, count: int = 60) -> tuple[Floats, Floats]:
        """Returns depths of water at the lowest place from 0 to the spill and the volume at each."""
        depth = np.linspace(0.0, self.spill - self.bottom, count)
        return depth, np.array([self.volume(self.bottom + step) for step in depth.tolist()])

    def extent(self, depth: float) -> shapely.Polygon:
        """Returns the water's edge at a depth."""
        wet = self.height < self.bottom + depth
        steps = np.where(wet.all(axis=1), wet.shape[1], np.argmin(wet, axis=1))
        radius, angle = np.maximum(steps, 1) * RAY_STEP, np.arange(RAYS) * 2 * np.pi / RAYS
        smooth = (np.roll(radius, 1) + 2 * radius + np.roll(radius, -1)) / 4
        return shapely.Polygon(self.low + np.column_stack([np.cos(angle), np.sin(angle)]) * smooth[:, None])


@dataclass(frozen=True, slots=True)
class Underpass:
    """Where the ring road dives under an arterial: its course, the crossing, half its width and the depth of its bottom."""

    line: shapely.LineString
    crossing: Floats

    def cut(self, places: Floats) -> Floats:
        """Returns how deep the road lies below the ground at each place, 0 outside; metres.

        >>> dive = Underpass(shapely.LineString([(-115, 0), (115, 0)]), np.zeros(2))
        >>> dive.cut(np.array([[0.0, 0.0], [0.0, 20.0], [66.5, 0.0], [115.0, 0.0]])).tolist()
        [5.2, 0.0, 2.6, 0.0]
        """
        points = shapely.points(places)
        along = np.abs(shapely.line_locate_point(self.line, points) - self.line.length / 2)
        share = np.clip((self.line.length / 2 - along) / (self.line.length / 2 - FLAT), 0.0, 1.0)
        return np.where(shapely.distance(points, self.line) <= HALF_WIDTH, DEPTH * share, 0.0)

    def area(self) -> shapely.Polygon:
        """Returns the ground the underpass takes."""
        return self.line.buffer(HALF_WIDTH, cap_style="flat")


def ground_level(ground: Ground, river: shapely.Geometry, places: Floats) -> Floats:
    """Returns the ground's height at places (n, 2), with the distance from the river measured exactly."""
    return ground.level(places[:, 0], places[:, 1], shapely.distance(shapely.points(places), river))


def water_level(ground: Ground, x: Floats) -> Floats:
    """Returns the river's normal level at eastings about the town's middle."""
    return np.asarray(RIVER_LEVEL - DOWNSTREAM_FALL * (x + ground.offset[0] + 2500), dtype=float)


def distance_field(
    river: shapely.Geometry, bounds: tuple[float, float, float, float], step: float = FIELD_STEP
) -> tuple[Floats, Floats, Floats]:
    """Measures the distance from the river on a coarse lattice: eastings, northings, distances (northing, easting)."""
    west, south, east, north = bounds
    x, y = np.arange(west, east + step, step), np.arange(south, north + step, step)
    grid = np.column_stack([np.tile(x, len(y)), np.repeat(y, len(x))])
    return x, y, shapely.distance(shapely.points(grid), river).reshape(len(y), len(x))


def interpolated(field: tuple[Floats, ...], x: Floats, y: Floats) -> Floats:
    """Reads a lattice between its points; x and y have one shape.

    >>> field = (np.array([0.0, 10.0]), np.array([0.0, 10.0]), np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> interpolated(field, np.array([5.0, 0.0]), np.array([5.0, 10.0])).tolist()
    [1.5, 2.0]
    """
    xs, ys, values = field
    right, up = (x - xs[0]) / (xs[1] - xs[0]), (y - ys[0]) / (ys[1] - ys[0])
    i = np.clip(np.floor(right).astype(np.int64), 0, len(xs) - 2)
    j = np.clip(np.floor(up).astype(np.int64), 0, len(ys) - 2)
    a, b = right - i, up - j
    low = values[j, i] * (1 - a) + values[j, i + 1] * a
    high = values[j + 1, i] * (1 - a) + values[j + 1, i + 1] * a
    return np.asarray(low * (1 - b) + high * b, dtype=float)


def bowls_of(ground: Ground, river: shapely.Geometry) -> list[Bowl]:
    """Measures the hollows of the ground, in their order there."""
    return [_bowl(ground, river, *hollow) for hollow in ground.hollows.tolist()]


def _bowl(ground: Ground, river: shapely.Geometry, x: float, y: float, depth: float, radius: float) -> Bowl:
    """Sends rays from the lowest place; the lowest of the ridges that they meet is where the water spills."""
    reach = REACH * radius
    field = distance_field(river, (x - 2 * reach, y - 2 * reach, x + 2 * reach, y + 2 * reach))
    near = np.linspace(-0.6 * radius, 0.6 * radius, 41)
    gx, gy = x + np.tile(near, 41), y + np.repeat(near, 41)
    lowest = int(np.argmin(ground.level(gx, gy, interpolated(field, gx, gy))))
    low = np.array([gx[lowest], gy[lowest]])
    angle, step = np.arange(RAYS) * 2 * np.pi / RAYS, (np.arange(int(reach / RAY_STEP)) + 0.5) * RAY_STEP
    rx, ry = low[0] + np.cos(angle)[:, None] * step, low[1] + np.sin(angle)[:, None] * step
    height = ground.level(rx, ry, interpolated(field, rx, ry))
    ridge = height.argmax(axis=1)
    spill = float(height.max(axis=1).min())
    inside = np.arange(len(step)) <= ridge[:, None]
    return Bowl(low, float(height.min()), spill, np.where(inside, height, np.inf))


def underpasses_of(size: CitySize, ground: Ground) -> list[Underpass]:
    """Lays four underpasses: one on each side of the ring, where an arterial crosses it."""
    a, b = size.ring_width, size.ring_height
    crossings = (((size.columns[1], b), True), ((a, size.rows[2]), False), ((size.columns[3], -b), True), ((-a, size.rows[1]), False))
    along = np.linspace(-RAMP, RAMP, 24)
    made = []
    for (u, v), flat in crossings:
        plan = np.column_stack([u + along, np.full(24, v)]) if flat else np.column_stack([np.full(24, u), v + along])
        made.append(Underpass(shapely.LineString(np.round(ground.place(plan), 3)), ground.place([(u, v)])[0]))
    return made
