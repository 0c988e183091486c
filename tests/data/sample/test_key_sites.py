"""Key sites stand where such things stand, guarded by their grade."""

from __future__ import annotations

import numpy as np
import shapely

from layers import catalogue
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres


def test_every_kind_is_there_with_the_seat_of_government_first(city: dict[str, Made]) -> None:
    rows = city["key_site"].columns
    domain = catalogue.load().layers["key_site"].domain_of("kind")
    assert domain is not None and set(rows["kind"]) == {value.value for value in domain.values}
    grade = dict(zip(rows["name"].tolist(), rows["grade"].tolist(), strict=True))
    assert grade["示范市人民政府"] == "1" and grade["示范火车站"] == "1"
    assert len(set(rows["name"])) == len(rows["name"])
    assert all(name in plan and plan.endswith("预案") for name, plan in zip(rows["name"], rows["plan_name"], strict=True))


def test_the_guard_radius_follows_the_grade(city: dict[str, Made]) -> None:
    rows = city["key_site"].columns
    radius, grade = rows["guard_radius_m"].astype(float), rows["grade"]
    assert set(radius[grade == "1"]) == {500.0} and set(radius[grade == "2"]) == {300.0}
    burning = np.isin(rows["kind"], ("gas", "hazard"))
    assert set(radius[(grade == "3") & burning]) == {200.0} and set(radius[(grade == "3") & ~burning]) == {100.0}


def test_petrol_stations_stand_along_main_streets(city: dict[str, Made]) -> None:
    made, roads = city["key_site"], city["road"]
    petrol = np.char.find(made.columns["name"].astype(str), "加油站") >= 0
    assert petrol.sum() >= 10
    main = np.isin(roads.columns["grade"], ("arterial", "secondary", "expressway"))
    ways = shapely.STRtree(metres(roads.geometry[main]))
    assert ways.query_nearest(metres(made.geometry[petrol]), return_distance=True, all_matches=False)[1].max() < 60


def test_sites_are_plots_or_places_outside_houses(city: dict[str, Made]) -> None:
    made = city["key_site"]
    places = shapely.get_type_id(made.geometry) == 0
    houses = shapely.STRtree(city["building"].geometry)
    assert len(houses.query(made.geometry[places], predicate="within")[0]) <= 1
    hospitals = made.columns["kind"] == "hospital"
    assert not places[hospitals].any() and shapely.area(metres(made.geometry[hospitals])).min() > 2_000
    water = shapely.STRtree(city["water_body"].geometry)
    assert len(water.query(made.geometry, predicate="intersects")[0]) == 0
