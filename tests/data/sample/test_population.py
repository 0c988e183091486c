"""Population parcels add up to the land they were cut from, and their figures agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from data.sample.population import shared_out
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres


@pytest.fixture(scope="module")
def owner(city: dict[str, Made]) -> np.ndarray:
    """The piece of residential land on which each parcel lies, or -1."""
    inside = shapely.point_on_surface(city["population_parcel"].geometry)
    found = np.full(len(inside), -1)
    parcel, land = shapely.STRtree(city["residential_land"].geometry).query(inside, predicate="within")
    found[parcel] = land
    return found


def test_people_add_up_exactly_to_the_residential_land(city: dict[str, Made], owner: np.ndarray) -> None:
    land, rows = city["residential_land"], city["population_parcel"].columns
    home = owner >= 0
    people = np.bincount(owner[home], weights=rows["people"][home].astype(float), minlength=len(land))
    assert people.tolist() == land.columns["people"].tolist()
    assert rows["people"][~home].sum() == 0
    codes = land.columns["community_code"][owner[home]]
    assert codes.tolist() == rows["community_code"][home].tolist()


def test_parcels_partition_the_land(city: dict[str, Made], owner: np.ndarray) -> None:
    shapes, land = metres(city["population_parcel"].geometry), metres(city["residential_land"].geometry)
    home = owner >= 0
    area = np.bincount(owner[home], weights=shapely.area(shapes[home]), minlength=len(land))
    assert np.abs(area - shapely.area(land)).max() < 1.0
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    apart = first < second
    assert shapely.area(shapely.intersection(shapes[first[apart]], shapes[second[apart]])).sum() < 1.0
    assert home.sum() > 1.8 * len(land), "lanes divide the larger estates"
    assert np.allclose(shapely.area(shapes), city["population_parcel"].columns["area_m2"].astype(float), rtol=1e-4, atol=0.2)


def test_people_live_where_the_houses_are(city: dict[str, Made], owner: np.ndarray) -> None:
    shapes = metres(city["population_parcel"].geometry)
    houses = metres(city["building"].geometry)[city["building"].columns["use"] == "residential"]
    empty = (owner >= 0) & (city["population_parcel"].columns["people"] == 0)
    near = shapely.STRtree(shapes).query(shapely.centroid(houses), predicate="within")[1]
    assert not set(near.tolist()) & set(np.flatnonzero(empty).tolist())


def test_ages_registers_and_households_agree(city: dict[str, Made]) -> None:
    rows = {key: np.asarray(values) for key, values in city["population_parcel"].columns.items()}
    assert (rows["registered"] + rows["floating"] == rows["people"]).all()
    assert (rows["children"] + rows["elderly"] <= rows["people"]).all() and (rows["households"] <= rows["people"]).all()
    total = rows["people"].sum()
    assert 0.10 < rows["children"].sum() / total < 0.22 and 0.12 < rows["elderly"].sum() / total < 0.30
    assert 1.9 < total / rows["households"].sum() < 3.6
    assert 0.3 < rows["workers"].sum() / total < 0.8 and rows["workers"][rows["people"] > 0].sum() == 0


def test_density_classes_follow_the_declared_breaks(city: dict[str, Made]) -> None:
    rows = city["population_parcel"].columns
    density = rows["people"].astype(float) / rows["area_m2"].astype(float) * 10_000
    for least, most, name in ((0, 50, "1"), (50, 150, "2"), (150, 300, "3"), (300, 600, "4"), (600, 1e9, "5")):
        assert ((density >= least) & (density < most)).tolist() == (rows["density"] == name).tolist()
    assert set(rows["density"]) == {"1", "2", "3", "4", "5"}


def test_sharing_out_loses_nobody_even_without_weights() -> None:
    total, owner = np.array([7, 5, 0]), np.array([0, 0, 0, 1, 1, 2])
    shared = shared_out(total, np.array([1.0, 1.0, 1.0, 0.0, 0.0, 3.0]), owner)
    assert np.bincount(owner, weights=shared).tolist() == [7, 5, 0]
    assert sorted(shared[:3].tolist()) == [2, 2, 3]
