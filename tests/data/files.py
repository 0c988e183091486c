"""Makes small files for import tests, byte by byte where a library would refuse to write something wrong."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely

__all__ = ["dbf", "features", "geojson", "geopackage", "shapefile", "table", "vrt"]

SQUARE = [[113.3, 34.8], [113.31, 34.8], [113.31, 34.81], [113.3, 34.81], [113.3, 34.8]]


def features(*rows: tuple[Mapping[str, Any], Any], **members: Any) -> str:
    """A FeatureCollection; a geometry is a dict, or a list for the coordinates of a point."""
    shapes = [{"type": "Point", "coordinates": shape} if isinstance(shape, list) else shape for _, shape in rows]
    items = [{"type": "Feature", "properties": dict(values), "geometry": shape} for (values, _), shape in zip(rows, shapes, strict=True)]
    return json.dumps({"type": "FeatureCollection", **members, "features": items}, ensure_ascii=False)


def geojson(path: Path, *rows: tuple[Mapping[str, Any], Any], **members: Any) -> Path:
    """Writes a FeatureCollection."""
    path.write_text(features(*rows, **members), "utf-8")
    return path


def table(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """Writes a CSV."""
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))
    return path


def dbf(fields: Sequence[tuple[str, str, int]], rows: Sequence[Sequence[bytes]], language: int = 0) -> bytes:
    """A dBASE table; cells are bytes as they stand. A row that begins with ``None`` is marked as deleted."""
    head = 32 + 32 * len(fields) + 1
    width = 1 + sum(size for _, _, size in fields)
    data = struct.pack("<BBBBIHH17xB2x", 3, 124, 1, 1, len(rows), head, width, language)
    for name, kind, size in fields:
        data += struct.pack("<11sc4xBB14x", name.encode(), kind.encode(), size, 0)
    data += b"\r"
    for row in rows:
        gone = row[0] is None
        cells = row[1:] if gone else row
        data += b"*" if gone else b" "
        data += b"".join(cell.ljust(size)[:size] for cell, (_, _, size) in zip(cells, fields, strict=True))
    return data + b"\x1a"


def shapefile(path: Path, shapes: Sequence[Any], attributes: bytes, prj: str | None = None, cpg: str | None = None) -> Path:
    """Writes points ``(x, y)`` or rings ``[(x, y), …]`` as they stand."""
    polygons = isinstance(shapes[0], list)
    records = [_polygon(shape) if polygons else struct.pack("<I2d", 1, *shape) for shape in shapes]
    body, index, at = b"", b"", 50
    for number, record in enumerate(records, 1):
        body += struct.pack(">II", number, len(record) // 2) + record
        index += struct.pack(">II", at, len(record) // 2)
        at += 4 + len(record) // 2
    for suffix, content in ((".shp", body), (".shx", index)):
        head = struct.pack(">I20xI", 9994, (100 + len(content)) // 2)
        head += struct.pack("<II4d32x", 1000, 5 if polygons else 1, -180.0, -90.0, 180.0, 90.0)
        path.with_suffix(suffix).write_bytes(head + content)
    path.with_suffix(".dbf").write_bytes(attributes)
    for suffix, text in ((".prj", prj), (".cpg", cpg)):
        if text is not None:
            path.with_suffix(suffix).write_text(text, "ascii")
    return path


def _polygon(ring: Sequence[tuple[float, float]]) -> bytes:
    xs, ys = zip(*ring, strict=True)
    head = struct.pack("<I4dIII", 5, min(xs), min(ys), max(xs), max(ys), 1, len(ring), 0)
    return head + b"".join(struct.pack("<2d", *point) for point in ring)


def geopackage(path: Path, layer: str = "trees", crs: str | None = "EPSG:4490", **columns: Sequence[Any]) -> Path:
    """Writes points along a line by GDAL."""
    count = len(next(iter(columns.values())))
    points = shapely.points(113.3 + np.arange(count) / 1000, np.full(count, 34.8))
    pyogrio.raw.write(
        str(path), shapely.to_wkb(points), [np.array(values) for values in columns.values()], list(columns),
        geometry_type="Point", crs=crs, driver="GPKG", layer=layer, append=path.exists(),
    )  # fmt: skip
    return path


def vrt(path: Path, target: Path) -> Path:
    """A file that tells GDAL to read another one."""
    path.write_text(
        f"<OGRVRTDataSource><OGRVRTLayer name='{target.stem}'><SrcDataSource>{target}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    return path
