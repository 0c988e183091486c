"""Cloud Optimized GeoTIFFs: one layout for every raster we keep, whole or not there at all.

DEFLATE with predictor, tiles of 512 pixels, overviews inside the file, so that a tile server reads it by ranges.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Bounds", "finish", "publish", "staging", "write_cog"]

BLOCK = 512
Bounds = tuple[float, float, float, float]


def write_cog(path: Path, values: NDArray[Any], place: Any, crs: str, nodata: float | None) -> Path:
    """Writes an array as a Cloud Optimized GeoTIFF, under a temporary name first.

    Args:
        values: shape (rows, columns) or (bands, rows, columns), north at the top; NaN stays NaN.
        place: bounds (west, south, east, north), or the affine transform of the upper left pixel, in ``crs``.
        crs: ``EPSG:n`` or well-known text.

    Raises:
        ValueError: the array has another shape.
    """
    import rasterio
    from rasterio.transform import from_bounds

    bands = values[None] if values.ndim == 2 else values
    if bands.ndim != 3 or 0 in bands.shape:
        raise ValueError(f"an array of (rows, columns) or (bands, rows, columns) is wanted, got {values.shape}")
    count, height, width = bands.shape
    transform = from_bounds(*place, width, height) if len(place) == 4 else place
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": count, "dtype": bands.dtype.name, "crs": crs,
        "transform": transform, "nodata": nodata, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "if_safer",
    }  # fmt: skip
    with staging(path) as folder:
        with rasterio.open(folder / "plain.tif", "w", **profile) as plain:
            plain.write(bands)
        finish(folder / "plain.tif", folder / "cog.tif")
        publish(folder / "cog.tif", path)
    return path


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """A folder beside the target for what is not finished; it goes away whatever happens."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as name:
        yield Path(name)


def publish(made: Path, target: Path) -> None:
    """Gives a finished file its name; it is on the disk before it has it."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.chmod(0o644)
    made.replace(target)


def finish(plain: Path, cog: Path) -> None:
    """Copies a GeoTIFF pixel by pixel into the layout of a Cloud Optimized GeoTIFF.

    Overviews of single-band integers and of palettes take the nearest pixel: the mean of two classes is no class.
    """
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.shutil import copy

    with rasterio.open(plain) as source:
        classes = source.count == 1 and np.issubdtype(np.dtype(source.dtypes[0]), np.integer)
        nearest = classes or ColorInterp.palette in source.colorinterp
        copy(
            source, cog, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES", BLOCKSIZE=str(BLOCK), BIGTIFF="IF_SAFER",
            OVERVIEWS="IGNORE_EXISTING", OVERVIEW_RESAMPLING="NEAREST" if nearest else "AVERAGE",
        )  # fmt: skip
