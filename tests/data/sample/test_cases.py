"""The year of cases has rhythm, hot spots, skewed classes, deadlines and open work; emergencies have their storm day."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from data.sample.calendar import DOWNPOUR, FIRST_DAY, LAST_MOMENT, STORM_DAY
from tests.data.sample.conftest import Made

EIGHT_HOURS = np.timedelta64(8, "h")


@pytest.fixture(scope="module")
def city(city: dict[str, Made]) -> dict[str, Made]:
    """The city with the cases that have a place; those told in words have tests of their own."""
    cases = city["case"]
    placed = ~shapely.is_missing(cases.geometry)
    return city | {"case": Made({key: values[placed] for key, values in cases.columns.items()}, cases.geometry[placed])}


def local(city: dict[str, Made], field: str, layer: str = "case") -> np.ndarray:
    return city[layer].columns[field] + EIGHT_HOURS


def test_cases_have_the_rhythm_of_a_year(city: dict[str, Made]) -> None:
    filed = local(city, "filed_at")
    assert filed.min() >= FIRST_DAY and filed.max() <= LAST_MOMENT
    assert (np.diff(filed) >= np.timedelta64(0, "s")).all()
    day = filed.astype("datetime64[D]")
    weekday = (day.astype(np.int64) + 3) % 7
    count = np.bincount(weekday, minlength=7)
    assert count[6] < 0.7 * count[:5].mean()
    hour = (filed - day).astype("timedelta64[h]").astype(int)
    by_hour = np.bincount(hour, minlength=24)
    assert by_hour[9:12].sum() + by_hour[14:18].sum() > 0.5 * len(filed)
    assert by_hour[0:6].sum() < 0.08 * len(filed)
    festival = (day >= np.datetime64("2026-02-16")) & (day <= np.datetime64("2026-02-21"))
    assert festival.sum() / 6 < 0.55 * len(filed) / 365


def test_numbers_are_the_day_and_a_serial(city: dict[str, Made]) -> None:
    number, day = city["case"].columns["case_no"], local(city, "filed_at").astype("datetime64[D]").astype(str)
    assert all(len(n) == 13 and n[:8] == d.replace("-", "") for n, d in zip(number, day, strict=True))
    assert list(number) == sorted(number)


def test_deadlines_stages_and_closing_agree(city: dict[str, Made]) -> None:
    rows = city["case"].columns
    closed = rows["stage"] == "closed"
    assert (np.isnat(rows["closed_at"]) == ~closed).all()
    assert 0.985 < closed.mean() < 0.999
    assert set(rows["stage"]) == {"collection", "filing", "dispatch", "handling", "feedback", "verification", "closed"}
    assert (rows["deadline_at"] > rows["filed_at"]).all()
    assert (rows["closed_at"][closed] > rows["filed_at"][closed]).all()
    assert 0.80 < (rows["closed_at"][closed] <= rows["deadline_at"][closed]).mean() < 0.97
    still = rows["filed_at"][~closed]
    assert (still > LAST_MOMENT - EIGHT_HOURS - np.timedelta64(5, "D")).mean() > 0.8


def test_few_grids_hold_many_cases(city: dict[str, Made]) -> None:
    count = np.unique(city["case"].columns["grid_code"], return_counts=True)[1]
    top = np.sort(count)[::-1][: round(0.05 * len(city["unit_grid"]))]
    assert 0.25 < top.sum() / count.sum() < 0.60


def test_a_hot_spot_test_finds_them(city: dict[str, Made]) -> None:
    """Gi* on the grids: significant ones are few, and the two markets and the station are among them."""
    grids = city["unit_grid"]
    centre = shapely.get_coordinates(shapely.centroid(grids.geometry)) * [91_300, 111_000]
    index = {code: number for number, code in enumerate(grids.columns["code"])}
    count = np.bincount([index[code] for code in city["case"].columns["grid_code"]], minlength=len(grids)).astype(float)
    near = (np.hypot(*(centre[:, None] - centre[None]).transpose(2, 0, 1)) < 220).astype(float)
    n, weight = len(count), near.sum(axis=1)
    z = (near @ count - count.mean() * weight) / (count.std() * np.sqrt((n * weight - weight**2) / (n - 1)))
    assert 0.01 < (z > 2.58).mean() < 0.15
    address = city["address"]
    names = address.columns["name"].astype(str)
    for place in ("老城农贸市场", "东苑农贸市场", "示范火车站"):
        spot = address.geometry[np.char.endswith(names, place)][0]
        assert z[int(shapely.STRtree(grids.geometry).nearest(spot))] > 2.58, place


def test_classes_are_skewed_and_component_cases_name_a_component_at_hand(city: dict[str, Made]) -> None:
    rows, components = city["case"].columns, city["component"]
    event = rows["kind"] == "event"
    count = np.sort(np.unique(rows["class_code"][event].astype(str), return_counts=True)[1])[::-1]
    assert len(count) >= 20 and count[:5].sum() > 0.4 * count.sum()
    assert all((code is None) == own for code, own in zip(rows["component_code"], event, strict=True))
    assert 0.10 < 1 - event.mean() < 0.25
    place = dict(zip(components.columns["code"], components.geometry, strict=True))
    own = np.array([place[code] for code in rows["component_code"][~event]], dtype=object)
    assert shapely.distance(own, city["case"].geometry[~event]).max() < 1e-6


def test_texts_name_their_place_and_differ(city: dict[str, Made]) -> None:
    rows = city["case"].columns
    assert all(place in text for place, text in zip(rows["address"], rows["description"], strict=True))
    assert len(set(rows["description"])) > 0.8 * len(rows["description"])
    assert not any("{" in text for text in rows["description"])


def test_the_storm_day_floods_low_places(city: dict[str, Made]) -> None:
    rows = city["emergency"].columns
    day = local(city, "started_at", "emergency").astype("datetime64[D]")
    storm = (day == STORM_DAY) & (rows["kind"] == "waterlogging")
    late = (day == DOWNPOUR.astype("datetime64[D]")) & (rows["kind"] == "waterlogging")
    assert storm.sum() >= 15 and late.sum() == 7 and (rows["kind"] == "waterlogging").sum() == storm.sum() + late.sum()
    assert len(set(rows["kind"])) >= 6 and set(rows["level"]) >= {"II", "III", "IV"}
    assert ((rows["state"] == "open") == np.isnat(rows["ended_at"])).all()
    assert 1 <= (rows["state"] == "open").sum() <= 8
    cases = city["case"].columns
    filed = local(city, "filed_at").astype("datetime64[D]")
    ponding = cases["class_code"] == "0406"
    assert (ponding & (filed == STORM_DAY)).sum() > 5 * ponding.sum() / 365
