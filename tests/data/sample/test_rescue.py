"""Rescue resources: what is out of date says so, what is held lies with its holder."""

from __future__ import annotations

import datetime as dt

import numpy as np
import shapely

from layers import catalogue
from tests.data.sample.conftest import Made

LAST_DAY = dt.date(2026, 11, 20)


def test_expired_is_exactly_what_is_past_its_date(city: dict[str, Made]) -> None:
    rows = city["rescue_resource"].columns
    over = np.array([day is not None and day < LAST_DAY for day in rows["expires_on"].tolist()])
    assert (over == (rows["state"] == "expired")).all()
    assert 5 <= over.sum() < 0.3 * len(over)
    held = np.isin(rows["kind"], ("equipment", "supply"))
    assert {"ready", "expired"} <= set(rows["state"][held]) and set(rows["state"][~held]) == {"ready"}
    dated = [(a, b) for a, b in zip(rows["made_on"].tolist(), rows["expires_on"].tolist(), strict=True) if b is not None]
    assert dated and all(a < b and a < LAST_DAY for a, b in dated)


def test_things_lie_with_the_team_or_store_that_holds_them(city: dict[str, Made]) -> None:
    made = city["rescue_resource"]
    rows = made.columns
    base = {code: index for index, code in enumerate(rows["code"].tolist())}
    for index in np.flatnonzero(np.isin(rows["kind"], ("equipment", "supply"))).tolist():
        holder = base[rows["store_code"][index]]
        assert rows["kind"][holder] == {"equipment": "team", "supply": "store"}[rows["kind"][index]]
        assert shapely.equals(made.geometry[index], made.geometry[holder])
        assert rows["manager_name"][index] == rows["manager_name"][holder]
        assert rows["item"][index] and rows["unit"][index] and rows["quantity"][index] > 0
        if rows["kind"][index] == "equipment":
            assert rows["trade"][index] == rows["trade"][holder]


def test_every_trade_has_teams_with_people_and_equipment(city: dict[str, Made]) -> None:
    rows = city["rescue_resource"].columns
    domain = catalogue.load().layers["rescue_resource"].domain_of("trade")
    assert domain is not None
    trades = {value.value for value in domain.values}
    for kind in ("team", "equipment"):
        assert set(rows["trade"][rows["kind"] == kind]) == trades, kind
    people = rows["people"][rows["kind"] == "team"].astype(int)
    assert people.min() >= 8 and people.max() <= 60
    assert (rows["kind"] == "store").sum() >= 6


def test_telephones_cannot_be_called(city: dict[str, Made]) -> None:
    for layer in ("rescue_resource", "key_site"):
        assert all(phone.startswith("0000-666") and len(phone) == 13 for phone in city[layer].columns["contact_phone"])
