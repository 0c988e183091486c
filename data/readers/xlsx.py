"""XLSX by openpyxl: one sheet, its first row names the columns, cells in the type they have.

openpyxl and not python-calamine: calamine reads 300,000 rows of ten columns in 2 s instead of 27 s, but hands out error
cells and formulas without a stored value as empty, and knows no number format. Nothing in the file is executed or followed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from data.readers.archive import Archive, open_archive
from data.readers.delimited import header_names, place_rows
from data.readers.formats import MOST_BYTES
from data.readers.raw import RawTable, ReadRequest, shown
from data.report import FileFault, RowFault

__all__ = ["read_xlsx"]

MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z0-9:]{1,30})"')
FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
# No entities; UTF-16 would hide them from this look, and no spreadsheet program writes it.
DOCTYPE = re.compile(rb"<!(DOCTYPE|ENTITY)")
UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
OVERLAP = 256
MOST_ROWS = 1 << 20
ZEROS = re.compile(r"0{2,}")
# Excel keeps 15 digits of a number and writes zeros for the rest: a code of 16 digits stored as a number is lost.
EXACT = 10**15


@dataclass
class _Part:
    """What one look at a part of the file tells: which cells are merged, and whether there are formulas."""

    merged: list[str] = field(default_factory=list)
    formulas: bool = False


def read_xlsx(path: Path, request: ReadRequest) -> RawTable:
    """Reads one sheet: the only visible one with content, or the one named.

    Raises:
        FileFault: broken, hostile, several sheets and none named, or no plain table.
    """
    with open_archive(path, MOST_BYTES["xlsx"]) as archive:
        parts = {name: _looked_at(archive, name) for name in archive.members}
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # drawings, validations and the like are of no use here
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            sheet = _chosen(book, request.source_layer)
            part = parts.get(sheet._worksheet_path, _Part())  # the part's name stands nowhere else
            _refuse_merged(part)
            formulas = _formulas(path, sheet.title) if part.formulas else iter(())
            return _table(sheet, formulas, request)
        except (KeyError, ValueError, TypeError, AttributeError, OSError, SyntaxError, IndexError) as error:
            raise FileFault("xlsx", "XLSX 文件不完整或已损坏", "the XLSX is cut off or broken", value=shown(str(error))) from None


def _looked_at(archive: Archive, name: str) -> _Part:
    """Unpacks a part once, counted, before any library parses it.

    Raises:
        FileFault: too large, or it declares entities.
    """
    part = _Part()
    tail = b""
    for piece in archive.pieces(name):
        window = tail + piece
        if DOCTYPE.search(window) or (not tail and piece.startswith(UTF16)):
            raise FileFault("content", f"“{name}”含有 DOCTYPE，不接受", f"{name!r} holds a DOCTYPE; it is not taken", field=name)
        part.formulas = part.formulas or FORMULA.search(window) is not None
        part.merged += [found.decode() for found in MERGED.findall(window)]
        tail = window[-OVERLAP:]
    return part


def _chosen(book: Any, wanted: str | None) -> Any:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    for sheet in sheets.values():
        sheet.reset_dimensions()  # what the file says of its size may be wrong
    if wanted is not None:
        found = [wanted] if wanted in sheets else []
    else:
        found = [title for title, sheet in sheets.items() if sheet.sheet_state == "visible" and _has_content(sheet)]
    if len(found) == 1:
        return sheets[found[0]]
    names = "、".join(found or sheets)
    if wanted is None and not found:
        raise FileFault("empty", "没有可见且有内容的工作表", "there is no visible sheet with content", value=names)
    zh = f"没有工作表“{wanted}”；有：{names}" if wanted else f"有几张工作表，请用 --source-layer 指明：{names}"
    en = f"there is no sheet {wanted!r}; there are: {names}" if wanted else f"name one sheet with --source-layer: {names}"
    raise FileFault("source_layer", zh, en, field="source_layer", value=wanted or names)


def _has_content(sheet: Any) -> bool:
    return any(value not in (None, "") for row in sheet.iter_rows(values_only=True) for value in row)


def _refuse_merged(part: _Part) -> None:
    if part.merged:
        ref = part.merged[0]
        raise FileFault(
            "xlsx_merged",
            f"有合并单元格（{ref}）：请取消合并，第一行为字段名，一行一条记录",
            f"cells are merged ({ref}): split them; the first row names the columns, one record a row",
            field=ref,
            value=ref,
        )


def _formulas(path: Path, title: str) -> Iterator[tuple[Any, ...]]:
    """Returns the rows once more with formulas for values: a formula that was never computed has no stored value."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    book[title].reset_dimensions()
    return iter(book[title].iter_rows())


def _table(sheet: Any, formulas: Iterator[tuple[Any, ...]], request: ReadRequest) -> RawTable:
    from openpyxl.utils import get_column_letter

    names: list[str] = []
    rows: list[list[Any]] = []
    faults: list[RowFault] = []
    padded = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if number > MOST_ROWS:
            raise FileFault("too_large", f"工作表超过 {MOST_ROWS} 行", f"the sheet has more than {MOST_ROWS} rows", value=sheet.title)
        computed = next(formulas, ())
        if all(cell.value is None and not _uncomputed(computed, column) for column, cell in enumerate(cells)):
            continue
        if not names:
            names = _header(cells)
            continue
        values = []
        for column, cell in enumerate(cells):
            name = names[column] if column < len(names) else get_column_letter(column + 1)
            value, fault = _value(cell, _uncomputed(computed, column))
            padded += isinstance(value, str) and cell.data_type == "n"
            if fault is None and column >= len(names) and value is not None:
                fault = ("xlsx_columns", shown(value), "表头中没有这一列", "the header has no such column")
            if fault is not None:
                faults.append(RowFault(len(rows) + 1, name, fault[1], fault[0], fault[2], fault[3]))
            values.append(None if fault else value)
        rows.append(values + [None] * (len(names) - len(values)))
    if not rows:
        raise FileFault("empty", "工作表没有数据行", "the sheet holds no rows", value=sheet.title)
    table = RawTable({name: [row[at] for row in rows] for at, name in enumerate(names)}, [None] * len(rows), faults=faults)
    table.notes.append(f"工作表“{sheet.title}” / sheet {sheet.title!r}")
    if padded:
        table.notes.append(f"{padded} 个单元格按显示格式保留前导零 / {padded} cells keep the leading zeros of their number format")
    place_rows(table, request)
    return table


def _header(cells: tuple[Any, ...]) -> list[str]:
    texts = ["" if cell.value is None else str(cell.value) for cell in cells]
    while texts and not texts[-1].strip():
        texts.pop()
    return header_names("xlsx", texts)


def _uncomputed(computed: tuple[Any, ...], column: int) -> str | None:
    """Returns the formula of a cell, or None."""
    if column >= len(computed) or computed[column].data_type != "f":
        return None
    value = computed[column].value
    return str(getattr(value, "text", value))


def _value(cell: Any, formula: str | None) -> tuple[Any, tuple[str, str, str, str] | None]:
    """Returns a cell's value, or (rule, value, sentence in Chinese, in English) of what is wrong with it."""
    value = cell.value
    if cell.data_type == "e":
        return None, ("xlsx_error", str(value), f"单元格是错误值 {value}", f"the cell holds the error {value}")
    if value is None:
        if formula is not None and cell.data_type == "n":
            return None, (
                "xlsx_formula",
                shown(formula),
                "公式没有保存计算结果；请用表格软件打开并保存",
                "the formula has no stored value; open and save the file in a spreadsheet",
            )
        return None, None
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(), None
    if isinstance(value, date | time):
        return value.isoformat(), None
    if isinstance(value, bool | str):
        return value, None
    if not isinstance(value, int | float):
        return str(value), None
    if abs(value) >= EXACT and value == int(value):
        return None, (
            "xlsx_digits",
            str(value),
            "超过 15 位的数在 Excel 中已失真；编码请存为文本",
            "Excel does not keep a number of more than 15 digits; store codes as text",
        )
    width = len(cell.number_format) if ZEROS.fullmatch(cell.number_format or "") else 0
    return (f"{value:0{width}d}" if width and isinstance(value, int) and value >= 0 else value), None
