"""A little town for tests: known counts, known places, two cities side by side."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import shapely
from sqlalchemy import Connection, Engine, text

from data.loading import insert_staged, stage, staged_faults
from data.table import LayerTable
from layers.catalogue import Registry
from spatial.cities import City, add_city

COMPONENTS = 900
CASES = 60
UNPLACED = 7
BBOX = (113.99, 34.79, 114.03, 34.83)


@dataclass(frozen=True)
class Town:
    """What was put in."""

    city: City
    other: City
    lon: np.ndarray
    lat: np.ndarray
    status: np.ndarray


def put(connection: Connection, registry: Registry, city: City, role: str, columns: dict[str, object], geometry: object) -> int:
    layer = registry.by_role(role)
    table = LayerTable(layer.id, columns, np.asarray(geometry, dtype=object))  # type: ignore[arg-type]
    stage(connection, layer, table, lambda *_: None)
    assert staged_faults(connection, layer, city) == []
    return insert_staged(connection, registry, layer, city)


def build(engine: Engine, registry: Registry) -> Town:
    """Fills two cities: ``town`` with everything, ``other`` 0.1° to the east with ten components."""
    random = np.random.default_rng(7)
    with engine.begin() as connection:
        city = add_city(connection, City("town", "小城", "Town", "990101", BBOX, view_lon=114.01, view_lat=34.81, view_zoom=14))
        far = City("other", "邻城", "Other", "990201", (114.1, 34.79, 114.13, 34.83), notice_zh="测试", profile="2026", metric_srid=4548)
        other = add_city(connection, far)
        _put_ground(connection, registry, city)
        lon, lat = random.uniform(114, 114.02, COMPONENTS), random.uniform(34.8, 34.82, COMPONENTS)
        status = random.choice(["完好", "破损", "丢失"], COMPONENTS, p=[0.8, 0.15, 0.05])
        columns: dict[str, object] = {
            "code": [f"9901010118{i:06d}" for i in range(COMPONENTS)],
            "name": ["路灯"] * COMPONENTS,
            "class_code": ["0118"] * COMPONENTS,
            "status": list(status),
            "started_on": [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(COMPONENTS)],
        }
        put(connection, registry, city, "component", columns, shapely.points(lon, lat))
        _put_cases(connection, registry, city, random)
        places = shapely.points(random.uniform(114.1, 114.13, 10), random.uniform(34.8, 34.82, 10))
        columns = {
            "code": [f"99020101004{i:06d}" for i in range(10)],
            "name": ["雨水箅子"] * 10,
            "class_code": ["01004"] * 10,
            "status": ["完好"] * 10,
        }
        put(connection, registry, other, "component", columns, places)
        connection.execute(text("ANALYZE"))
    return Town(city, other, lon, lat, status)


def _put_ground(connection: Connection, registry: Registry, city: City) -> None:
    put(connection, registry, city, "district", {"code": ["990101"], "name": ["东城区"]}, [shapely.box(114, 34.8, 114.02, 34.82)])
    halves = [shapely.box(114, 34.8, 114.01, 34.82), shapely.box(114.01, 34.8, 114.02, 34.82)]
    names = {"code": ["9901010101", "9901010102"], "name": ["西社区", "东社区"]}
    put(connection, registry, city, "community", dict(names), halves)
    corners = [(114 + i * 0.002, 34.8 + j * 0.002) for j in range(10) for i in range(10)]
    grids = [shapely.box(x, y, x + 0.002, y + 0.002) for x, y in corners]
    put(connection, registry, city, "grid", {"code": [f"9901010101{i:02d}" for i in range(100)]}, grids)
    roads = shapely.linestrings([[(114, 34.805), (114.02, 34.805)], [(114.01, 34.8), (114.01, 34.82)]])
    put(connection, registry, city, "road", {"name": ["人民路", "100%_路"], "grade": ["arterial", "lane"]}, roads)
    parks = [shapely.Point(114.005, 34.815).buffer(0.002), shapely.Point(114.015, 34.815)]
    columns = {"code": ["P1", "P2"], "name": ["中心公园", "点公园"], "stated_area_m2": [None, 5200.5]}
    put(connection, registry, city, "park", columns, parks)


def _put_cases(connection: Connection, registry: Registry, city: City, random: np.random.Generator) -> None:
    number = CASES - UNPLACED
    placed = list(shapely.points(random.uniform(114, 114.02, number), random.uniform(34.8, 34.82, number)))
    columns = {
        "case_no": [f"20261101{i:05d}" for i in range(CASES)],
        "kind": ["event"] * CASES,
        "class_code": ["0101"] * CASES,
        "stage": ["handling", "closed", "closed"] * (CASES // 3),
        "source": ["hotline"] * CASES,
        "filed_at": [dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC) + dt.timedelta(hours=6 * i) for i in range(CASES)],
        "description": ['路面\t积水\n第二行\\ "引号"'] * CASES,
    }
    put(connection, registry, city, "case", columns, placed + [None] * UNPLACED)
