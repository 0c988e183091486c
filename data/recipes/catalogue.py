"""Reading recipe files; a recipe is checked against the registry before a file of data is opened.

>>> "taipei" in names()
True
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from data.recipes.codes import RUNNING
from data.recipes.model import Filling, Recipe, Source
from grid_coding.errors import BilingualError
from layers.catalogue import Registry

__all__ = ["RecipeError", "check_recipe", "load_recipe", "names", "read_recipe"]

SUFFIX = ".toml"


class RecipeError(BilingualError):
    """A recipe file is wrong; tells the file, the key and the reason."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"配方文件 {file}：键 {key}：{reason}", f"recipe file {file}: key {key}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


def _folder() -> Traversable:
    return resources.files("data.recipes").joinpath("files")


def names() -> list[str]:
    """Returns the ids of the recipes that come with the package."""
    return sorted(item.name.removesuffix(SUFFIX) for item in _folder().iterdir() if item.name.endswith(SUFFIX))


def load_recipe(name: str) -> Recipe:
    """Returns a recipe of the package by its id, or the one in a file of the user's when the name ends with ``.toml``.

    Raises:
        RecipeError: there is none, or it is wrong.
    """
    if name.endswith(SUFFIX):
        return read_recipe(Path(name))
    if name not in names():
        listed = "、".join(names())
        raise RecipeError(name, "-", f"没有这个配方；有：{listed} (there is no such recipe)")
    return read_recipe(_folder().joinpath(name + SUFFIX))


def read_recipe(file: Traversable | Path) -> Recipe:
    """Reads one recipe file.

    Raises:
        RecipeError: not there, not TOML, or a key is wrong.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise RecipeError(file.name, "-", "找不到文件 (there is no such file)") from None
    except UnicodeDecodeError as error:
        raise RecipeError(file.name, "-", f"不是 UTF-8 文本 (not UTF-8 text, byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(file.name, "-", f"不是有效的 TOML：{error} (not valid TOML)") from None
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise RecipeError(file.name, _named(raw, first["loc"]), first["msg"]) from None
    if recipe.id + SUFFIX != file.name:
        raise RecipeError(file.name, "id", f"应与文件名一致，得到“{recipe.id}” (must equal the file name)")
    return recipe


def _named(raw: dict[str, object], place: Iterable[int | str]) -> str:
    """Returns the place of an error with the keys of sources instead of their positions: ``source.parks.on_bad``."""
    parts: list[str] = []
    node: object = raw
    for part in place:
        node = node[part] if isinstance(node, list | dict) and _has(node, part) else None  # type: ignore[index]
        key = node.get("key") if isinstance(part, int) and isinstance(node, dict) else None
        parts.append(str(key or part))
    return ".".join(parts) or "-"


def _has(node: list[object] | dict[str, object], part: int | str) -> bool:
    return part in node if isinstance(node, dict) else isinstance(part, int) and part < len(node)


def check_recipe(recipe: Recipe, registry: Registry) -> None:
    """Checks a recipe against the layers: they are there, their fields are, and the required ones are filled.

    Raises:
        RecipeError: the first thing that is wrong.
    """
    for source in recipe.source:
        layer = registry.get(source.layer)
        where = f"source.{source.key}"
        if layer is None:
            raise RecipeError(recipe.id + SUFFIX, f"{where}.layer", f"没有图层“{source.layer}” (there is no such layer)")
        for field in source.fields:
            if field not in layer.fields:
                listed = "、".join(layer.fields)
                reason = f"图层 {layer.id} 没有字段“{field}”；有：{listed} (no such field)"
                raise RecipeError(recipe.id + SUFFIX, f"{where}.fields.{field}", reason)
        for key, attribute in layer.fields.items():
            if attribute.required and key not in source.fields:
                reason = f"没有填写必填字段“{key}”（{attribute.title.zh}） (a required field is not filled)"
                raise RecipeError(recipe.id + SUFFIX, f"{where}.fields", reason)
        _check_fillings(recipe, source)


def _check_fillings(recipe: Recipe, source: Source) -> None:
    fillings: dict[str, Filling] = dict(source.fields)
    for field, filling in fillings.items():
        if filling.template is not None and len(RUNNING.findall(filling.template)) > 1:
            where = f"source.{source.key}.fields.{field}"
            raise RecipeError(recipe.id + SUFFIX, where, "一个模板至多一个流水号 {#n} (at most one running number)")
