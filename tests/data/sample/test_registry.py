"""Every column of every layer satisfies its layer file: required, unique, length, domain, range, code, geometry."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import shapely

from data.sample.city import city_row, make
from data.table import LayerTable
from grid_coding import profiles as coding
from grid_coding.classes import class_of, classes
from layers import catalogue
from layers.model import Attribute, Layer
from tests.data.sample.conftest import Made, joined

CITIES = ("2005", "2013", "2026")


@pytest.fixture(scope="module", params=CITIES)
def profiled(request: pytest.FixtureRequest, tables: list[LayerTable], other_tables: list[LayerTable]) -> tuple[str, dict[str, Made]]:
    known = {"2005": tables, "2026": other_tables}
    return request.param, joined(known.get(request.param) or list(make(profile=request.param)))


def present(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "M":
        return values[~np.isnat(values)]
    return np.array([value for value in values.tolist() if value is not None], dtype=object)


def check_field(layer: Layer, key: str, field: Attribute, values: np.ndarray, profile: str) -> None:
    place = f"{layer.id}.{key}"
    given = present(values)
    assert not field.required or len(given) == len(values), place
    assert not field.unique or len(set(given.tolist())) == len(given), place
    if field.type == "text":
        assert all(isinstance(value, str) and value and "\x00" not in value for value in given), place
        assert max(map(len, given.tolist()), default=0) <= (field.length or 10_000), place
    elif field.type in ("integer", "number"):
        numbers = given.astype(float)
        assert np.isfinite(numbers).all(), place
        assert field.type == "number" or (numbers == np.floor(numbers)).all(), place
        assert field.minimum is None or numbers.min() >= field.minimum, place
        assert field.maximum is None or numbers.max() <= field.maximum, place
    elif field.type == "boolean":
        assert all(type(value) is bool for value in given.tolist()), place
    elif field.type == "date":
        assert all(type(value) is dt.date for value in given.tolist()), place
    else:
        assert given.dtype == np.dtype("datetime64[s]") or all(value.tzinfo for value in given), place
    check_domain(layer, key, given, profile)


def check_domain(layer: Layer, key: str, given: np.ndarray, profile: str) -> None:
    domain, code = layer.domain_of(key), layer.fields[key].code
    if domain is not None and domain.class_table is not None:
        for value in set(given.tolist()):
            class_of(profile, domain.class_table, value)
    elif domain is not None:
        assert set(given.tolist()) <= {value.value for value in domain.values}, f"{layer.id}.{key}"
    if code is not None and code.kind != "area":
        for value in given.tolist():
            coding.check(profile, code.kind, value)
    if code is not None and code.kind == "area":
        assert all(value.startswith(city_row(profile)["prefix"]) for value in given.tolist())


def test_every_layer_satisfies_its_file(profiled: tuple[str, dict[str, Made]]) -> None:
    profile, city = profiled
    for layer in catalogue.load():
        made = city[layer.id]
        assert set(made.columns) <= set(layer.fields), layer.id
        assert {key for key, field in layer.fields.items() if field.required} <= set(made.columns), layer.id
        for key, values in made.columns.items():
            assert len(values) == len(made), f"{layer.id}.{key}"
            check_field(layer, key, layer.fields[key], values, profile)


def test_geometries_are_valid_finite_and_inside_the_envelope(city: dict[str, Made]) -> None:
    west, south, east, north = city_row()["bbox"]
    for layer in catalogue.load():
        shapes = city[layer.id].geometry
        assert layer.geometry_optional or not shapely.is_missing(shapes).any(), layer.id
        shapes = shapes[~shapely.is_missing(shapes)]
        assert {shape.geom_type for shape in shapes} <= set(layer.geometry), layer.id
        assert shapely.is_valid(shapes).all(), layer.id
        assert not shapely.is_empty(shapes).any(), layer.id
        assert not shapely.has_z(shapes).any(), layer.id
        box = shapely.bounds(shapes)
        assert np.isfinite(box).all(), layer.id
        assert box[:, 0].min() > west and box[:, 1].min() > south and box[:, 2].max() < east and box[:, 3].max() < north


def test_component_classes_bear_their_names(profiled: tuple[str, dict[str, Made]]) -> None:
    profile, city = profiled
    if profile == "2013":
        return
    known = classes(profile, "component")
    rows = city["component"].columns
    assert all(known[code].name == name for code, name in set(zip(rows["class_code"], rows["name"], strict=True)))
    part = {"2005": 4, "2026": 5}[profile]
    assert all(code[6 : 6 + part] == kind for code, kind in zip(rows["code"], rows["class_code"], strict=True))
