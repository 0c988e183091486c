"""A city of many towns: nothing stands twice, the towns lie side by side as one city, nothing of a town is kept."""

from __future__ import annotations

import itertools
import multiprocessing
import resource
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import shapely

from data.sample.city import DEFAULT_SEED, city_row, town_tables
from data.sample.place import Town
from data.sample.sizes import SIZES, SampleSizeError, city_size, towns_of
from data.sample.terrain import make_ground
from data.sample.world import make_world
from data.table import LayerTable
from layers import catalogue
from tests.data.sample.conftest import Made, joined
from tests.data.sample.test_city import fingerprint

SIZE = "T"


def tables_of(town: Town) -> list[LayerTable]:
    return list(town_tables(make_world(city_size(SIZE), "2005", town)))


def named(made: Made, word: str) -> np.ndarray:
    return np.char.find(made.columns["name"].astype(str), word) >= 0


def measured(towns: list[Town]) -> list[tuple[str, int]]:
    """Makes towns one after the other; returns the fingerprint of each and the most memory held until then, KiB."""
    return [(fingerprint(tables_of(town)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) for town in towns]


@pytest.fixture(scope="module")
def towns() -> list[list[LayerTable]]:
    return [tables_of(town) for town in towns_of(city_size(SIZE), DEFAULT_SEED)]


@pytest.fixture(scope="module")
def whole(towns: list[list[LayerTable]]) -> dict[str, Made]:
    return joined([table for town in towns for table in town])


def test_no_code_stands_twice_in_the_city(whole: dict[str, Made]) -> None:
    for layer in catalogue.load():
        for key, field in layer.fields.items():
            if field.unique and layer.id in whole:
                codes = [code for code in whole[layer.id].columns[key].tolist() if code is not None]
                assert len(set(codes)) == len(codes), f"{layer.id}.{key}"


def test_names_of_areas_and_streets_belong_to_one_town(towns: list[list[LayerTable]]) -> None:
    first, second = (joined(town) for town in towns)
    for layer in ("district", "street", "community"):
        assert not set(first[layer].columns["name"]) & set(second[layer].columns["name"]), layer
    named = [set(town["road"].columns["name"].tolist()) - {None} for town in (first, second)]
    assert not named[0] & named[1]
    # but the avenues run on: the same stem in numbered sections
    stems = [{name[: name.index("路") + 1] for name in names if name.endswith("段") and "路" in name} for names in named]
    assert len(stems[0] & stems[1]) >= 4


def test_towns_lie_side_by_side(towns: list[list[LayerTable]]) -> None:
    bounds = [shapely.unary_union(joined(town)["district"].geometry) for town in towns]
    for one, other in itertools.combinations(bounds, 2):
        assert not shapely.intersects(one, other)
    west, south, east, north = city_row("2005", SIZE)["bbox"]
    for town in towns:
        for table in town:
            box = shapely.total_bounds(table.geometry)
            if np.isnan(box).all():
                continue  # a stream without places
            assert box[0] > west and box[1] > south and box[2] < east and box[3] < north, table.layer


def test_belts_rivers_and_avenues_join_the_towns(towns: list[list[LayerTable]]) -> None:
    first, second = (joined(town) for town in towns)
    river = [shapely.union_all(town["water_body"].geometry[town["water_body"].columns["kind"] == "river"]) for town in (first, second)]
    assert shapely.distance(*river) < 1e-7
    belt = [town["green_space"].geometry[named(town["green_space"], "环城绿带")] for town in (first, second)]
    assert all(len(parts) >= 4 for parts in belt)
    assert shapely.area(shapely.intersection(*(shapely.union_all(parts) for parts in belt))) < 1e-9
    ends = [shapely.union_all(shapely.get_point(town["road"].geometry, -1)) for town in (first, second)]
    met = shapely.distance(shapely.get_parts(ends[0]), ends[1]) < 1e-7
    assert met.sum() == 6  # four arterials and the two roads along the river


def test_every_grid_lies_in_one_duty_grid_and_one_community(whole: dict[str, Made]) -> None:
    listed = Counter(code for codes in whole["duty_grid"].columns["grid_codes"] for code in codes.split(", "))
    grids = whole["unit_grid"].columns["code"].tolist()
    assert listed == Counter(grids)
    assert {code[:10] for code in grids} == set(whole["community"].columns["code"])


def test_the_same_seed_makes_the_same_rows_and_keeps_nothing(towns: list[list[LayerTable]]) -> None:
    order = list(towns_of(city_size(SIZE), DEFAULT_SEED))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as child:
        (second, held), (first, more) = child.submit(measured, order[::-1]).result()
    assert [first, second] == [fingerprint(town) for town in towns]
    assert first != second
    assert more < 1.2 * held, "the second town needs the memory of the first, not more"


@pytest.mark.parametrize("size", ["M", "L"])
def test_large_cities_have_the_towns_they_promise(size: str) -> None:
    figures = city_size(size)
    towns = list(towns_of(figures, 7))
    assert len({town.offset for town in towns}) == len(towns) == figures.lattice[0] * figures.lattice[1]
    assert len({town.mark for town in towns}) == len({town.title for town in towns}) == len({town.seed for town in towns}) == len(towns)
    assert len({town.mirror for town in towns}) == 4
    steps = [abs(a.column - b.column) + abs(a.row - b.row) for a, b in itertools.pairwise(towns)]
    assert set(steps) == {1}, "neighbours follow each other"


def test_a_river_is_the_same_on_both_sides_of_a_border() -> None:
    figures = city_size("M")
    towns = {(town.column, town.row): town for town in towns_of(figures, 7)}
    for column in range(figures.lattice[0] - 1):
        ends = []
        for town, side in ((towns[column, 1], 1), (towns[column + 1, 1], -1)):
            ground = make_ground(town)
            ends.append(ground.place(ground.north_up([[side * figures.pitch[0] / 2, 0.0]]))[0] + town.offset)
        assert np.hypot(*(ends[0] - ends[1])) < 0.01


def test_the_size_for_tests_is_not_offered() -> None:
    assert "T" not in SampleSizeError("X").zh and "T" in SIZES
