"""Lengths and areas for people: on the ground, in the 3-degree CGCS2000 zone of the place, never in degrees or 3857."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from pyproj import Geod, Transformer
from shapely.geometry.base import BaseGeometry

from spatial.crs import metric_srid_for
from spatial.tables import STORAGE_SRID

__all__ = ["Measure", "measure"]

# CGCS2000 ellipsoid (GRS 80 differs by 0.1 mm in the minor axis).
GEOD = Geod(a=6378137.0, rf=298.257222101)


@dataclass(frozen=True, slots=True)
class Measure:
    """Plane length (m) and area (m², None for lines) in the zone ``srid``, and the geodesic ones beside them."""

    length_m: float
    area_m2: float | None
    geodesic_length_m: float
    geodesic_area_m2: float | None
    srid: int


@lru_cache(maxsize=32)
def _transformer(srid: int) -> Transformer:
    return Transformer.from_crs(STORAGE_SRID, srid, always_xy=True)


def measure(geometry: BaseGeometry, srid: int | None = None) -> Measure:
    """Measures a line or an area given in EPSG:4490 degrees; the length of an area is its outline.

    Args:
        srid: metric system, by default the zone of the geometry's middle.

    >>> found = measure(shapely.box(113.0, 34.0, 113.01, 34.01))
    >>> found.srid, round(found.area_m2), round(found.geodesic_area_m2)
    (4547, 1024908, 1024695)
    """
    west, _, east, _ = geometry.bounds
    zone = srid or metric_srid_for((west + east) / 2)
    transformer = _transformer(zone)
    plane = shapely.transform(geometry, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))
    is_area = geometry.geom_type in ("Polygon", "MultiPolygon")
    if is_area:
        area, outline = GEOD.geometry_area_perimeter(shapely.orient_polygons(geometry))
        return Measure(plane.length, plane.area, outline, abs(area), zone)
    return Measure(plane.length, None, GEOD.geometry_length(geometry), None, zone)
