"""Accounts in the database: made, refused with the reason, disabled, enabled; passwords with their history."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from spatial.accounts.accounts import (
    NewAccount,
    account_by_id,
    account_by_name,
    accounts,
    create,
    disable,
    disable_stale,
    enable,
    lock,
    set_password,
)
from spatial.accounts.grants import add_grant, remove_grant
from spatial.accounts.keys import add_key, find_key
from spatial.accounts.login import login
from spatial.accounts.model import AccountError, Grant
from spatial.accounts.organisations import Organisation, add_organisation, organisations
from spatial.accounts.policy import PasswordRefused
from spatial.cities import City, add_city, city_or_none
from tests.support.people import ASVS, MLPS2, NOW, PASSWORD, add_person, minutes, person


@pytest.fixture(scope="module")
def ground(engine: Engine) -> Engine:
    """A city and two organisations."""
    with engine.begin() as connection:
        if city_or_none(connection, "ground") is None:
            add_city(connection, City("ground", "地", "Ground", "4101", (113, 34, 114, 35)))
            add_organisation(connection, Organisation("water", "水务局", "Water bureau"))
            add_organisation(connection, Organisation("fangda", "方达公司", "Fangda Ltd", "company"))
    return engine


def test_what_was_made_comes_back(ground: Engine) -> None:
    new = NewAccount("Li.Wei", "李伟", (Grant("handler", "410105", "water"), Grant("planner")), "water", "管网科", "科员")
    with ground.begin() as connection:
        made = create(connection, new, NOW)
        assert account_by_name(connection, "LI.WEI") == made == account_by_id(connection, made.id)
        assert made in accounts(connection)
    assert (made.name, made.title, made.organisation, made.department, made.post) == ("Li.Wei", "李伟", "water", "管网科", "科员")
    assert made.grants == new.grants and made.roles == ("handler", "planner")
    assert (made.state, made.version, made.created_at, made.password_changed_at) == ("active", 1, NOW, None)


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        (NewAccount("x", "甲", (Grant("gis"),)), "name"),
        (NewAccount("a" * 33, "甲", (Grant("gis"),)), "name"),
        (NewAccount("李伟", "甲", (Grant("gis"),)), "name"),
        (NewAccount("-rm", "甲", (Grant("gis"),)), "name"),
        (NewAccount("a b", "甲", (Grant("gis"),)), "name"),
        (NewAccount("new\n", "甲", (Grant("gis"),)), "name"),
        (NewAccount("new", " ", (Grant("gis"),)), "title"),
        (NewAccount("new", "甲" * 101, (Grant("gis"),)), "title"),
        (NewAccount("new", "甲", (Grant("mayor"),)), "role"),
        (NewAccount("new", "甲", (Grant("gis", "5101"),)), "area"),
        (NewAccount("new", "甲", (Grant("gis", "4101%"),)), "area"),
        (NewAccount("new", "甲", (Grant("gis", "", "nobody"),)), "organisation"),
        (NewAccount("new", "甲", (Grant("gis"),), "nobody"), "organisation"),
        (NewAccount("new", "甲", (Grant("handler"),)), "role_organisation"),
        (NewAccount("new", "甲", (Grant("peer"),)), "role_organisation"),
        (NewAccount("new", "甲", (Grant("gis"), Grant("gis"))), "role_once"),
        (NewAccount("new", "甲", (Grant("auditor", "4101"),)), "administrator_everywhere"),
    ],
)
def test_a_wrong_account_is_refused_and_leaves_nothing(ground: Engine, new: NewAccount, rule: str) -> None:
    with pytest.raises(AccountError) as refused, ground.begin() as connection:
        create(connection, new)
    assert refused.value.rule == rule and refused.value.zh and refused.value.en
    with ground.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account.account WHERE name IN ('new', 'x', '李伟')")) == 0


def test_a_name_is_taken_in_any_case(engine: Engine) -> None:
    add_person(engine, "Zhao")
    with pytest.raises(AccountError, match="zHAO") as refused, engine.begin() as connection:
        person(connection, "zHAO")
    assert refused.value.rule == "name_taken"


def test_area_above_or_below_a_city_is_known(ground: Engine) -> None:
    add_person(ground, "areas", "planner")
    with ground.begin() as connection:
        for area in ("41", "4101", "410105003"):
            add_grant(connection, "areas", Grant("planner", area))
        remove_grant(connection, "areas", Grant("planner", "41"))
        assert [grant.area for grant in account_by_name(connection, "areas").grants] == ["", "4101", "410105003"]
    with pytest.raises(AccountError, match="planner（4101）"), ground.begin() as connection:
        remove_grant(connection, "areas", Grant("planner", "41"))


@pytest.mark.parametrize(
    ("organisation", "rule"),
    [
        (Organisation("Water", "水", "W"), "organisation_key"),
        (Organisation("", "水", "W"), "organisation_key"),
        (Organisation("water", "水", "W"), "organisation_taken"),
        (Organisation("gas", "气", "G", "club"), "organisation_kind"),
        (Organisation("gas", "", "G"), "organisation_title"),
    ],
)
def test_a_wrong_organisation_is_refused(ground: Engine, organisation: Organisation, rule: str) -> None:
    with pytest.raises(AccountError) as refused, ground.begin() as connection:
        add_organisation(connection, organisation)
    assert refused.value.rule == rule
    with ground.connect() as connection:
        assert [one.key for one in organisations(connection)] == ["fangda", "water"]


def test_the_last_passwords_cannot_come_again(engine: Engine) -> None:
    used = [f"{PASSWORD} {number}" for number in range(6)]
    add_person(engine, "history", password=used[0])
    for number, password in enumerate(used[1:], 1):
        with engine.begin() as connection:
            set_password(connection, "history", password, MLPS2, at=minutes(number))
    for password in used[1:]:
        with pytest.raises(PasswordRefused) as refused, engine.begin() as connection:
            set_password(connection, "history", password, MLPS2, at=minutes(10))
        assert refused.value.rule == "password_reused"
    with engine.begin() as connection:
        set_password(connection, "history", used[0], MLPS2, at=minutes(10))
        set_password(connection, "history", used[0], ASVS, at=minutes(11))
        hashes = list(connection.scalars(text("SELECT password_hash FROM account.password_history")))
    assert not any(password in stored for password in used for stored in hashes)


def test_a_weak_password_changes_nothing(engine: Engine) -> None:
    before = add_person(engine, "weak")
    with pytest.raises(PasswordRefused), engine.begin() as connection:
        set_password(connection, "weak", "12345678", MLPS2)
    with engine.connect() as connection:
        assert account_by_name(connection, "weak") == before


def test_states_and_versions(engine: Engine) -> None:
    before = add_person(engine, "states")
    with engine.begin() as connection:
        off = disable(connection, "states", minutes(5))
        again = disable(connection, "states", minutes(6))
        on = enable(connection, "states", minutes(7))
        locked = lock(connection, "states")
    assert (off.state, off.disabled_at, again.disabled_at) == ("disabled", minutes(5), minutes(5))
    assert (on.state, on.disabled_at, on.enabled_at, locked.state) == ("active", None, minutes(7), "locked")
    assert before.version < off.version < again.version < on.version < locked.version
    with pytest.raises(AccountError), engine.begin() as connection:
        disable(connection, "nobody")


def test_accounts_that_nobody_uses_are_disabled(engine: Engine) -> None:
    for name in ("left", "used", "program", "back"):
        add_person(engine, name)
    late = NOW + timedelta(days=90)
    with engine.begin() as connection:
        key = add_key(connection, "program", "接口", ["read"], 300, MLPS2, NOW).key
        assert find_key(connection, key, late - timedelta(days=1)) is not None
        enable(connection, "back", late - timedelta(days=1))
    login(engine, "used", PASSWORD, None, MLPS2, late - timedelta(days=1))
    with engine.begin() as connection:
        assert disable_stale(connection, ASVS, late) == []
        gone = disable_stale(connection, MLPS2, late)
        assert "left" in gone and not {"used", "program", "back"} & set(gone)
        assert account_by_name(connection, "left").state == "disabled"
