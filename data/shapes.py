"""From a file's geometry to the storage system: which coordinate system holds, which rings cannot even be built."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.errors import ShapelyError

from data.readers.raw import RawTable
from data.report import FileFault, RowFault
from layers.model import Layer
from spatial.crs import CrsError, Source, source_crs, to_storage
from spatial.datum import Datum, DatumError, datum_of, to_cgcs2000
from spatial.gate import fault_from_gate

__all__ = ["check_datum", "datum_note", "shapes_of", "storage_shapes", "system_of", "wkt_of"]

EARTH = Geod(ellps="GRS80")
# Well-known text may name files for PROJ to open (reliability_security.md T5).
NAMES_FILES = re.compile(r"(?i)nadgrids|geoidgrids|PARAMETERFILE|EXTENSION\s*\[")
AGREES = 1e-7  # degrees, about 1 cm
SAMPLE = 20


def check_datum(datum: str | None) -> Datum:
    """Returns the datum that the person declares; none declared is CGCS2000.

    Raises:
        FileFault: an unknown one.
    """
    try:
        return datum_of(datum)
    except DatumError as error:
        raise FileFault("datum", error.zh, error.en, field="datum", value=error.value) from None


def shapes_of(layer: Layer, table: RawTable) -> tuple[NDArray[Any], list[RowFault]]:
    """Returns shapely geometries in the file's system; those that cannot be built are None and told."""
    binary = np.empty(len(table), dtype=object)
    binary[:] = table.geometry
    with np.errstate(invalid="ignore"):  # NaN is the gate's to tell
        shapes = np.asarray(shapely.from_wkb(binary, on_invalid="ignore"), dtype=object)
    faults = []
    for position in np.flatnonzero(shapely.is_missing(shapes)):
        if table.geometry[position] is None:
            continue
        answer, value = _why(table.geometry[position])
        fault = fault_from_gate(layer, answer)
        faults.append(RowFault(int(position) + 1, "geometry", value, fault.rule, fault.zh, fault.en))
    return shapes, faults


def _why(binary: bytes | None) -> tuple[str, str]:
    """Returns the gate's answer for a geometry that GEOS refuses to build, and what it is."""
    try:
        shapely.from_wkb(binary)
    except ShapelyError as error:
        reason = str(error).partition(": ")[2] or str(error)
        kind = type_name(binary or b"")
        if "closed linestring" in reason:
            return "geometry_closed", kind
        if "number of points" in reason or "point array" in reason:
            return "geometry_valid: Too few points in geometry component ", kind
        return f"geometry_unreadable: {reason}", kind
    return "geometry_unreadable: ?", ""


def type_name(binary: bytes) -> str:
    """Returns the name of the type in well-known binary.

    >>> type_name(bytes.fromhex("0103000000"))
    'POLYGON'
    """
    names = (
        "",
        "POINT",
        "LINESTRING",
        "POLYGON",
        "MULTIPOINT",
        "MULTILINESTRING",
        "MULTIPOLYGON",
        "GEOMETRYCOLLECTION",
    )
    number = int.from_bytes(binary[1:5], "little" if binary[:1] == b"\x01" else "big") & 0xFFFF
    return names[number % 1000] if number % 1000 < len(names) else ""


def system_of(table: RawTable, given: str | None, shapes: NDArray[Any], notes: list[str]) -> Source | None:
    """Returns the coordinate system that holds: the file's own, the one given, or the format's default.

    Raises:
        FileFault: missing, unknown, or the file and the person say different things.
    """
    if not table.placed:
        return None
    own = _checked(table.crs) if table.crs is not None else None
    said = _checked(given) if given is not None else None
    if own is not None and said is not None:
        if not _agree(own, said, shapes):
            raise FileFault(
                "crs_conflict",
                f"文件声明的坐标系是 {own.name}，--crs 是 {said.name}，两者不一致",
                f"the file declares {own.name}, --crs says {said.name}: they differ",
                field="crs",
                value=f"{own.name} / {said.name}",
            )
    elif own is None and said is None:
        own = _checked(table.default_crs)
        notes.append(f"文件未声明坐标系，按格式规定为 {own.name} / none declared, {own.name} by the format's rule")
    found = own or said
    if found is None:
        return None
    if found.crs.to_epsg() not in (4490, None) and found.null_shift:
        notes.append(f"{found.name} → EPSG:4490：按零平移处理（相差在几分米内） / a stated null shift (within decimetres)")
    elif not found.null_shift:
        notes.append(f"{found.name} → EPSG:4490")
    return found


def _checked(declared: str | None) -> Source:
    if declared is not None and NAMES_FILES.search(declared):
        raise FileFault(
            "crs",
            "坐标系定义引用了外部文件，不接受",
            "the coordinate system refers to files; it is not taken",
            field="crs",
            value=declared[:80],
        )
    try:
        return source_crs(declared)
    except CrsError as error:
        raise FileFault("crs", error.zh, error.en, field="crs", value=error.value) from None


def _agree(own: Source, said: Source, shapes: NDArray[Any]) -> bool:
    """Two names may mean one system: they agree when they put the file's first places within a centimetre."""
    if own.crs == said.crs:
        return True
    sample = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))][:SAMPLE]
    if not len(sample):
        return own.name == said.name
    one, two = (shapely.bounds(to_storage(sample, source)) for source in (own, said))
    return bool(np.all(np.abs(one - two) < AGREES))


def storage_shapes(shapes: NDArray[Any], source: Source | None, datum: Datum = "cgcs2000") -> NDArray[Any]:
    """Returns the geometries in EPSG:4490, two-dimensional; a declared GCJ-02 or BD-09 is taken off the degrees."""
    if source is None:
        return shapes
    moved = to_storage(shapes, source)
    if datum == "cgcs2000":
        return moved

    def shift(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_cgcs2000(xy[:, 0], xy[:, 1], datum))

    return np.asarray(shapely.transform(moved, shift), dtype=object)


def datum_note(datum: Datum, before: NDArray[Any], after: NDArray[Any]) -> str:
    """Returns what a datum change did: by how many metres the places moved, the least and the most."""
    usable = ~(shapely.is_missing(after) | shapely.is_empty(after))
    metres = np.zeros(1)
    if usable.any():
        one, two = (np.nan_to_num(shapely.bounds(shapes[usable])[:, :2]) for shapes in (before, after))
        metres = np.abs(np.asarray(EARTH.inv(one[:, 0], one[:, 1], two[:, 0], two[:, 1])[2]))
    told = f"{metres.min():.0f}–{metres.max():.0f} m"
    return f"基准 {datum} → CGCS2000，位置移动 {told} / datum {datum}, places moved by {told}"


def wkt_of(shapes: NDArray[Any], rows: Sequence[int]) -> dict[int, str]:
    """Returns rows' geometries as the file has them, for people: well-known text of at most 80 characters."""
    found = {}
    for row in rows:
        shape = shapes[row - 1]
        if shape is not None:
            found[row] = shapely.to_wkt(shapely.force_2d(shape), rounding_precision=7)[:80]
    return found
