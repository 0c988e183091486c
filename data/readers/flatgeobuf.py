"""FlatGeobuf: geometry by GDAL (which verifies the buffers), attributes from the bytes (specification 3.0).

Through GDAL an integer of 17 digits beside a null becomes a float, an unsigned one of 64 bits always does, and text that
is not UTF-8 stops the file without naming the row.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.readers.encodings import decode_fault
from data.readers.raw import RawTable
from data.readers.shapefile import read_geometry
from data.report import FileFault

__all__ = ["read_flatgeobuf"]

MAGIC = 8
# Column types by number: those of fixed size, then String, Json, DateTime, Binary.
FIXED = ("<b", "<B", "<?", "<h", "<H", "<i", "<I", "<q", "<Q", "<f", "<d")
STRING, DATETIME, BINARY = 11, 13, 14
MOST_COLUMNS = 1 << 16  # a property names its column in two bytes
# Fields of the tables Header, Column, Crs and Feature by position.
HEADER_COLUMNS, HEADER_COUNT, HEADER_NODE, HEADER_CRS = 7, 8, 9, 10
COLUMN_NAME, COLUMN_TYPE = 0, 1
CRS_ORG, CRS_CODE, CRS_WKT = 0, 1, 4
FEATURE_PROPERTIES, FEATURE_COLUMNS = 1, 2
NODE_BYTES, NODE_SIZE = 40, 16
MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]00:00:00(\.0+)?")


class _Broken(Exception):
    """A part lies outside the file or is none of ours."""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a flat buffer; every offset is checked against the buffer's end."""

    data: mmap.mmap
    at: int
    end: int

    def _unpack(self, form: str, at: int) -> Any:
        if at < 0 or at + struct.calcsize(form) > self.end:
            raise _Broken
        return struct.unpack_from(form, self.data, at)[0]

    def _field(self, number: int) -> int | None:
        table = self.at - self._unpack("<i", self.at)
        place = 4 + 2 * number
        if place >= self._unpack("<H", table):
            return None
        offset = self._unpack("<H", table + place)
        return self.at + offset if offset else None

    def number(self, number: int, form: str, default: int) -> int:
        at = self._field(number)
        return default if at is None else int(self._unpack(form, at))

    def _target(self, number: int) -> int | None:
        at = self._field(number)
        return None if at is None else int(at + self._unpack("<I", at))

    def content(self, number: int) -> bytes:
        """Returns a string's or byte vector's bytes; none = empty."""
        at = self._target(number)
        if at is None:
            return b""
        size = self._unpack("<I", at)
        if at + 4 + size > self.end:
            raise _Broken
        return self.data[at + 4 : at + 4 + size]

    def table(self, number: int) -> _Table | None:
        at = self._target(number)
        return None if at is None else _Table(self.data, at, self.end)

    def tables(self, number: int) -> list[_Table]:
        at = self._target(number)
        if at is None:
            return []
        places = range(at + 4, at + 4 + 4 * self._unpack("<I", at), 4)
        return [_Table(self.data, place + self._unpack("<I", place), self.end) for place in places]


def read_flatgeobuf(path: Path, scratch: Path) -> RawTable:
    """Reads all features in the file's order.

    Raises:
        FileFault: broken or empty.
    """
    broken = FileFault("flatgeobuf", "FlatGeobuf 文件不完整或已损坏", "the FlatGeobuf is cut off or broken")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            table = _read(data)
        except _Broken:
            raise broken from None
    link = scratch / "input.fgb"
    link.symlink_to(path)
    shapes, notes = read_geometry(link, broken)
    if len(shapes) != len(table):
        broken.value = f"{len(table)} / {len(shapes)}"
        raise broken
    table.geometry = shapes
    table.notes += notes
    return table


def _read(data: mmap.mmap) -> RawTable:
    header, at = _sized(data, MAGIC)
    columns = _columns(header)
    count, node = header.number(HEADER_COUNT, "<Q", 0), header.number(HEADER_NODE, "<H", NODE_SIZE)
    features = list(_features(data, at + _index_bytes(count, node)))
    if count and count != len(features):
        raise _Broken
    if not features:
        raise FileFault("empty", "文件中没有要素", "the file holds no features")
    table = RawTable({column.name: [None] * len(features) for column in columns}, [None] * len(features), crs=_crs(header))
    for row, feature in enumerate(features, 1):
        own = _columns(feature, FEATURE_COLUMNS) or columns
        for column in own:
            if column.name not in table.columns:
                table.columns[column.name] = [None] * len(features)
        try:
            for column, value in _values(feature.content(FEATURE_PROPERTIES), own):
                table.columns[column.name][row - 1] = _told(table, row, column, value)
        except (struct.error, IndexError):
            # GDAL would stop here too, without saying where.
            raise FileFault(
                "flatgeobuf", f"第 {row} 个要素的属性无法解析", f"the attributes of feature {row} are broken", row=row
            ) from None
    return table


def _sized(data: mmap.mmap, at: int) -> tuple[_Table, int]:
    """Returns the table of a buffer with its size in front, and where the buffer ends."""
    if at + 8 > len(data):
        raise _Broken
    (size,) = struct.unpack_from("<I", data, at)
    end = at + 4 + size
    if size < 8 or end > len(data):
        raise _Broken
    (root,) = struct.unpack_from("<I", data, at + 4)
    return _Table(data, at + 4 + root, end), end


def _features(data: mmap.mmap, at: int) -> Iterator[_Table]:
    if at > len(data):
        raise _Broken
    while at < len(data):
        feature, at = _sized(data, at)
        yield feature


def _index_bytes(count: int, node: int) -> int:
    """Returns the size of the packed R-tree between header and features; 0 = there is none.

    >>> _index_bytes(1, 16), _index_bytes(17, 16), _index_bytes(5, 0)
    (80, 800, 0)
    """
    if count == 0 or node == 0:
        return 0
    total = level = count
    while level > 1 or total == count:
        level = -(-level // max(2, node))
        total += level
    return total * NODE_BYTES


def _columns(table: _Table, number: int = HEADER_COLUMNS) -> list[_Column]:
    found: dict[str, _Column] = {}
    columns = table.tables(number)
    if len(columns) > MOST_COLUMNS:
        raise _Broken
    for column in columns:
        kind = column.number(COLUMN_TYPE, "<B", 0)
        try:
            name = column.content(COLUMN_NAME).decode("utf-8")
        except UnicodeDecodeError:
            raise _Broken from None
        if kind > BINARY:
            raise _Broken
        if name in found:
            raise FileFault("flatgeobuf", f"有两个字段“{name}”", f"two fields are named {name!r}", field=name, value=name)
        found[name] = _Column(name, kind)
    return list(found.values())


def _values(data: bytes, columns: list[_Column]) -> Iterator[tuple[_Column, Any]]:
    at = 0
    while at < len(data):
        (number,) = struct.unpack_from("<H", data, at)
        column = columns[number]
        at += 2
        if column.kind < STRING:
            form = FIXED[column.kind]
            yield column, struct.unpack_from(form, data, at)[0]
            at += struct.calcsize(form)
            continue
        (size,) = struct.unpack_from("<I", data, at)
        at += 4 + size
        if at > len(data):
            raise IndexError
        yield column, data[at - size : at]


def _told(table: RawTable, row: int, column: _Column, value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    if column.kind == BINARY:
        return f"<{len(value)} bytes>"
    text = value.decode("utf-8", "surrogateescape")
    fault = decode_fault(row, column.name, text, "utf-8")
    if fault is not None:
        table.faults.append(fault)
        return None
    midnight = MIDNIGHT.fullmatch(text) if column.kind == DATETIME else None
    return midnight[1] if midnight else text  # the format has no date without time


def _crs(header: _Table) -> str | None:
    crs = header.table(HEADER_CRS)
    if crs is None:
        return None
    organization, code = crs.content(CRS_ORG).decode("utf-8", "replace"), crs.number(CRS_CODE, "<i", 0)
    if code > 0 and organization.upper() in ("", "EPSG"):
        return f"EPSG:{code}"
    return crs.content(CRS_WKT).decode("utf-8", "replace") or None
