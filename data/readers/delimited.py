"""CSV with X and Y columns, strictly: every row has the header's columns, every coordinate is a number."""

from __future__ import annotations

import csv
import io
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

from data.readers.encodings import Decoded, decode, decode_fault
from data.readers.raw import RawTable, ReadRequest, shown
from data.report import FileFault, RowFault

__all__ = ["header_names", "place_rows", "read_delimited"]

DELIMITERS = ",;\t|"
X_NAMES = frozenset({"x", "lon", "lng", "long", "longitude", "经度", "經度", "东经", "x坐标", "x座標"})
Y_NAMES = frozenset({"y", "lat", "latitude", "纬度", "緯度", "北纬", "y坐标", "y座標"})
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"(?i)[+-]?(nan|inf|infinity)")
MOST_CELL = 1 << 20


def read_delimited(data: bytes, request: ReadRequest) -> RawTable:
    """Reads a table; rows count from 1 after the header, empty lines do not count.

    Raises:
        FileFault: encoding, header or layout make the file as a whole unreadable.
    """
    text = decode(data, request.encoding)
    delimiter = _delimiter(text.text)
    csv.field_size_limit(MOST_CELL)
    reader = csv.reader(io.StringIO(text.text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    try:
        header = header_names("csv", next(reader))
        rows = [cells for cells in reader if cells]
    except csv.Error as error:
        raise FileFault(
            "csv",
            f"第 {reader.line_num} 行不是有效的 CSV（引号或字段过长）",
            f"line {reader.line_num} is not valid CSV: {error}",
            value=str(reader.line_num),
        ) from None
    if not rows:
        raise FileFault("empty", "文件只有表头，没有数据行", "the file holds a header but no rows")
    faults = _layout_faults(header, rows)
    if text.broken:
        faults += _encoding_faults(header, rows, text)
    table = RawTable({}, [None] * len(rows), notes=[text.note] if text.note else [], faults=faults)
    for position, name in enumerate(header):
        table.columns[name] = [row[position] for row in rows]
    place_rows(table, request)
    return table


def place_rows(table: RawTable, request: ReadRequest) -> None:
    """Makes points of the coordinate columns, where there are any; rows that are told already stay without.

    Raises:
        FileFault: a column that was named is not there, or it is not clear which one is meant.
    """
    x, y = _coordinate_columns(list(table.columns), request)
    table.placed = x is not None
    if x is None or y is None:
        return
    table.used = [x, y]
    skip = {fault.row for fault in table.faults}
    for position, (east, north) in enumerate(zip(table.columns[x], table.columns[y], strict=True)):
        if position + 1 not in skip:
            table.geometry[position] = _point(table.faults, position + 1, (x, _written(east)), (y, _written(north)))


def _written(value: Any) -> str:
    return "" if value is None else str(value)


def _delimiter(text: str) -> str:
    """Returns the character that splits the header into most columns.

    >>> _delimiter('编号;名称,别名;x'), _delimiter('a\\tb')
    (';', '\\t')
    """
    first = re.split("[\r\n]", text, maxsplit=1)[0]
    return max(DELIMITERS, key=lambda mark: (len(next(csv.reader([first], delimiter=mark), [])), -DELIMITERS.index(mark)))


def header_names(rule: str, cells: Sequence[str]) -> list[str]:
    """Returns the names of the columns.

    Raises:
        FileFault: a name is missing or stands twice; its rule begins with the format's name.
    """
    names = [cell.strip() for cell in cells]
    for position, name in enumerate(names):
        if not name:
            raise FileFault(
                f"{rule}_header",
                f"表头第 {position + 1} 列没有名称",
                f"column {position + 1} of the header has no name",
                value=shown(",".join(names)),
            )
        if name in names[:position]:
            raise FileFault(f"{rule}_header", f"表头中“{name}”出现两次", f"{name!r} stands twice in the header", field=name, value=name)
    return names


def _coordinate_columns(header: Sequence[str], request: ReadRequest) -> tuple[str | None, str | None]:
    """Returns the names of the X and Y columns: as given, else by their usual names."""
    found: list[str | None] = []
    for given, option, usual in ((request.x, "--x", X_NAMES), (request.y, "--y", Y_NAMES)):
        if given is not None:
            if given not in header:
                listed = "、".join(header)
                raise FileFault(
                    "coordinate_column",
                    f"没有列“{given}”（{option}）；文件有：{listed}",
                    f"there is no column {given!r} ({option}); the file has: {listed}",
                    field=given,
                    value=given,
                )
            found.append(given)
            continue
        names = [name for name in header if name.lower() in usual]
        if len(names) > 1:
            raise FileFault(
                "coordinate_column",
                f"有几列像坐标：{'、'.join(names)}；请用 {option} 指明",
                f"several columns look like coordinates: {', '.join(names)}; name one with {option}",
                field=names[0],
                value="、".join(names),
            )
        found.append(names[0] if names else None)
    x, y = found
    if (x is None) != (y is None):
        option = "--x" if x is None else "--y"
        raise FileFault(
            "coordinate_column",
            f"只找到一个坐标列“{x or y}”；请用 {option} 指明另一个",
            f"only one coordinate column found ({x or y}); name the other with {option}",
            field=x or y,
            value=x or y,
        )
    return x, y


def _layout_faults(header: Sequence[str], rows: list[list[str]]) -> list[RowFault]:
    """Names rows with too few or too many columns and puts an empty one in their place."""
    faults = []
    wanted = len(header)
    for position, cells in enumerate(rows):
        if len(cells) != wanted:
            faults.append(
                RowFault(
                    position + 1,
                    "",
                    shown(",".join(cells)),
                    "csv_columns",
                    f"有 {len(cells)} 列，表头有 {wanted} 列",
                    f"{len(cells)} columns, the header has {wanted}",
                )
            )
            rows[position] = [""] * wanted
    return faults


def _encoding_faults(header: Sequence[str], rows: list[list[str]], text: Decoded) -> list[RowFault]:
    """Names every cell that could not be decoded and empties it.

    Raises:
        FileFault: nothing declared the encoding and none of those tried fits.
    """
    faults = []
    for position, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            fault = decode_fault(position + 1, header[column], cell, text.encoding)
            if fault is not None:
                faults.append(fault)
                cells[column] = ""
    bad = decode_fault(0, "", "".join(header), text.encoding)
    if text.certain and bad is None:
        return faults
    first = bad or faults[0]
    raise FileFault(
        "encoding",
        "文字既不是 UTF-8 也不是 GB18030（或与声明的编码不符）；请用 --encoding 指明，例如 Big5",
        "the text is neither UTF-8 nor GB18030 (or not what was declared); name it with --encoding, e.g. Big5",
        field=first.field,
        value=first.value,
        row=first.row,
    )


def _point(faults: list[RowFault], row: int, east: tuple[str, str], north: tuple[str, str]) -> bytes | None:
    """Returns a point, or None; cells that are no numbers are told. Both empty means: no place."""
    values = [text.strip() for _, text in (east, north)]
    if not any(values):
        return None
    numbers: list[float] = []
    for (name, _), value in zip((east, north), values, strict=True):
        if NUMBER.fullmatch(value) and math.isfinite(float(value)):
            numbers.append(float(value))
        elif NUMBER.fullmatch(value) or NOT_FINITE.fullmatch(value):
            faults.append(
                RowFault(
                    row,
                    name,
                    shown(value),
                    "geometry_finite",
                    f"坐标不是有限数：{value}",
                    f"a coordinate is not a finite number: {value}",
                )
            )
        else:
            faults.append(
                RowFault(
                    row,
                    name,
                    shown(value),
                    "coordinate",
                    f"坐标不是数：“{shown(value)}”",
                    f"a coordinate is not a number: {shown(value)!r}",
                )
            )
    return struct.pack("<BIdd", 1, 1, *numbers) if len(numbers) == 2 else None
