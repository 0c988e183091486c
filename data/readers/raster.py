"""The child process that opens a foreign raster: ``python -m data.readers.raster SCRATCH``, the task on stdin.

``describe`` tells what a GeoTIFF or NetCDF holds, ``convert`` copies its pixels, unchanged, into a Cloud Optimized
GeoTIFF that is north up. The link that GDAL opens bears our own name, so no side file but a world file is found.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data.cog import BLOCK, finish
from data.readers.process import serve
from data.report import FileFault

__all__ = ["DRIVERS", "convert", "describe"]

DRIVERS = {"geotiff": "GTiff", "netcdf": "netCDF"}
WORLD_FILES = (".tfw", ".tifw", ".TFW")
MOST_BANDS = 64
AXES = frozenset({"lon", "lat", "longitude", "latitude", "x", "y"})
# Of a pixel; single-precision degrees are off by 1.4 % of a pixel of one second.
UNEVEN = 0.05
# What the pixels take unpacked: a small file can claim any size. The child may write 16 GiB (process.LIMITS).
MOST_BYTES = 8 << 30


def answer(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Does one task.

    Raises:
        FileFault: the raster cannot be taken.
    """
    import rasterio

    with rasterio.Env(GDAL_PAM_ENABLED="NO"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not georeferenced" is told as a fault
        with _opened(task, scratch) as source:
            return describe(source) if task["task"] == "describe" else convert(source, task)


@contextmanager
def _opened(task: dict[str, Any], scratch: Path) -> Iterator[Any]:
    import rasterio
    from rasterio.errors import RasterioError

    path, kind = Path(task["path"]), task["format"]
    link = scratch / ("input.tif" if kind == "geotiff" else "input.nc")
    link.symlink_to(path)
    if kind == "geotiff":
        world = next((path.with_suffix(suffix) for suffix in WORLD_FILES if path.with_suffix(suffix).is_file()), None)
        if world is not None:
            link.with_suffix(".tfw").symlink_to(world)
    else:
        with path.open("rb") as file:
            modern = file.read(4) == b"\x89HDF"
        if modern:
            _refuse_outside_pixels(link)
    try:
        with rasterio.open(_address(link, kind, task["variable"]), driver=DRIVERS[kind]) as source:
            if kind == "netcdf" and task["task"] == "describe":
                _refuse_uneven_axes(link, source)
            yield source
    except (RasterioError, OSError) as error:
        raise FileFault("raster", "栅格文件不完整或已损坏，无法读取", "the raster is cut off or broken", value=_last(error)) from None


def _last(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).rsplit("/", 1)[-1][:80]


def _address(link: Path, kind: str, variable: str | None) -> str:
    """Returns what GDAL is to open: the file, or the one variable of a NetCDF that is named.

    Raises:
        FileFault: there is no such variable, or several and none is named.
    """
    import rasterio

    if kind != "netcdf":
        if variable is not None:
            raise FileFault("variable", "GeoTIFF 没有变量可选", "a GeoTIFF has no variables", field="variable", value=variable)
        return str(link)
    with rasterio.open(link, driver=DRIVERS[kind]) as source:
        names = [name.rpartition(":")[2] for name in source.subdatasets]
        if not names and source.count:  # the only variable is opened at once
            names = [source.tags(1).get("NETCDF_VARNAME", "")]
    wanted = variable if variable is not None else (names[0] if len(names) == 1 else None)
    if wanted is None or wanted not in names:
        listed = "、".join(names) or "（无）"
        raise FileFault(
            "variable",
            f"NetCDF 中没有变量“{variable}”；有：{listed}" if variable else f"请指明 NetCDF 的变量；有：{listed}",
            f"there is no variable {variable!r}; there are: {listed}" if variable else f"name a variable; there are: {listed}",
            field="variable",
            value=variable or listed,
        )
    return f'NETCDF:"{link}":{wanted}'


def _refuse_outside_pixels(path: Path) -> None:
    """Refuses an HDF5 file whose values lie in other files: GDAL hands out any file of the server as pixels (tested).

    Raises:
        FileFault: external links, external storage or a virtual dataset.
    """
    import h5py

    def look(group: Any) -> Iterator[str]:
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield name
            elif isinstance(link, h5py.HardLink):
                item = group[name]
                if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                    yield name
                elif isinstance(item, h5py.Group):
                    yield from look(item)

    try:
        with h5py.File(path, "r") as file:
            outside = next(look(file), None)
    except (OSError, RuntimeError, KeyError, RecursionError) as error:
        raise FileFault("raster", "NetCDF 文件不完整或已损坏", "the NetCDF is cut off or broken", value=_last(error)) from None
    if outside is not None:
        raise FileFault(
            "content",
            f"NetCDF 的“{outside}”引用了其他文件，不接受",
            f"{outside!r} of the NetCDF refers to other files; it is not taken",
            field=outside,
        )


def _refuse_uneven_axes(link: Path, source: Any) -> None:
    """Refuses axes that are not evenly spaced: GDAL compares a few steps only and places the rest wrongly (tested).

    Raises:
        FileFault: a pixel would lie more than UNEVEN pixels off.
    """
    import rasterio
    from rasterio.errors import RasterioError

    tags = source.tags()
    extra = tags.get("NETCDF_DIM_EXTRA", "").strip("{}").split(",")
    for name in sorted({key.partition("#")[0] for key in tags if "#" in key} | AXES):
        try:
            with rasterio.open(f'NETCDF:"{link}":{name}', driver=DRIVERS["netcdf"]) as axis:
                values = axis.read(1).ravel().astype("f8")
        except RasterioError:  # no such variable
            continue
        if name in extra or len(values) not in source.shape or len(values) < 3:
            continue
        step = (values[-1] - values[0]) / (len(values) - 1)
        off = np.abs(values - (values[0] + step * np.arange(len(values))))
        if not off.max() <= UNEVEN * abs(step):
            raise FileFault(
                "raster_place",
                f"坐标轴“{name}”不是等间距的",
                f"the axis {name!r} is not evenly spaced",
                field=name,
                value=str(values[int(np.argmax(off))]),
            )


def describe(source: Any) -> dict[str, Any]:
    """Returns size, type, system and transform (six numbers: a, b, c, d, e, f).

    Raises:
        FileFault: too large, not numbers, or not placed on a regular grid.
    """
    kind = np.dtype("complex64" if source.dtypes[0].startswith("complex") else source.dtypes[0])
    if kind.kind not in "iuf" or len(set(source.dtypes)) != 1:
        raise FileFault("raster_type", "像元应为同一种实数", "pixels are real numbers of one type", value=", ".join(source.dtypes)[:80])
    if source.count > MOST_BANDS:
        raise FileFault("too_large", f"波段超过 {MOST_BANDS} 个", f"more than {MOST_BANDS} bands", value=str(source.count))
    if source.width * source.height * source.count * kind.itemsize > MOST_BYTES:
        raise FileFault(
            "too_large",
            f"栅格展开后超过 {MOST_BYTES >> 30} GB；请分幅",
            f"the raster unpacks to more than {MOST_BYTES >> 30} GB; cut it into sheets",
            value=f"{source.width} × {source.height} × {source.count} × {kind.itemsize}",
        )
    a, b, c, d, e, f = source.transform[:6]
    if source.transform.is_identity or not np.isfinite([a, b, c, d, e, f]).all() or a == 0 or e == 0:
        raise FileFault(
            "raster_place",
            "栅格没有地理定位（仿射变换或等间距的坐标轴）",
            "the raster is not placed: no affine transform and no evenly spaced axes",
        )
    if b != 0 or d != 0:
        raise FileFault("raster_rotated", "栅格带旋转，不接受", "the raster is rotated; it is not taken", value=f"{b}, {d}")
    return {
        "width": source.width, "height": source.height, "bands": source.count, "dtype": kind.name, "nodata": source.nodata,
        "crs": source.crs.to_wkt() if source.crs else None, "transform": [a, b, c, d, e, f],
        "scaled": set(source.scales) != {1.0} or set(source.offsets) != {0.0},
    }  # fmt: skip


def convert(source: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Copies the pixels, turned north up (and rows for columns where the axes were swapped); returns their range.

    Raises:
        FileFault: a block cannot be read.
    """
    import rasterio
    from rasterio.enums import ColorInterp, MaskFlags

    folder = Path(task["folder"])
    shape = (source.width, source.height) if task["swap"] else (source.height, source.width)
    profile = {
        "driver": "GTiff", "height": shape[0], "width": shape[1], "count": source.count, "dtype": source.dtypes[0],
        "crs": task["crs"], "transform": rasterio.Affine(*task["transform"]), "nodata": source.nodata,
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "if_safer",
    }  # fmt: skip
    alpha = ColorInterp.alpha in source.colorinterp
    masked = not alpha and MaskFlags.per_dataset in source.mask_flag_enums[0]
    low, high = np.inf, -np.inf
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(folder / "plain.tif", "w", **profile) as plain:
        plain.colorinterp = source.colorinterp
        _describe_bands(source, plain)
        for window in _windows(source):
            pixels, valid = source.read(window=window), source.read_masks(window=window) != 0
            kept = pixels[valid & ~np.isnan(pixels)]
            if kept.size:
                low, high = min(low, kept.min()), max(high, kept.max())
            at = _turned(window, source, task)
            plain.write(_turn(pixels, task), window=at)
            if masked:
                plain.write_mask(_turn(source.dataset_mask(window=window)[None], task)[0], window=at)
    finish(folder / "plain.tif", folder / "cog.tif")
    return {"minimum": float(low) if np.isfinite(low) else None, "maximum": float(high) if np.isfinite(high) else None}


def _describe_bands(source: Any, plain: Any) -> None:
    plain.update_tags(AREA_OR_POINT=source.tags().get("AREA_OR_POINT", "Area"))
    plain.descriptions, plain.units = source.descriptions, source.units
    plain.scales, plain.offsets = source.scales, source.offsets
    if source.count == 1 and source.colorinterp[0].name == "palette":
        plain.write_colormap(1, source.colormap(1))


def _windows(source: Any) -> Iterator[Any]:
    from rasterio.windows import Window

    step = max(BLOCK, (64 << 20) // max(1, source.width * source.count * 8) // BLOCK * BLOCK)
    for row in range(0, source.height, step):
        yield Window(0, row, source.width, min(step, source.height - row))


def _turned(window: Any, source: Any, task: dict[str, Any]) -> Any:
    """Returns where a full-width strip of the source comes to lie."""
    from rasterio.windows import Window

    row = source.height - window.row_off - window.height if task["flip_y"] else window.row_off
    return Window(row, 0, window.height, source.width) if task["swap"] else Window(0, row, window.width, window.height)


def _turn(pixels: Any, task: dict[str, Any]) -> Any:
    rows = slice(None, None, -1) if task["flip_y"] else slice(None)
    columns = slice(None, None, -1) if task["flip_x"] else slice(None)
    turned = pixels[:, rows, columns]
    return np.ascontiguousarray(turned.transpose(0, 2, 1) if task["swap"] else turned)


if __name__ == "__main__":
    serve(answer)
