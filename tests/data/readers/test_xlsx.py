"""XLSX: cells in the type they have; what a spreadsheet hides (errors, formulas, lost digits, merged cells) is named."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import shapely

from data.readers.launch import read_file
from data.report import FileFault

HEADER = ["编码", "名称", "经度", "纬度"]


def book(path: Path, *rows: list[Any], change: Callable[[Any], None] | None = None, **sheets: list[list[Any]]) -> Path:
    made = openpyxl.Workbook()
    made.active.title = "部件"
    for title, content in ({"部件": list(rows)} | sheets).items():
        sheet = made["部件"] if title == "部件" else made.create_sheet(title)
        for row in content:
            sheet.append(row)
    if change is not None:
        change(made)
    made.save(path)
    return path


def patched(path: Path, part: str, old: str, new: str) -> Path:
    """Changes the text of one part, as openpyxl would never write it."""
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    assert old.encode() in content[part]
    content[part] = content[part].replace(old.encode(), new.encode(), 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def refused(path: Path, **more: Any) -> FileFault:
    with pytest.raises(FileFault) as told:
        read_file(path, **more)
    return told.value


def test_cells_come_in_their_type(tmp_path: Path) -> None:
    def formats(made: Any) -> None:
        made["部件"]["B3"].number_format = "000000"

    path = book(
        tmp_path / "a.xlsx",
        ["编码", "补零", "数", "日期", "时间", "几点", "对"],
        ["0012", 7, 12.5, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 10, 5), dt.time(8, 30), True],
        ["410106", 12, 3, dt.datetime(1900, 3, 1), dt.datetime(2024, 7, 1, 0, 0, 1), None, False],
        change=formats,
    )
    found = read_file(path)
    assert found.columns == {
        "编码": ["0012", "410106"],
        "补零": [7, "000012"],
        "数": [12.5, 3],
        "日期": ["2024-02-29", "1900-03-01"],
        "时间": ["2024-02-29T10:05:00", "2024-07-01T00:00:01"],
        "几点": ["08:30:00", None],
        "对": [True, False],
    }
    assert not found.placed and not found.faults
    assert any("1 cells keep the leading zeros" in note for note in found.notes)


def test_coordinates_as_numbers_and_as_text(tmp_path: Path) -> None:
    rows = [HEADER, ["1", "槐", 113.3, 34.8], ["2", "柳", "113.31", " 34.81 "], ["3", "榆", None, None], ["4", "桐", "东", 34.8]]
    found = read_file(book(tmp_path / "a.xlsx", *rows))
    assert shapely.to_wkt(shapely.from_wkb(found.geometry[:2])).tolist() == ["POINT (113.3 34.8)", "POINT (113.31 34.81)"]
    assert found.geometry[2:] == [None, None] and found.used == ["经度", "纬度"]
    assert [(fault.row, fault.field, fault.rule) for fault in found.faults] == [(4, "经度", "coordinate")]
    named = read_file(book(tmp_path / "b.xlsx", ["n", "东", "北"], ["a", 1, 2]), x="东", y="北")
    assert named.used == ["东", "北"] and named.geometry[0] is not None


def test_rows_count_without_empty_ones(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [], HEADER, ["1", "槐", 1, 2], [], ["2", "柳", "x", 2], [None, "", None, None])
    found = read_file(path)
    assert found.columns["编码"] == ["1", "2"]
    assert [fault.row for fault in found.faults] == [2]


def test_error_cells_are_named_by_row_and_field(tmp_path: Path) -> None:
    def errors(made: Any) -> None:
        made["部件"]["B4"].data_type = "s"
        made["部件"]["B2"].data_type = made["部件"]["B3"].data_type = "e"

    path = book(tmp_path / "a.xlsx", ["a", "b"], ["1", "#N/A"], ["2", "#DIV/0!"], ["3", "#N/A"], change=errors)
    found = read_file(path)
    assert found.columns["b"] == [None, None, "#N/A"]  # the last is text
    assert [(fault.row, fault.field, fault.value, fault.rule) for fault in found.faults] == [
        (1, "b", "#N/A", "xlsx_error"), (2, "b", "#DIV/0!", "xlsx_error"),
    ]  # fmt: skip


def test_formulas_give_their_stored_value_or_are_named(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["a", "b"], ["1", "=1+1"], ["2", "=A2"], ["3", '=HYPERLINK("http://example.invalid/")'])
    part = "xl/worksheets/sheet1.xml"
    patched(path, part, "<f>1+1</f><v></v>" if "<f>1+1</f><v></v>" in text_of(path, part) else "<f>1+1</f><v />", "<f>1+1</f><v>2</v>")
    found = read_file(path)
    assert found.columns["b"] == [2, None, None]
    assert [(fault.row, fault.field, fault.rule) for fault in found.faults] == [(2, "b", "xlsx_formula"), (3, "b", "xlsx_formula")]
    assert found.faults[0].value == "=A2"


def text_of(path: Path, part: str) -> str:
    with zipfile.ZipFile(path) as file:
        return file.read(part).decode()


def test_digits_that_excel_lost_are_named(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["code"], [4101060000000001], ["4101060000000001"], [410106000000001])
    found = read_file(path)
    assert found.columns["code"] == [None, "4101060000000001", 410106000000001]
    assert [(fault.row, fault.rule, fault.value) for fault in found.faults] == [(1, "xlsx_digits", "4101060000000001")]


@pytest.mark.parametrize("ref", ["A1:B1", "A2:A3"])
def test_merged_cells_are_refused(tmp_path: Path, ref: str) -> None:
    path = book(tmp_path / "a.xlsx", ["表", None], ["a", "b"], [1, 2], change=lambda made: made["部件"].merge_cells(ref))
    assert (refused(path).rule, refused(path).value) == ("xlsx_merged", ref)


def test_the_header_names_every_column_once(tmp_path: Path) -> None:
    assert refused(book(tmp_path / "a.xlsx", ["a", None, "b"], [1, 2, 3])).rule == "xlsx_header"
    assert refused(book(tmp_path / "b.xlsx", ["a", "a"], [1, 2])).rule == "xlsx_header"
    found = read_file(book(tmp_path / "c.xlsx", ["a", "b", None], [1, 2], [3, 4, "备注"]))
    assert [(fault.row, fault.field, fault.value) for fault in found.faults] == [(2, "C", "备注")]


def test_which_sheet(tmp_path: Path) -> None:
    def hide(made: Any) -> None:
        made["隐"].sheet_state = "hidden"

    path = book(tmp_path / "a.xlsx", ["a"], ["部"], 空=[], 隐=[["a"], ["藏"]], change=hide)
    found = read_file(path)
    assert found.columns == {"a": ["部"]} and any("部件" in note for note in found.notes)
    assert read_file(path, source_layer="隐").columns == {"a": ["藏"]}
    assert refused(path, source_layer="空").rule == "empty"
    assert refused(path, source_layer="无").value == "无"
    two = book(tmp_path / "b.xlsx", ["a"], [1], 二=[["a"], [2]])
    assert (refused(two).rule, refused(two).value) == ("source_layer", "部件、二")
    assert refused(book(tmp_path / "c.xlsx")).rule == "empty"
    assert refused(book(tmp_path / "d.xlsx", ["a", "b"])).rule == "empty"


def test_a_false_statement_of_size_hides_nothing(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["a", "b"], [1, 2], [3, 4])
    found = re.search(r'<dimension ref="[^"]*"', text_of(path, "xl/worksheets/sheet1.xml"))
    assert found is not None
    patched(path, "xl/worksheets/sheet1.xml", found[0], '<dimension ref="A1"')
    assert read_file(path).columns == {"a": [1, 3], "b": [2, 4]}


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"])
def test_entities_are_refused_before_anything_is_parsed(tmp_path: Path, part: str) -> None:
    path = book(tmp_path / "a.xlsx", ["a"], [1])
    start = text_of(path, part)[:20]
    told = refused(patched(path, part, start, BOMB + start))
    assert (told.rule, told.field) == ("content", part)


def test_external_parts_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("SECRET")
    path = book(tmp_path / "a.xlsx", ["a"], [1])
    patched(path, "xl/_rels/workbook.xml.rels", "/xl/worksheets/sheet1.xml", f"file://{secret}")
    assert refused(path).rule in ("xlsx", "empty")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["a"], [1])
    patched(path, "xl/worksheets/sheet1.xml", "</worksheet>", " " * (80 << 20) + "</worksheet>")
    assert refused(path).rule == "zip_bomb"


def test_a_file_cut_off_or_in_disguise(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", HEADER, ["1", "槐", 1, 2])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert refused(path).rule == "zip"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + data)  # the old binary .xls
    assert refused(path).rule == "content"
    path.write_bytes(data)
    patched(path, "xl/worksheets/sheet1.xml", "<sheetData>", "<sheetData><row")
    assert refused(path).rule == "xlsx"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "x")
    assert refused(path).rule == "xlsx"
