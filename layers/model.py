"""What a layer file may say: the typed, checked form of ``layers/catalogue/*.toml``.

Everything that the rest of the house knows of a layer stands here (design §1.1): nothing in ``tiles/``, ``api/`` or ``web/``
names a layer, they ask the registry by role or walk it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "Attribute",
    "AttributeType",
    "CodeRule",
    "Domain",
    "DomainValue",
    "FieldSensitivity",
    "GeometryType",
    "Group",
    "Layer",
    "LayerStyle",
    "Mask",
    "Sensitivity",
    "Title",
    "ZoomStops",
]

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
AttributeType = Literal["text", "integer", "number", "boolean", "date", "datetime"]
GeometryType = Literal["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"]
Sensitivity = Literal["public", "internal", "restricted"]
FieldSensitivity = Literal["public", "internal", "restricted", "personal"]
Mask = Literal["hidden", "phone", "name"]
ZoomStops = tuple[tuple[float, float], ...]

# Columns that every layer table has; a field may not take their names.
SYSTEM_COLUMNS = frozenset({"id", "city", "area", "geom", "geom3857", "anchor", "version", "created_at", "updated_at"})


class Strict(BaseModel):
    """Base of all parts of a layer file: immutable, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(Strict):
    """A name for people in Chinese and English."""

    zh: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]


class DomainValue(Strict):
    """One permitted value of a field with its titles and, for drawing, its colour."""

    value: str
    zh: str
    en: str
    colour: Colour | None = None
    colour_dark: Colour | None = None


class Domain(Strict):
    """The permitted values of a field: listed here, or a class table of the city's code profile."""

    values: tuple[DomainValue, ...] = ()
    class_table: Literal["component", "event"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.values) == bool(self.class_table):
            raise ValueError("a domain has either values or a class_table")
        seen = [value.value for value in self.values]
        if len(seen) != len(set(seen)):
            raise ValueError("a value stands twice in the domain")
        return self


class CodeRule(Strict):
    """Which kind of standard code a field holds; checked by the city's profile (grid_coding)."""

    kind: Literal["grid", "component", "event", "area"]


class Attribute(Strict):
    """One field of a layer: column, form entry, card row, import target."""

    title: Title
    type: AttributeType = "text"
    required: bool = False
    unique: bool = False
    search: bool = False
    list: bool = Field(False, description="shown as a column of the list beside the map")
    tile_zoom: int | None = Field(None, description="smallest zoom at which tiles carry this field; None = never")
    length: int | None = Field(None, gt=0, le=10_000, description="most characters of a text")
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    domain: Identifier | None = None
    code: CodeRule | None = None
    abbreviation: str | None = Field(None, description="standard abbreviation, e.g. GLBJBSM (GB/T 47678.5-2026)")
    sensitivity: FieldSensitivity | None = Field(None, description="asks for a clearance of its own; None = as visible as the layer")
    mask: Mask = Field("hidden", description="what is shown to those without the clearance: nothing, 138****1234, 张**")
    party: bool = Field(False, description="names an organisation whose own the feature is (owner, manager, assigned to …)")
    renamed_from: Identifier | None = None

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.length is not None and self.type != "text":
            raise ValueError("length goes with type text")
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("integer", "number"):
            raise ValueError("minimum and maximum go with type integer or number")
        if (self.domain or self.code or self.search) and self.type != "text":
            raise ValueError("domain, code and search go with type text")
        if (self.mask != "hidden" or self.party) and self.type != "text":
            raise ValueError("mask and party go with type text")
        if self.mask != "hidden" and self.clearance is None:
            raise ValueError("mask goes with a sensitivity above public")
        return self

    @property
    def clearance(self) -> str | None:
        """The action that shows this field in clear (``clear_restricted``), None where reading the layer is enough."""
        return f"clear_{self.sensitivity}" if self.sensitivity not in (None, "public") else None


def _stops(value: object) -> object:
    """A single number means the same at every zoom."""
    return ((0, value),) if isinstance(value, int | float) else value


class LayerStyle(Strict):
    """How a layer is drawn; ``layers.style`` turns it into MapLibre style layers for each theme."""

    colour: Colour
    colour_dark: Colour | None = None
    outline: Colour | None = None
    outline_dark: Colour | None = None
    by: Identifier | None = Field(None, description="field whose domain colours the features")
    order: int = Field(0, description="drawing order, low = below")
    opacity: float = Field(1.0, ge=0, le=1)
    width: Annotated[ZoomStops, BeforeValidator(_stops)] = ((0, 1.0),)
    width_by: Mapping[str, float] = Field(default_factory=dict, description="factor on the width by value of `by`")
    casing: bool = Field(False, description="lines get an outline, as roads do")
    dash: tuple[float, ...] = ()
    radius: Annotated[ZoomStops, BeforeValidator(_stops)] = ((14, 3.0), (18, 6.0))
    label: Identifier | None = None
    mark: Identifier | None = Field(None, description="field written inside a point, so that colour is not the only sign")
    label_zoom: float = 14
    basemap: bool = Field(False, description="part of the ground map: on by default, drawn calmly, not clickable")


class Group(Strict):
    """A branch of the layer tree."""

    id: Identifier
    title: Title


class Layer(Strict):
    """One layer file."""

    id: Identifier
    role: Identifier | None = None
    title: Title
    description: Title | None = None
    group: Identifier
    standard: str | None = None
    geometry: tuple[GeometryType, ...] = Field(min_length=1)
    geometry_optional: bool = False
    area: Literal["place", "own_code"] = "place"
    time: Identifier | None = None
    name: Identifier = Field(description="field that names a feature for people")
    code: Identifier | None = Field(None, description="field that holds the feature's code")
    visible: bool = False
    minzoom: int = Field(0, ge=0, le=22, description="smallest zoom with tiles")
    detail_zoom: int = Field(0, ge=0, le=22, description="below it points are counted in cells instead of drawn one by one")
    maxzoom: int = Field(18, ge=0, le=22)
    sensitivity: Sensitivity = "internal"
    aggregate_by: Identifier | None = Field(None, description="field whose values are counted apart in cells")
    hidden: tuple[str, ...] = Field((), description="legend values that are switched off at first, e.g. closed cases")
    fields: Mapping[Identifier, Attribute]
    domains: Mapping[Identifier, Domain] = Field(default_factory=dict)
    style: LayerStyle
    renamed_from: Identifier | None = None

    @model_validator(mode="after")
    def _refers_to_known_names(self) -> Self:
        taken = SYSTEM_COLUMNS & set(self.fields)
        if taken:
            raise ValueError(f"fields.{min(taken)}: this name belongs to the system")
        references = {
            "name": self.name, "code": self.code, "time": self.time, "aggregate_by": self.aggregate_by,
            "style.by": self.style.by, "style.label": self.style.label, "style.mark": self.style.mark,
        }  # fmt: skip
        for key, field in references.items():
            if field is not None and field not in self.fields:
                raise ValueError(f"{key}: there is no field {field!r}")
        for key, attribute in self.fields.items():
            if attribute.domain is not None and attribute.domain not in self.domains:
                raise ValueError(f"fields.{key}.domain: there is no domain {attribute.domain!r}")
        if self.time is not None and self.fields[self.time].type not in ("date", "datetime"):
            raise ValueError(f"time: field {self.time!r} is neither date nor datetime")
        for key in filter(None, (self.aggregate_by, self.style.by)):
            domain = self.domain_of(key)
            if domain is None or not domain.values:
                raise ValueError(f"field {key!r} needs a domain with listed values to be drawn or counted by")
        drawn = self.domain_of(self.style.by) if self.style.by is not None else None
        unknown = set(self.hidden) - {value.value for value in (drawn.values if drawn else ())}
        if unknown:
            raise ValueError(f"hidden: {min(unknown)!r} is no legend value")
        if len({re.sub("^Multi", "", kind) for kind in self.geometry}) > 1 and self.detail_zoom:
            raise ValueError("detail_zoom goes with point layers only")
        return self

    def domain_of(self, field: str) -> Domain | None:
        """Returns the domain of a field, if it has one."""
        name = self.fields[field].domain
        return self.domains[name] if name is not None else None

    @property
    def parties(self) -> tuple[str, ...]:
        """Fields that name the organisations whose own a feature is."""
        return tuple(key for key, field in self.fields.items() if field.party)

    @property
    def points(self) -> bool:
        """True when every geometry is a point."""
        return set(self.geometry) <= {"Point", "MultiPoint"}

    @property
    def lines(self) -> bool:
        """True when every geometry is a line."""
        return set(self.geometry) <= {"LineString", "MultiLineString"}

    @property
    def tile_fields(self) -> Mapping[str, int]:
        """Fields that tiles carry, with their smallest zoom."""
        return {key: field.tile_zoom for key, field in self.fields.items() if field.tile_zoom is not None}
