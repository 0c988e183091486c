"""Where the sample city lies: its metric system, its towns, and the way from a town's metres to longitude and latitude."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from data.sample.planar import Geometries

__all__ = ["METRIC_SRID", "ORIGIN", "Town", "to_degrees"]

METRIC_SRID = 4547  # CGCS2000, 3-degree Gauss-Krueger, central meridian 114 E
ORIGIN = (503_000.0, 3_852_000.0)  # the city's centre: about 114.03 E, 34.79 N
DECIMALS = 9  # 0.1 mm
RASTER = 0.01  # m


@dataclass(frozen=True, slots=True)
class Town:
    """One town of the city; a small city is one town.

    Attributes:
        number: counted from 1 over the whole city.
        mark: goes into every code that counts things in the town; two digits, empty in a city of one town.
        column: place in the lattice of towns, from the west.
        row: place in the lattice of towns, from the south.
        offset: the town's middle from the city's, metres east and north.
        seed: what the town's random numbers begin with.
        land: seed of the ground, the same in all towns of a city, so that rivers and bends run on from town to town.
        mirror: 1 or -1 east-west and north-south: which way round the plan lies on the ground.
        title: the town's name, empty in a city of one town.
    """

    number: int
    mark: str
    column: int
    row: int
    offset: tuple[float, float]
    seed: int
    land: int
    mirror: tuple[int, int] = (1, 1)
    title: str = ""

    def random(self, concern: str) -> np.random.Generator:
        """Returns the random numbers of one concern, so that a change in one leaves the others as they are."""
        return np.random.default_rng([self.seed, *concern.encode()])


@lru_cache(maxsize=1)
def _transformer() -> Transformer:
    return Transformer.from_crs(METRIC_SRID, 4490, always_xy=True)


def to_degrees(geometries: Geometries, offset: tuple[float, float] = (0.0, 0.0)) -> Geometries:
    """Maps geometries from metres about a town's middle to EPSG:4490, longitude first.

    An area cut out of others may have slivers thinner than the last decimal, and would cross itself there once rounded: such an
    area is put on a raster of 1 cm before.

    Args:
        geometries: in metres.
        offset: the town's middle from the city's, metres.

    >>> point = to_degrees(np.array([shapely.Point(0, 0)], dtype=object))[0]
    >>> round(point.x, 2), round(point.y, 2)
    (114.03, 34.8)
    """
    east, north = ORIGIN[0] + offset[0], ORIGIN[1] + offset[1]

    def degrees(metres: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = _transformer().transform(metres[:, 0] + east, metres[:, 1] + north)
        return np.round(np.column_stack([lon, lat]), DECIMALS)

    drawn = np.asarray(shapely.transform(geometries, degrees), dtype=object)
    crossed = np.flatnonzero(~(shapely.is_valid(drawn) | shapely.is_missing(drawn)))
    if len(crossed):
        drawn[crossed] = shapely.transform(_without_slivers(np.asarray(geometries, dtype=object)[crossed]), degrees)
    return drawn


def _without_slivers(areas: Geometries) -> Geometries:
    """Puts areas on the raster; what was one polygon stays one, the largest part.

    >>> _without_slivers(np.array([shapely.from_wkt("POLYGON ((0 0, 9 0, 9 0.001, 2 0.001, 2 5, 0 5, 0 0))")], dtype=object))[0].area
    10.0
    """
    clean = np.asarray(shapely.set_precision(areas, RASTER), dtype=object)
    for index in np.flatnonzero(shapely.get_type_id(clean) != shapely.get_type_id(areas)).tolist():
        clean[index] = max(shapely.get_parts(clean[index]), key=lambda part: part.area)
    return clean
