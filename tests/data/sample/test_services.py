"""Duty grids, green space, entrances and public services agree with the city that they were made of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import shapely

from data.sample.duty import beside_each_other
from layers import catalogue
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

MILLIMETRE = 0.001


@pytest.fixture(scope="module")
def ground(city: dict[str, Made]) -> dict[str, np.ndarray]:
    """Geometries in metres of the layers that these tests measure."""
    wanted = (
        "duty_grid", "unit_grid", "park", "park_entrance", "green_space", "residential_land", "toilet", "bus_stop", "shelter",
        "camera", "component", "road", "building", "water_body", "community", "school",
    )  # fmt: skip
    return {layer: metres(city[layer].geometry) for layer in wanted}


def of_code(made: Made, field: str) -> dict[str, object]:
    return dict(zip(made.columns["code"].tolist(), made.columns[field].tolist(), strict=True))


def test_no_layer_of_the_tree_is_empty(city: dict[str, Made]) -> None:
    registry = catalogue.load()
    assert {*registry.layers, *registry.streams} == set(city)
    assert all(len(made) for made in city.values())


def test_duty_grids_tile_and_every_unit_grid_is_in_exactly_one(city: dict[str, Made]) -> None:
    duty, grids = city["duty_grid"], city["unit_grid"]
    shape = dict(zip(grids.columns["code"].tolist(), grids.geometry, strict=True))
    listed = [codes.split(", ") for codes in duty.columns["grid_codes"].tolist()]
    assert sorted(code for codes in listed for code in codes) == sorted(shape)
    assert shapely.coverage_is_valid(duty.geometry)
    assert {one.geom_type for one in duty.geometry} == {"Polygon"}
    for codes, polygon, community in zip(listed, duty.geometry, duty.columns["community_code"], strict=True):
        assert shapely.equals(shapely.coverage_union_all([shape[code] for code in codes]), polygon)
        assert all(code.startswith(community) for code in codes)
    assert (np.array([len(codes) for codes in listed]) == duty.columns["grid_count"]).all()


def test_duty_grids_are_a_days_beat_with_collectors_of_their_own(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows = city["duty_grid"].columns
    count = rows["grid_count"].astype(int)
    assert ((count >= 9) & (count <= 16)).mean() > 0.98
    staff = [name for names in rows["collectors"].tolist() for name in names.split("、")]
    assert len(staff) == len(set(staff)) == rows["collector_count"].sum()
    assert set(rows["collector_count"]) == {1, 2}
    assert np.allclose(rows["area_m2"].astype(float), shapely.area(ground["duty_grid"]), rtol=1e-5, atol=0.2)


def test_unit_grids_touching_at_a_corner_are_no_neighbours() -> None:
    squares = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 1, 2, 2), shapely.box(1, 0, 2, 1)])
    assert sorted(zip(*(side.tolist() for side in beside_each_other(squares)), strict=True)) == [(0, 2), (1, 2), (2, 0), (2, 1)]


def test_residents_of_the_land_do_not_exceed_their_community(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    land = city["residential_land"].columns
    for field, own in (("population", "people"), ("dwellings", "dwellings")):
        stated = of_code(city["community"], field)
        found: Counter[str] = Counter()
        for code, value in zip(land["community_code"].tolist(), land[own].tolist(), strict=True):
            found[code] += value
        assert all(value <= stated[code] for code, value in found.items()), own
        assert sum(found.values()) > 0.8 * sum(stated.values())  # type: ignore[arg-type]
    first, second = shapely.STRtree(ground["residential_land"]).query(ground["residential_land"], predicate="intersects")
    apart = shapely.intersection(ground["residential_land"][first[first < second]], ground["residential_land"][second[first < second]])
    assert shapely.area(apart).sum() < 1


def test_park_green_is_the_park_and_classes_do_not_overlap(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    green, parks = city["green_space"], city["park"]
    rows = green.columns
    assert set(rows["class_code"]) == {"G1", "G2", "G3", "XG", "EG"} and set(rows["state"]) == {"present", "planned"}
    of_park = np.flatnonzero([code is not None for code in rows["park_code"]])
    assert rows["park_code"][of_park].tolist() == parks.columns["code"].tolist()
    assert shapely.equals(green.geometry[of_park], parks.geometry).all()
    assert (rows["green_area_m2"][of_park] == parks.columns["green_area_m2"]).all()
    planned = rows["state"] == "planned"
    assert (rows["area_m2"][planned] == 0).all() and (rows["planned_area_m2"] > 0).all()
    assert (rows["green_area_m2"] <= rows["area_m2"]).all()
    shapes = ground["green_space"]
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    twice = first < second
    assert shapely.area(shapely.intersection(shapes[first[twice]], shapes[second[twice]])).sum() < 1
    at, house = shapely.STRtree(ground["building"]).query(shapes, predicate="intersects")
    mixed = np.isin(rows["class_code"][at], ("G2", "XG"))
    assert shapely.area(shapely.intersection(shapes[at[mixed]], ground["building"][house[mixed]])).sum() < 1


def test_entrances_lie_on_the_boundary_where_it_meets_their_street(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows = city["park_entrance"].columns
    number = {code: index for index, code in enumerate(city["park"].columns["code"].tolist())}
    park = np.array([number[code] for code in rows["park_code"].tolist()])
    edge = shapely.boundary(ground["park"])[park]
    assert shapely.distance(edge, ground["park_entrance"]).max() < MILLIMETRE
    names, width = city["road"].columns["name"], city["road"].columns["width_m"].astype(float)
    for index, name in enumerate(rows["road_name"].tolist()):
        mine = names == name
        off = shapely.distance(ground["road"][mine], ground["park_entrance"][index]) - width[mine] / 2
        assert off.min() < 6.1, rows["name"][index]
    assert set(park.tolist()) == set(number.values())
    assert Counter(park[rows["kind"] == "main"].tolist()) == dict.fromkeys(number.values(), 1)
    assert len(set(rows["name"])) == len(rows["name"])


def test_toilets_of_a_park_are_as_many_as_it_states_and_lie_in_it(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows, parks = city["toilet"].columns, city["park"].columns
    stated = {code: count for code, count in zip(parks["code"].tolist(), parks["toilets"].tolist(), strict=True) if count}
    assert Counter(code for code in rows["park_code"].tolist() if code is not None) == stated
    number = {code: index for index, code in enumerate(parks["code"].tolist())}
    for index, code in enumerate(rows["park_code"].tolist()):
        if code is not None:
            assert shapely.covers(ground["park"][number[code]], ground["toilet"][index])
    for layer in ("building", "water_body"):
        assert len(shapely.STRtree(ground[layer]).query(ground["toilet"], predicate="within")[0]) == 0, layer
    street = np.flatnonzero([code is None for code in rows["park_code"]])
    first, second = shapely.STRtree(ground["toilet"]).query(ground["toilet"][street], predicate="dwithin", distance=150.0)
    assert (street[first] == second).mean() > 0.95
    assert (rows["stalls"] == rows["stalls_men"] + rows["stalls_women"]).all() and set(rows["grade"]) == {"1", "2", "3"}


def test_shelters_offer_the_refuge_area_of_their_park(city: dict[str, Made]) -> None:
    rows, refuge = city["shelter"].columns, of_code(city["park"], "refuge_area_m2")
    in_parks = {c: a for c, a in zip(rows["park_code"].tolist(), rows["area_m2"].tolist(), strict=True) if c is not None}
    assert in_parks == {code: area for code, area in refuge.items() if area}
    assert set(rows["site"]) == {"park", "square", "school"} and set(rows["kind"]) == {"central", "fixed", "urgent"}
    assert (rows["capacity"] > 0).all() and (rows["capacity"] <= rows["area_m2"]).all()


def test_schools_of_every_level_stand_in_their_community(city: dict[str, Made]) -> None:
    rows = city["school"].columns
    assert set(rows["level"]) == {"kindergarten", "primary", "middle", "college"}
    shape = dict(zip(city["community"].columns["code"].tolist(), city["community"].geometry, strict=True))
    own = np.array([shape[code] for code in rows["community_code"].tolist()])
    assert shapely.intersects(own, city["school"].geometry).all()
    assert rows["pupils"].min() > 50 and rows["pupils"].max() <= 18_000


def test_every_bus_shelter_has_its_stop_and_stops_come_in_pairs(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    stops, components = city["bus_stop"].columns, city["component"].columns
    shelters = np.flatnonzero([name in ("公交站亭", "公交候车亭") for name in components["name"].tolist()])
    place = dict(zip(components["code"][shelters].tolist(), ground["component"][shelters], strict=True))
    assert sorted(stops["component_code"].tolist()) == sorted(place)
    own = np.array([place[code] for code in stops["component_code"].tolist()])
    assert shapely.distance(own, ground["bus_stop"]).max() < MILLIMETRE
    platforms = Counter(stops["name"].tolist())
    assert max(platforms.values()) == 2
    assert sum(count == 2 for count in platforms.values()) > 0.7 * len(platforms)
    opposite = {frozenset(("east", "west")), frozenset(("north", "south"))}
    for name, count in platforms.items():
        mine = stops["name"] == name
        assert len(set(stops["lines"][mine])) == 1
        assert count == 1 or frozenset(stops["direction"][mine].tolist()) in opposite, name


def test_cameras_look_at_their_crossing_and_are_not_public(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows = city["camera"].columns
    assert catalogue.load().by_role("camera").sensitivity == "internal"
    assert Counter(rows["site"].tolist()).keys() == {"crossing", "road", "gate"}
    assert set(map(len, rows["code"].tolist())) == {20}
    azimuth = np.radians(rows["direction_deg"].astype(float))
    at = shapely.get_coordinates(ground["camera"])
    ray = np.stack([at, at + np.column_stack([np.sin(azimuth), np.cos(azimuth)]) * 40.0], axis=1)
    sight = shapely.linestrings(ray)
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(ground["road"], end)) for end in (0, -1)])
    crossing = rows["site"] == "crossing"
    near, _ = shapely.STRtree(shapely.points(ends)).query(sight[crossing], predicate="dwithin", distance=1.0)
    assert len(set(near.tolist())) > 0.95 * crossing.sum()
