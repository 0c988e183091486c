"""``POST /api/measure``: lengths and areas, computed on the server in the city's metric system."""

from __future__ import annotations

from typing import Any, Literal

import shapely
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from shapely.geometry.base import BaseGeometry

from api.dependencies import Connect, ReaderDep, Text, one_city
from api.errors import bad_request
from spatial.crs import metric_title
from spatial.measure import measure

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["one-map"])
MAX_VERTICES = 5000


class Geometry(BaseModel):
    """GeoJSON line or polygon in degrees."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["LineString", "Polygon"]
    coordinates: list[Any]


class Body(BaseModel):
    """What to measure, and in which city's metric system; without a city in the 3-degree zone of the place."""

    model_config = ConfigDict(extra="forbid")
    geometry: Geometry
    city: Text | None = None


@router.post("/measure")
async def post_measure(body: Body, connect: Connect, _: ReaderDep) -> dict[str, Any]:
    """Answers length and area in the plane of the metric system, and the geodesic ones beside them."""
    shape = _shape(body.geometry)
    srid = None
    if body.city is not None:
        async with connect.queries() as connection:
            city = await one_city(connection, body.city)
        srid = city.metric_srid if city is not None else None
    found = measure(shape, srid)
    zh, en = metric_title(found.srid)
    return {
        "length_m": round(found.length_m, 3),
        "area_m2": _rounded(found.area_m2),
        "geodesic_length_m": round(found.geodesic_length_m, 3),
        "geodesic_area_m2": _rounded(found.geodesic_area_m2),
        "crs": f"EPSG:{found.srid}",
        "crs_title": {"zh": zh, "en": en},
    }


def _rounded(area: float | None) -> float | None:
    return None if area is None else round(area, 2)


def _shape(geometry: Geometry) -> BaseGeometry:
    wrong = bad_request(
        "invalid-geometry",
        "几何无法测量：坐标应为有限的经纬度",
        "the geometry cannot be measured: coordinates are finite degrees",
        "geometry",
    )
    try:
        shape = shapely.from_geojson(geometry.model_dump_json())
        west, south, east, north = shape.bounds
        inside = -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    except (shapely.errors.GEOSException, TypeError, ValueError):
        raise wrong from None
    if not inside or shapely.get_num_coordinates(shape) > MAX_VERTICES:
        raise wrong
    return shape
