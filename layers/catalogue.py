"""Reading the layer files into the registry.

>>> registry = load()
>>> registry.by_role("component").id
'component'
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from grid_coding.errors import BilingualError
from layers.model import Group, Layer
from layers.stream import Stream

__all__ = ["CatalogueError", "Registry", "load", "read_folder"]

GROUPS_FILE = "_groups.toml"
Model = TypeVar("Model", Group, Layer, Stream)


class CatalogueError(BilingualError):
    """A layer file is wrong; tells the file, the key and the reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"图层文件 {file}：键 {key}：{reason}", f"layer file {file}: key {key}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


@dataclass(frozen=True)
class Registry:
    """All layers of a house, in the order of the tree, and beside them the streams.

    Walking the registry yields layers only: streams have no features, tiles or tree entry.
    """

    groups: tuple[Group, ...]
    layers: Mapping[str, Layer]
    streams: Mapping[str, Stream] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers.values())

    def get(self, layer_id: str) -> Layer | None:
        """Returns the layer with this id, or None."""
        return self.layers.get(layer_id)

    def by_role(self, role: str) -> Layer:
        """Returns the layer that plays a role.

        Raises:
            KeyError: no layer plays it.
        """
        for layer in self:
            if layer.role == role:
                return layer
        raise KeyError(role)

    def has_role(self, role: str) -> bool:
        """True when a layer plays the role."""
        return any(layer.role == role for layer in self)


@lru_cache(maxsize=1)
def load() -> Registry:
    """Reads the layer files that come with the package.

    Raises:
        CatalogueError: a file is wrong.
    """
    return read_folder(resources.files("layers").joinpath("files"))


def read_folder(folder: Traversable | Path) -> Registry:
    """Reads every ``*.toml`` of a folder into a registry.

    Raises:
        CatalogueError: the first wrong file, with key and reason.
    """
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    groups: tuple[Group, ...] = ()
    found: dict[str, Layer] = {}
    streams: dict[str, Stream] = {}
    origin: dict[str, str] = {}
    for file in files:
        raw = _read(file)
        if file.name == GROUPS_FILE:
            groups = tuple(_validate(Group, file.name, item) for item in raw.get("groups", []))
            continue
        if "kind" in raw:
            stream = _validate(Stream, file.name, raw)
            _claim(origin, file.name, stream.id, stream.role)
            streams[stream.id] = stream
            continue
        layer = _validate(Layer, file.name, raw)
        _claim(origin, file.name, layer.id, layer.role)
        found[layer.id] = layer
    rank = {group.id: position for position, group in enumerate(groups)}
    for layer in found.values():
        if layer.group not in rank:
            raise CatalogueError(f"{layer.id}.toml", "group", f"“{layer.group}”不在 {GROUPS_FILE} 中 (unknown group)")
    for stream in streams.values():
        if stream.of is not None and stream.of not in {layer.role for layer in found.values()}:
            raise CatalogueError(f"{stream.id}.toml", "of", f"没有图层承担角色“{stream.of}” (no layer plays this role)")
    ordered = sorted(found.values(), key=lambda layer: (rank[layer.group], -layer.style.order, layer.id))
    return Registry(groups, {layer.id: layer for layer in ordered}, streams)


def _claim(origin: dict[str, str], file: str, name: str, role: str | None) -> None:
    """Sees to it that a file bears its id as name and takes no role that another has."""
    if name != file.removesuffix(".toml"):
        raise CatalogueError(file, "id", f"应与文件名一致，得到“{name}” (must equal the file name)")
    if role is None:
        return
    if role in origin:
        raise CatalogueError(file, "role", f"“{role}”已被 {origin[role]} 使用 (taken)")
    origin[role] = file


def _read(file: Traversable | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CatalogueError(file.name, "-", f"不是 UTF-8 文本 (not UTF-8 text, byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(file.name, "-", f"不是有效的 TOML：{error} (not valid TOML)") from None


def _validate(model: type[Model], file: str, raw: object) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "-"
        raise CatalogueError(file, key, first["msg"]) from None
