"""The geometry gate against shapely: it refuses what is broken, names the rule, and lets every good shape through."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from spatial.gate import fault_from_gate

TYPES = ["POINT", "LINESTRING", "POLYGON", "MULTIPOLYGON"]
ENVELOPE = "ST_MakeEnvelope(113, 34, 115, 36, 4490)"


def gate(engine: Engine, geometry: str, types: list[str] | None = None, envelope: str = "NULL") -> str | None:
    with engine.connect() as connection:
        statement = text(f"SELECT wanmi.geometry_fault({geometry}, :types, {envelope})")
        return connection.scalar(statement, {"types": types or TYPES})


def wkt(value: str) -> str:
    return f"ST_GeomFromText('{value}', 4490)"


@pytest.mark.parametrize(
    ("geometry", "rule"),
    [
        (wkt("POINT(114 35)"), None),
        ("NULL::geometry", None),
        ("ST_SetSRID(ST_MakePoint('NaN', 35), 4490)", "geometry_finite"),
        ("ST_SetSRID(ST_MakePoint(114, 'Infinity'), 4490)", "geometry_finite"),
        ("ST_SetSRID(ST_MakeLine(ST_MakePoint(114, 35), ST_MakePoint('NaN', 35)), 4490)", "geometry_finite"),
        ("ST_SetSRID(ST_MakeLine(ST_MakePoint(114, 35), ST_MakePoint('-Infinity', 35)), 4490)", "geometry_finite"),
        (wkt("POINT(181 0)"), "geometry_range"),
        (wkt("POINT(1e308 34)"), "geometry_range"),
        (wkt("POLYGON((0 0, 0 91, 1 91, 0 0))"), "geometry_range"),
        (wkt("POINT EMPTY"), "geometry_empty"),
        (wkt("POINT Z (114 35 3)"), "geometry_dimension"),
        (wkt("MULTIPOINT(114 35)"), "geometry_type"),
        ("ST_GeomFromText('POINT(114 35)', 4326)", "geometry_srid"),
        (wkt("POLYGON((114 35, 115 36, 115 35, 114 36, 114 35))"), "geometry_valid"),
        (wkt("LINESTRING(114 35, 114 35)"), "geometry_valid"),
        ("ST_Segmentize(" + wkt("LINESTRING(0 0, 100 0)") + ", 0.0009)", "geometry_vertices"),
    ],
)
def test_each_rule(engine: Engine, registry: Registry, geometry: str, rule: str | None) -> None:
    answer = gate(engine, geometry)
    assert (answer.partition(":")[0] if answer else None) == rule
    if answer:
        fault = fault_from_gate(registry.by_role("grid"), answer)
        assert fault.rule == rule and fault.zh and fault.en


def test_self_intersection_tells_the_place(engine: Engine) -> None:
    answer = gate(engine, wkt("POLYGON((114 35, 115 36, 115 35, 114 36, 114 35))"))
    assert answer is not None and "POINT(114.5 35.5)" in answer


def test_the_envelope_of_the_city(engine: Engine) -> None:
    assert gate(engine, wkt("POINT(114 35)"), envelope=ENVELOPE) is None
    assert gate(engine, wkt("POINT(116 35)"), envelope=ENVELOPE) == "geometry_envelope: POINT(116 35)"
    assert (gate(engine, wkt("LINESTRING(114 35, 116 35)"), envelope=ENVELOPE) or "").startswith("geometry_envelope")


coordinates = st.lists(st.tuples(st.integers(1130, 1150), st.integers(340, 360)), min_size=3, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(coordinates)
def test_polygons_pass_exactly_when_geos_calls_them_valid(engine: Engine, ring: list[tuple[int, int]]) -> None:
    points = np.array([*ring, ring[0]]) / 10
    polygon = shapely.Polygon(points)
    answer = gate(engine, f"ST_SetSRID('{polygon.wkb_hex}'::geometry, 4490)")
    assert (answer is None) == polygon.is_valid
