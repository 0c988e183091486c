"""What a recipe file may say: the typed, checked form of ``data/recipes/files/*.toml`` (docs/recipes.md).

A recipe makes one city from many files. Every oddity of a file stands in it by name: its system and datum, its encoding, what
its values mean, which rows are meant, what happens to those that break a rule. Nothing is done that is not written there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from data.recipes.readings import RULES
from data.recipes.repairs import REPAIRS
from data.recipes.reshaping import SHAPINGS
from layers.model import Title
from spatial.datum import DatumError, datum_of

__all__ = ["CityPart", "Filling", "Origin", "RasterSource", "Recipe", "Source"]

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Scalar = str | int | float | bool
REPAIR = "repair:"
WILD = re.compile(r"[*?\[]")


class Strict(BaseModel):
    """Base of all parts of a recipe: immutable, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Origin(Strict):
    """Where data comes from and under which terms; a source without its own takes the recipe's."""

    publisher: str
    url: str | None = None
    licence: str
    attribution: str | None = None


class CityPart(Strict):
    """The city that a recipe makes. ``notice`` tells users whose codes these are: foreign cities have local codes."""

    key: Identifier
    title: Title
    prefix: str
    profile: str = "local"
    bbox: tuple[float, float, float, float] = Field(description="west, south, east, north in degrees; nothing outside is taken")
    view: tuple[float, float, float] | None = Field(None, description="start view: longitude, latitude, zoom")
    metric_srid: int = Field(0, description="EPSG of the plane system for lengths and areas; 0 = 3-degree zone by longitude")
    notice: Title
    map_number: str | None = None


def _known_rules(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in RULES:
            raise ValueError(f"没有读法“{name}” (no reading rule); 可用 known: {', '.join(sorted(RULES))}")
    return names


def _listed(value: object) -> object:
    """A single name means a list of one."""
    return (value,) if isinstance(value, str | int | float | bool) else value


class Filling(Strict):
    """How one field is filled: from a column, from several through a template, or by a constant.

    In a template ``{列}`` is a column's text, ``{#6}`` a running number of six digits that counts the rows with the same
    text before it. ``values`` translates what was read, ``""`` in it means no value; what it does not list follows ``otherwise``,
    stays as it is (``keep``), or is a fault.
    """

    column: str | None = None
    template: str | None = None
    constant: Scalar | None = None
    read: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_known_rules)] = ()
    scale: float | None = Field(None, description="factor, e.g. 25.4 for inches to mm; whole numbers are rounded")
    within: tuple[float, float] | None = Field(None, description="plausible range; a number outside it is a fault")
    values: Mapping[str, Scalar] = Field(default_factory=dict)
    otherwise: Scalar | None = Field(None, description='stands for every value that `values` does not list; "" = no value')
    keep: bool = Field(False, description="values that `values` does not list stay as they are")
    missing: Scalar | None = Field(None, description="stands where the file has no value")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.column, self.template, self.constant]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("恰好写 column、template、constant 之一 (exactly one of column, template, constant)")
        if self.constant is not None and (self.read or self.values or self.scale or self.within or self.missing is not None):
            raise ValueError("constant 不与其他键同用 (constant stands alone)")
        if self.otherwise is not None and not self.values:
            raise ValueError("otherwise 与 values 同用 (otherwise goes with values)")
        if self.keep and (not self.values or self.otherwise is not None):
            raise ValueError("keep 与 values 同用，不与 otherwise 同用 (keep goes with values, not with otherwise)")
        return self


def _filling(value: object) -> object:
    """A text alone is the name of a column."""
    return {"column": value} if isinstance(value, str) else value


Filled = Annotated[Filling, BeforeValidator(_filling)]


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or "\\" in path:
        raise ValueError(f"“{path}”应为数据目录下的相对路径 (a path below the data folder)")
    return path


DataPath = Annotated[str, AfterValidator(_inside)]


def _known_datum(value: object) -> object:
    try:
        return datum_of(value) if isinstance(value, str) else value
    except DatumError as error:
        raise ValueError(str(error)) from None


def _known_action(actions: tuple[str, ...]) -> tuple[str, ...]:
    for position, action in enumerate(actions):
        if action.startswith(REPAIR):
            if action.removeprefix(REPAIR) not in REPAIRS:
                raise ValueError(f"没有修复规则“{action}” (no such repair); 可用 known: {', '.join(REPAIR + name for name in REPAIRS)}")
        elif action not in ("refuse", "set_aside") or position != len(actions) - 1:
            raise ValueError("先写 repair:…，最后至多一个 refuse 或 set_aside (repairs first, then at most one of refuse, set_aside)")
    return actions


def _known_shaping(name: str | None) -> str | None:
    if name is not None and name not in SHAPINGS:
        raise ValueError(f"没有几何换算“{name}” (no such conversion); 可用 known: {', '.join(SHAPINGS)}")
    return name


Conditions = Mapping[str, Annotated[tuple[Scalar, ...], BeforeValidator(_listed)]]


class Source(Strict):
    """Rows of one layer from one or many files of the same layout."""

    key: Identifier
    title: Title
    files: Annotated[tuple[DataPath, ...], BeforeValidator(_listed)] = Field(min_length=1)
    layer: Identifier
    fields: Mapping[str, Filled] = Field(default_factory=dict)
    encoding: str | None = None
    crs: str | None = None
    datum: Annotated[Literal["cgcs2000", "gcj02", "bd09"], BeforeValidator(_known_datum)] = "cgcs2000"
    x: str | None = None
    y: str | None = None
    source_layer: str | None = None
    geometry: Annotated[str | None, AfterValidator(_known_shaping)] = Field(None, description="conversion of the geometry's kind")
    where: Conditions = Field(default_factory=dict, description="rows that are meant: column equal to one of the values")
    unless: Conditions = Field(default_factory=dict, description="rows that are not meant")
    area_name: Filled | None = Field(None, description="name of the district, street or community, for rows without a place")
    on_bad: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_known_action)] = ("refuse",)
    origin: Origin | None = None

    @property
    def repairs(self) -> tuple[str, ...]:
        """Named repairs in order."""
        return tuple(action.removeprefix(REPAIR) for action in self.on_bad if action.startswith(REPAIR))

    @property
    def sets_aside(self) -> bool:
        """True when rows that stay bad are set aside; else they refuse the recipe."""
        return self.on_bad[-1:] == ("set_aside",)


class RasterSource(Strict):
    """A raster for the city, kept with its own pixels and system."""

    key: Identifier
    title: Title
    file: DataPath
    crs: str | None = None
    variable: str | None = None
    origin: Origin | None = None

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        if WILD.search(self.file):
            raise ValueError("栅格只取一个文件 (a raster is one file)")
        return self


class Recipe(Strict):
    """One recipe file."""

    id: Identifier
    title: Title
    description: Title
    city: CityPart
    origin: Origin
    source: tuple[Source, ...] = ()
    raster: tuple[RasterSource, ...] = ()

    @model_validator(mode="after")
    def _keys_once(self) -> Self:
        seen: set[str] = set()
        part: Any
        for part in (*self.source, *self.raster):
            if part.key in seen:
                raise ValueError(f"{part.key}：键重复 (the key stands twice)")
            seen.add(part.key)
        if not seen:
            raise ValueError("至少一个 [[source]] 或 [[raster]] (no source)")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Files and patterns that the recipe needs, in order."""
        return tuple(dict.fromkeys([*(file for source in self.source for file in source.files), *(raster.file for raster in self.raster)]))
