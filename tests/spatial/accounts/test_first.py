"""The first start: made once, not again beside persons, with one-time or given passwords."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from spatial.accounts.accounts import NewAccount, account_by_name, accounts, create
from spatial.accounts.first import ADMINISTRATORS, DEMO_USERS, check_given, first_accounts
from spatial.accounts.login import login
from spatial.accounts.model import Grant
from spatial.accounts.policy import PasswordRefused
from spatial.cities import City, add_city
from tests.support.people import ASVS, MLPS2, NOW, PASSWORD


def test_the_administrators_are_made_once_by_whoever_comes_first(engine: Engine) -> None:
    def start(_: int) -> list[str]:
        with engine.begin() as connection:
            return [f"{one.name} {one.password}" for one in first_accounts(connection, ADMINISTRATORS, MLPS2, None, at=NOW)]

    with ThreadPoolExecutor(3) as pool:
        made = [one for answer in pool.map(start, range(3)) for one in answer]
    assert [line.split()[0] for line in made] == list(ADMINISTRATORS)
    for line in made:
        name, password = line.split()
        granted = login(engine, name, password, None, MLPS2, NOW)
        assert granted.must_change and granted.account.roles == (name,)
    with engine.connect() as connection:
        assert len(accounts(connection)) == 3


def test_the_users_of_the_sample_city_stand_beside_persons_only_where_nobody_does(engine: Engine) -> None:
    with engine.begin() as connection:
        add_city(connection, City("ground", "地", "Ground", "4101", (113, 34, 114, 35)))
        create(connection, NewAccount("li.wei", "李伟", (Grant("planner"),)), NOW)
        made = first_accounts(connection, DEMO_USERS, MLPS2, PASSWORD, "4101", NOW)
        assert [(one.name, one.password) for one in made] == [("dispatcher", None), ("gis", None)]
        assert account_by_name(connection, "gis").grants == (Grant("gis", "4101"),)
        assert first_accounts(connection, DEMO_USERS, MLPS2, PASSWORD, "4101", NOW) == []
    assert not login(engine, "dispatcher", PASSWORD, None, MLPS2, NOW).must_change


def test_given_passwords_are_checked_for_every_name() -> None:
    check_given(MLPS2, ADMINISTRATORS, None)
    check_given(MLPS2, ADMINISTRATORS, PASSWORD)
    for profile, password in ((MLPS2, ""), (MLPS2, "admin123"), (MLPS2, "Xy-auditor-47"), (ASVS, "Zheng-dong#47")):
        with pytest.raises(PasswordRefused):
            check_given(profile, ADMINISTRATORS, password)
