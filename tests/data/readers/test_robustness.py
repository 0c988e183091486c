"""Real files that break importers, alone and zipped as people send them: exact counts, a name, and GDAL's own reading."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyogrio import raw

from data.readers.launch import read_file

FOLDER = "import_robustness"
# file, rows, a column, its first value, a piece of the declared system (None: the file declares none)
FILES: list[tuple[str, int, str, object, str | None]] = [
    ("shanghai_districts_gbk_nocpg/区县界_area.shp", 17, "NAME", "宝山区", "GCS_WGS_1984"),
    ("shanghai_metro2_utf8_noprj/metroline2.shp", 2, "linename", "地铁2号线(徐泾东-浦东国际机场)", None),
    ("wuhan_campus_gbk_sample/公共厕所.shp", 76, "name", "信息学部3教", "WGS_1984_UTM_Zone_50N"),
    ("wuhan_campus_gbk_sample/快递点.shp", 48, "Type", "京东", "WGS_1984_UTM_Zone_50N"),
    ("wuhan_campus_gbk_sample/打印店.shp", 26, "name", "富强印务", "WGS_1984_UTM_Zone_50N"),
    ("foshan_landuse_cgcs2000_custom_cm101/2018.shp", 120, "DLMC", "city", "Coordinate_101"),
    ("youwuzhen_beijing1954_zone39/outlet_beijing1954.shp", 1, "ID", 0, "Beijing_1954_3_Degree_GK_Zone_39"),
    ("youwuzhen_beijing1954_zone39/thiessen_meteo.shp", 1, "NAME", "ChangTing", "Beijing_1954_3_Degree_GK_Zone_39"),
    ("youwuzhen_beijing1954_zone39/thiessen_pcp.shp", 1, "NAME", "HeTianZhan", "Beijing_1954_3_Degree_GK_Zone_39"),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "rows", "column", "value", "system"), FILES)
def test_shapefiles(
    realdata: Path, tmp_path: Path, name: str, rows: int, column: str, value: object, system: str | None, packed: bool
) -> None:
    path = realdata / FOLDER / name
    if packed:
        source, path = path, tmp_path / "send.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for part in source.parent.iterdir():
                file.write(part, f"数据/{part.name}")
        found = read_file(path, source_layer=source.stem)
        path = source
    else:
        found = read_file(path)
    assert len(found) == rows and not found.faults
    assert found.columns[column][0] == value
    assert found.crs is None if system is None else system in (found.crs or "")
    meta, _, shapes, columns = raw.read(path, force_2d=True)
    ours = shapely.force_2d(shapely.from_wkb(found.geometry))
    assert shapely.equals_exact(ours, shapely.from_wkb(shapes), 0.0).all()
    for title, theirs in zip(meta["fields"], columns, strict=True):
        mine = found.columns[title]
        if theirs.dtype.kind == "f":
            numbers = np.array([np.nan if cell is None else cell for cell in mine], dtype="f8")
            assert np.array_equal(numbers, theirs, equal_nan=True)
        elif theirs.dtype.kind in "iu":
            assert mine == theirs.tolist()
        else:
            assert [(cell or "").strip() for cell in mine] == [(cell or "").strip() for cell in theirs.tolist()]


def test_a_gbk_table_of_addresses(realdata: Path) -> None:
    found = read_file(realdata / FOLDER / "addresses_gbk.csv")
    assert len(found) == 99 and not found.placed
    assert found.columns["DCNAME"][0] == "北京市西城区新风街3号楼一门一号"
    assert any("GB18030" in note for note in found.notes)


def test_a_fourth_ordinate_that_is_null(realdata: Path) -> None:
    found = read_file(realdata / "sewers" / "esquimalt" / "buildings.geojson")
    assert len(found) == 1713 and not found.faults and None not in found.geometry
    assert any("1713 features" in note for note in found.notes)
    theirs = shapely.from_wkb(raw.read(realdata / "sewers" / "esquimalt" / "buildings.geojson", force_2d=True)[2])
    assert shapely.equals_exact(shapely.from_wkb(found.geometry), theirs, 0.0).all()
