"""Running a recipe: all sources or none, named with file and row, codes that stay, datasets that tell, rasters that follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from data.readers.launch import read_file
from data.recipes import opened, runner
from data.recipes.catalogue import read_recipe
from data.recipes.model import Recipe
from data.recipes.runner import RecipeRun, run_recipe
from data.report import RecipeReport
from layers.catalogue import Registry
from spatial.cities import city_by_key, city_or_none, remove_city
from spatial.datasets import datasets
from tests.data.conftest import State
from tests.data.files import geojson, table
from tests.data.recipes.test_catalogue import GOOD

HEAD = "编号,树种,经度,纬度"
DISTRICT = """
[[source]]
key = "districts"
title = { zh = "区", en = "Districts" }
files = "districts.geojson"
layer = "district"
[source.fields]
code = "code"
name = "name"
"""
CASES = """
[[source]]
key = "cases"
title = { zh = "案件", en = "Cases" }
files = "cases_*.csv"
layer = "case"
area_name = { column = "区" }
on_bad = "set_aside"
[source.fields]
case_no = { template = "{日期}-{#3}" }
kind = { constant = "event" }
stage = { constant = "filing" }
source = { constant = "hotline" }
filed_at = "日期"
"""
NETWORK = """
[[source]]
key = "pipes"
title = { zh = "管", en = "Pipes" }
files = "pipes.geojson"
layer = "pipeline"
[source.fields]
code = "code"
kind = { constant = "YS" }
from_node = "a"
to_node = "b"
[[source]]
key = "nodes"
title = { zh = "点", en = "Nodes" }
files = "nodes.csv"
layer = "pipe_node"
crs = "EPSG:4490"
[source.fields]
code = "编号"
pipe_kind = { constant = "YS" }
kind = { constant = "manhole" }
[[source]]
key = "inlets"
title = { zh = "雨水口", en = "Inlets" }
files = "inlets.csv"
layer = "inlet"
crs = "EPSG:4490"
[source.fields]
code = "编号"
state = { constant = "unknown" }
"""
SQUARE = {"type": "Polygon", "coordinates": [[[113.3, 34.8], [113.31, 34.8], [113.31, 34.81], [113.3, 34.81], [113.3, 34.8]]]}


class House:
    """A folder of files, a recipe and a database to run it on."""

    def __init__(self, folder: Path, engine: Engine, registry: Registry) -> None:
        self.folder, self.engine, self.registry = folder, engine, registry

    def recipe(self, more: str = "", old: str = "", new: str = "") -> Recipe:
        path = self.folder / "little.toml"
        path.write_text(GOOD.replace(old, new, 1) + more if old else GOOD + more, "utf-8")
        return read_recipe(path)

    def run(self, recipe: Recipe, **options: Any) -> RecipeReport:
        return run_recipe(self.engine, self.registry, RecipeRun(recipe, self.folder, self.folder / "rasters", **options))

    def ask(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement)).all())


@pytest.fixture
def house(tmp_path: Path, engine: Engine, registry: Registry):
    table(tmp_path / "trees.csv", HEAD, "T1,槐,113.3,34.8", "T2,柏,113.301,34.801")
    geojson(tmp_path / "districts.geojson", ({"code": "9901", "name": "东区"}, SQUARE))
    table(tmp_path / "cases_1.csv", "日期,区", "2023-05-01,东区", "2023-05-01,西区", "2023-05-02,东区")
    table(tmp_path / "cases_2.csv", "日期,区", "2023-05-02,", "坏,东区", "2023-05-01,东区")
    yield House(tmp_path, engine, registry)
    with engine.begin() as connection:
        for key in ("little", "second"):
            left = city_or_none(connection, key)
            if left is not None:
                remove_city(connection, left, registry)


def test_all_sources_come_in_and_say_so(house: House) -> None:
    report = house.run(house.recipe(CASES, "[[source]]", DISTRICT + "\n[[source]]"))
    assert report.exit_code == 1, report.rows
    counts = {key: (told.read, told.written, told.set_aside) for key, told in report.sources.items()}
    assert counts == {"districts": (1, 1, 0), "trees": (2, 2, 0), "cases": (6, 5, 1)}
    assert (report.total("read"), report.total("written")) == (9, 8)
    (fault,) = report.sources["cases"].rows
    assert (fault.file, fault.row, fault.field, fault.value, fault.rule) == ("cases_2.csv", 2, "filed_at", "坏", "datetime")
    # a row set aside keeps its number; unplaced rows belong to the district they name, else to the city
    assert house.ask('SELECT case_no, area FROM layer."case" ORDER BY 1') == [
        ("2023-05-01-001", "9901"), ("2023-05-01-002", "99"), ("2023-05-01-003", "9901"),
        ("2023-05-02-001", "9901"), ("2023-05-02-002", "99"),
    ]  # fmt: skip
    assert any("西区（1）" in note for note in report.sources["cases"].notes)
    with house.engine.connect() as connection:
        told = {item.key: item for item in datasets(connection, city_by_key(connection, "little"))}
    assert list(told) == ["districts", "trees", "cases"]
    cases, trees = told["cases"], told["trees"]
    assert (cases.recipe, cases.layer, cases.files) == ("little", "case", ("cases_1.csv", "cases_2.csv"))
    assert (cases.read, cases.written, cases.set_aside, cases.extent) == (6, 5, 1, None)
    assert (trees.source, trees.licence, trees.extent) == ("某局", "CC BY 4.0", (113.3, 34.8, 113.301, 34.801))


def test_one_bad_row_refuses_everything(house: House, state: Callable[[], State]) -> None:
    table(house.folder / "trees.csv", HEAD, "T1,槐,113.3,34.8", "T1,柏,113.301,34.801", "T3,柏,121.5,31.2")
    before = state()
    report = house.run(house.recipe(DISTRICT))
    assert (report.exit_code, report.total("written"), report.total("refused")) == (1, 0, 2)
    assert [(fault.file, fault.row, fault.field, fault.value, fault.rule) for fault in report.sources["trees"].rows] == [
        ("trees.csv", 2, "code", "T1", "duplicate"), ("trees.csv", 3, "geometry", "POINT (121.5 31.2)", "geometry_envelope"),
    ]  # fmt: skip
    assert state() == before and house.ask("SELECT key FROM wanmi.city") == [] and house.ask("SELECT 1 FROM wanmi.dataset") == []


def test_every_wrong_source_is_told_at_once(house: House, state: Callable[[], State]) -> None:
    table(house.folder / "trees.csv", HEAD, "T1,槐,113.3,34.8", "T1,柏,113.3,34.8")
    (house.folder / "districts.geojson").write_text("<OGRVRTDataSource/>", "utf-8")
    before = state()
    report = house.run(house.recipe(DISTRICT))
    assert report.exit_code == 2
    assert [report.sources[key].rows[0].rule for key in ("trees", "districts")] == ["duplicate", "content"]
    assert "districts.geojson" in report.sources["districts"].rows[0].zh
    assert state() == before


def test_missing_files_are_named_before_anything_is_read(house: House) -> None:
    (house.folder / "districts.geojson").unlink()
    report = house.run(house.recipe(DISTRICT + CASES.replace("cases_*.csv", "fälle_*.csv")))
    assert (report.exit_code, report.sources) == (2, {})
    assert [(fault.field, fault.value, fault.rule) for fault in report.rows] == [
        ("districts", "districts.geojson", "file_missing"), ("cases", "fälle_*.csv", "file_missing"),
    ]  # fmt: skip


def test_a_city_that_is_there_is_replaced_only_by_word(house: House) -> None:
    recipe = house.recipe()
    assert house.run(recipe).exit_code == 0
    again = house.run(recipe)
    assert (again.exit_code, again.rows[0].rule) == (2, "city_exists")
    assert house.run(recipe, city_key="second").exit_code == 0
    table(house.folder / "trees.csv", HEAD, "T1,槐,113.3,34.8")
    assert house.run(recipe, replace=True).exit_code == 0
    assert house.ask("SELECT c.key, count(*) FROM layer.ancient_tree t JOIN wanmi.city c ON c.id = t.city GROUP BY 1 ORDER BY 1") == [
        ("little", 1), ("second", 2),
    ]  # fmt: skip


def test_a_failed_replacement_leaves_the_old_city(house: House) -> None:
    recipe = house.recipe()
    assert house.run(recipe).exit_code == 0
    before = house.ask("SELECT id, city, code FROM layer.ancient_tree ORDER BY 1")
    table(house.folder / "trees.csv", HEAD, "T1,槐,113.3,")
    assert house.run(recipe, replace=True).exit_code == 1
    assert house.ask("SELECT id, city, code FROM layer.ancient_tree ORDER BY 1") == before != []


def test_a_dry_run_writes_nothing(house: House, state: Callable[[], State]) -> None:
    before = state()
    report = house.run(house.recipe(), dry_run=True)
    assert (report.exit_code, report.total("read"), report.total("written")) == (0, 2, 0)
    assert state() == before and house.ask("SELECT key FROM wanmi.city") == []


def test_a_code_that_an_earlier_source_brings_is_a_duplicate(house: House) -> None:
    twin = GOOD[GOOD.index("[[source]]") :].replace('key = "trees"', 'key = "more_trees"')
    report = house.run(house.recipe(twin.replace("crs =", 'on_bad = "set_aside"\ncrs =')))
    told = report.sources["more_trees"]
    assert (told.written, told.set_aside, {fault.rule for fault in told.rows}) == (0, 2, {"duplicate"})
    assert "前一来源" in told.rows[0].zh


def test_conditions_choose_rows_and_their_faults(house: House) -> None:
    table(house.folder / "trees.csv", HEAD, "T1,槐,113.3,34.8", "T2,柏,NaN,34.8", "T3,槐,x,34.8", "T4,槐,113.3,34.8")
    report = house.run(house.recipe("", "crs =", 'where = { "树种" = "槐" }\non_bad = "set_aside"\ncrs ='))
    told = report.sources["trees"]
    assert (told.read, told.passed_over, told.written, told.set_aside) == (4, 1, 2, 1)
    assert [(fault.row, fault.rule) for fault in told.rows] == [(3, "coordinate")]


def test_repairs_stand_in_the_report(house: House) -> None:
    table(house.folder / "trees.csv", HEAD + ",胸围", "T1,槐,34.8,113.3,99", "T2,柏,113.3,34.8,3.1", "T2,柏,113.3,34.8,3.2")
    actions = 'on_bad = ["repair:swap_lat_lon", "repair:clear_value", "repair:first_of_duplicates"]\ncrs ='
    report = house.run(house.recipe('girth_m = "胸围"\n', "crs =", actions))
    told = report.sources["trees"]
    assert (report.exit_code, told.written, told.repaired, told.set_aside) == (1, 2, 1, 1)
    assert [(fault.row, fault.field, fault.value, fault.rule, fault.repair) for fault in told.rows] == [
        (1, "geometry", "POINT (34.8 113.3)", "geometry_envelope", "swap_lat_lon"), (1, "girth_m", "99.0", "maximum", "clear_value"),
        (3, "code", "T2", "duplicate", ""),
    ]  # fmt: skip
    assert told.rules == {"clear_value": 1, "swap_lat_lon": 1, "duplicate": 1}
    assert house.ask("SELECT code, girth_m, ST_X(geom) FROM layer.ancient_tree ORDER BY 1") == [("T1", None, 113.3), ("T2", 3.1, 113.3)]


def test_an_open_ring_is_closed_by_word(house: House) -> None:
    ring = SQUARE["coordinates"][0][:-1]
    geojson(house.folder / "districts.geojson", ({"code": "9901", "name": "东区"}, {"type": "Polygon", "coordinates": [ring]}))
    assert house.run(house.recipe(DISTRICT)).sources["districts"].rows[0].rule == "geometry_closed"
    report = house.run(house.recipe(DISTRICT.replace("layer =", 'on_bad = "repair:close_rings"\nlayer =')))
    assert (report.exit_code, report.sources["districts"].repaired, report.sources["districts"].written) == (0, 1, 1)


def test_a_row_that_repeats_another_in_everything_goes_by_word(house: House) -> None:
    table(
        house.folder / "trees.csv", HEAD + ",胸围", "T1,槐,113.3,34.8,3", "T2,柏,113.3,34.8,3", "T1,槐,113.3,34.8,3", "T2,柏,113.3,34.8,4"
    )
    recipe = house.recipe("", "crs =", 'on_bad = "repair:first_of_equal_rows"\ncrs =')
    told = house.run(recipe).sources["trees"]
    assert (told.written, told.refused) == (0, 2)  # T2 stands twice with different girths: that is no repetition
    table(house.folder / "trees.csv", HEAD + ",胸围", "T1,槐,113.3,34.8,3", "T2,柏,113.3,34.8,3", "T1,槐,113.3,34.8,3")
    told = house.run(recipe).sources["trees"]
    assert (told.written, told.set_aside) == (2, 1)
    assert [(fault.row, fault.rule) for fault in told.rows] == [(3, "equal_row")] and "第 1 行" in told.rows[0].zh


def test_a_file_of_several_sources_is_read_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(opened, "read_file", lambda path, **options: read.append(path.name) or read_file(path, **options))
    twin = (
        GOOD[GOOD.index("[[source]]") :]
        .replace('key = "trees"', 'key = "more_trees"')
        .replace('code = "编号"', 'code = { template = "M{编号}" }')
    )
    report = house.run(house.recipe(twin + DISTRICT))
    assert (report.exit_code, report.total("read"), report.total("written")) == (0, 5, 5)
    assert read == ["trees.csv", "districts.geojson"]
    house.run(house.recipe(twin.replace("crs =", 'encoding = "utf-8"\ncrs =')), dry_run=True, city_key="second")
    assert read[2:] == ["trees.csv", "trees.csv"]  # another encoding is another reading


def test_codes_that_name_no_node_are_told(house: House) -> None:
    line = {"type": "LineString", "coordinates": [[113.3, 34.8], [113.31, 34.81]]}
    ends = [("P1", "N1", "N2"), ("P2", "I1", "N9"), ("P3", None, "END")]
    geojson(house.folder / "pipes.geojson", *(({"code": code, "a": one, "b": two}, line) for code, one, two in ends))
    table(house.folder / "nodes.csv", "编号,经度,纬度", "N1,113.3,34.8", "N2,113.31,34.81")
    table(house.folder / "inlets.csv", "编号,经度,纬度", "I1,113.3,34.8")
    report = house.run(house.recipe(NETWORK))
    assert report.exit_code == 0, report.sources
    assert [note for note in report.sources["pipes"].notes if "管点编号" in note] == [
        "to_node：3 个管点编号中 2 个不在管点、雨水口中 / 2 of 3 node codes are not in pipe_node or inlet"
    ]


def test_rasters_follow_the_transaction(house: House, monkeypatch: pytest.MonkeyPatch, realdata: Path) -> None:
    raster = '\n[[raster]]\nkey = "dem"\ntitle = { zh = "地形", en = "Terrain" }\nfile = "dem.tif"\n'
    (house.folder / "dem.tif").symlink_to(realdata / "raster/taipei_aster_gdem_30m_cog.tif")
    recipe = house.recipe(raster, "bbox = [113.2, 34.7, 113.4, 34.9]", "bbox = [113.2, 24.7, 122, 34.9]")
    rasters = house.folder / "rasters"
    assert house.run(recipe).exit_code == 0
    (first,) = [path.relative_to(rasters).as_posix() for path in rasters.rglob("*.tif")]
    assert house.ask("SELECT path, metadata ->> 'width' FROM wanmi.dataset WHERE kind = 'raster'") == [(first, "899")]
    monkeypatch.setattr(runner, "record_dataset", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        house.run(recipe, replace=True)
    assert [path.relative_to(rasters).as_posix() for path in rasters.rglob("*.tif")] == [first]
    monkeypatch.undo()
    assert house.run(recipe, replace=True).exit_code == 0
    (second,) = [path.relative_to(rasters).as_posix() for path in rasters.rglob("*.tif")]
    assert second != first and house.ask("SELECT path FROM wanmi.dataset WHERE kind = 'raster'") == [(second,)]


def test_a_constant_that_does_not_fit_is_the_recipes_fault(house: House) -> None:
    report = house.run(house.recipe("", 'species = "树种"', 'species = "树种"\nage_years = { constant = "many" }'))
    assert report.exit_code == 2 and report.sources["trees"].rows[0].zh.startswith("配方 age_years")


def test_the_report_as_json(house: House) -> None:
    report = house.run(house.recipe(CASES))
    report.write(house.folder / "r.json")
    document = json.loads((house.folder / "r.json").read_text("utf-8"))
    assert {key: document[key] for key in ("recipe", "city", "read", "written", "refused", "set_aside", "repaired", "passed_over")} == {
        "recipe": "little", "city": "little", "read": 8, "written": 7, "refused": 0, "set_aside": 1, "repaired": 0, "passed_over": 0,
    }  # fmt: skip
    assert document["sources"]["cases"]["rows"][0]["file"] == "cases_2.csv"
