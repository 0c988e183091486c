"""CSV of any encoding: what cannot be read is named with row, field and bytes; what can be read is read to the last row."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import shapely

from data.readers.launch import read_file
from data.report import FileFault


def written(path: Path, *lines: bytes, ending: bytes = b"\r\n") -> Path:
    path.write_bytes(ending.join(lines) + ending)
    return path


def refused(path: Path, encoding: str | None = None) -> FileFault:
    with pytest.raises(FileFault) as told:
        read_file(path, encoding=encoding)
    return told.value


HEADER = "编号,名称,经度,纬度"


@pytest.mark.parametrize(("name", "codec"), [("GBK", "gbk"), ("GB18030", "gb18030"), ("Big5", "cp950"), ("CP950", "cp950")])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_declared_encodings_and_line_ends(tmp_path: Path, name: str, codec: str, ending: bytes) -> None:
    lines = [line.encode(codec) for line in ("no,名,x,y", '1,"中山\n公園",1,2', "2,人民公園,3,4")]
    found = read_file(written(tmp_path / "a.csv", *lines, ending=ending), encoding=name)
    assert found.columns["名"] == ["中山\n公園", "人民公園"] and not found.faults


def test_a_character_cut_in_half_is_named_with_its_bytes(tmp_path: Path) -> None:
    rows = ["1,人民公园,113.3,34.8".encode("gbk"), b"2," + "中山公园".encode("gbk")[:-1] + b",113.3,34.8"]
    path = written(tmp_path / "a.csv", HEADER.encode("gbk"), *rows)
    assert refused(path).rule == "encoding"
    found = read_file(path, encoding="GBK")
    named = [(fault.row, fault.rule) for fault in found.faults]
    assert named and all(row == 2 for row, _ in named)
    assert found.columns["名称"][0] == "人民公园"


def test_a_last_character_cut_off_at_the_end_of_the_file(tmp_path: Path) -> None:
    data = f"{HEADER}\n1,人民公园,113.3,34.8\n2,,113.3,34.8\n".encode("gbk") + b"3,x,113.3,34.8,"[:-1] + b"\n4,\xd6"
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    found = read_file(path, encoding="GBK")
    assert [(fault.row, fault.rule) for fault in found.faults] == [(4, "csv_columns")]
    assert "\\xd6" in ascii(found.faults[0].value) or "\udcd6" in found.faults[0].value


def test_two_encodings_in_one_file_name_the_first_row_of_the_other(tmp_path: Path) -> None:
    rows = [f"{number},人民公园,113.3,34.8".encode("gbk" if number == 3 else "utf-8") for number in range(1, 5)]
    path = written(tmp_path / "a.csv", HEADER.encode(), *rows)
    for encoding in (None, "GBK"):
        told = refused(path, encoding)
        assert (told.rule, told.value) == ("encoding", "\\xc8\\xcb\\xc3\\xf1\\xb9\\xab\\xd4\\xb0")
        assert "line 1 is UTF-8, line 4 is not" in told.en
    found = read_file(path, encoding="UTF-8")
    assert [(fault.row, fault.field) for fault in found.faults] == [(3, "名称")]
    assert found.columns["名称"] == ["人民公园", "人民公园", "", "人民公园"]


@pytest.mark.parametrize("encoding", ["GBK", "GB18030", "Big5"])
def test_utf8_under_another_name_is_refused(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "a.csv", "编号,x,y".encode(), "公园,1,2".encode())
    assert (refused(path, encoding).rule, refused(path, encoding).value) == ("encoding", "UTF-8")


def test_a_mark_at_the_beginning_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"\xef\xbb\xbf" + HEADER.encode(), "1,槐,113.3,34.8".encode())
    assert list(read_file(path).columns) == list(read_file(path, encoding="UTF-8").columns) == HEADER.split(",")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_gzip_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    packed = gzip.compress(b"a,x,y\n" + b"".join(b"%d,113.3,34.8\n" % (number * 7919) for number in range(2000)))
    path = tmp_path / "a.csv.gz"
    path.write_bytes(packed[: int(len(packed) * share)])
    assert refused(path).rule == "gzip"
    path.write_bytes(packed[:-4] + b"\0\0\0\1")
    assert refused(path).rule == "gzip"


def test_a_quote_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,x,y", b'1,"2,3', *[b"1,2,3"] * 10)
    assert refused(path).rule == "csv"


BIG5 = [
    ("drinking_fountains_big5.csv", 733, "場所名稱", "北水處長興淨水場淨水大樓1樓", 0),
    ("clothing_recycling_boxes_big5.csv", 1184, "團體名稱", "台北市自閉症家長協會", 1),
    ("public_toilets_family_big5.csv", 393, "公廁名稱", "捷運劍潭站(淡水信義線)", 0),
    ("green_space_adoption_big5.csv", 385, "屬性", "公園", 0),
]


@pytest.mark.parametrize(("name", "rows", "column", "value", "faults"), BIG5)
def test_real_big5_files(realdata: Path, name: str, rows: int, column: str, value: str, faults: int) -> None:
    path = realdata / "taipei" / name
    assert "Big5" in refused(path).en
    found = read_file(path, encoding="Big5")
    assert len(found) == rows and found.columns[column][0] == value and len(found.faults) == faults
    if found.placed:
        places = shapely.from_wkb(found.geometry)
        there = places[~shapely.is_missing(places)]
        assert len(there) >= rows - 1 and (shapely.get_x(there) > 121).mean() > 0.98


def test_a_real_file_with_line_breaks_in_cells(realdata: Path) -> None:
    found = read_file(realdata / "taipei" / "streetlight_repairs_2024.csv.gz")
    assert len(found) == 20_667 and not found.faults
    assert any("\n" in str(value) for values in found.columns.values() for value in values)
