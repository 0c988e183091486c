"""Where the sample city lies: its metric system, and the way from its metres to longitude and latitude."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from data.sample.planar import Geometries

__all__ = ["METRIC_SRID", "ORIGIN", "to_degrees"]

METRIC_SRID = 4547  # CGCS2000, 3-degree Gauss-Krueger, central meridian 114 E
ORIGIN = (503_000.0, 3_852_000.0)  # the city's centre: about 114.03 E, 34.79 N
DECIMALS = 9  # 0.1 mm


@lru_cache(maxsize=1)
def _transformer() -> Transformer:
    return Transformer.from_crs(METRIC_SRID, 4490, always_xy=True)


def _degrees(metres: NDArray[np.float64]) -> NDArray[np.float64]:
    lon, lat = _transformer().transform(metres[:, 0] + ORIGIN[0], metres[:, 1] + ORIGIN[1])
    return np.round(np.column_stack([lon, lat]), DECIMALS)


def to_degrees(geometries: Geometries) -> Geometries:
    """Maps geometries from the city's metres to EPSG:4490, longitude first.

    >>> point = to_degrees(np.array([shapely.Point(0, 0)], dtype=object))[0]
    >>> round(point.x, 2), round(point.y, 2)
    (114.03, 34.8)
    """
    return np.asarray(shapely.transform(geometries, _degrees), dtype=object)
