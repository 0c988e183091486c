"""The city row: code prefix, code profile, envelope, metric system, start view. Several cities live side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import cos, log2, radians
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from grid_coding import profiles as coding
from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from spatial.crs import CrsError, metric_srid_for, metric_title

__all__ = [
    "City", "CityError", "add_city", "checked_city", "cities", "city_by_key", "city_from_row", "city_or_none", "remove_city", "view_zoom",
]  # fmt: skip

KEY_PATTERN = re.compile(r"[a-z][a-z0-9_-]{0,31}")
PREFIX_PATTERN = re.compile(r"[0-9A-Za-z]{2,12}")


class CityError(BilingualError):
    """A city row is wrong or missing; tells the field, the value and the reason."""

    def __init__(self, field: str, value: object, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.field = field
        self.value = value


@dataclass(frozen=True, slots=True)
class City:
    """One city.

    ``bbox`` is (west, south, east, north) in EPSG:4490 degrees: nothing outside it is taken. ``metric_srid`` is the 3-degree
    Gauss-Krüger zone for lengths and areas. ``notice`` is shown to users, e.g. that codes are not national ones.
    """

    key: str
    title_zh: str
    title_en: str
    prefix: str
    bbox: tuple[float, float, float, float]
    profile: str = "2005"
    metric_srid: int = 0
    datum: str = "CGCS2000"
    calendar: str = "cn"
    view_lon: float = 0.0
    view_lat: float = 0.0
    view_zoom: float = 0.0
    map_number: str | None = None
    notice_zh: str | None = None
    notice_en: str | None = None
    id: int = 0


def view_zoom(bbox: tuple[float, float, float, float]) -> float:
    """Returns the zoom at which an envelope fits a map of 900 × 700 pixels (tiles of 512).

    >>> view_zoom((121.4, 24.9, 121.7, 25.3))
    10.1
    """
    west, south, east, north = bbox
    wide = log2(360 / (east - west) * 900 / 512)
    high = log2(360 * cos(radians((south + north) / 2)) / (north - south) * 700 / 512)
    return round(max(2.0, min(wide, high, 17.0)), 1)


def checked_city(city: City) -> City:
    """Returns the city with what can be derived filled in.

    Raises:
        CityError: a field is wrong.
    """
    west, south, east, north = city.bbox
    if not KEY_PATTERN.fullmatch(city.key):
        raise CityError("key", city.key, "城市标识只能由小写字母、数字、- 和 _ 组成", "a key holds lower-case letters, digits, - and _")
    if not PREFIX_PATTERN.fullmatch(city.prefix):
        raise CityError("prefix", city.prefix, "代码前缀应为 2–12 位字母或数字", "a prefix has 2 to 12 letters or digits")
    if city.profile not in coding.profiles():
        raise CityError("profile", city.profile, f"没有编码规则“{city.profile}”", f"no code profile {city.profile!r}")
    if not (-180 <= west < east <= 180 and -85 <= south < north <= 85):
        raise CityError("bbox", city.bbox, "范围应为 西,南,东,北（度）", "the envelope is west,south,east,north in degrees")
    if city.metric_srid:
        try:
            metric_title(city.metric_srid)
        except CrsError as error:
            raise CityError("metric_srid", city.metric_srid, error.zh, error.en) from None
    derived: dict[str, Any] = {}
    if not city.metric_srid:
        derived["metric_srid"] = metric_srid_for((west + east) / 2)
    if not city.view_zoom:
        derived |= {"view_lon": (west + east) / 2, "view_lat": (south + north) / 2, "view_zoom": view_zoom(city.bbox)}
    return City(**{**asdict(city), **derived})


def add_city(connection: Connection, city: City) -> City:
    """Stores a new city and returns it with its id.

    Raises:
        CityError: a field is wrong or the key is taken.
    """
    row = checked_city(city)
    if city_or_none(connection, row.key) is not None:
        raise CityError("key", row.key, f"已有城市“{row.key}”", f"there is a city {row.key!r} already")
    values = {**asdict(row), "west": row.bbox[0], "south": row.bbox[1], "east": row.bbox[2], "north": row.bbox[3]}
    number = connection.scalar(
        text("""
            INSERT INTO wanmi.city (key, title_zh, title_en, prefix, profile, envelope, metric_srid, datum, calendar,
                                    view_lon, view_lat, view_zoom, map_number, notice_zh, notice_en)
            VALUES (:key, :title_zh, :title_en, :prefix, :profile,
                    ST_MakeEnvelope(:west, :south, :east, :north, 4490), :metric_srid, :datum, :calendar,
                    :view_lon, :view_lat, :view_zoom, :map_number, :notice_zh, :notice_en)
            RETURNING id
        """),
        values,
    )
    return City(**{**asdict(row), "id": number})


SELECT = """
    SELECT id, key, title_zh, title_en, prefix, profile, metric_srid, datum, calendar, view_lon, view_lat, view_zoom,
           map_number, notice_zh, notice_en,
           ARRAY[ST_XMin(envelope), ST_YMin(envelope), ST_XMax(envelope), ST_YMax(envelope)] AS bbox
    FROM wanmi.city
"""
# The same for the request path, which reads what the right shows.
SELECT_SEEN = SELECT.replace("wanmi.city", "seen.city")


def cities(connection: Connection) -> list[City]:
    """Returns all cities in the order they were added."""
    return [city_from_row(row) for row in connection.execute(text(SELECT + "ORDER BY id")).mappings()]


def city_or_none(connection: Connection, key: str) -> City | None:
    """Returns the city with this key, or None."""
    row = connection.execute(text(SELECT + "WHERE key = :key"), {"key": key}).mappings().one_or_none()
    return city_from_row(row) if row is not None else None


def city_by_key(connection: Connection, key: str) -> City:
    """Returns the city with this key.

    Raises:
        CityError: there is none.
    """
    found = city_or_none(connection, key)
    if found is None:
        known = "、".join(city.key for city in cities(connection)) or "（无）"
        raise CityError("city", key, f"没有城市“{key}”；已有：{known}", f"there is no city {key!r}; known: {known}")
    return found


def city_from_row(row: RowMapping | Mapping[str, Any]) -> City:
    """Builds a city from a row of ``SELECT``."""
    known = {field.name for field in fields(City)}
    values = {key: value for key, value in row.items() if key in known}
    west, south, east, north = row["bbox"]
    return City(**{**values, "bbox": (west, south, east, north)})


def remove_city(connection: Connection, city: City, registry: Registry) -> int:
    """Deletes a city and all its rows in layers and streams; returns how many rows went."""
    gone = 0
    for table in [*(f'layer."{name}"' for name in registry.layers), *(f'stream."{name}"' for name in registry.streams)]:
        gone += connection.execute(text(f"DELETE FROM {table} WHERE city = :city"), {"city": city.id}).rowcount
    connection.execute(text("DELETE FROM wanmi.city WHERE id = :city"), {"city": city.id})
    return gone
