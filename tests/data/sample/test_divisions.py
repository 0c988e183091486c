"""Districts, streets, communities and unit grids tile exactly, nest, and are numbered as the standard says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely

from data.sample.cells import reading_order
from data.sample.divisions import MOST_GRIDS
from data.table import LayerTable
from tests.data.sample.conftest import Made, joined

LEVELS = ("district", "street", "community", "unit_grid")


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_a_valid_coverage(city: dict[str, Made], level: str) -> None:
    assert shapely.coverage_is_valid(city[level].geometry)
    assert set(shapely.get_type_id(city[level].geometry)) == {3}


def test_levels_fill_the_same_ground(city: dict[str, Made]) -> None:
    outlines = [shapely.coverage_union_all(city[level].geometry) for level in LEVELS]
    total = outlines[0].area
    for level, outline in zip(LEVELS, outlines, strict=True):
        assert abs(shapely.area(city[level].geometry).sum() / total - 1) < 1e-12
        assert outline.geom_type == "Polygon" and not outline.interiors
        assert outline.symmetric_difference(outlines[0]).area < 1e-9 * total


def test_children_lie_in_the_parent_that_their_code_names(city: dict[str, Made]) -> None:
    for parent, child in itertools.pairwise(LEVELS):
        shapes = dict(zip(city[parent].columns["code"], city[parent].geometry, strict=True))
        width = len(next(iter(shapes)))
        inside = shapely.point_on_surface(city[child].geometry)
        owner = np.array([shapes[code[:width]] for code in city[child].columns["code"]], dtype=object)
        assert shapely.covers(owner, inside).all()


def test_grids_are_about_one_hectare_without_slivers(city: dict[str, Made]) -> None:
    grids = city["unit_grid"]
    area = grids.columns["area_m2"].astype(float)
    assert 2_300 <= len(grids) <= 2_900
    assert area.min() >= 2_000 and area.max() <= 40_000
    assert 8_500 <= np.median(area) <= 11_500
    side = np.radians(1) * 6_371_000
    rough = shapely.area(grids.geometry) * side**2 * np.cos(np.radians(34.8))
    assert np.abs(area / rough - 1).max() < 0.01
    thin = 4 * np.pi * shapely.area(grids.geometry) / shapely.length(grids.geometry) ** 2
    assert thin.min() > 0.12


def test_no_community_has_more_than_99_grids(city: dict[str, Made]) -> None:
    community = np.array([code[:10] for code in city["unit_grid"].columns["code"]])
    names, count = np.unique(community, return_counts=True)
    assert set(names) == set(city["community"].columns["code"])
    assert count.max() <= MOST_GRIDS
    assert 50 <= len(names) <= 70 and 6 <= len(city["street"]) <= 10


def test_grids_are_numbered_left_to_right_top_to_bottom(city: dict[str, Made]) -> None:
    code = np.array(city["unit_grid"].columns["code"].tolist())
    middle = shapely.get_coordinates(shapely.centroid(city["unit_grid"].geometry))
    for community in np.unique([value[:10] for value in code]):
        members = np.flatnonzero(np.char.startswith(code, community))
        members = members[np.argsort(code[members])]
        assert [int(value[10:]) for value in code[members]] == list(range(1, len(members) + 1))
        first, last = middle[members[0]], middle[members[-1]]
        assert first[1] >= middle[members, 1].max() - 0.0015
        assert last[1] <= middle[members, 1].min() + 0.0015


def test_rows_are_formed_with_a_tolerance() -> None:
    x, y = np.array([20.0, 0.0, 10.0, 5.0]), np.array([100.0, 95.0, 98.0, 0.0])
    assert reading_order(x, y, 10.0).tolist() == [1, 2, 0, 3]
    assert reading_order(x, y, 1.0).tolist() == [0, 2, 1, 3]


def test_community_borders_follow_streets_and_the_river(city: dict[str, Made]) -> None:
    scale = np.array([np.cos(np.radians(34.8)), 1.0]) * np.radians(1) * 6_371_000
    flat = [shapely.transform(shape, lambda c: c * scale) for shape in city["community"].geometry]
    roads = [shapely.transform(shape, lambda c: c * scale) for shape in city["road"].geometry]
    edge = shapely.transform(shapely.union_all(city["unit_grid"].geometry), lambda c: c * scale).boundary
    water = [shapely.transform(shape, lambda c: c * scale) for shape in city["water_body"].geometry]
    near = shapely.union_all([*(road.buffer(2) for road in roads), edge.buffer(2), *(shape.buffer(2) for shape in water)])
    borders = shapely.union_all([shape.boundary for shape in flat])
    assert borders.difference(near).length < 0.01 * borders.length


def test_people_live_where_houses_stand(city: dict[str, Made]) -> None:
    community = city["community"].columns
    people, dwellings = community["population"].astype(int), community["dwellings"].astype(int)
    assert 150_000 < people.sum() < 450_000
    assert ((people > 0) == (dwellings > 0)).all() and (people == 0).sum() <= 3
    assert people.sum() == city["street"].columns["population"].sum() == city["district"].columns["population"].sum()
    assert 2.0 < people.sum() / dwellings.sum() < 3.2


def test_the_profile_changes_codes_but_not_the_ground(tables: list[LayerTable], other_tables: list[LayerTable]) -> None:
    first, second = joined(tables), joined(other_tables)
    for level in LEVELS:
        assert shapely.equals_exact(first[level].geometry, second[level].geometry).all()
        assert (first[level].columns["name"] == second[level].columns["name"]).all() if level != "unit_grid" else True
    assert {len(code) for code in second["unit_grid"].columns["code"]} == {15}
    assert {len(code) for code in second["component"].columns["code"]} == {17}
