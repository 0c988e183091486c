"""FlatGeobuf: cells as the file has them, places as GDAL reads them, broken bytes named."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyogrio import raw

from data.readers.launch import read_file
from data.report import FileFault
from tests.data.files import vrt

BIG = 2**60 + 1


def flatgeobuf(path: Path, crs: str | None = "EPSG:4490", index: str = "YES", shapes: Any = None, **columns: Any) -> Path:
    """Writes columns by GDAL; a column is (values, mask of nulls) or values."""
    given = {name: item if isinstance(item, tuple) else (item, None) for name, item in columns.items()}
    count = len(next(iter(given.values()))[0])
    places = shapes if shapes is not None else shapely.points(113.3 + np.arange(count) / 1000, np.full(count, 34.8))
    raw.write(
        str(path), shapely.to_wkb(places), [np.asarray(values) for values, _ in given.values()], list(given),
        field_mask=[None if mask is None else np.array(mask) for _, mask in given.values()], geometry_type="Unknown",
        crs=crs, driver="FlatGeobuf", layer_options={"SPATIAL_INDEX": index},
    )  # fmt: skip
    return path


def refused(path: Path) -> FileFault:
    with pytest.raises(FileFault) as told:
        read_file(path)
    return told.value


@pytest.mark.parametrize("index", ["YES", "NO"])
def test_cells_stand_as_they_are(tmp_path: Path, index: str) -> None:
    path = flatgeobuf(
        tmp_path / "树.fgb", index=index, shapes=shapely.points([113.3, 113.3, 113.3], [34.8, 34.8, 34.8]),
        whole=([BIG, 2, 3], [False, True, False]),
        text=np.array(["槐", "", None], dtype=object),
        time=np.array(["2024-02-29T10:00:00", "2024-02-29", "NaT"], dtype="datetime64[ms]"),
        day=np.array(["2024-02-29", "2024-03-01", "2024-03-02"], dtype="datetime64[D]"),
        truth=np.array([True, False, True]), small=np.array([1, -2, 3], dtype="int16"), real=np.array([0.1, 1e300, -0.0]),
    )  # fmt: skip
    found = read_file(path)
    order = [found.columns["small"].index(number) for number in (1, -2, 3)]
    cells = {name: [values[row] for row in order] for name, values in found.columns.items()}
    assert cells == {
        "whole": [BIG, None, 3],
        "text": ["槐", "", None],
        "time": ["2024-02-29T10:00:00", "2024-02-29", None],
        "day": ["2024-02-29", "2024-03-01", "2024-03-02"],
        "truth": [True, False, True],
        "small": [1, -2, 3],
        "real": [0.1, 1e300, -0.0],
    }
    assert found.crs == "EPSG:4490" and not found.faults
    through_gdal = raw.read(str(path))[3][0]
    assert BIG not in through_gdal.tolist()  # what the reader is for


def test_geometry_of_every_kind_as_gdal_reads_it(tmp_path: Path) -> None:
    texts = [
        "POINT Z (113.3 34.8 5)", "LINESTRING (113 34, 114 35)", "POLYGON ((0 0, 3 0, 3 3, 0 0), (1 .5, 2 .5, 2 1, 1 .5))",
        "MULTIPOINT (1 1, 2 2)", "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))", "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))",
        "GEOMETRYCOLLECTION (POINT (1 2))", None,
    ]  # fmt: skip
    shapes = shapely.from_wkt(texts)
    found = read_file(flatgeobuf(tmp_path / "a.fgb", index="NO", shapes=shapes, n=np.arange(len(texts))))
    ours = shapely.force_2d(shapely.from_wkb(found.geometry))
    assert found.columns["n"] == list(range(len(texts)))
    assert found.geometry[-1] is None and shapely.equals_exact(ours[:-1], shapely.force_2d(shapes[:-1]), 0.0).all()


def test_without_system_and_with_a_made_up_one(tmp_path: Path) -> None:
    assert read_file(flatgeobuf(tmp_path / "a.fgb", crs=None, n=[1])).crs is None
    made_up = 'PROJCS["x",GEOGCS["CGCS2000",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",101],PARAMETER["false_easting",700000],UNIT["metre",1]]'  # noqa: E501
    assert "101" in (read_file(flatgeobuf(tmp_path / "b.fgb", crs=made_up, n=[1])).crs or "")


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = flatgeobuf(tmp_path / "a.fgb", index="NO", name=np.array(["abc", "xyz"], dtype=object))
    path.write_bytes(path.read_bytes().replace(b"xyz", b"\xb1\xa6z"))
    found = read_file(path)
    assert found.columns["name"] == ["abc", None]
    assert [(fault.row, fault.field, fault.value, fault.rule) for fault in found.faults] == [(2, "name", "\\xb1\\xa6z", "encoding")]


def test_a_row_whose_properties_are_broken_is_named(tmp_path: Path) -> None:
    path = flatgeobuf(tmp_path / "a.fgb", index="NO", name=np.array(["abc", "xyz"], dtype=object))
    path.write_bytes(path.read_bytes().replace(b"\x03\x00\x00\x00xyz", b"\xff\x00\x00\x00xyz"))
    assert (refused(path).rule, refused(path).row) == ("flatgeobuf", 2)


def test_every_cut_is_refused(tmp_path: Path) -> None:
    data = flatgeobuf(tmp_path / "a.fgb", n=[1, 2, 3], name=np.array(["a", "b", "c"], dtype=object)).read_bytes()
    for size in (8, 12, 60, len(data) // 2, len(data) - 1):
        path = tmp_path / "cut.fgb"
        path.write_bytes(data[:size])
        assert refused(path).rule == "flatgeobuf", size


def test_foreign_bytes_never_hang_or_pass_unnamed(tmp_path: Path) -> None:
    """Every header field overwritten in turn: the file is read or refused, never a crash without a sentence."""
    data = flatgeobuf(tmp_path / "a.fgb", n=[1], name=np.array(["a"], dtype=object)).read_bytes()
    from data.readers.flatgeobuf import _Broken, _read

    for at in range(8, len(data) - 4, 2):
        bent = data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :]
        with contextlib.suppress(_Broken, FileFault):
            _read(bent)  # type: ignore[arg-type]


def test_a_disguise_is_not_opened(tmp_path: Path) -> None:
    assert refused(vrt(tmp_path / "a.fgb", tmp_path / "b.geojson")).rule == "content"


def test_an_empty_file(tmp_path: Path) -> None:
    assert refused(flatgeobuf(tmp_path / "a.fgb", n=np.array([], dtype="i4"))).rule == "empty"


def test_a_real_layer_through_flatgeobuf_is_what_gdal_reads(realdata: Path, tmp_path: Path) -> None:
    meta, _, shapes, columns = raw.read(realdata / "taipei/taipei_villages_twd97_shp/G97_A_CAVLGE_P.shp")
    path = tmp_path / "a.fgb"
    raw.write(str(path), shapes, columns, meta["fields"].tolist(), geometry_type="Unknown", crs=meta["crs"], driver="FlatGeobuf")
    found = read_file(path)
    again, _, theirs, values = raw.read(path)
    assert len(found) == 456 and shapely.equals_exact(shapely.from_wkb(found.geometry), shapely.from_wkb(theirs), 0.0).all()
    assert found.columns["VNAME"] == values[list(again["fields"]).index("VNAME")].tolist()
