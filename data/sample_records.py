"""What the sample city says of itself on the city page: a dataset for each layer and stream, and its terrain."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from pyproj import Transformer
from sqlalchemy import Connection

from data.cog import Bounds, write_cog
from data.making import LayerFile, Order
from data.sample.relief import make_relief
from layers.model import Layer
from layers.stream import Stream
from spatial.datasets import Dataset, DatasetKind, record_dataset

__all__ = ["Tally", "record_layer", "store_terrain"]

SOURCE, LICENCE = "万米示范数据生成器 Wanmi sample generator", "CC0-1.0"
TERRAIN_TITLE = ("数字高程模型", "Digital elevation model")


@dataclass
class Tally:
    """Rows, extent and seconds of a layer while it is loaded."""

    rows: int = 0
    seconds: float = 0.0
    extent: Bounds | None = None

    def add(self, file: LayerFile, seconds: float) -> None:
        """Takes in one file."""
        self.rows += file.rows
        self.seconds += seconds
        if file.bounds is not None:
            west, south, east, north = self.extent or file.bounds
            w, s, e, n = file.bounds
            self.extent = (min(west, w), min(south, s), max(east, e), max(north, n))


def record_layer(connection: Connection, order: Order, layer: Layer | Stream, tally: Tally) -> None:
    """Records the dataset of a layer or stream."""
    kind: DatasetKind = "layer" if isinstance(layer, Layer) else "stream"
    record_dataset(
        connection,
        order.city,
        Dataset(
            layer.id, kind, layer.title.zh, layer.title.en, layer=layer.id, source=SOURCE, licence=LICENCE, recipe=_recipe(order),
            read=tally.rows, written=tally.rows, extent=tally.extent, seconds=round(tally.seconds, 3),
        ),
    )  # fmt: skip


def store_terrain(order: Order, folder: Path) -> Dataset:
    """Makes the terrain, writes it under a new name into the raster folder and returns its dataset."""
    began = time.monotonic()
    relief = make_relief(order.size, order.seed)
    name = f"{order.city.key}/terrain-{uuid.uuid4().hex[:8]}.tif"
    write_cog(folder / name, relief.values, relief.transform, relief.crs, None)
    rows, columns = relief.values.shape
    cell, _, west, _, _, north = relief.transform
    east, south = west + columns * cell, north - rows * cell
    extent = Transformer.from_crs(relief.crs, 4490, always_xy=True).transform_bounds(west, south, east, north)
    metadata = {
        "width": columns, "height": rows, "bands": 1, "dtype": relief.values.dtype.name, "crs": relief.crs, "resolution_m": cell,
        "nodata": None, "minimum": round(float(relief.values.min()), 2), "maximum": round(float(relief.values.max()), 2),
    }  # fmt: skip
    return Dataset(
        "terrain", "raster", *TERRAIN_TITLE, source=SOURCE, licence=LICENCE, recipe=_recipe(order), extent=extent, path=name,
        metadata=metadata, seconds=round(time.monotonic() - began, 3),
    )  # fmt: skip


def _recipe(order: Order) -> str:
    return f"sample {order.size}"
