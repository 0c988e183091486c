"""Shapefiles: geometry by GDAL (which sorts rings into polygons and holes), attributes by ``dbf``.

GDAL runs with the one driver chosen (``launch.environment`` skips all others) on links with our own names: neither
the content nor the name of a file leads it elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from data.readers.dbf import read_dbf
from data.readers.formats import part_of
from data.readers.raw import RawTable, ReadRequest
from data.report import FileFault

__all__ = ["read_geometry", "read_shapefile", "told"]

MOST_PRJ = 64 << 10
# Open rings are told by our own check with their row.
EXPECTED = ("Non closed ring detected",)


def read_shapefile(path: Path, request: ReadRequest, scratch: Path) -> RawTable:
    """Reads all records that are not marked as deleted.

    Raises:
        FileFault: a part is broken, or the parts do not belong together.
    """
    parts = {suffix: part_of(path, suffix) for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg")}
    dbf, cpg, prj = parts[".dbf"], parts[".cpg"], parts[".prj"]
    if dbf is None:
        raise FileFault("shapefile_part", "缺少 .dbf", "the .dbf is missing", value=path.with_suffix(".dbf").name)
    declared = request.encoding
    if declared is None and cpg is not None:
        declared = cpg.read_bytes()[:40].decode("ascii", "replace").strip() or None
    table = read_dbf(dbf.read_bytes(), declared)
    if declared is not None and request.encoding is None:
        table.notes.append(f"按 .cpg 以 {declared} 读取 / read as {declared} by the .cpg")
    shapes, notes = _geometry(scratch, parts[".shp"], parts[".shx"])
    if len(shapes) != len(table.alive):
        raise FileFault(
            "shapefile_part",
            f".shp 有 {len(shapes)} 条记录，.dbf 有 {len(table.alive)} 条：不是同一套文件",
            f"the .shp holds {len(shapes)} records, the .dbf {len(table.alive)}: they do not belong together",
        )
    geometry = [shape for shape, alive in zip(shapes, table.alive, strict=True) if alive]
    if not geometry:
        raise FileFault("empty", "文件中没有记录", "the file holds no records")
    crs = prj.read_bytes()[:MOST_PRJ].decode("utf-8", "replace").strip() if prj is not None else None
    return RawTable(table.columns, geometry, crs=crs or None, notes=table.notes + notes, faults=table.faults)


def _geometry(scratch: Path, shp: Path | None, shx: Path | None) -> tuple[list[bytes | None], list[str]]:
    for source, name in ((shp, "input.shp"), (shx, "input.shx")):
        if source is not None:
            (scratch / name).symlink_to(source)
    broken = FileFault("shapefile", ".shp 或 .shx 已损坏，无法读取", "the .shp or .shx is broken")
    return read_geometry(scratch / "input.shp", broken)


def read_geometry(path: Path, broken: FileFault) -> tuple[list[bytes | None], list[str]]:
    """Returns the geometries of a file as GDAL reads them, and what it warned of.

    Raises:
        FileFault: ``broken``, with GDAL's word as its value.
    """
    from pyogrio import raw
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            _, _, shapes, _ = raw.read(str(path), columns=[])
        except (DataSourceError, FeatureError, GeometryError, ValueError) as error:
            broken.value = str(error)[:80]
            raise broken from None
    return list(shapes), told(said)


def told(said: Sequence[warnings.WarningMessage]) -> list[str]:
    """Returns GDAL's warnings as notes, each once."""
    texts = sorted({str(warning.message) for warning in said if not str(warning.message).startswith(EXPECTED)})
    return [f"GDAL: {text[:200]}" for text in texts]
