"""The attribute table of a Shapefile (dBASE III), cell by cell.

GDAL reads ``nan`` as 0 and ``1.5`` in an integer field as 1, names no row, and stops at the date 20241399; here a cell
that is no number stays text, so that the field's own rule names it with its row.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from data.readers.encodings import Decoded, broken_bytes, codec, decode, decode_fault, language_codec
from data.report import FileFault, RowFault

__all__ = ["Dbf", "read_dbf"]

HEAD = 32
LANGUAGE = 29
END = b"\r"
DELETED = 0x2A
INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
TRUTH = {
    "T": True,
    "t": True,
    "Y": True,
    "y": True,
    "F": False,
    "f": False,
    "N": False,
    "n": False,
    "?": None,
    "": None,
}


@dataclass(frozen=True, slots=True)
class _Field:
    name: bytes
    kind: str
    start: int
    width: int
    decimals: int


@dataclass
class Dbf:
    """Columns by name, which of the records are alive (not marked as deleted), and what is to be told."""

    columns: dict[str, list[Any]]
    alive: list[bool]
    faults: list[RowFault]
    notes: list[str]


def read_dbf(data: bytes, declared: str | None) -> Dbf:
    """Reads a table; the encoding is the declared one, else that of the language byte, else UTF-8 or GB18030 by trial.

    Raises:
        FileFault: broken header, a kind of field that Shapefiles do not have, or no encoding fits.
    """
    if len(data) < HEAD + 1:
        raise _broken()
    count, head, width = struct.unpack("<IHH", data[4:12])
    if head < HEAD + 1 or width < 1 or len(data) < head + count * width:
        raise _broken()
    fields = _fields(data[:head], width)
    records = [data[at : at + width] for at in range(head, head + count * width, width)]
    alive = [record[0] != DELETED for record in records]
    body = b"".join(record for record, here in zip(records, alive, strict=True) if here)
    language = language_codec(data[LANGUAGE])
    name = codec(declared) if declared else language
    texts = b"\n".join([*(field.name for field in fields), *_texts(body, width, fields)])
    probe = decode(texts, name)
    if probe.broken and not probe.certain:
        raise _undecodable(body, width, fields, probe.encoding)
    notes = [probe.note] if probe.note else []
    if language and not declared:
        title = probe.encoding.upper()
        notes.append(f"按 .dbf 语言标识以 {title} 读取 / read as {title} by the language byte of the .dbf")
    if not all(alive):
        notes.append(f"{alive.count(False)} 条已标记删除的记录未读 / {alive.count(False)} deleted records left out")
    table = Dbf({}, alive, [], notes)
    stars = 0
    for field in fields:
        title = _name(field, probe)
        if title in table.columns:
            raise FileFault("dbf", f".dbf 中有两个字段“{title}”", f"two fields of the .dbf are named {title!r}", field=title, value=title)
        cells = [body[at + field.start : at + field.start + field.width] for at in range(0, len(body), width)]
        if field.kind == "C":
            table.columns[title] = _decoded(table, title, cells, probe)
        else:
            plain = [cell.decode("ascii", "backslashreplace").strip(" \x00") for cell in cells]
            stars += sum(1 for cell in plain if cell.startswith("*"))
            table.columns[title] = [_value(field, cell) for cell in plain]
    if stars:
        table.notes.append(f"{stars} 个数值单元为 ***（放不下的数），按空值读取 / {stars} cells hold *** (overflow), read as empty")
    return table


def _broken() -> FileFault:
    return FileFault("dbf", ".dbf 文件不完整或已损坏", "the .dbf is cut off or broken")


def _fields(head: bytes, width: int) -> list[_Field]:
    fields: list[_Field] = []
    start = 1
    for at in range(HEAD, len(head) - HEAD + 1, HEAD):
        piece = head[at : at + HEAD]
        if piece[:1] == END:
            break
        kind = chr(piece[11])
        size, decimals = piece[16], piece[17]
        if kind == "C":
            size, decimals = size + 256 * decimals, 0  # long texts keep the high byte here
        name = piece[:11].split(b"\x00", 1)[0].strip()
        if kind not in "CNFDL":
            raise FileFault(
                "dbf",
                f".dbf 字段类型“{kind}”不受支持",
                f"fields of kind {kind!r} are not taken",
                field=repr(name)[2:-1],
                value=kind,
            )
        fields.append(_Field(name, kind, start, size, decimals))
        start += size
    if start > width:
        raise _broken()
    return fields


def _texts(body: bytes, width: int, fields: list[_Field]) -> list[bytes]:
    """Returns all text cells; joined by line breaks, a character cut off at a cell's end cannot eat its neighbour."""
    return [
        body[at + field.start : at + field.start + field.width].rstrip(b" \x00")
        for field in fields
        if field.kind == "C"
        for at in range(0, len(body), width)
    ]


def _name(field: _Field, text: Decoded) -> str:
    name = field.name.decode(text.encoding, "surrogateescape")
    bad = broken_bytes(name, text.encoding)
    if bad is not None:
        raise FileFault(
            "encoding",
            f"字段名不是有效的 {text.encoding.upper()} 文字",
            f"a field name is not valid {text.encoding.upper()}",
            field=bad,
            value=bad,
        )
    return name


def _decoded(table: Dbf, title: str, cells: list[bytes], text: Decoded) -> list[Any]:
    plain = [cell.rstrip(b" \x00") for cell in cells]
    if not text.broken:
        return [cell.decode(text.encoding) or None for cell in plain]
    values: list[Any] = []
    for row, cell in enumerate(plain):
        value = cell.decode(text.encoding, "surrogateescape")
        fault = decode_fault(row + 1, title, value, text.encoding)
        if fault is not None:
            table.faults.append(fault)
        values.append(None if fault is not None or not value else value)
    return values


def _undecodable(body: bytes, width: int, fields: list[_Field], encoding: str) -> FileFault:
    """Names the first cell that is neither UTF-8 nor GB18030."""
    for row, at in enumerate(range(0, len(body), width)):
        for field in fields:
            if field.kind != "C":
                continue
            text = body[at + field.start : at + field.start + field.width].decode(encoding, "surrogateescape")
            bad = broken_bytes(text, encoding)
            if bad is not None:
                return FileFault(
                    "encoding",
                    "文字既不是 UTF-8 也不是 GB18030；请用 --encoding 指明，例如 Big5",
                    "the text is neither UTF-8 nor GB18030; name its encoding with --encoding, e.g. Big5",
                    field=field.name.decode("ascii", "backslashreplace"),
                    value=bad,
                    row=row + 1,
                )
    return FileFault(
        "encoding",
        "字段名无法解码；请用 --encoding 指明",
        "the field names cannot be decoded; name the encoding with --encoding",
    )


def _value(field: _Field, cell: str) -> Any:
    """Returns the value of a number, date or truth cell; what is none stays text for the field's rule to name."""
    if not cell or cell.startswith("*"):
        return None
    if field.kind == "L":
        return TRUTH.get(cell, cell)
    if field.kind == "D":
        return None if not cell.strip("0") else cell
    if INTEGER.fullmatch(cell):
        return int(cell)
    return float(cell) if NUMBER.fullmatch(cell) else cell
