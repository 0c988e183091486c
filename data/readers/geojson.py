"""GeoJSON by the standard library: GDAL drops what it does not understand, and stops at ``1e999`` without naming a row.

Coordinates go into well-known binary as they stand (an open ring stays open), so the same checks meet every format.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from data.readers.encodings import Decoded, broken_bytes, decode, decode_fault
from data.readers.raw import RawTable, ReadRequest, shown
from data.report import FileFault, RowFault
from grid_coding.errors import BilingualError

__all__ = ["read_geojson"]

# type -> (number in well-known binary, depth of the coordinate array: 0 = one position)
TYPES = {
    "Point": (1, 0),
    "LineString": (2, 1),
    "Polygon": (3, 2),
    "MultiPoint": (4, 1),
    "MultiLineString": (5, 2),
    "MultiPolygon": (6, 3),
}
COLLECTION = 7
CRS84 = "OGC:CRS84"
CRS_NAME = re.compile(
    r"(?i)(?:urn:(?:x-)?ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?(EPSG|OGC)[:/]+(?:[0-9.]+)?[:/]*(CRS84|\d{4,6})"
)
LONE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
FLAT = "坐标多于两个数，只取前两个 / ordinates beyond the second are not kept"


class _Unreadable(BilingualError):
    """A geometry that cannot be written as binary: its rule and the piece that is wrong."""

    def __init__(self, rule: str, value: object, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule
        self.value = value


def read_geojson(data: bytes, request: ReadRequest) -> RawTable:
    """Reads a FeatureCollection or a Feature.

    Raises:
        FileFault: not JSON, not GeoJSON, or nothing in it.
    """
    text = decode(data, request.encoding, guesses=("utf-8",))  # RFC 8259 §8.1: JSON is UTF-8
    document = _parse(text)
    features = _features(document)
    table = RawTable({}, [None] * len(features), default_crs=CRS84)
    table.crs, table.default_crs = _crs(document)
    flat = 0
    doubtful = text.broken or LONE_ESCAPE.search(text.text) is not None
    for position, feature in enumerate(features):
        row = position + 1
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            table.faults.append(RowFault(row, "", shown(feature), "feature", "不是 GeoJSON 要素（Feature）", "not a GeoJSON Feature"))
            continue
        properties = feature.get("properties") or {}
        if not isinstance(properties, dict):
            table.faults.append(
                RowFault(
                    row,
                    "properties",
                    shown(properties),
                    "feature",
                    "properties 应为对象",
                    "properties must be an object",
                )
            )
            properties = {}
        if "id" in feature:
            properties = {"id": feature["id"], **properties}
        for name, value in properties.items():
            kept = _checked(table, row, name, value, text) if doubtful else value
            if name not in table.columns:
                table.columns[name] = [None] * len(features)
            table.columns[name][position] = kept
        try:
            table.geometry[position], more = _binary(feature.get("geometry"))
            flat += more
        except _Unreadable as broken:
            table.faults.append(RowFault(row, "geometry", shown(broken.value), broken.rule, broken.zh, broken.en))
    if flat:
        table.notes.append(f"{flat} 个要素的{FLAT} ({flat} features)")
    return table


def _parse(text: Decoded) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise FileFault("json", f"同一对象中“{twice}”出现两次", f"{twice!r} stands twice in one object", field=twice)
        return found

    try:
        return json.loads(text.text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        near = text.text[max(0, error.pos - 20) : error.pos + 20]
        if text.broken:
            raise FileFault(
                "encoding",
                "文件不是 UTF-8 文字；请用 --encoding 指明编码",
                "the file is not UTF-8; name its encoding with --encoding",
                value=shown(repr(near.encode(text.encoding, "surrogateescape"))[2:-1]),
            ) from None
        raise FileFault(
            "json",
            f"不是有效的 JSON：第 {error.lineno} 行第 {error.colno} 列",
            f"not valid JSON: line {error.lineno} column {error.colno}",
            value=shown(near),
        ) from None
    except FileFault:
        raise
    except RecursionError:
        raise FileFault("json", "JSON 嵌套过深", "the JSON is nested too deeply") from None
    except ValueError:  # an integer of more than 4300 digits
        raise FileFault("json", "JSON 中有过长的数", "the JSON holds a number that is too long") from None


def _features(document: Any) -> list[Any]:
    kind = document.get("type") if isinstance(document, dict) else None
    features = document.get("features") if kind == "FeatureCollection" else [document] if kind == "Feature" else None
    if not isinstance(features, list):
        raise FileFault(
            "geojson",
            "不是 GeoJSON：应为 FeatureCollection 或 Feature",
            "not GeoJSON: a FeatureCollection or Feature is expected",
            field="type",
            value=shown(kind),
        )
    if not features:
        raise FileFault("empty", "文件中没有要素", "the file holds no features")
    return features


def _crs(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Returns (declared, default): the old ``crs`` member, else CRS84 (RFC 7946 §4); ``null`` = none is known."""
    if "crs" not in document:
        return None, CRS84
    member = document["crs"]
    if member is None:
        return None, None
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    match = CRS_NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise FileFault(
            "crs",
            "无法识别文件声明的坐标系（crs）",
            "the coordinate system that the file declares (crs) is not known",
            field="crs",
            value=shown(name if name is not None else member),
        )
    return f"{match[1].upper()}:{match[2].upper()}", None


def _checked(table: RawTable, row: int, name: str, value: Any, text: Decoded) -> Any:
    """Returns the value, or None and a fault when its bytes could not be decoded."""
    bad = broken_bytes(name, text.encoding)
    if bad is not None:
        raise FileFault("encoding", "属性名不是有效的文字", "a property name is not valid text", field=bad, value=bad, row=row)
    if not isinstance(value, str):
        return value
    fault = decode_fault(row, name, value, text.encoding)
    if fault is None:
        return value
    table.faults.append(fault)
    return None


def _binary(geometry: Any) -> tuple[bytes | None, bool]:
    """Returns well-known binary and whether ordinates were left out."""
    if geometry is None:
        return None, False
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == "GeometryCollection" and isinstance(geometry.get("geometries"), list):
        members = [_binary(member) for member in geometry["geometries"]]
        body = b"".join(member for member, _ in members if member is not None)
        return struct.pack("<BII", 1, COLLECTION, len(members)) + body, any(more for _, more in members)
    if kind not in TYPES:
        raise _Unreadable("geometry_unreadable", kind, f"未知的几何类型“{shown(kind)}”", f"unknown geometry type {shown(kind)!r}")
    number, depth = TYPES[kind]
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list):
        raise _Unreadable("geometry_unreadable", coordinates, "缺少坐标（coordinates）", "the coordinates are missing")
    more: list[bool] = []
    return _write(number, depth, coordinates, more), any(more)


def _write(number: int, depth: int, coordinates: list[Any], more: list[bool]) -> bytes:
    head = struct.pack("<BI", 1, number)
    if depth == 0:
        return head + (_positions([coordinates], more) if coordinates else struct.pack("<dd", np.nan, np.nan))
    count = struct.pack("<I", len(coordinates))
    if number == 2:
        return head + count + _positions(coordinates, more)
    if number == 3:
        return head + count + b"".join(struct.pack("<I", len(_list(ring))) + _positions(ring, more) for ring in coordinates)
    return head + count + b"".join(_write(number - 3, depth - 1, _list(part), more) for part in coordinates)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Unreadable(
            "geometry_unreadable",
            value,
            f"坐标层次不对：{shown(value)}",
            f"wrong nesting of coordinates: {shown(value)}",
        )
    return value


def _positions(points: list[Any], more: list[bool]) -> bytes:
    """Returns the first two ordinates of every position as doubles.

    Raises:
        _Unreadable: a position is not two finite numbers.
    """
    try:
        flat = [value for point in points for value in (point[0], point[1])]
        if set(map(type, flat)) <= {int, float}:
            numbers = np.array(flat, dtype="<f8")
            if np.isfinite(numbers).all():
                more.append(max(map(len, points), default=2) > 2)
                return numbers.tobytes()
    except (TypeError, IndexError, KeyError, OverflowError):
        pass
    for point in points:
        pair = point[:2] if isinstance(point, list) else None
        if pair is None or len(pair) < 2 or not all(type(value) in (int, float) for value in pair):
            raise _Unreadable(
                "geometry_unreadable",
                point,
                f"坐标应为两个数，得到 {shown(point)}",
                f"a position is two numbers, got {shown(point)}",
            )
        if not all(abs(value) <= sys.float_info.max for value in pair):
            raise _Unreadable(
                "geometry_finite",
                point,
                f"坐标不是有限数：{shown(point)}",
                f"a coordinate is not a finite number: {shown(point)}",
            )
    raise _Unreadable("geometry_unreadable", points, "坐标无法解析", "the coordinates cannot be read")
