"""Log-in: one failure for every reason, lock-out that no crowd outruns, expiry, accounts that were left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, text

from spatial.accounts.accounts import account_by_name, disable, enable, lock, set_password
from spatial.accounts.login import LoginRefused, begin, finish, login, prune_attempts
from spatial.accounts.passwords import Verdict, verify
from spatial.accounts.policy import Profile
from tests.support.people import ASVS, MLPS2, NOW, PASSWORD, add_person, minutes


def attempt(
    engine: Engine, name: str, password: str = PASSWORD, at: datetime = NOW, profile: Profile = MLPS2, address: str | None = None
) -> bool:
    try:
        login(engine, name, password, address, profile, at)
    except LoginRefused:
        return False
    return True


def outcomes(engine: Engine, name: str) -> list[str]:
    with engine.connect() as connection:
        rows = connection.scalars(text("SELECT outcome FROM account.login_attempt WHERE name = :name ORDER BY id"), {"name": name})
        return list(rows)


def test_the_right_password_lets_in_whatever_the_case_of_the_name(engine: Engine) -> None:
    add_person(engine, "Entry")
    granted = login(engine, "eNTRY", PASSWORD, "10.0.0.7", MLPS2, minutes(3))
    assert (granted.account.name, granted.must_change, granted.account.last_login_at) == ("Entry", False, minutes(3))
    with engine.connect() as connection:
        row = connection.execute(text("SELECT host(address), outcome FROM account.login_attempt WHERE name = 'eNTRY'")).one()
    assert tuple(row) == ("10.0.0.7", "granted")


def nothing(engine: Engine, name: str) -> None:
    """The account is as it was made."""


def disabled(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        disable(connection, name)


def locked(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        lock(connection, name)


def failed(engine: Engine, name: str) -> None:
    for _ in range(5):
        assert not attempt(engine, name, "wrong")


def without(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.account SET password_hash = NULL, password_changed_at = NULL WHERE name = :n"), {"n": name})


@pytest.mark.parametrize(
    ("prepare", "password", "outcome"),
    [
        (nothing, "wrong", "wrong"),
        (nothing, PASSWORD + " ", "wrong"),
        (nothing, "", "wrong"),
        (nothing, "\ud800\0", "wrong"),
        (disabled, PASSWORD, "disabled"),
        (locked, PASSWORD, "locked"),
        (failed, PASSWORD, "locked"),
        (without, PASSWORD, "no_password"),
        (without, "", "no_password"),
    ],
)
def test_every_failure_says_the_same(engine: Engine, prepare: Callable[[Engine, str], None], password: str, outcome: str) -> None:
    name = f"uniform-{prepare.__name__}-{len(password)}"
    add_person(engine, name)
    prepare(engine, name)
    said = []
    for tried in (name, "nobody-of-this-name"):
        with pytest.raises(LoginRefused) as refused:
            login(engine, tried, password, None, MLPS2, NOW)
        said.append((refused.value.zh, refused.value.en, refused.value.args))
    assert said[0] == said[1]
    assert outcomes(engine, name)[-1] == outcome


@pytest.mark.parametrize("name", ["", "x", "no body", "a\0b", "\ud800", "李伟", "' OR 1=1 --", "%", "y" * 100_000])
def test_what_cannot_be_a_name_is_refused_and_not_kept(engine: Engine, name: str) -> None:
    assert not attempt(engine, name)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT name FROM account.login_attempt ORDER BY id DESC LIMIT 1")) == "?"


def test_hopeless_attempts_are_compared_with_nothing_of_anyone(engine: Engine) -> None:
    """What is compared costs the same: the stored hash, or none at all (see test_passwords)."""
    add_person(engine, "hopeless")
    failed(engine, "hopeless")
    with engine.begin() as connection:
        assert begin(connection, "hopeless", None, MLPS2, NOW).stored is None
        assert begin(connection, "nobody-at-all", None, MLPS2, NOW).stored is None
        refused = begin(connection, "hopeless", None, MLPS2, NOW)
    with pytest.raises(LoginRefused), engine.begin() as connection:
        finish(connection, refused, Verdict(True), MLPS2, NOW)


def test_five_failures_lock_for_half_an_hour(engine: Engine) -> None:
    add_person(engine, "five")
    for number in range(5):
        assert not attempt(engine, "five", "wrong", minutes(number))
    assert not attempt(engine, "five", PASSWORD, minutes(5))
    assert not attempt(engine, "five", PASSWORD, minutes(33.9))
    assert attempt(engine, "five", PASSWORD, minutes(34))


def test_failures_age_and_success_forgives(engine: Engine) -> None:
    add_person(engine, "ages")
    for number in (0, 1, 2, 3, 15.5, 16.5):  # never five within fifteen minutes
        assert not attempt(engine, "ages", "wrong", minutes(number))
    assert attempt(engine, "ages", PASSWORD, minutes(16.6))
    for number in range(17, 21):
        assert not attempt(engine, "ages", "wrong", minutes(number))
    assert attempt(engine, "ages", PASSWORD, minutes(21))


def test_an_administrator_ends_the_lock(engine: Engine) -> None:
    for name, way in (("freed", "enable"), ("reset", "password")):
        add_person(engine, name)
        failed(engine, name)
        password = PASSWORD if way == "enable" else PASSWORD + "!"
        with engine.begin() as connection:
            if way == "enable":
                enable(connection, name, NOW)
            else:
                set_password(connection, name, password, MLPS2, at=NOW)
        assert attempt(engine, name, password)


def test_a_crowd_at_the_same_moment_gets_five_guesses(engine: Engine) -> None:
    add_person(engine, "crowd")
    barrier = threading.Barrier(8)

    def guess(_: int) -> bool:
        barrier.wait(20)
        with engine.begin() as connection:
            begun = begin(connection, "crowd", None, MLPS2, NOW)
        return begun.stored is not None

    for _ in range(2):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(guess, range(8)))
    found = outcomes(engine, "crowd")
    assert found.count("begun") == 5 and found.count("locked") == 11


def test_one_address_gets_so_many_guesses_over_all_names(engine: Engine) -> None:
    add_person(engine, "neighbour")
    with engine.begin() as connection:
        for number in range(MLPS2.address_failures):
            begin(connection, f"guess{number}", "10.9.9.9", MLPS2, NOW)
    before = outcomes(engine, "neighbour")
    assert not attempt(engine, "neighbour", address="10.9.9.9")
    assert outcomes(engine, "neighbour") == before, "a flood does not fill the log"
    assert attempt(engine, "neighbour", address="10.9.9.8")
    assert attempt(engine, "neighbour", address="10.9.9.9", at=minutes(15))


def test_a_password_changed_meanwhile_ends_the_attempt(engine: Engine) -> None:
    add_person(engine, "meanwhile")
    with engine.begin() as connection:
        begun = begin(connection, "meanwhile", None, MLPS2, NOW)
    verdict = verify(begun.stored, PASSWORD)
    assert verdict.right
    with engine.begin() as connection:
        set_password(connection, "meanwhile", PASSWORD + "!", MLPS2)
    with pytest.raises(LoginRefused), engine.begin() as connection:
        finish(connection, begun, verdict, MLPS2, NOW)


def test_old_parameters_are_replaced_at_log_in(engine: Engine) -> None:
    add_person(engine, "weakhash")
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.account SET password_hash = :hash WHERE name = 'weakhash'"), {"hash": old})
    assert attempt(engine, "weakhash")
    with engine.connect() as connection:
        stored = connection.scalar(text("SELECT password_hash FROM account.account WHERE name = 'weakhash'"))
    assert stored != old and "m=19456,t=2,p=1" in str(stored)
    assert attempt(engine, "weakhash")


def test_expiry_and_one_time_passwords_ask_for_a_new_one(engine: Engine) -> None:
    add_person(engine, "expires")
    late = NOW + timedelta(days=89)
    assert not login(engine, "expires", PASSWORD, None, MLPS2, late).must_change
    assert login(engine, "expires", PASSWORD, None, MLPS2, NOW + timedelta(days=90)).must_change
    assert not login(engine, "expires", PASSWORD, None, ASVS, NOW + timedelta(days=4000)).must_change
    with engine.begin() as connection:
        set_password(connection, "expires", PASSWORD + "!", ASVS, must_change=True, at=NOW)
    assert login(engine, "expires", PASSWORD + "!", None, ASVS, NOW).must_change


def test_an_account_that_was_left_is_disabled_by_its_first_log_in(engine: Engine) -> None:
    add_person(engine, "left")
    add_person(engine, "keeper", "secadmin")
    late = NOW + timedelta(days=90)
    assert not attempt(engine, "left", at=late)
    assert outcomes(engine, "left") == ["stale"]
    with engine.connect() as connection:
        assert account_by_name(connection, "left").state == "disabled"
    assert attempt(engine, "keeper", at=late), "the last security administrator can always come back"
    with engine.begin() as connection:
        enable(connection, "left", late)
    assert attempt(engine, "left", at=late)


def test_the_log_is_kept_longer_than_the_law_asks(engine: Engine) -> None:
    add_person(engine, "logged")
    attempt(engine, "logged")
    with engine.begin() as connection:
        prune_attempts(connection, NOW + timedelta(days=180))
    assert outcomes(engine, "logged") == ["granted"]
    with engine.begin() as connection:
        assert prune_attempts(connection, NOW + timedelta(days=201)) > 0
    assert outcomes(engine, "logged") == []
