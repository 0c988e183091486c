"""The files of a recipe: found, and read once each, however many sources they have."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from data.readers.launch import read_file
from data.readers.raw import RawTable
from data.recipes.model import WILD, Recipe, Source
from data.report import FileFault

__all__ = ["Opened", "files_of", "missing_files"]


def files_of(source: Source, folder: Path) -> list[Path]:
    """Returns the files of a source, patterns in the order of names.

    Raises:
        FileFault: a file is not there, or nothing fits a pattern.
    """
    found: list[Path] = []
    for name in source.files:
        matching = sorted(folder.glob(name)) if WILD.search(name) else [folder / name]
        if not any(path.is_file() for path in matching):
            raise _missing(source.key, name)
        found += [path for path in matching if path.is_file()]
    return list(dict.fromkeys(found))


def missing_files(recipe: Recipe, folder: Path) -> list[FileFault]:
    """Returns a fault for every file that a recipe needs and the folder has not; nothing is read before all are there."""
    faults = []
    for source in recipe.source:
        try:
            files_of(source, folder)
        except FileFault as fault:
            faults.append(fault)
    return faults + [_missing(raster.key, raster.file) for raster in recipe.raster if not (folder / raster.file).is_file()]


def _missing(key: str, name: str) -> FileFault:
    return FileFault("file_missing", f"来源 {key}：找不到文件 {name}", f"source {key}: there is no file {name}", field=key, value=name)


class _Reading(NamedTuple):
    """What makes two readings of a file the same."""

    path: Path
    encoding: str | None
    source_layer: str | None
    x: str | None
    y: str | None


def _reading(source: Source, path: Path) -> _Reading:
    return _Reading(path, source.encoding, source.source_layer, source.x, source.y)


class Opened:
    """The files of one run. A table stays only while a source that is yet to come needs it: most files have one source."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        """Counts what will be read.

        Raises:
            FileFault: a file is not there.
        """
        self.folder = folder
        self._wanted = Counter(_reading(source, path) for source in recipe.source for path in files_of(source, folder))
        self._kept: dict[_Reading, RawTable] = {}

    def read(self, source: Source, path: Path) -> RawTable:
        """Returns the table of a file; nobody may change it.

        Raises:
            FileFault: the file cannot be taken.
        """
        key = _reading(source, path)
        table = self._kept.pop(key, None)
        if table is None:
            table = read_file(path, encoding=key.encoding, source_layer=key.source_layer, x=key.x, y=key.y)
        self._wanted[key] -= 1
        if self._wanted[key] > 0:
            self._kept[key] = table
        return table
