"""The terrain of the sample city as a raster: valley, river bed, canal, lakes, hollows, underpasses, from town to town.

Every town brings its own ground; where two meet, in the green belt, one passes into the other. Bridges are not in it, as in
any terrain model: the ground of an underpass is its road.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.lowland import distance_field, interpolated, underpasses_of
from data.sample.network import Waters, make_waters, outline_of
from data.sample.place import METRIC_SRID, ORIGIN, Town
from data.sample.plan import STEP
from data.sample.sizes import CitySize, city_size, towns_of
from data.sample.terrain import Floats, Ground, make_ground

__all__ = ["Relief", "make_relief"]

MOST_CELLS = 30_000_000
CELL_SIZES = (5.0, 10.0, 20.0, 30.0)  # metres
MARGIN, BLEND = 200.0, 200.0  # ground around the outermost towns; half the width over which neighbours pass into each other, m
BED, BANK_SLOPE = 6.6, 0.5  # depth of the river's bed below its banks, m; how steep they fall
CANAL_BED, LAKE_BED = 2.4, 2.2
SHORE_SLOPE = 0.33


@dataclass(frozen=True, slots=True)
class Relief:
    """A raster of heights above the 1985 datum.

    Attributes:
        values: metres, float32, shape (rows, columns), the first row is the northernmost.
        transform: (a, b, c, d, e, f) of the upper left corner, as ``affine.Affine`` takes them.
        crs: the system, ``EPSG:n``.
    """

    values: NDArray[np.float32]
    transform: tuple[float, float, float, float, float, float]
    crs: str

    def at(self, metric: Floats) -> Floats:
        """Returns the cells' heights at places (n, 2) of the metric system."""
        a, _, c, _, e, f = self.transform
        column = np.floor((metric[:, 0] - c) / a).astype(np.int64)
        row = np.floor((metric[:, 1] - f) / e).astype(np.int64)
        return np.asarray(self.values[row, column], dtype=float)


def make_relief(size: str, seed: int) -> Relief:
    """Makes the terrain of a city, in cells of 5 m or, for a large city, the next size with at most 30 million cells.

    Raises:
        SampleSizeError: the size is not built.
    """
    figures = city_size(size)
    towns = list(towns_of(figures, seed))
    half_x, half_y = figures.pitch[0] / 2 + MARGIN, figures.pitch[1] / 2 + MARGIN
    middles = np.array([town.offset for town in towns])
    reach = np.array([half_x, half_y])
    west, south = middles.min(axis=0) - reach
    east, north = middles.max(axis=0) + reach
    cell = next((c for c in CELL_SIZES if (east - west) * (north - south) / c**2 <= MOST_CELLS), CELL_SIZES[-1])
    columns, rows = int(np.ceil((east - west) / cell)), int(np.ceil((north - south) / cell))
    total, weight = np.zeros((rows, columns), dtype=np.float32), np.zeros((rows, columns), dtype=np.float32)
    for town in towns:
        first_column = max(0, int((town.offset[0] - half_x - west) / cell))
        first_row = max(0, int((north - town.offset[1] - half_y) / cell))
        x = west + (np.arange(first_column, min(columns, first_column + int(np.ceil(2 * half_x / cell)))) + 0.5) * cell
        y = north - (np.arange(first_row, min(rows, first_row + int(np.ceil(2 * half_y / cell)))) + 0.5) * cell
        share = _share(y - town.offset[1], figures.pitch[1])[:, None] * _share(x - town.offset[0], figures.pitch[0])
        window = (slice(first_row, first_row + len(y)), slice(first_column, first_column + len(x)))
        total[window] += (share * _heights(figures, town, x - town.offset[0], y - town.offset[1])).astype(np.float32)
        weight[window] += share.astype(np.float32)
    total /= weight
    np.round(total, 2, out=total)
    return Relief(total, (cell, 0.0, float(west) + ORIGIN[0], 0.0, -cell, float(north) + ORIGIN[1]), f"EPSG:{METRIC_SRID}")


def _share(away: Floats, pitch: float) -> Floats:
    """Returns a town's share in the ground: whole inside, falling smoothly to next to nothing across the border."""
    t = np.clip((pitch / 2 + BLEND - np.abs(away)) / (2 * BLEND), 1e-6, 1.0)
    return np.asarray(t * t * (3 - 2 * t), dtype=float)


def _heights(size: CitySize, town: Town, x: Floats, y: Floats) -> Floats:
    """Returns the heights of a town's cells (y from the north), metres about its middle."""
    ground = make_ground(town)
    outline, river = outline_of(size, ground), _long_river(size, ground)
    waters = make_waters(size, town, ground, outline)
    field = _river_field(outline, waters.river, river, x, y)
    gx, gy = np.broadcast_to(x, (len(y), len(x))), np.broadcast_to(y[:, None], (len(y), len(x)))
    height = ground.level(gx, gy, interpolated(field, gx, gy))
    for shape, depth, slope in _beds(waters, river):
        for rows, columns, places in _cells_inside(shape, x, y):
            bank = shapely.distance(shapely.points(places), shape.boundary)
            height[rows, columns] -= np.minimum(bank * slope, depth)
    for dive in underpasses_of(size, ground):
        for rows, columns, places in _cells_inside(dive.area(), x, y):
            height[rows, columns] -= dive.cut(places)
    return height


def _long_river(size: CitySize, ground: Ground) -> shapely.Polygon:
    """Returns the river from the middle of one belt beyond the next."""
    u = np.arange(-size.pitch[0] / 2 - 2 * MARGIN, size.pitch[0] / 2 + 2 * MARGIN + 1, STEP)
    half = ground.half_river(u)
    south, north = (ground.place(np.column_stack([u, side * half])) for side in (-1, 1))
    return shapely.Polygon(np.vstack([south, north[::-1]]))


def _river_field(outline: shapely.Polygon, own: shapely.Geometry, river: shapely.Geometry, x: Floats, y: Floats) -> tuple[Floats, ...]:
    """Measures the way to the river: inside a town to its own stretch, as its streets do, in the belt to the whole of it."""
    step, bounds = max(20.0, 4 * float(x[1] - x[0])), (float(x[0]), float(y[-1]), float(x[-1]), float(y[0]))
    xs, ys, whole = distance_field(river, bounds, step)
    outside = np.clip(distance_field(outline, bounds, step)[2] / MARGIN, 0.0, 1.0)
    return xs, ys, whole * outside + distance_field(own, bounds, step)[2] * (1 - outside)


def _beds(waters: Waters, river: shapely.Polygon) -> list[tuple[shapely.Polygon, float, float]]:
    """Returns the waters of a town with the depth of their bed and the slope of their banks."""
    canal = shapely.union_all([waters.canal, shapely.shortest_line(waters.canal, river).buffer(8.0)])
    shapes = [(river, BED, BANK_SLOPE), (canal, CANAL_BED, SHORE_SLOPE), *((lake, LAKE_BED, SHORE_SLOPE) for lake in waters.lakes)]
    return [(part, depth, slope) for shape, depth, slope in shapes for part in shapely.get_parts(shape)]


def _cells_inside(shape: shapely.Polygon, x: Floats, y: Floats) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]:
    """Yields row, column and place of the cells whose middle lies inside a shape, if there are any."""
    west, south, east, north = shape.bounds
    columns, rows = np.flatnonzero((x >= west) & (x <= east)), np.flatnonzero((y >= south) & (y <= north))
    if len(columns) and len(rows):
        shapely.prepare(shape)
        inside = shapely.contains_xy(shape, np.tile(x[columns], len(rows)), np.repeat(y[rows], len(columns)))
        row, column = rows[np.flatnonzero(inside) // len(columns)], columns[np.flatnonzero(inside) % len(columns)]
        if len(row):
            yield row, column, np.column_stack([x[column], y[row]])
