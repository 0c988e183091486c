"""Waste facilities: every estate has its point, capacity covers what people throw away, plants lie away from homes."""

from __future__ import annotations

import numpy as np
import shapely

from data.sample.sanitation import DAILY_KG
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres


def test_every_estate_has_a_collection_point_in_its_yard(city: dict[str, Made]) -> None:
    made, land = city["waste_facility"], city["residential_land"]
    points = made.geometry[made.columns["kind"] == "collection"]
    served = np.unique(shapely.STRtree(points).query(land.geometry, predicate="intersects")[0])
    assert len(served) == len(land)
    large = land.columns["people"].astype(int) > 5_000
    each = np.bincount(shapely.STRtree(land.geometry).query(points, predicate="intersects")[1], minlength=len(land))
    assert each[large].min() >= 3


def test_capacities_cover_the_waste_of_the_people(city: dict[str, Made]) -> None:
    rows = city["waste_facility"].columns
    waste = city["residential_land"].columns["people"].sum() * DAILY_KG / 1000
    capacity = rows["capacity_td"].astype(float)
    for kind in ("collection", "transfer"):
        assert waste < capacity[rows["kind"] == kind].sum() < 2 * waste, kind
    assert capacity[np.isin(rows["kind"], ("landfill", "incinerator"))].sum() > waste
    tips = np.isin(rows["kind"], ("landfill", "dump"))
    assert all((value is not None) == tip for value, tip in zip(rows["remaining_m3"], tips, strict=True))


def test_one_plant_of_each_kind_lies_at_the_edge_away_from_homes(city: dict[str, Made]) -> None:
    kind = city["waste_facility"].columns["kind"]
    places = metres(city["waste_facility"].geometry)
    homes = shapely.STRtree(metres(city["residential_land"].geometry))
    ring = metres(city["road"].geometry)[city["road"].columns["grade"] == "expressway"]
    town = shapely.convex_hull(shapely.union_all(ring))
    for plant in ("landfill", "incinerator", "kitchen", "dump"):
        spot = places[kind == plant]
        assert len(spot) == 1 and not town.contains(spot[0]), plant
        assert homes.query_nearest(spot, return_distance=True)[1].min() > 60, plant


def test_transfer_stations_are_spread_and_nothing_stands_in_a_house(city: dict[str, Made]) -> None:
    made = city["waste_facility"]
    places = metres(made.geometry)
    stations = places[made.columns["kind"] == "transfer"]
    gap = shapely.distance(stations[:, None], stations[None]) + np.eye(len(stations)) * 1e9
    assert 6 <= len(stations) <= 12 and gap.min() > 500
    houses = shapely.STRtree(metres(city["building"].geometry))
    assert len(houses.query(places, predicate="within")[0]) <= 0.01 * len(places)
    assert {"recycling", "collection"} <= set(made.columns["kind"])
