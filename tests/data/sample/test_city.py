"""Entry of the sample city: the row, refusals, the same rows for the same seed, other seeds that hold too."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import shapely

from data.sample.city import city_row, make
from data.sample.divisions import MOST_GRIDS, make_divisions
from data.sample.names import NamePool
from data.sample.network import make_network, make_waters, outline_of
from data.sample.sizes import SampleSizeError, city_size, towns_of
from data.sample.terrain import make_ground
from data.table import LayerTable
from grid_coding.errors import CodeError


def fingerprint(tables: list[LayerTable]) -> str:
    digest = hashlib.sha256()
    for table in tables:
        digest.update(table.layer.encode())
        for value in shapely.to_wkb(table.geometry):
            digest.update(value or b"no place")
        for key, values in table.columns.items():
            digest.update(key.encode())
            digest.update(repr(np.asarray(values, dtype=object).tolist()).encode())
    return digest.hexdigest()


def test_the_same_seed_makes_the_same_rows(tables: list[LayerTable]) -> None:
    assert fingerprint(tables) == fingerprint(list(make()))


def test_tables_are_streamed_in_parts(tables: list[LayerTable]) -> None:
    assert max(len(table) for table in tables) <= 20_000
    assert sum(table.layer == "component" for table in tables) > 1


def test_another_seed_is_another_city_that_holds_too() -> None:
    size, seed = city_size("S"), 7
    town = next(towns_of(size, seed))
    ground = make_ground(town)
    outline = outline_of(size, ground)
    network = make_network(size, ground, outline, make_waters(size, town, ground, outline), town.random("network"))
    d = make_divisions(size, "2005", ground, network, NamePool(town.random("names"), town))
    assert np.bincount(d.cell_community).max() <= MOST_GRIDS
    assert shapely.coverage_is_valid(d.cells)
    assert {shape.geom_type for shape in [*d.communities, *d.streets, *d.districts]} == {"Polygon"}
    assert len(set(d.cell_code)) == len(d.cells)


def test_the_row_says_that_the_city_is_not_real() -> None:
    row = city_row("2013")
    assert (row["key"], row["prefix"], row["profile"], row["metric_srid"]) == ("sample", "9901", "2013", 4547)
    west, south, east, north = row["bbox"]
    assert west < row["view_lon"] < east and south < row["view_lat"] < north
    assert west > 112.5 and east < 115.5
    assert "虚构" in row["notice_zh"] and "invented" in row["notice_en"] and "9901" in row["notice_en"]


@pytest.mark.parametrize("size", ["XL", "", "s"])
def test_other_sizes_are_refused_in_both_languages(size: str) -> None:
    with pytest.raises(SampleSizeError) as refused:
        make(size=size)
    assert "没有规模" in refused.value.zh and "no sample city of size" in refused.value.en


@pytest.mark.parametrize(("profile", "rule"), [("local", "code_not_composable"), ("1999", "code_profile")])
def test_a_profile_without_codes_is_refused(profile: str, rule: str) -> None:
    with pytest.raises(CodeError) as refused:
        make(profile=profile)
    assert refused.value.rule == rule
