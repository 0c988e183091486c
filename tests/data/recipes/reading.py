"""An independent reading of the real files with GDAL, and what a recipe should make of their rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyproj import Transformer

from data.recipes.model import Recipe, Source
from data.report import RecipeReport

__all__ = ["Files", "Loaded", "RawRows", "Row", "by_gdal", "rows_kept"]

TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')  # GDAL's other_tags
EQUAL_ROWS = "repair:first_of_equal_rows"
Row = dict[str, str]


@dataclass(frozen=True)
class RawRows:
    """A file's rows as GDAL reads them: cells as text, empty ones left out; shapes in degrees."""

    rows: list[Row]
    shapes: NDArray[Any]

    def column(self, name: str) -> list[str]:
        """Returns the cells of a column, ``""`` where there is none."""
        return [row.get(name, "") for row in self.rows]


def by_gdal(path: Path) -> str:
    """The name of a file for GDAL."""
    return f"/vsigzip/{path}" if path.suffix == ".gz" else str(path)


@dataclass
class Files:
    """The files of a folder, each read once."""

    folder: Path
    rows: dict[tuple[str, str | None], RawRows] = field(default_factory=dict)
    counts: dict[tuple[Path, str | None], int] = field(default_factory=dict)

    def read(self, source: Source) -> RawRows:
        """Returns the rows of a source's only file."""
        place = (source.files[0], source.source_layer)
        if place not in self.rows:
            self.rows[place] = _read(self.folder / place[0], place[1])
        return self.rows[place]

    def count(self, source: Source, path: Path) -> int:
        """Returns how many rows GDAL counts in a file."""
        place = (path, source.source_layer)
        if place not in self.counts:
            options = {"encoding": source.encoding} if source.encoding else {}
            told = pyogrio.read_info(by_gdal(path), layer=source.source_layer, force_feature_count=True, **options)
            self.counts[place] = int(told["features"])
        return self.counts[place]


@dataclass(frozen=True)
class Loaded:
    """A recipe that was run, and the files it was run on."""

    recipe: Recipe
    report: RecipeReport
    files: Files

    def source(self, key: str) -> Source:
        """Returns a source by its key."""
        return next(source for source in self.recipe.source if source.key == key)

    def raw(self, key: str) -> RawRows:
        """Returns the file of a source as GDAL reads it."""
        return self.files.read(self.source(key))

    def rows(self, key: str) -> list[Row]:
        """Returns the rows of a source that must come in."""
        found = self.raw(key)
        return [found.rows[position] for position in rows_kept(self.recipe, self.source(key), found)[0]]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _read(path: Path, layer: str | None) -> RawRows:
    """Reads a file with GDAL; tags of OpenStreetMap become columns, coordinates of a table without geometry its points."""
    meta, _, binary, values = raw.read(path, layer=layer)
    cells = zip(*values, strict=True)
    rows = [{name: shown for name, value in zip(meta["fields"], line, strict=True) if (shown := _cell(value))} for line in cells]
    for row in rows:
        row |= dict(TAG.findall(row.pop("other_tags", "")))
    if binary is None:
        return RawRows(rows, shapely.points([(float(row["XCOORD"]), float(row["YCOORD"])) for row in rows]))
    shapes = shapely.force_2d(shapely.from_wkb(binary))
    if meta["crs"] == "EPSG:25831":
        to_degrees = Transformer.from_crs(25831, 4258, always_xy=True)
        shapes = shapely.transform(shapes, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    return RawRows(rows, np.asarray(shapes, dtype=object))


def _meant(source: Source, row: Row) -> bool:
    """Tells whether a row is asked for by the source's conditions."""

    def holds(column: str, values: Sequence[Any]) -> bool:
        return row.get(column, "") in {str(value) for value in values}

    return all(holds(*item) for item in source.where.items()) and not any(holds(*item) for item in source.unless.items())


def rows_kept(recipe: Recipe, source: Source, found: RawRows) -> tuple[list[int], list[int]]:
    """Returns positions of rows that must come in, and of those that must be set aside: no code, a code or row again, outside."""
    west, south, east, north = recipe.city.bbox
    code = source.fields["code"].column if "code" in source.fields else None
    seen: set[str] = set()
    repeated: set[tuple[str, bytes]] = set()
    kept, aside = [], []
    for position, row in enumerate(found.rows):
        if not _meant(source, row):
            continue
        x0, y0, x1, y1 = found.shapes[position].bounds
        outside = x0 < west or y0 < south or x1 > east or y1 > north
        unusable = code is not None and (row.get(code, "") in seen | {""})
        seen.add(row.get(code or "", ""))
        if EQUAL_ROWS in source.on_bad:
            whole = (repr(sorted(row.items())), shapely.to_wkb(found.shapes[position]))
            unusable = unusable or whole in repeated
            repeated.add(whole)
        (aside if outside or unusable else kept).append(position)
    return kept, aside
