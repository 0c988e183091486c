"""Readers: formats, encodings, what the child process may do, and no row lost on the way."""

from __future__ import annotations

import gzip
import json
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import shapely

from data.readers import launch
from data.readers.encodings import decode
from data.readers.launch import environment, read_file
from data.readers.raw import RawTable
from data.report import FileFault
from tests.data.files import SQUARE, dbf, geojson, geopackage, shapefile, table, vrt

POINT = [113.3, 34.8]


def test_what_json_repairs_in_silence_elsewhere_is_told_here(tmp_path: Path) -> None:
    ring = {"type": "Polygon", "coordinates": [[[*point, 35.2, None] for point in SQUARE]]}
    found = read_file(geojson(tmp_path / "a.geojson", ({"n": 1}, ring), ({"n": 2, "m": None}, None)))
    shape = shapely.from_wkb(found.geometry[0])
    assert shapely.get_coordinates(shape).tolist() == SQUARE
    assert found.columns == {"n": [1, 2], "m": [None, None]}
    assert found.geometry[1] is None
    assert found.default_crs == "OGC:CRS84" and found.crs is None
    assert any("1 features" in note for note in found.notes)


@pytest.mark.parametrize(
    "name",
    ["EPSG:3826", "urn:ogc:def:crs:EPSG::3826", "urn:ogc:def:crs:EPSG:8.5:3826", "http://www.opengis.net/def/crs/EPSG/0/3826"],
)
def test_the_old_crs_member(tmp_path: Path, name: str) -> None:
    path = geojson(tmp_path / "a.geojson", ({"n": 1}, POINT), crs={"type": "name", "properties": {"name": name}})
    assert read_file(path).crs == "EPSG:3826"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_of_any_kind(tmp_path: Path, encoding: str, mark: str) -> None:
    rows = [["编号", "名称", "经度", "纬度"], ["1", f'"中山{mark}公园\n北门"', "113.3", "34.8"], [], ["2", "人民公园", "113.31", "34.81"]]
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(mark.join(row) for row in rows).encode(encoding))
    found = read_file(path)
    assert found.columns["名称"] == [f"中山{mark}公园\n北门", "人民公园"]
    assert shapely.to_wkt(shapely.from_wkb(found.geometry)).tolist() == ["POINT (113.3 34.8)", "POINT (113.31 34.81)"]
    assert found.used == ["经度", "纬度"]
    assert any("GB18030" in note for note in found.notes) == (encoding == "gb18030")


def test_csv_without_places(tmp_path: Path) -> None:
    found = read_file(table(tmp_path / "a.csv", "case_no,description", "1,路灯不亮"))
    assert not found.placed and found.geometry == [None]


def test_gzip_is_counted_as_produced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from data.readers import formats

    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,x,y\n" + b"1,2,3\n" * 400_000))
    monkeypatch.setitem(formats.MOST_BYTES, "csv", 1 << 20)
    with pytest.raises(FileFault) as told:
        formats.read_bytes(path, "csv")
    assert told.value.rule == "too_large"


def test_big5_is_not_taken_for_gb18030() -> None:
    text = "臺北市政府工務局公園路燈工程管理處，榕樹，樟樹"
    with pytest.raises(FileFault) as told:
        decode(text.encode("cp950"))
    assert "Big5" in told.value.en
    assert decode(text.encode("cp950"), "Big5").text == text
    assert decode("郑州市金水区经三路北段，国槐".encode("gbk")).encoding == "gb18030"


def write_shape(path: Path, rows: list[list[bytes]], **more: object) -> Path:
    fields = [("NAME", "C", 12), ("N", "N", 8), ("F", "F", 12), ("D", "D", 8), ("L", "L", 1)]
    language = more.pop("language", 0)
    assert isinstance(language, int)
    shapes = [(113.3 + number / 1000, 34.8) for number in range(len(rows))]
    return shapefile(path, shapes, dbf(fields, rows, language), **more)  # type: ignore[arg-type]


def test_dbf_cells_stand_as_they_are(tmp_path: Path) -> None:
    rows = [
        ["槐".encode("gbk"), b"12", b"1.50", b"20240229", b"T"],
        ["柳".encode("gbk"), b"1.5", b"nan", b"20241399", b"?"],
        [b"", b"********", b"", b"00000000", b"x"],
    ]
    found = read_file(write_shape(tmp_path / "树.shp", rows, language=0x4D))
    assert found.columns == {
        "NAME": ["槐", "柳", None],
        "N": [12, 1.5, None],
        "F": [1.5, "nan", None],
        "D": ["20240229", "20241399", None],
        "L": [True, None, "x"],
    }
    assert any("GB18030" in note for note in found.notes)
    assert any("1 cells hold ***" in note for note in found.notes)


@pytest.mark.parametrize(
    ("encoding", "cpg", "language", "given"),
    [
        ("utf-8", "UTF-8", 0, None),
        ("utf-8", None, 0, None),
        ("gbk", None, 0, None),
        ("gbk", "936", 0, None),
        ("cp950", "Big5", 0x4D, None),
        ("cp950", None, 0x4F, None),
        ("cp950", "UTF-8", 0, "Big5"),
    ],
)
def test_dbf_encodings(tmp_path: Path, encoding: str, cpg: str | None, language: int, given: str | None) -> None:
    rows = [["公園路燈".encode(encoding), b"1", b"", b"", b""]]
    path = write_shape(tmp_path / "a.shp", rows, cpg=cpg, language=language)
    assert read_file(path, encoding=given).columns["NAME"] == ["公園路燈"]


def test_utf8_under_the_language_byte_of_gbk_is_refused(tmp_path: Path) -> None:
    path = write_shape(tmp_path / "a.shp", [["公园路灯".encode(), b"1", b"", b"", b""]], language=0x4D)
    with pytest.raises(FileFault) as told:
        read_file(path)
    assert (told.value.rule, told.value.value) == ("encoding", "UTF-8")
    assert read_file(path, encoding="UTF-8").columns["NAME"] == ["公园路灯"]


def test_deleted_records_are_left_out_with_their_shapes(tmp_path: Path) -> None:
    rows = [[b"a", b"", b"", b"", b""], [None, b"b", b"", b"", b"", b""], [b"c", b"", b"", b"", b""]]
    found = read_file(write_shape(tmp_path / "a.shp", rows))  # type: ignore[arg-type]
    assert found.columns["NAME"] == ["a", "c"]
    assert shapely.get_x(shapely.from_wkb(found.geometry)).tolist() == pytest.approx([113.3, 113.302])
    assert any("1 deleted records" in note for note in found.notes)


def test_parts_of_a_shapefile_in_capitals(tmp_path: Path) -> None:
    write_shape(tmp_path / "a.shp", [[b"a", b"", b"", b"", b""]])
    for part in list(tmp_path.iterdir()):
        part.rename(part.with_suffix(part.suffix.upper()))
    assert len(read_file(tmp_path / "a.SHP")) == 1


def test_geopackage_cells_stand_as_they_are(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "a.gpkg", name=["槐", "柳", "榆"], age=[1, 2, 3], girth=[1.0, 2.0, 3.0])
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE trees SET age = 'abc' WHERE fid = 1")
        connection.execute("UPDATE trees SET age = 12345678901234567 WHERE fid = 2")
        connection.execute("UPDATE trees SET age = NULL, girth = '12,5', geom = x'0102' WHERE fid = 3")
        connection.execute("UPDATE trees SET name = CAST(x'b1a6' AS TEXT) WHERE fid = 3")
    found = read_file(path)
    assert found.columns["age"] == ["abc", 12345678901234567, None]
    assert found.columns["girth"] == [1.0, 2.0, "12,5"]
    assert [(fault.row, fault.field, fault.value, fault.rule) for fault in found.faults] == [
        (3, "name", "\\xb1\\xa6", "encoding"),
        (3, "geometry", "01 02", "geometry_unreadable"),
    ]
    assert found.crs == "EPSG:4490"


def test_a_geopackage_with_several_layers_asks_which(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "a.gpkg", layer="trees", name=["槐"])
    geopackage(path, layer="lamps", name=["灯"])
    with pytest.raises(FileFault) as told:
        read_file(path)
    assert told.value.value == "lamps、trees"
    assert read_file(path, source_layer="lamps").columns["name"] == ["灯"]


@pytest.mark.parametrize("name", ["input.shp", "input.geojson", "input.csv"])
def test_gdal_itself_does_not_follow_a_vrt(tmp_path: Path, name: str) -> None:
    """The second lock: with the child's environment GDAL has no driver for a VRT; without it, it hands out the other file."""
    target = geojson(tmp_path / "secret.geojson", ({"n": 1}, POINT))
    path = vrt(tmp_path / name, target)
    script = "import sys\nfrom pyogrio import raw\nprint(len(raw.read(sys.argv[1])[2]))"
    command = [sys.executable, "-c", script, str(path)]
    open_to_all = subprocess.run(command, capture_output=True, text=True, check=False)
    assert open_to_all.stdout.strip() == "1"
    locked = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert locked.returncode != 0
    assert "not recognized" in locked.stderr


def test_the_child_knows_nothing_of_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANMI_DATABASE_URL", "PGPASSWORD", "https_proxy", "GDAL_DRIVER_PATH", "CPL_VSIL_CURL_CHUNK_SIZE"):
        monkeypatch.setenv(name, "secret")
    assert "secret" not in environment().values()


def child(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "from data.readers.process import limit; limit()\n" + script],
        capture_output=True, text=True, check=False, cwd=folder, env=environment(), timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("bytearray(9 << 30)", "MemoryError"),
        ("files = [open('/dev/null') for _ in range(100)]", "Too many open files"),
        ("import resource as r; print(r.getrlimit(r.RLIMIT_CORE)); 1 / 0", "ZeroDivisionError"),
    ],
)
def test_the_child_is_limited(tmp_path: Path, script: str, said: str) -> None:
    assert said in child(script, tmp_path).stderr


def test_a_reader_that_runs_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SECONDS", 0.01)
    with pytest.raises(FileFault) as told:
        read_file(geojson(tmp_path / "a.geojson", ({"n": 1}, POINT)))
    assert told.value.rule == "reader_time"


def test_a_reader_that_is_killed_is_told(tmp_path: Path) -> None:
    done = child("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", tmp_path)
    fault = launch._crashed(done.returncode, done.stderr)
    assert (fault.rule, fault.value) == ("reader_limit", "signal 24")
    assert resource.RLIMIT_CPU is not None


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    read_file(geojson(tmp_path / "a.geojson", ({"n": 1}, POINT)))
    assert not list(scratch.iterdir())


def test_names_that_mean_something_to_gdal(tmp_path: Path) -> None:
    folder = tmp_path / "a.zip!b {x} 万米"
    folder.mkdir()
    found = read_file(write_shape(folder / "vsizip 树.shp", [[b"a", b"", b"", b"", b""]]))
    assert len(found) == 1


READINGS: list[tuple[str, str | None]] = [
    ("import_robustness/shanghai_districts_gbk_nocpg/区县界_area.shp", "NAME"),
    ("import_robustness/shanghai_metro2_utf8_noprj/metroline2.shp", None),
    ("import_robustness/wuhan_campus_gbk_sample/公共厕所.shp", None),
    ("import_robustness/foshan_landuse_cgcs2000_custom_cm101/2018.shp", None),
    ("sewers/esquimalt/buildings.geojson", None),
    ("taipei/taipei_villages_twd97_shp/G97_A_CAVLGE_P.shp", "VNAME"),
    ("taipei/taipei_village.geojson", "VNAME"),
]


@pytest.mark.parametrize(("name", "column"), READINGS)
def test_real_files_read_as_gdal_reads_them(realdata: Path, name: str, column: str | None) -> None:
    from pyogrio import raw

    path = realdata / name
    found: RawTable = read_file(path)
    meta, _, shapes, columns = raw.read(path, force_2d=True)
    ours = shapely.force_2d(shapely.from_wkb(found.geometry))
    assert len(found) == len(shapes) and not found.faults
    assert shapely.equals_exact(ours, shapely.from_wkb(shapes), 0.0).all()
    if column is not None:
        assert found.columns[column] == list(columns[list(meta["fields"]).index(column)])


def test_the_request_travels_as_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "data.readers.process", str(tmp_path)],
        input=json.dumps({"path": str(tmp_path / "none.csv"), "format": "csv"}),
        text=True, capture_output=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert launch._crashed(done.returncode, done.stderr).rule == "reader"
