"""Rasters into the store: GeoTIFF or NetCDF to a Cloud Optimized GeoTIFF with the source's own pixels and system.

Nothing is resampled. Axes that run the other way, and NetCDF axes in the order (longitude, latitude), are turned
and said; all else that does not fit is refused by name.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Geod

from data.cog import Bounds, publish, staging, write_cog
from data.readers.launch import RASTER, run_child
from data.readers.raw import RawTable
from data.report import FileFault
from data.shapes import storage_shapes, system_of
from spatial.crs import Source

__all__ = ["RasterMade", "store_raster", "write_cog"]

MAGIC = {
    b"II*\x00": "geotiff",
    b"MM\x00*": "geotiff",
    b"II+\x00": "geotiff",
    b"MM\x00+": "geotiff",
    b"CDF\x01": "netcdf",
    b"CDF\x02": "netcdf",
    b"CDF\x05": "netcdf",
    b"\x89HDF": "netcdf",
}
EXTENSIONS = {".tif": "geotiff", ".tiff": "geotiff", ".nc": "netcdf", ".nc4": "netcdf"}
EDGE = 16  # pieces of an edge when bounds are moved: edges bend
GRS80 = Geod(ellps="GRS80")


@dataclass(frozen=True, slots=True)
class RasterMade:
    """A raster in the store.

    Attributes:
        crs: name of the system that the pixels lie in, the source's own.
        bbox4490: west, south, east, north in degrees.
        resolution_m: side of the square that has the ground area of the pixel in the middle, metres.
        minimum, maximum: of all bands, as stored, without nodata; None when there is nothing else.
    """

    path: Path
    width: int
    height: int
    bands: int
    dtype: str
    crs: str
    bbox4490: Bounds
    resolution_m: float
    nodata: float | None
    minimum: float | None
    maximum: float | None
    seconds: float
    notes: list[str] = field(default_factory=list)


def store_raster(
    source: Path, target: Path, *, crs: str | None = None, envelope: Bounds | None = None, variable: str | None = None
) -> RasterMade:
    """Turns a foreign raster into a Cloud Optimized GeoTIFF; the target is written whole or not at all.

    Args:
        crs: the system, when the file names none; a contradiction is an error.
        envelope: west, south, east, north of the city in EPSG:4490; a raster that does not touch it is refused.
        variable: of a NetCDF with several.

    Raises:
        FileFault: not there, in disguise, broken, not placed, without system, outside the city, or too large.
    """
    started = time.perf_counter()
    kind = _kind(source)
    request = {"path": str(source.resolve()), "format": kind, "variable": variable}
    found = _ask(request | {"task": "describe"})
    notes: list[str] = []
    system, bounds = _system(found, crs, notes)
    swap = envelope is not None and _check_place(system, bounds, envelope, kind == "netcdf", notes)
    turn = _turn(found, swap, notes)
    if found["scaled"]:
        notes.append("像元按原样保存，比例与偏移写在文件里 / pixels as stored, scale and offset stand in the file")
    ground = _ground(_swapped(bounds) if swap else bounds, system)
    with staging(target) as folder:
        wkt = system.crs.to_wkt()
        span = _ask(request | turn | {"task": "convert", "swap": swap, "crs": wkt, "folder": str(folder)})
        publish(folder / "cog.tif", target)
    width, height = (found["height"], found["width"]) if swap else (found["width"], found["height"])
    return RasterMade(
        target, width, height, found["bands"], found["dtype"], system.name, _rounded(ground), _resolution(ground, width, height),
        found["nodata"], span["minimum"], span["maximum"], round(time.perf_counter() - started, 3), notes,
    )  # fmt: skip


def _ask(task: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="wanmi-raster-") as name:
        return run_child("data.readers.raster", task, Path(name), RASTER)


def _kind(path: Path) -> str:
    """Returns the format: by the name, confirmed by the first bytes.

    Raises:
        FileFault: not there, not on the list, or in disguise.
    """
    kind = EXTENSIONS.get(path.suffix.lower())
    if kind is None:
        raise FileFault(
            "format", "不支持这种栅格；可用：.tif、.tiff、.nc、.nc4", "rasters are taken as .tif, .tiff, .nc, .nc4", value=path.name
        )
    if not path.is_file():
        raise FileFault("file_missing", f"找不到文件 {path.name}", f"there is no file {path.name}", value=str(path))
    with path.open("rb") as file:
        head = file.read(24)
    if not head:
        raise FileFault("empty", "文件是空的", "the file is empty", value=path.name)
    if MAGIC.get(head[:4]) != kind:
        title = {"geotiff": "GeoTIFF", "netcdf": "NetCDF"}[kind]
        shown = repr(head)[2:-1]
        raise FileFault("content", f"文件内容不是 {title}；未打开", f"the content is not {title}; it was not opened", value=shown)
    return kind


def _bounds(found: dict[str, Any]) -> Bounds:
    a, _, c, _, e, f = found["transform"]
    xs, ys = sorted((c, c + a * found["width"])), sorted((f, f + e * found["height"]))
    return xs[0], ys[0], xs[1], ys[1]


def _swapped(bounds: Bounds) -> Bounds:
    west, south, east, north = bounds
    return south, west, north, east


def _system(found: dict[str, Any], crs: str | None, notes: list[str]) -> tuple[Source, Bounds]:
    """Returns the system that holds, by the rules of vector files, and the bounds in it."""
    bounds = _bounds(found)
    place = np.array([shapely.box(*bounds)], dtype=object)
    system = system_of(RawTable({}, [None], crs=found["crs"]), crs, place, notes)
    if system is None:
        raise FileFault("crs", "栅格没有坐标系", "the raster has no coordinate system", field="crs")
    return system, bounds


def _ground(bounds: Bounds, system: Source) -> Any:
    """Returns the outline of the raster in EPSG:4490, edges as they bend."""
    west, south, east, north = bounds
    edge = shapely.segmentize(shapely.box(*bounds), max(east - west, north - south) / EDGE)
    return storage_shapes(np.array([edge], dtype=object), system)[0]


def _rounded(shape: Any) -> Bounds:
    west, south, east, north = (round(float(value), 9) for value in shape.bounds)
    return west, south, east, north


def _touches(shape: Any, envelope: Bounds) -> bool:
    return bool(np.isfinite(shapely.get_coordinates(shape)).all()) and bool(shapely.intersects(shape, shapely.box(*envelope)))


def _check_place(system: Source, bounds: Bounds, envelope: Bounds, may_swap: bool, notes: list[str]) -> bool:
    """Returns whether the axes stand in the order (longitude, latitude), as NetCDF allows.

    Raises:
        FileFault: outside the city; the sentence says when it would lie inside with its axes swapped.
    """
    ground = _ground(bounds, system)
    if _touches(ground, envelope):
        return False
    swapped = system.crs.is_geographic and _touches(_ground(_swapped(bounds), system), envelope)
    if swapped and may_swap:
        notes.append("坐标轴为（经度，纬度）次序，已转置 / axes in the order (longitude, latitude), transposed")
        return True
    shown = ", ".join(f"{value:.6f}" for value in ground.bounds)
    if swapped:
        raise FileFault("raster_axes", "经度与纬度对调了", "longitude and latitude are swapped", field="transform", value=shown)
    raise FileFault("envelope", "栅格在城市范围之外", "the raster lies outside the city", field="bbox", value=shown)


def _turn(found: dict[str, Any], swap: bool, notes: list[str]) -> dict[str, Any]:
    """Returns which axes to reverse and the transform of the result (north up, west at the left)."""
    a, _, _, _, e, _ = found["transform"]
    west, south, east, north = _bounds(found)
    # After a transposition the source's columns are rows that must run down from the north, its rows columns from the west.
    flip_x, flip_y = (a > 0, e < 0) if swap else (a < 0, e > 0)
    if not swap and (flip_x or flip_y):
        which = "、".join(name for name, on in (("x", flip_x), ("y", flip_y)) if on)
        notes.append(f"坐标轴 {which} 方向相反，已按北上西左重排 / axis {which} runs the other way, turned north up")
    transform = [abs(e), 0.0, south, 0.0, -abs(a), east] if swap else [abs(a), 0.0, west, 0.0, -abs(e), north]
    return {"flip_x": flip_x, "flip_y": flip_y, "transform": transform}


def _resolution(ground: Any, width: int, height: int) -> float:
    area, _ = GRS80.geometry_area_perimeter(ground)
    return round(math.sqrt(abs(area) / (width * height)), 3)
