"""The audit log as CSV or XLSX, for people who open it in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from spatial.audit.search import HOME
from spatial.audit.words import RESULT_WORDS, action_words

__all__ = ["FORMATS", "csv_chunks", "guarded", "write_xlsx"]

FORMATS = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
HEADINGS = (
    "编号 no.", "时间 time (UTC+8)", "操作 action", "操作代码 action key", "结果 result", "账户编号 account", "账户 name", "姓名 person",
    "地址 address", "对象 object", "详情 detail", "已封存 sealed",
)  # fmt: skip
# What spreadsheets take for the beginning of a formula, in both widths (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MOST_XLSX_ROWS = 1_048_575  # of a sheet, without the heading
MOST_CELL = 32_767
CUT = " …[截断 cut]"
BOM = "\ufeff"  # Excel takes a CSV for UTF-8 only with it


def guarded(value: object) -> str:
    """Returns the text of a cell; one that a spreadsheet would compute gets a leading apostrophe.

    >>> guarded("=1+1"), guarded("＠x"), guarded(-5), guarded("case/17"), guarded(None)
    ("'=1+1", "'＠x", "'-5", 'case/17', '')
    """
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_chunks(pages: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yields the file piece by piece: byte order mark and heading, then a page of rows each."""
    yield BOM.encode() + _lines([HEADINGS])
    for page in pages:
        yield _lines([_cells(row) for row in page])


def write_xlsx(pages: Iterable[Sequence[Any]], target: Path | BinaryIO) -> int:
    """Writes a workbook row by row and returns the number of rows; a sheet that is full is followed by another."""
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    sheet = _sheet(book)
    rows = 0
    try:
        for row in (row for page in pages for row in page):
            if rows and rows % MOST_XLSX_ROWS == 0:
                sheet = _sheet(book)
            # XML has no place for control characters; they are shown, not dropped
            cells = (ILLEGAL_CHARACTERS_RE.sub(lambda found: f"\\x{ord(found[0]):02x}", cell) for cell in _cells(row))
            sheet.append([cell if len(cell) <= MOST_CELL else cell[: MOST_CELL - len(CUT)] + CUT for cell in cells])
            rows += 1
    except BaseException:
        for begun in book.worksheets:
            begun.close()
        raise
    book.save(target)
    return rows


def _sheet(book: Any) -> Any:
    sheet = book.create_sheet(f"审计 audit {len(book.worksheets) + 1}")
    sheet.freeze_panes = "A2"
    for column, width in zip("ABCDEFGHIJK", (9, 24, 18, 18, 9, 9, 16, 12, 16, 30, 60), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.append(HEADINGS)
    return sheet


def _cells(row: Any) -> list[str]:
    zh, en = action_words(row.action)
    result_zh, result_en = RESULT_WORDS[row.result]
    at = row.at.astimezone(HOME).replace(tzinfo=None)
    facts = json.dumps(row.detail, ensure_ascii=False)
    values = (
        row.id, at.isoformat(" ", "milliseconds"), f"{zh} {en}" if zh != en else zh, row.action, f"{result_zh} {result_en}", row.actor,
        row.actor_name, row.actor_title, row.address, row.object, facts, "是 yes" if row.sealed else "否 no",
    )  # fmt: skip
    return [guarded(value) for value in values]


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
