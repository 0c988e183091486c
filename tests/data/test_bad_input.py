"""Bad input: named with file, row, field, value and rule; every table keeps its rows, no id is used up."""

# ruff: noqa: E501 - a table of cases, one a line

from __future__ import annotations

import dataclasses
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from data.importing import ImportSource, import_file
from layers.catalogue import Registry
from spatial.cities import City
from tests.data.conftest import State
from tests.data.files import SQUARE, dbf, features, geojson, shapefile, table, vrt

CRS = {"crs": "EPSG:4490"}
BOW = [[113.3, 34.8], [113.31, 34.81], [113.31, 34.8], [113.3, 34.81], [113.3, 34.8]]
HEAD = "code,species,经度,纬度"


@dataclasses.dataclass
class Case:
    """A file and what the report must say of it."""

    id: str
    name: str
    make: Callable[[Path], Any]
    rule: str
    row: int = 0
    field: str = ""
    value: str | None = None
    layer: str = "ancient_tree"
    code: int = 1
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    city: str = "testcity"


def tree(code: str = "T1", **more: Any) -> dict[str, Any]:
    return {"code": code, "species": "槐", **more}


def area(code: str = "410106", **more: Any) -> dict[str, Any]:
    return {"code": code, "name": "测试区", **more}


def polygon(ring: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring]}


def text(content: str | bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def drawn(*rows: Any, **members: Any) -> Callable[[Path], Any]:
    return lambda path: geojson(path, *rows, **members)


def lines(*rows: str, encoding: str = "utf-8") -> Callable[[Path], Any]:
    return lambda path: table(path, *rows, encoding=encoding)


def truncated(path: Path) -> None:
    data = gzip.compress("\n".join([HEAD] + [f"T{n},槐,113.3,34.8{n}" for n in range(2000)]).encode())
    path.write_bytes(data[: len(data) // 2])


def shape(ring: Any, cells: bytes = b"410106", name: bytes = b"a", prj: str | None = "EPSG", **more: Any) -> Callable[[Path], Any]:
    from pyproj import CRS as System

    def make(path: Path) -> None:
        attributes = dbf([("code", "C", 10), ("name", "C", 10)], [(cells, name)], **more)
        shapefile(path, [ring], attributes, prj=System("EPSG:4490").to_wkt("WKT1_ESRI") if prj == "EPSG" else prj)

    return make


GOOD = (tree("T0"), [113.3, 34.8])
COORDINATES = [
    Case("nan in geojson", "a.geojson", text(features(GOOD, (tree(), [float("nan"), 34.8]))), "geometry_finite", 2, "geometry", "[NaN, 34.8]"),
    Case("infinity in geojson", "a.geojson", text(features(GOOD, (tree(), [113.3, float("inf")]))), "geometry_finite", 2, "geometry", "[113.3, Infinity]"),
    Case("overflow in geojson", "a.geojson", text(features(GOOD, (tree(), [113.3, 0])).replace("[113.3, 0]", "[113.3, 1e999]")), "geometry_finite", 2, "geometry", "[113.3, Infinity]"),
    Case("nan in csv", "a.csv", lines(HEAD, "T1,槐,113.3,34.8", "T2,槐,NaN,34.8"), "geometry_finite", 2, "经度", "NaN", options=CRS),
    Case("infinity in csv", "a.csv", lines(HEAD, "T1,槐,113.3,-inf"), "geometry_finite", 1, "纬度", "-inf", options=CRS),
    Case("text for a coordinate", "a.csv", lines(HEAD, "T1,槐,113°18′,34.8"), "coordinate", 1, "经度", "113°18′", options=CRS),
    Case("half a place", "a.csv", lines(HEAD, "T1,槐,113.3,"), "coordinate", 1, "纬度", "", options=CRS),
    Case("no place", "a.csv", lines(HEAD, "T1,槐,,"), "geometry_missing", 1, "geometry", "", options=CRS),
    Case("null geometry", "a.geojson", drawn((tree(), None)), "geometry_missing", 1, "geometry", ""),
    Case("text in geojson", "a.geojson", drawn((tree(), ["113.3", 34.8])), "geometry_unreadable", 1, "geometry", '["113.3", 34.8]'),
    Case("one ordinate", "a.geojson", drawn((tree(), [113.3])), "geometry_unreadable", 1, "geometry", "[113.3]"),
    Case("out of range", "a.geojson", drawn(GOOD, (tree(), [213.3, 34.8])), "geometry_range", 2, "geometry", "POINT (213.3 34.8)"),
    Case("out of the city", "a.geojson", drawn(GOOD, (tree(), [121.5, 31.2])), "geometry_envelope", 2, "geometry", "POINT (121.5 31.2)"),
    Case("lon and lat swapped", "a.geojson", drawn((tree(), [34.8, 113.3])), "geometry_range", 1, "geometry", "POINT (34.8 113.3)"),
    Case("degrees called metres", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "geometry_envelope", 1, "geometry", "POINT (113.3 34.8)", options={"crs": "EPSG:4547"}),
    Case("metres called degrees", "a.csv", lines(HEAD, "T1,槐,435000,3852000"), "geometry_range", 1, "geometry", "POINT (435000 3852000)", options=CRS),
    Case("crosses itself", "a.geojson", drawn((area(), polygon(BOW))), "geometry_valid", 1, "geometry", layer="district"),
    Case("open ring", "a.geojson", drawn((area(), polygon(SQUARE[:-1]))), "geometry_closed", 1, "geometry", "POLYGON", layer="district"),
    Case("open ring in a shapefile", "a.shp", shape([tuple(p) for p in SQUARE[:-1]]), "geometry_closed", 1, "geometry", "POLYGON", layer="district"),
    Case("nan in a shapefile", "a.shp", shape([(113.3, 34.8), (float("nan"), 34.8), (113.31, 34.81), (113.3, 34.8)]), "geometry_finite", 1, "geometry", layer="district"),
    Case("two points in a ring", "a.geojson", drawn((area(), polygon([SQUARE[0], SQUARE[1], SQUARE[0]]))), "geometry_valid", 1, "geometry", layer="district"),
    Case("wrong type", "a.geojson", drawn(GOOD, (tree(), polygon(SQUARE))), "geometry_type", 2, "geometry", layer="ancient_tree"),
    Case("point for an area", "a.geojson", drawn((area(), [113.3, 34.8])), "geometry_type", 1, "geometry", "POINT (113.3 34.8)", layer="district"),
    Case("collection", "a.geojson", drawn((area(), {"type": "GeometryCollection", "geometries": [polygon(SQUARE)]})), "geometry_type", 1, "geometry", layer="district"),
    Case("empty point", "a.geojson", drawn((tree(), [])), "geometry_empty", 1, "geometry", "POINT EMPTY"),
    Case("empty polygon", "a.geojson", drawn((area(), {"type": "Polygon", "coordinates": []})), "geometry_empty", 1, "geometry", "POLYGON EMPTY", layer="district"),
    Case("wrong nesting", "a.geojson", drawn((area(), {"type": "Polygon", "coordinates": SQUARE})), "geometry_unreadable", 1, "geometry", "113.3", layer="district"),
    Case("unknown type", "a.geojson", drawn((tree(), {"type": "Circle", "coordinates": [1, 2]})), "geometry_unreadable", 1, "geometry", "Circle"),
    Case("no feature", "a.geojson", text(features(GOOD)[:-2] + ", 7]}"), "feature", 2, "", "7"),
]  # fmt: skip
SYSTEMS = [
    Case("csv without crs", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "crs", 0, "crs", "", code=2),
    Case("null crs", "a.geojson", drawn(GOOD, crs=None), "crs", 0, "crs", "", code=2),
    Case("no prj", "a.shp", shape([tuple(p) for p in SQUARE], prj=None), "crs", 0, "crs", "", code=2, layer="district"),
    Case("unknown code", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "crs", 0, "crs", "EPSG:999999", code=2, options={"crs": "EPSG:999999"}),
    Case("no code at all", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "crs", 0, "crs", "北京54", code=2, options={"crs": "北京54"}),
    Case("proj string", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "crs", 0, "crs", "+proj=longlat +nadgrids=/etc/passwd", code=2, options={"crs": "+proj=longlat +nadgrids=/etc/passwd"}),
    Case("prj names a file", "a.shp", shape([tuple(p) for p in SQUARE], prj='GEOGCS["x",EXTENSION["PROJ4","+nadgrids=/etc/passwd"]]'), "crs", 0, "crs", code=2, layer="district"),
    Case("unknown crs member", "a.geojson", drawn(GOOD, crs={"type": "name", "properties": {"name": "我的坐标系"}}), "crs", 0, "crs", "我的坐标系", code=2),
    Case("vertical", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "crs", 0, "crs", "EPSG:5737", code=2, options={"crs": "EPSG:5737"}),
    Case("two systems", "a.geojson", drawn(GOOD, crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}), "crs_conflict", 0, "crs", "EPSG:3857 / EPSG:4490", code=2, options=CRS),
    Case("unknown datum", "a.geojson", drawn(GOOD), "datum", 0, "datum", "X54", code=2, options={"datum": "X54"}),
]  # fmt: skip
BIG5 = "編號,樹種,經度,緯度\r\n1,臺灣欒樹,113.3,34.8\r\n2,榕樹與樟樹,113.3,34.8\r\n"
TEXTS = [
    Case("neither utf-8 nor gb18030", "a.csv", text(HEAD.encode() + b"\r\nT1,\xb9\xb1,113.3,34.8\r\nT2,\xff\xffa,113.3,34.8\r\n"), "encoding", 1, "species", "\\xb9\\xb1", code=2, options=CRS),
    Case("declared utf-8 is gbk", "a.csv", lines(HEAD, "T1,oak,113.3,34.8", "T2,槐树,113.3,34.8", encoding="gbk"), "encoding", 0, "", code=2, options={**CRS, "encoding": "utf-8"}),
    Case("cut character", "a.csv", text("code,species,x,y\r\nT1,槐,113.3,34.8\r\nT2,".encode() + "槐".encode()[:2] + b",113.3,34.8\r\n"), "encoding", 2, "species", "\\xe6\\xa7", options={**CRS, "encoding": "utf-8"}),
    Case("big5 undeclared", "a.csv", text(BIG5.encode("cp950")), "encoding", 0, "", code=2, options=CRS),
    Case("unknown encoding", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "encoding_unknown", 0, "", "火星文", code=2, options={**CRS, "encoding": "火星文"}),
    Case("gbk cut in a dbf", "a.shp", shape([tuple(p) for p in SQUARE], name="测试".encode("gbk")[:3], language=0x4D), "encoding", 1, "name", "\\xb2\\xe2\\xca", layer="district"),
    Case("gbk geojson", "a.geojson", text(features((tree(), [113.3, 34.8])).encode("gbk")), "encoding", 1, "species"),
    Case("lone surrogate", "a.geojson", text(features(GOOD, (tree(remark="X"), [113.3, 34.8])).replace('"X"', '"\\ud800"').replace("remark", "history")), "encoding", 2, "history", "\\ud800"),
    Case("nul", "a.geojson", text(features((tree(history="X"), [113.3, 34.8])).replace('"X"', '"a\\u0000b"')), "characters", 1, "history"),
]  # fmt: skip
VALUES = [
    Case("twice in the file", "a.geojson", drawn(GOOD, (tree(), [113.3, 34.8]), (tree(), [113.3, 34.81])), "duplicate", 3, "code", "T1"),
    Case("unknown value", "a.geojson", drawn(GOOD, (tree(status="老树"), [113.3, 34.8])), "domain", 2, "status", "老树"),
    Case("unknown constant", "a.geojson", drawn(GOOD), "domain", 0, "status", "老树", code=2, options={"constants": [("status", "老树")]}),
    Case("too long", "a.geojson", drawn((tree("T" * 33), [113.3, 34.8])), "length", 1, "code", "T" * 33),
    Case("too large", "a.geojson", drawn((tree(girth_m=227), [113.3, 34.8])), "maximum", 1, "girth_m", "227.0"),
    Case("no number", "a.geojson", drawn((tree(girth_m="3,5"), [113.3, 34.8])), "number", 1, "girth_m", "3,5"),
    Case("nan value", "a.geojson", drawn((tree(girth_m=float("nan")), [113.3, 34.8])), "finite", 1, "girth_m", "NaN"),
    Case("no integer", "a.geojson", drawn((tree(age_years=100.5), [113.3, 34.8])), "integer", 1, "age_years", "100.5"),
    Case("no date", "a.geojson", drawn((tree(planted_on="2024-02-30"), [113.3, 34.8])), "date", 1, "planted_on", "2024-02-30"),
    Case("object", "a.geojson", drawn((tree(history={"a": 1}), [113.3, 34.8])), "text", 1, "history", '{"a": 1}'),
    Case("missing value", "a.geojson", drawn(GOOD, ({"code": "T1", "species": "  "}, [113.3, 34.8])), "required", 2, "species", ""),
    Case("missing column", "a.geojson", drawn(({"code": "T1"}, [113.3, 34.8])), "required", 0, "species", "", code=2),
    Case("short code", "a.geojson", drawn((area("41010"), polygon(SQUARE))), "code_length", 1, "code", "41010", layer="district"),
    Case("foreign code", "a.geojson", drawn((area("410107"), polygon(SQUARE))), "code_city", 1, "code", "410107", layer="district"),
    Case("letter in a code", "a.geojson", drawn((area("41010O"), polygon(SQUARE))), "code_characters", 1, "code", "41010O", layer="district"),
    Case("component code", "a.geojson", drawn(({"code": "410106010100001", "name": "井盖", "class_code": "0101", "status": "完好"}, [113.3, 34.8])), "code_length", 1, "code", "410106010100001", layer="component"),
    Case("unknown class", "a.geojson", drawn(({"code": "4101060101000001", "name": "井盖", "class_code": "9999", "status": "完好"}, [113.3, 34.8])), "class_unknown", 1, "class_code", "9999", layer="component"),
]  # fmt: skip
FILES = [
    Case("empty csv", "a.csv", text(b""), "empty", value="a.csv", code=2, options=CRS),
    Case("blank csv", "a.csv", text(b" \r\n\r\n"), "empty", code=2, options=CRS),
    Case("header only", "a.csv", lines(HEAD), "empty", code=2, options=CRS),
    Case("no features", "a.geojson", text(features()), "empty", code=2),
    Case("ragged, too few", "a.csv", lines(HEAD, "T1,槐,113.3,34.8", "T2,槐,113.3"), "csv_columns", 2, "", "T2,槐,113.3", options=CRS),
    Case("ragged, too many", "a.csv", lines(HEAD, "T1,槐,大树,113.3,34.8"), "csv_columns", 1, "", "T1,槐,大树,113.3,34.8", options=CRS),
    Case("open quote", "a.csv", lines(HEAD, 'T1,"槐,113.3,34.8', "T2,槐,113.3,34.8"), "csv", code=2, options=CRS),
    Case("name twice", "a.csv", lines("code,species,code,x,y", "1,槐,2,3,4"), "csv_header", 0, "code", "code", code=2, options=CRS),
    Case("no name", "a.csv", lines("code,,x,y", "1,槐,3,4"), "csv_header", 0, "", "code,,x,y", code=2, options=CRS),
    Case("no coordinates", "a.csv", lines("code,species", "1,槐"), "coordinate_column", 0, "x, y", code=2, options=CRS),
    Case("coordinates in doubt", "a.csv", lines("code,species,x,y,lon,lat", "1,槐,1,2,3,4"), "coordinate_column", 0, "x", "x、lon", code=2, options=CRS),
    Case("unknown x", "a.csv", lines(HEAD, "T1,槐,113.3,34.8"), "coordinate_column", 0, "E", "E", code=2, options={**CRS, "x": "E"}),
    Case("vrt as geojson", "a.geojson", lambda path: vrt(path, path), "content", code=2),
    Case("vrt as shapefile", "a.shp", lambda path: vrt(path, path), "content", code=2),
    Case("vrt as csv", "a.csv", lambda path: vrt(path, path), "content", code=2, options=CRS),
    Case("vrt as geopackage", "a.gpkg", lambda path: vrt(path, path), "content", code=2),
    Case("vrt in gzip", "a.csv.gz", text(gzip.compress(b"<OGRVRTDataSource/>")), "content", code=2, options=CRS),
    Case("xml as geojson", "a.geojson", text('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'), "content", code=2),
    Case("zip as csv", "a.csv", text(b"PK\x03\x04" + bytes(60)), "content", code=2, options=CRS),
    Case("garbage geojson", "a.geojson", text(os.urandom(8) + bytes(2000)), "content", code=2),
    Case("garbage csv", "a.csv", text(b"\x00\x01\x02\xff" * 500), "content", code=2, options=CRS),
    Case("garbage shapefile", "a.shp", text(b"\x00\x01\x02\xff" * 500), "content", code=2),
    Case("garbage geopackage", "a.gpkg", text(b"SQLite format 3\x00" + bytes(52) + b"GPKG" + b"\xfe" * 4000), "geopackage", code=2),
    Case("truncated gzip", "a.csv.gz", truncated, "gzip", code=2, options=CRS),
    Case("no gzip", "a.csv.gz", lines(HEAD), "content", code=2, options=CRS),
    Case("cut json", "a.geojson", text(features(GOOD)[:-20]), "json", code=2),
    Case("json key twice", "a.geojson", text(features(GOOD).replace('"species"', '"code"')), "json", 0, "code", code=2),
    Case("deep json", "a.geojson", text('{"a":' + "[" * 100_000), "json", code=2),
    Case("topojson", "a.json", text('{"type":"Topology","objects":{}}'), "geojson", 0, "type", "Topology", code=2),
    Case("no dbf", "a.shp", lambda path: (shape([tuple(p) for p in SQUARE])(path), path.with_suffix(".dbf").unlink()), "shapefile_part", value="a.dbf", code=2, layer="district"),
    Case("no shx", "a.shp", lambda path: (shape([tuple(p) for p in SQUARE])(path), path.with_suffix(".shx").unlink()), "shapefile_part", value="a.shx", code=2, layer="district"),
    Case("cut dbf", "a.shp", lambda path: (shape([tuple(p) for p in SQUARE])(path), path.with_suffix(".dbf").write_bytes(b"\x03" * 40)), "dbf", code=2, layer="district"),
    Case("other dbf", "a.shp", lambda path: (shape([tuple(p) for p in SQUARE])(path), path.with_suffix(".dbf").write_bytes(dbf([("code", "C", 10)], [(b"1",), (b"2",)]))), "shapefile_part", code=2, layer="district"),
    Case("format", "a.kml", text("<kml/>"), "format", value="a.kml", code=2),
    Case("not there", "a.csv", lambda path: None, "file_missing", code=2, options=CRS),
    Case("unknown layer", "a.geojson", drawn(GOOD), "layer", 0, "layer", "trees", layer="trees", code=2),
    Case("unknown city", "a.geojson", drawn(GOOD), "city", 0, "city", "atlantis", city="atlantis", code=2),
    Case("unknown target", "a.geojson", drawn(GOOD), "map_field", 0, "speces", "speces", code=2, options={"mapping": [("species", "speces")]}),
    Case("unknown source", "a.geojson", drawn(GOOD), "map_column", 0, "树种", "树种", code=2, options={"mapping": [("树种", "species")]}),
    Case("two sources", "a.geojson", drawn((tree(编号="1", 树木编号="2"), [113.3, 34.8])), "map_twice", 0, "code", "树木编号", code=2),
]  # fmt: skip
CASES = [*COORDINATES, *SYSTEMS, *TEXTS, *VALUES, *FILES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_refused_by_name(case: Case, tmp_path: Path, engine: Engine, registry: Registry, city: City, state: Callable[[], State]) -> None:
    path = tmp_path / case.name
    case.make(path)
    before = state()
    report = import_file(engine, registry, case.city, ImportSource(path, case.layer, **case.options))
    assert report.file == case.name
    assert report.rows, "nothing was told"
    first = report.rows[0]
    assert first.rule == case.rule, first
    assert (first.row, first.field) == (case.row, case.field), first
    if case.value is not None:
        assert first.value == case.value
    assert first.zh and first.en and first.zh != first.en
    assert len({(fault.row, fault.field, fault.rule) for fault in report.rows}) == len(report.rows)
    assert report.exit_code == case.code
    assert report.written == 0
    assert report.refused == (len({fault.row for fault in report.rows if fault.row}) if case.code == 1 else 0)
    assert state() == before


def test_codes_that_the_city_has_are_refused(
    tmp_path: Path, engine: Engine, registry: Registry, city: City, state: Callable[[], State]
) -> None:
    path = geojson(tmp_path / "a.geojson", (tree("D1"), [113.3, 34.8]), (tree("D2"), [113.3, 34.8]))
    assert import_file(engine, registry, city.key, ImportSource(path, "ancient_tree")).written == 2
    before = state()
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree"))
    assert [(fault.row, fault.field, fault.value, fault.rule) for fault in report.rows] == [
        (1, "code", "D1", "duplicate"),
        (2, "code", "D2", "duplicate"),
    ]
    assert (report.written, report.refused, report.exit_code) == (0, 2, 1)
    assert state() == before


def test_bad_rows_are_set_aside_by_choice(
    tmp_path: Path, engine: Engine, registry: Registry, city: City, state: Callable[[], State]
) -> None:
    rows = [(tree(f"S{number}"), [113.3, 34.8]) for number in range(6)]
    rows[1] = (tree("S1", girth_m="x"), [113.3, 34.8])
    rows[3] = (tree("S3", status="?"), [0, 0])
    path = geojson(tmp_path / "a.geojson", *rows)
    before = state()["ancient_tree"][0]
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree", on_bad="set_aside"))
    assert (report.read, report.written, report.refused, report.set_aside, report.exit_code) == (6, 4, 0, 2, 1)
    assert {(fault.row, fault.field, fault.rule) for fault in report.rows} == {
        (2, "girth_m", "number"),
        (4, "status", "domain"),
        (4, "geometry", "geometry_envelope"),
    }
    assert state()["ancient_tree"][0] == before + 4


def test_a_dry_run_writes_nothing(tmp_path: Path, engine: Engine, registry: Registry, city: City, state: Callable[[], State]) -> None:
    path = geojson(tmp_path / "a.geojson", (tree("DRY"), [113.3, 34.8]))
    before = state()
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree", dry_run=True))
    assert (report.read, report.written, report.exit_code) == (1, 0, 0)
    assert any("dry run: 1 rows" in note for note in report.notes)
    assert state() == before
