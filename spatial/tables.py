"""From a layer of the registry to its table: columns, constraints and indexes (SQLAlchemy + GeoAlchemy2).

Constraints and indexes carry a digest of their text in their name, so an upgrade sees a changed rule by its name alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.types import TypeEngine

from layers.catalogue import Registry
from layers.model import Attribute, AttributeType, Layer
from layers.stream import Stream

__all__ = [
    "COLUMN_TYPES", "CORE_SCHEMA", "LAYER_SCHEMA", "STORAGE_SRID", "TILE_SRID", "city_table", "field_checks", "geometry_check",
    "layer_table", "layer_tables", "named",
]  # fmt: skip

CORE_SCHEMA = "wanmi"
LAYER_SCHEMA = "layer"
STORAGE_SRID = 4490
TILE_SRID = 3857
COLUMN_TYPES: dict[AttributeType, TypeEngine[Any]] = {
    "text": Text(),
    "integer": BigInteger(),
    "number": Double(),
    "boolean": Boolean(),
    "date": Date(),
    "datetime": DateTime(timezone=True),
}


def city_table(metadata: MetaData) -> Table:
    """Returns the core table of cities as the first migration makes it (owned by Alembic)."""
    return Table(
        "city",
        metadata,
        Column("id", SmallInteger, Identity(), primary_key=True),
        Column("key", Text, nullable=False, unique=True),
        Column("title_zh", Text, nullable=False),
        Column("title_en", Text, nullable=False),
        Column("prefix", Text, nullable=False),
        Column("profile", Text, nullable=False),
        Column("envelope", Geometry("POLYGON", STORAGE_SRID, spatial_index=False), nullable=False),
        Column("metric_srid", Integer, nullable=False),
        Column("datum", Text, nullable=False),
        Column("calendar", Text, nullable=False),
        Column("view_lon", Double, nullable=False),
        Column("view_lat", Double, nullable=False),
        Column("view_zoom", Double, nullable=False),
        Column("map_number", Text),
        Column("notice_zh", Text),
        Column("notice_en", Text),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        schema=CORE_SCHEMA,
    )


def layer_tables(registry: Registry) -> dict[str, Table]:
    """Returns the tables of all layers by layer id, in one metadata with the city table."""
    metadata = MetaData()
    city_table(metadata)
    return {layer.id: layer_table(layer, metadata) for layer in registry}


def layer_table(layer: Layer, metadata: MetaData) -> Table:
    """Returns the table of one layer.

    Columns: ``id`` (positive, stable for life), ``city``, ``area`` (administrative code), ``geom`` (EPSG:4490, degrees),
    ``geom3857`` (generated, for tiles: x1.2-2 faster than transforming, performance.md §2), ``anchor`` (generated, lines and
    areas), ``version``, times, fields.
    """
    fields = [
        Column(key, COLUMN_TYPES[field.type], nullable=not field.required, comment=field.title.zh) for key, field in layer.fields.items()
    ]
    table = Table(
        layer.id,
        metadata,
        Column("id", BigInteger, Identity(minvalue=1), primary_key=True),
        Column("city", SmallInteger, ForeignKey(f"{CORE_SCHEMA}.city.id"), nullable=False),
        Column("area", Text, nullable=False),
        Column("geom", Geometry(_column_type(layer), STORAGE_SRID, spatial_index=False), nullable=layer.geometry_optional),
        Column(
            "geom3857",
            Geometry("GEOMETRY", TILE_SRID, spatial_index=False),
            Computed(f"ST_Transform(geom, {TILE_SRID})", persisted=True),
        ),
        *([] if layer.points else [_anchor_column()]),
        Column("version", Integer, nullable=False, server_default=text("1")),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        *fields,
        schema=LAYER_SCHEMA,
        comment=layer.title.zh,
    )
    for rule, expression in _checks(layer):
        table.append_constraint(CheckConstraint(text(expression), name=named("ck", layer.id, rule, expression)))
    for key, field in layer.fields.items():
        if field.unique:
            table.append_constraint(UniqueConstraint("city", key, name=named("uq", layer.id, key, f"city, {key}")))
    _add_indexes(layer, table)
    return table


def _anchor_column() -> Column[object]:
    """A point on the line or inside the area: which tile owns the feature, and where its one label stands."""
    return Column(
        "anchor",
        Geometry("POINT", TILE_SRID, spatial_index=False),
        Computed(f"ST_Transform(ST_PointOnSurface(geom), {TILE_SRID})", persisted=True),
    )


def _column_type(layer: Layer) -> str:
    return layer.geometry[0].upper() if len(layer.geometry) == 1 else "GEOMETRY"


def _checks(layer: Layer) -> Iterator[tuple[str, str]]:
    """Yields (short name, SQL expression) of every rule that a row alone can break."""
    yield "geometry", geometry_check(layer.geometry)
    for key, field in layer.fields.items():
        yield from ((f"{key}_{rule}", expression) for rule, expression in field_checks(layer, key, field))


def geometry_check(kinds: Sequence[str]) -> str:
    """Returns the gate as the expression of a CHECK."""
    types = ", ".join(f"'{kind.upper()}'" for kind in kinds)
    return f"{CORE_SCHEMA}.geometry_fault(geom, ARRAY[{types}]) IS NULL"


def field_checks(layer: Layer | Stream, key: str, field: Attribute) -> Iterator[tuple[str, str]]:
    """Yields (short name, SQL expression) of the rules of one field."""
    column = f'"{key}"'
    if field.type == "text":
        # An empty text is neither a value nor null; it would pass "required".
        yield "text", f"{column} <> ''" + (f" AND char_length({column}) <= {field.length}" if field.length else "")
    if field.type == "number":
        yield "finite", f"{column} NOT IN ('NaN', 'Infinity', '-Infinity')"
    if field.minimum is not None:
        yield "minimum", f"{column} >= {field.minimum:g}"
    if field.maximum is not None:
        yield "maximum", f"{column} <= {field.maximum:g}"
    domain = layer.domain_of(key)
    if domain is not None and domain.values:
        listed = ", ".join("'" + value.value.replace("'", "''") + "'" for value in domain.values)
        yield "domain", f"{column} IN ({listed})"


def _add_indexes(layer: Layer, table: Table) -> None:
    def add(name: str, *columns: object, **options: object) -> None:
        Index(f"ix_{layer.id}_{name}", *columns, **options)  # type: ignore[arg-type]

    add("geom", table.c.geom, postgresql_using="gist")
    add("geom3857", table.c.geom3857, postgresql_using="gist")
    add("area", table.c.city, table.c.area, postgresql_ops={"area": "text_pattern_ops"})
    add("page", table.c.city, table.c.id)
    if layer.geometry_optional:
        add("unplaced", table.c.city, table.c.id, postgresql_where=text("geom IS NULL"))
    if layer.time is not None:
        add("time", table.c.city, table.c[layer.time])
    for key, field in layer.fields.items():
        if not field.search:
            continue
        if field.unique:
            add(f"{key}_prefix", literal_column(f"upper({key})").label(key), postgresql_ops={key: "text_pattern_ops"}, _table=table)
        else:
            add(f"{key}_trgm", table.c[key], postgresql_using="gin", postgresql_ops={key: "gin_trgm_ops"})


def named(prefix: str, layer: str, rule: str, expression: str) -> str:
    """Returns a constraint's name with a digest of its text."""
    digest = hashlib.sha256(expression.encode()).hexdigest()[:6]
    return f"{prefix}_{layer}_{rule}"[:56] + f"_{digest}"
