"""Every recipe on the real files: counts equal an independent reading by GDAL, places fall where they should."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections import Counter
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pyproj import Geod
from sqlalchemy import text

from data.recipes.catalogue import load_recipe, names
from data.recipes.model import Source
from data.recipes.opened import files_of
from data.recipes.runner import RecipeRun, run_recipe
from spatial.cities import city_by_key
from spatial.datasets import Dataset, datasets
from spatial.datum import bd09_of, gcj02_of
from tests.data.recipes.conftest import Cities
from tests.data.recipes.reading import by_gdal

EARTH = Geod(ellps="GRS80")
OUTSIDE = {"geometry_envelope", "geometry_range", "geometry_missing"}
MENDS = "repair:swap_lat_lon"


def rows_of(cities: Cities, statement: str, name: str) -> list[tuple[object, ...]]:
    with cities.engine.connect() as connection:
        city = city_by_key(connection, load_recipe(name).city.key)
        return [tuple(row) for row in connection.execute(text(statement), {"city": city.id}).all()]


SOURCES = [(name, source.key) for name in names() for source in load_recipe(name).source]


@pytest.mark.parametrize(("name", "key"), SOURCES)
def test_counts_equal_those_of_gdal(name: str, key: str, cities: Cities) -> None:
    loaded = cities.load(name)
    report, source = loaded.report, loaded.source(key)
    assert not report.failed and report.exit_code in (0, 1), report.rows
    told = report.sources[key]
    assert told.read == sum(cities.files.count(source, path) for path in files_of(source, cities.realdata))
    assert told.written + told.set_aside + told.passed_over == told.read and told.refused == 0
    assert told.written > 0
    rows = [fault for fault in told.rows if not fault.repair]
    assert len(rows) == min(1000, told.faults) and len({(fault.file, fault.row) for fault in rows}) <= told.set_aside
    assert all(fault.file and fault.row and fault.rule and fault.zh and fault.en for fault in told.rows)


@pytest.mark.parametrize("name", names())
def test_datasets_tell_what_stands_in_the_layers(name: str, cities: Cities) -> None:
    loaded = cities.load(name)
    report, recipe = loaded.report, loaded.recipe
    with cities.engine.connect() as connection:
        told = datasets(connection, city_by_key(connection, recipe.city.key))
    assert [item.key for item in told] == [part.key for part in (*recipe.source, *recipe.raster)]
    held: Counter[str] = Counter()
    for item in told:
        assert item.licence and item.source and item.recipe == name and item.loaded_at is not None
        if item.kind == "raster":
            assert item.extent is not None and item.path is not None and item.metadata["width"] > 0
            continue
        assert (item.read, item.written, item.set_aside) == tuple(
            getattr(report.sources[item.key], field) for field in ("read", "written", "set_aside")
        )
        _check_extent(item, recipe.city.bbox)
        held[str(item.layer)] += item.written
    for layer, number in held.items():
        assert rows_of(cities, f'SELECT count(*) FROM layer."{layer}" WHERE city = :city', name) == [(number,)]


def _check_extent(item: Dataset, bbox: tuple[float, float, float, float]) -> None:
    if item.extent is not None:
        west, south, east, north = item.extent
        assert bbox[0] <= west <= east <= bbox[2] and bbox[1] <= south <= north <= bbox[3]


def _places(source: Source, path: Path) -> gpd.GeoSeries:
    """Points of a file in degrees, read by GDAL and converted by GeoPandas; BD-09 and GCJ-02 by undoing the way there."""
    table = pyogrio.read_dataframe(by_gdal(path), **({"encoding": source.encoding} if source.encoding else {}))
    keys = [source.x, source.y] if source.x else [next(name for name in table if name in found) for found in (XS, YS)]
    lon, lat = (pd.to_numeric(table[name], errors="coerce").to_numpy() for name in keys)
    if source.datum != "cgcs2000":
        lon, lat = _undone(lon, lat, source.datum)
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=source.crs)
    points[~np.isfinite(lon)] = None
    return points.to_crs("EPSG:4326")


def _undone(lon: np.ndarray, lat: np.ndarray, datum: str) -> tuple[np.ndarray, np.ndarray]:
    """Finds the places that the shift takes to these, correcting a guess by what it misses."""
    x, y = lon.copy(), lat.copy()
    for _ in range(20):
        there = gcj02_of(x, y)
        there = bd09_of(*there) if datum == "bd09" else there
        x, y = x + lon - there[0], y + lat - there[1]
    return x, y


XS, YS = {"經度", "经度", "lon", "Longitude", "longitude", "X"}, {"緯度", "纬度", "lat", "Latitude", "latitude", "Y"}
TABLES = [
    (name, source.key)
    for name in names()
    for source in load_recipe(name).source
    if source.crs and source.files[0].endswith((".csv", ".csv.gz")) and MENDS not in source.on_bad and not source.where
]


@pytest.mark.parametrize(("name", "key"), TABLES)
def test_rows_outside_the_city_are_those_that_gdal_sees_there(name: str, key: str, cities: Cities) -> None:
    loaded = cities.load(name)
    recipe, source, told, realdata = loaded.recipe, loaded.source(key), loaded.report.sources[key], cities.realdata
    optional = cities.registry.layers[source.layer].geometry_optional
    wanted = set()
    for path in files_of(source, realdata):
        places = _places(source, path)
        inside = np.asarray(places.within(shapely.box(*recipe.city.bbox)) | (places.isna() & optional))
        wanted |= {(path.relative_to(realdata).as_posix(), int(row) + 1) for row in np.flatnonzero(~inside)}
    assert {(fault.file, fault.row) for fault in told.rows if fault.rule in OUTSIDE} == wanted


@pytest.mark.parametrize(("name", "file"), [
    ("zhengzhou", "410100_zhengzhou_districts"), ("tianjin", "120000_tianjin_districts"), ("henan", "410000_henan_cities"),
])  # fmt: skip
def test_gcj02_boundaries_move_and_come_back(name: str, file: str, cities: Cities) -> None:
    """300–700 m each vertex; forward by another implementation they lie within 0.1 m of the file's."""
    mended = {fault.row for told in cities.load(name).report.sources.values() for fault in told.rows}
    table = pyogrio.read_dataframe(cities.realdata / f"cn_boundaries_gcj02/{file}.json")
    stored = dict(rows_of(cities, "SELECT code, ST_AsBinary(geom) FROM layer.district WHERE city = :city", name))
    assert len(stored) == len(table)
    for row, (code, drawn) in enumerate(zip(table["adcode"], table.geometry, strict=True), 1):
        if row in mended:
            continue
        given, kept = shapely.get_coordinates(drawn), shapely.get_coordinates(shapely.from_wkb(bytes(stored[str(code)])))  # type: ignore[call-overload]
        metres = np.asarray(EARTH.inv(given[:, 0], given[:, 1], kept[:, 0], kept[:, 1])[2])
        assert metres.min() > 300 and metres.max() < 700
        back = np.column_stack(gcj02_of(kept[::50, 0], kept[::50, 1]))
        apart = np.asarray(EARTH.inv(given[::50, 0], given[::50, 1], back[:, 0], back[:, 1])[2])
        assert apart.max() < 0.1


def test_taipei_lies_in_its_districts(cities: Cities) -> None:
    assert cities.load("taipei").report.total("written") > 300_000
    for layer in ("park", "toilet", "building", "component", "emergency"):
        (total, wrong, placed), = rows_of(cities, f"""
            SELECT count(*), count(*) FILTER (WHERE NOT ST_Covers(d.geom, ST_PointOnSurface(p.geom))), count(d.code)
            FROM layer.{layer} p LEFT JOIN layer.community d ON d.city = p.city AND d.code = p.area WHERE p.city = :city
        """, "taipei")  # fmt: skip
        assert wrong == 0 and placed > 0.97 * total, layer  # type: ignore[operator]


def test_hotline_cases_belong_to_the_district_they_name(cities: Cities) -> None:
    assert cities.load("taipei").report.sources["hotline_may_december"].written
    tables = [pd.read_csv(path, dtype=str) for path in sorted((cities.realdata / "taipei/cases_1999").glob("*.csv.gz"))]
    named = pd.concat(tables)["案件地址"].str[:3].value_counts()
    assert sum(map(len, tables)) == 143_366
    stored = dict(rows_of(cities, """
        SELECT d.name, count(*) FROM layer."case" c JOIN layer.district d ON d.city = c.city AND d.code = c.area
        WHERE c.city = :city AND c.case_no NOT LIKE 'LR%' AND c.geom IS NULL GROUP BY 1
    """, "taipei"))  # fmt: skip
    assert len(stored) == 12
    assert {name: int(named[name]) for name in stored} == stored  # type: ignore[index]


def test_topology_of_sant_boi_is_kept(cities: Cities) -> None:
    """Pipes name nodes that are there and lie at their ends."""
    assert cities.load("santboi").report.exit_code == 0
    ((number, far),) = rows_of(cities, """
        SELECT count(*), max(ST_Distance(ST_StartPoint(p.geom)::geography, n.geom::geography))
        FROM layer.pipeline p JOIN layer.pipe_node n ON n.city = p.city AND n.code = p.from_node
        WHERE p.city = :city AND p.code LIKE 'D%' AND p.code NOT LIKE 'DL%'
    """, "santboi")  # fmt: skip
    assert number >= 190 and far < 0.01  # type: ignore[operator]


def test_a_recipe_run_twice_gives_the_same_codes(cities: Cities, tmp_path: Path) -> None:
    loaded = cities.load("esquimalt")
    assert loaded.report.total("written")
    recipe, key = loaded.recipe, f"twin_{uuid.uuid4().hex[:8]}"
    again = run_recipe(cities.engine, cities.registry, RecipeRun(recipe, cities.realdata, tmp_path, city_key=key))
    statement = "SELECT code, ST_AsText(geom) FROM layer.{} WHERE city = :city ORDER BY code"
    for layer in ("pipeline", "pipe_node", "inlet"):
        first = rows_of(cities, statement.format(layer), "esquimalt")
        with cities.engine.connect() as connection:
            city = city_by_key(connection, key)
            twin = [tuple(row) for row in connection.execute(text(statement.format(layer)), {"city": city.id})]
        assert first == twin != []
    assert dataclasses.asdict(again)["sources"].keys() == {source.key for source in recipe.source}


DOCUMENT = Path(__file__).resolve().parents[3] / "docs/recipes.md"
TOLD = ("read", "written", "set_aside", "repaired", "passed_over")


def documented() -> dict[str, list[str]]:
    """Cells of the tables of counts in docs/recipes.md by their first."""
    block = DOCUMENT.read_text("utf-8").split("<!-- COUNTS -->")[1].split("<!-- end COUNTS -->")[0]
    lines = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in block.splitlines() if line.startswith("| `")]
    return {line[0].strip("`"): line for line in lines}


def numbers(cells: list[str]) -> list[int]:
    return [int(re.sub(r"\s", "", cell)) for cell in cells]


@pytest.mark.parametrize("name", names())
def test_the_document_tells_the_counts(name: str, cities: Cities) -> None:
    loaded, line = cities.load(name), documented()[name]
    assert numbers(line[2:8]) == [len(loaded.recipe.source), *(loaded.report.total(field) for field in TOLD)]


def test_the_document_tells_the_sources_of_taipei(cities: Cities) -> None:
    for key, told in cities.load("taipei").report.sources.items():
        line = documented()[key]
        assert (line[1], numbers(line[2:6])) == (told.layer, [told.read, told.written, told.set_aside, told.repaired])
        assert set(re.findall(r"`(\w+)` (\d+)", line[6] if len(line) > 6 else "")) == {(rule, str(n)) for rule, n in told.rules.items()}
