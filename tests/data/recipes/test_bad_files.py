"""The bad input of the real world in small made files: refused or set aside as the recipe says, named, nothing half loaded."""

# ruff: noqa: E501 - a table of cases, one a line

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyproj import Transformer
from sqlalchemy import Engine, text

from data.recipes.catalogue import read_recipe
from data.recipes.runner import RecipeRun, run_recipe
from data.report import ImportReport
from layers.catalogue import Registry
from spatial.cities import city_or_none, remove_city
from tests.data.conftest import State
from tests.data.files import SQUARE, geojson, table, vrt
from tests.data.recipes.test_catalogue import GOOD

HEAD = "编号,树种,经度,纬度"
OAK = "T1,槐,113.3,34.8"


@dataclass(frozen=True)
class Case:
    """A file, the source's other keys, and the fault that must be told: (row, field, value, rule).

    ``stops``: the file as a whole is to blame, so setting aside is no choice.
    """

    id: str
    make: Callable[[Path], Any]
    told: tuple[int, str, str | None, str]
    file: str = "a.csv"
    keys: str = 'crs = "EPSG:4490"'
    fields: str = 'code = "编号"\nspecies = "树种"'
    stops: bool = False


def lines(*rows: str, encoding: str = "utf-8") -> Callable[[Path], Any]:
    return lambda path: table(path, HEAD, *rows, encoding=encoding)


def projected(srid: int, *, swapped: bool = False) -> Callable[[Path], Any]:
    """Three trees in a plane system that the file does not name."""

    def make(path: Path) -> None:
        move = Transformer.from_crs(4490, srid, always_xy=True)
        rows = [move.transform(113.3 + step / 100, 34.8) for step in range(3)]
        pairs = [(y, x) if swapped else (x, y) for x, y in rows]
        table(path, HEAD, *[f"T{row},槐,{x:.3f},{y:.3f}" for row, (x, y) in enumerate(pairs)])

    return make


def truncated(path: Path) -> None:
    data = gzip.compress("\n".join([HEAD] + [f"T{n},槐,113.3,34.8{n}" for n in range(2000)]).encode())
    path.write_bytes(data[: len(data) // 2])


def drawn(*rows: Any) -> Callable[[Path], Any]:
    return lambda path: geojson(path, *[({"编号": f"T{number}", "树种": "槐"}, shape) for number, shape in enumerate(rows, 1)])


def raw(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


JSON: dict[str, Any] = {"file": "a.geojson", "keys": ""}
AGE = 'code = "编号"\nspecies = "树种"\n'
CASES = [
    Case("latitude and longitude swapped", lines("T1,槐,34.8,113.3", "T2,槐,34.81,113.31"), (0, "crs", "EPSG:4490", "crs_suspect"), stops=True),
    Case("zone in front of the easting", projected(4526), (0, "crs", "EPSG:4547", "crs_suspect"), keys='crs = "EPSG:4547"', stops=True),
    Case("metres called degrees", projected(4547), (0, "crs", "EPSG:4490", "crs_suspect"), stops=True),
    Case("another zone", projected(4548), (0, "crs", "EPSG:4547", "crs_suspect"), keys='crs = "EPSG:4547"', stops=True),
    Case("northing before easting", projected(4547, swapped=True), (0, "crs", "EPSG:4547", "crs_suspect"), keys='crs = "EPSG:4547"', stops=True),
    Case("one swapped row", lines(OAK, "T2,槐,34.8,113.3"), (2, "geometry", "POINT (34.8 113.3)", "geometry_range")),
    Case("another province", lines(OAK, "T2,槐,101.62,34.74"), (2, "geometry", "POINT (101.62 34.74)", "geometry_envelope")),
    Case("big5 taken for something else", raw("編號,樹種,x,y\r\n1,臺灣欒樹,113.3,34.8\r\n2,榕樹與樟樹,113.3,34.8\r\n".encode("cp950")), (0, "", None, "encoding"), stops=True),
    Case("gbk cut in mid-character", raw((HEAD + "\r\n" + OAK + "\r\nT2,").encode("gbk") + "槐".encode("gbk")[:1] + b",113.3,34.8\r\n"), (2, "树种", None, "encoding"), keys='crs = "EPSG:4490"\nencoding = "GBK"'),
    Case("mixed geometry", drawn([113.3, 34.8], {"type": "Polygon", "coordinates": [SQUARE]}), (2, "geometry", None, "geometry_type"), **JSON),
    Case("null geometry", drawn([113.3, 34.8], None), (2, "geometry", "", "geometry_missing"), **JSON),
    Case("roc date", lambda path: table(path, HEAD + ",日期", OAK + ",112/5/3", "T2,槐,113.3,34.8,112/13/1"), (2, "planted_on", "112/13/1", "roc_date"), fields=AGE + 'planted_on = { column = "日期", read = "roc_date" }'),
    Case("roc date undeclared", lambda path: table(path, HEAD + ",日期", OAK + ",2023/5/3", "T2,槐,113.3,34.8,112/5/3"), (2, "planted_on", "112/5/3", "date"), fields=AGE + 'planted_on = "日期"'),
    Case("decimal comma", lambda path: table(path, HEAD + ",高", OAK + ',"1,080"', 'T2,槐,113.3,34.8,"10,5"'), (2, "height_m", "10,5", "number"), fields=AGE + 'height_m = { column = "高", scale = 0.001 }'),
    Case("keys that are not unique", lines(OAK, "T2,柏,113.3,34.8", "T1,柏,113.31,34.8"), (3, "code", "T1", "duplicate")),
    Case("truncated gzip", truncated, (0, "", None, "gzip"), file="a.csv.gz", stops=True),
    Case("vrt in disguise", lambda path: vrt(path, path), (0, "", None, "content"), stops=True),
    Case("xml in disguise", raw(b'<?xml version="1.0"?><x/>'), (0, "", None, "content"), file="a.geojson", keys="", stops=True),
    Case("a column that went away", lambda path: table(path, "编号,树,经度,纬度", OAK), (0, "树种", "树种", "map_column"), stops=True),
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, engine: Engine, registry: Registry):
    """Runs a case's recipe: a good source before it, then the bad one."""

    def told(case: Case, on_bad: str) -> tuple[int, ImportReport]:
        geojson(tmp_path / "good.geojson", ({"编号": "G1", "树种": "柏"}, [113.3, 34.8]))
        case.make(tmp_path / case.file)
        first = GOOD.replace('files = "trees.csv"', 'files = "good.geojson"').replace('crs = "EPSG:4490"', "")
        second = f'[[source]]\nkey = "bad"\ntitle = {{ zh = "坏", en = "Bad" }}\nfiles = "{case.file}"\nlayer = "ancient_tree"\n'
        path = tmp_path / "little.toml"
        path.write_text(f'{first}\n{second}{case.keys}\non_bad = "{on_bad}"\n[source.fields]\n{case.fields}\n', "utf-8")
        report = run_recipe(engine, registry, RecipeRun(read_recipe(path), tmp_path, tmp_path / "rasters"))
        return report.exit_code, report.sources["bad"]

    yield told
    with engine.begin() as connection:
        left = city_or_none(connection, "little")
        if left is not None:
            remove_city(connection, left, registry)


def check(case: Case, told: ImportReport) -> None:
    row, field, value, rule = case.told
    found = [(fault.row, fault.field, fault.rule) for fault in told.rows]
    assert (row, field, rule) in found, told.rows
    fault = told.rows[found.index((row, field, rule))]
    assert fault.zh and fault.en and fault.zh != fault.en
    if value is not None:
        assert fault.value == value
    assert case.file in (fault.file or fault.zh)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_refused(case: Case, run: Any, state: Callable[[], State], engine: Engine) -> None:
    before = state()
    code, told = run(case, "refuse")
    check(case, told)
    assert code in (1, 2) and told.written == 0
    assert state() == before
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM wanmi.city")) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_set_aside(case: Case, run: Any, state: Callable[[], State]) -> None:
    before = state()
    code, told = run(case, "set_aside")
    check(case, told)
    if case.stops:
        assert code in (1, 2) and state() == before
        return
    good = told.read - told.set_aside
    assert (code, told.set_aside, told.written) == (1, 1, good) and good >= 1
    assert state()["ancient_tree"][0] == before["ancient_tree"][0] + good + 1


def test_what_would_bring_the_places_in_is_said(run: Any) -> None:
    said = {case.id: run(case, "refuse")[1].rows[-1] for case in CASES if case.told[3] == "crs_suspect"}
    assert "axes swapped" in said["latitude and longitude swapped"].en
    assert "EPSG:4526" in said["zone in front of the easting"].en
    assert "EPSG:4547" in said["metres called degrees"].en
    assert "EPSG:4548" in said["another zone"].en
    assert "the same system, axes swapped" in said["northing before easting"].en
    assert all(fault.zh.endswith("未作任何更改") for fault in said.values())
