"""Datasets of a city: what was loaded, from which source, under which licence, how many rows came in, where it lies.

One row per source of a recipe, per imported file, per layer of a generated city, per raster. Rasters are files under the
raster folder (``spatial.settings``); their rows name them. A file is written under a new name before the row is committed and
old files go afterwards, so a row never names a file that is not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, text

from spatial.cities import City

__all__ = ["Dataset", "DatasetKind", "dataset_from_row", "datasets", "raster_files", "record_dataset", "remove_raster_files"]

DatasetKind = Literal["layer", "stream", "raster"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset of a city.

    Attributes:
        key: unique in its city; loading the same again replaces the row.
        layer: id of the layer or stream; None for a raster.
        source: the publisher. ``licence``: its name, or that none is stated.
        recipe: key of the recipe; None for a single file or a generated city.
        files: names of the files as they were found, without folders of the machine.
        extent: (west, south, east, north) in EPSG:4490 degrees; None when nothing has a place.
        path: a raster's file, relative to the raster folder.
        metadata: what goes beyond rows, e.g. a raster's size, resolution and nodata value.
    """

    key: str
    kind: DatasetKind
    title_zh: str
    title_en: str
    layer: str | None = None
    source: str | None = None
    source_url: str | None = None
    licence: str | None = None
    attribution: str | None = None
    recipe: str | None = None
    files: tuple[str, ...] = ()
    read: int = 0
    written: int = 0
    refused: int = 0
    set_aside: int = 0
    repaired: int = 0
    extent: tuple[float, float, float, float] | None = None
    path: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    loaded_at: datetime | None = None
    id: int = 0


def record_dataset(connection: Connection, city: City, dataset: Dataset) -> int:
    """Stores a dataset of a city, in place of the one with the same key, and returns its id; ``loaded_at`` becomes now."""
    values = asdict(dataset)
    west, south, east, north = dataset.extent or (None, None, None, None)
    values |= {
        "city": city.id, "files": list(dataset.files), "metadata": json.dumps(dict(dataset.metadata), ensure_ascii=False),
        "west": west, "south": south, "east": east, "north": north,
    }  # fmt: skip
    return int(connection.execute(text(INSERT), values).scalar_one())


FIELDS = (
    "kind", "layer", "title_zh", "title_en", "source", "source_url", "licence", "attribution", "recipe", "files",
    "read", "written", "refused", "set_aside", "repaired", "path", "seconds",
)  # fmt: skip
INSERT = f"""
    INSERT INTO wanmi.dataset (city, key, {", ".join(FIELDS)}, metadata, loaded_at, extent)
    VALUES (:city, :key, {", ".join(":" + name for name in FIELDS)}, CAST(:metadata AS jsonb), clock_timestamp(),
            ST_MakeEnvelope(CAST(:west AS float8), CAST(:south AS float8), CAST(:east AS float8), CAST(:north AS float8), 4490))
    ON CONFLICT (city, key) DO UPDATE SET ({", ".join(FIELDS)}, metadata, extent, loaded_at)
      = ROW ({", ".join("EXCLUDED." + name for name in FIELDS)}, EXCLUDED.metadata, EXCLUDED.extent, EXCLUDED.loaded_at)
    RETURNING id
"""
SELECT = f"""
    SELECT id, key, {", ".join(FIELDS)}, metadata, loaded_at,
           CASE WHEN extent IS NOT NULL
                THEN ARRAY[ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent)] END AS extent
    FROM wanmi.dataset WHERE city = :city ORDER BY id
"""


# The same for the request path, which reads what the right shows.
SELECT_SEEN = SELECT.replace("wanmi.dataset", "seen.dataset")


def datasets(connection: Connection, city: City) -> list[Dataset]:
    """Returns the datasets of a city in the order they were first loaded."""
    return [dataset_from_row(row) for row in connection.execute(text(SELECT), {"city": city.id}).mappings()]


def dataset_from_row(row: RowMapping | Mapping[str, Any]) -> Dataset:
    """Builds a dataset from a row of ``SELECT``."""
    extent = tuple(row["extent"]) if row["extent"] is not None else None
    return Dataset(**{**row, "files": tuple(row["files"]), "extent": extent})


def raster_files(connection: Connection, city: City) -> list[str]:
    """Returns the raster files of a city, relative to the raster folder."""
    statement = "SELECT path FROM wanmi.dataset WHERE city = :city AND path IS NOT NULL ORDER BY path"
    return list(connection.scalars(text(statement), {"city": city.id}))


def remove_raster_files(folder: Path, paths: Iterable[str]) -> None:
    """Deletes raster files and folders left empty; called after the transaction that took their rows away.

    A path that leads out of the folder is passed over.
    """
    root = folder.resolve()
    for path in paths:
        file = (root / path).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            continue
        file.unlink()
        if file.parent != root and not os.listdir(file.parent):
            file.parent.rmdir()
