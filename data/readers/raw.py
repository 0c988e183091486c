"""What a reader is asked and what it hands back: columns as the file has them, geometry as WKB, every broken row named.

The child process writes it to a scratch folder as JSON and ``.npz`` (without pickle), the parent reads it there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.report import RowFault

__all__ = ["FileFormat", "RawTable", "ReadRequest", "load_table", "save_table", "shown"]

FileFormat = Literal["shapefile", "shapefile_zip", "geopackage", "flatgeobuf", "geojson", "csv", "xlsx", "osm"]
SHOWN = 80


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What to read: the file, its format (decided by us, never sniffed) and what the person said about it."""

    path: str
    format: FileFormat
    encoding: str | None = None
    source_layer: str | None = None
    x: str | None = None
    y: str | None = None


@dataclass
class RawTable:
    """A file's rows before they are mapped to a layer.

    Attributes:
        columns: values by the file's own names: None, bool, int, float, str, and list or dict from GeoJSON.
        geometry: well-known binary by row, as drawn in the file (a ring may be open); None = no geometry.
        placed: False for a table without coordinates.
        crs: the coordinate system that the file declares: ``EPSG:n``, ``OGC:CRS84`` or well-known text.
        default_crs: what the format says when the file is silent (GeoJSON: RFC 7946 §4).
        faults: rows that could not be read as they stand.
    """

    columns: dict[str, list[Any]]
    geometry: list[bytes | None]
    placed: bool = True
    crs: str | None = None
    default_crs: str | None = None
    notes: list[str] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.geometry)


def shown(value: object) -> str:
    """Returns a value as reports show it: one line, at most 80 characters.

    >>> shown("a\\nb"), shown(None), shown([float("nan"), 1])
    ('a b', '', '[NaN, 1]')
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def save_table(table: RawTable, folder: Path) -> None:
    """Writes a table into the scratch folder."""
    shapes = table.geometry
    lengths = np.fromiter((-1 if shape is None else len(shape) for shape in shapes), np.int64, len(shapes))
    data = np.frombuffer(b"".join(shape for shape in shapes if shape is not None), np.uint8)
    np.savez(folder / "geometry.npz", lengths=lengths, data=data)
    document = {key: value for key, value in asdict(table).items() if key not in ("geometry", "columns", "faults")}
    document["faults"] = [astuple(fault) for fault in table.faults]
    with (folder / "table.json").open("w", encoding="utf-8") as file:
        file.write(json.dumps(document) + "\n")
        for name, values in table.columns.items():  # a line a column: the whole never stands in memory twice
            file.write(json.dumps([name, values]) + "\n")


def load_table(folder: Path) -> RawTable:
    """Reads back what ``save_table`` wrote."""
    with (folder / "table.json").open("r", encoding="utf-8") as file:
        document = json.loads(file.readline())
        columns: dict[str, list[Any]] = dict(json.loads(line) for line in file)
    with np.load(folder / "geometry.npz", allow_pickle=False) as arrays:
        geometry = _split(arrays["data"].tobytes(), arrays["lengths"].tolist())
    document["faults"] = [RowFault(*fault) for fault in document["faults"]]
    return RawTable(columns=columns, geometry=geometry, **document)


def _split(data: bytes, lengths: Sequence[int]) -> list[bytes | None]:
    shapes: list[bytes | None] = []
    start = 0
    for length in lengths:
        shapes.append(None if length < 0 else data[start : start + length])
        start += max(0, length)
    return shapes
