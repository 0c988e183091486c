"""The sample city for the loader: its row and its layers, streamed in the order in which they depend on each other.

>>> city_row("2026")["prefix"]
'9901'
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import shapely

from data.sample.belts import belt_rows
from data.sample.cables import cable_rows
from data.sample.cases import case_rows
from data.sample.divisions import CITY_PREFIX
from data.sample.drainage import drainage_rows, make_drainage
from data.sample.duty import duty_rows
from data.sample.emergencies import emergency_rows
from data.sample.facilities import facility_rows, make_stations
from data.sample.footpaths import footpath_rows, make_walks
from data.sample.greenery import entrance_rows, green_rows, make_gates
from data.sample.housing import make_homes, residential_rows
from data.sample.key_sites import key_site_rows
from data.sample.land import land_rows
from data.sample.network import outline_of
from data.sample.patrol import patrol_rows
from data.sample.place import METRIC_SRID, to_degrees
from data.sample.population import population_rows
from data.sample.rescue import rescue_rows
from data.sample.rooms import room_rows
from data.sample.rows_land import building_rows, division_rows, road_rows, water_rows
from data.sample.rows_things import address_rows, chunked, component_codes, component_rows, park_rows, pipe_rows, tree_rows
from data.sample.sanitation import waste_rows
from data.sample.sensors import sensor_rows
from data.sample.services import school_rows, shelter_rows, toilet_rows
from data.sample.sizes import CitySize, city_size, towns_of
from data.sample.streetside import bus_rows, camera_rows
from data.sample.terrain import make_ground
from data.sample.told_cases import told_rows
from data.sample.world import World, make_world
from data.table import LayerTable
from grid_coding.errors import CodeError
from grid_coding.profiles import profile as code_profile

__all__ = ["DEFAULT_SEED", "KEY", "city_row", "make", "title_of", "town_tables"]

KEY = "sample"
DEFAULT_SEED = 20260101
MARGIN = 0.01  # degrees around the outline
NOTICE_ZH = (
    "万米示范市由程序生成，街道、地名、人口、部件和案件均为虚构；"
    "代码前缀 9901 在 GB/T 2260 中没有分配，不会与真实行政区混淆。"
    "位置取在河南省境内，仅为使用真实的坐标带。"
)
NOTICE_EN = (
    "Wanmi Sample City is made by a program: streets, names, people, components and cases are invented. "
    "GB/T 2260 assigns nothing to the code prefix 9901, so it cannot be mistaken for a real place. "
    "It lies in Henan only to use a true zone."
)


def _checked_profile(profile: str) -> str:
    """Returns the profile when codes can be composed by it."""
    if not code_profile(profile).structure:
        raise CodeError(
            "code_not_composable",
            profile,
            f"编码规则“{profile}”没有规定代码结构，不能生成示范市",
            f"profile {profile!r} fixes no codes; the sample city needs some",
        )
    return profile


@lru_cache(maxsize=4)
def _envelope(size: str, seed: int) -> tuple[float, float, float, float]:
    figures = city_size(size)
    outlines = [to_degrees(np.array([outline_of(figures, make_ground(town))]), town.offset) for town in towns_of(figures, seed)]
    west, south, east, north = shapely.total_bounds(np.concatenate(outlines)).tolist()
    return round(west - MARGIN, 3), round(south - MARGIN, 3), round(east + MARGIN, 3), round(north + MARGIN, 3)


def title_of(size: CitySize) -> tuple[str, str]:
    """Returns the city's titles, which tell its size when it is not the small one.

    >>> title_of(city_size("M"))
    ('万米示范市（M）', 'Wanmi Sample City (M)')
    """
    zh, en = "万米示范市", "Wanmi Sample City"
    return (zh, en) if size.id == "S" else (f"{zh}（{size.id}）", f"{en} ({size.id})")


def city_row(profile: str = "2005", size: str = "S", seed: int = DEFAULT_SEED) -> dict[str, Any]:
    """Returns the city's row: key, titles, code prefix and profile, envelope, metric system, start view, notice.

    Raises:
        SampleSizeError: the size is not built.
        CodeError: the profile is unknown or fixes no codes.
    """
    west, south, east, north = _envelope(size, seed)
    title_zh, title_en = title_of(city_size(size))
    return {
        "key": KEY,
        "title_zh": title_zh,
        "title_en": title_en,
        "prefix": CITY_PREFIX,
        "profile": _checked_profile(profile),
        "bbox": (west, south, east, north),
        "metric_srid": METRIC_SRID,
        "view_lon": round((west + east) / 2, 5),
        "view_lat": round((south + north) / 2, 5),
        "view_zoom": 13.0 if size == "S" else 0.0,
        "notice_zh": NOTICE_ZH,
        "notice_en": NOTICE_EN,
    }


def make(size: str = "S", profile: str = "2005", seed: int = DEFAULT_SEED) -> Iterator[LayerTable]:
    """Makes the city and hands out its layers, large ones in several tables; the same seed gives the same rows.

    Raises:
        SampleSizeError: the size is not built.
        CodeError: the profile is unknown or fixes no codes.
    """
    figures, rules = city_size(size), _checked_profile(profile)
    return (table for town in towns_of(figures, seed) for table in town_tables(make_world(figures, rules, town)))


def town_tables(world: World) -> Iterator[LayerTable]:
    """Hands out the layers of one town, large ones in several tables."""
    for table in _tables(world):
        yield from chunked(table)


def _tables(world: World) -> Iterator[LayerTable]:
    """Makes layer after layer in the order in which they depend on each other."""
    homes, gates = make_homes(world), make_gates(world)
    yield from division_rows(world)
    duty, land = list(duty_rows(world)), list(residential_rows(world, homes))
    walks = make_walks(world, homes, gates)
    yield from duty
    yield from water_rows(world)
    yield from road_rows(world)
    yield from footpath_rows(world, walks)
    yield from building_rows(world)
    yield from land_rows(world)
    yield from land
    yield from population_rows(world, homes, land[0])
    yield from park_rows(world)
    yield from entrance_rows(world, gates)
    yield from green_rows(world, homes)
    yield from tree_rows(world)
    yield from address_rows(world)
    yield from room_rows(world)
    yield from school_rows(world)
    yield from toilet_rows(world)
    yield from shelter_rows(world)
    yield from waste_rows(world, homes, land[0])
    yield from key_site_rows(world)
    yield from rescue_rows(world)
    points = world.points(world.components.point)
    cell = world.cell_of(points)
    codes = component_codes(world, cell)
    yield from pipe_rows(world, codes)
    yield from component_rows(world, codes, points, cell)
    drains = make_drainage(world, codes)
    stations = make_stations(world, drains)
    yield from drainage_rows(world, drains)
    yield from facility_rows(world, drains, stations)
    yield from cable_rows(world)
    yield from sensor_rows(world, drains, stations)
    yield from bus_rows(world, codes)
    yield from camera_rows(world, gates, codes)
    yield from case_rows(world, codes)
    yield from told_rows(world)
    yield from emergency_rows(world, drains)
    yield from patrol_rows(world, walks, duty[0])
    yield from belt_rows(world)
