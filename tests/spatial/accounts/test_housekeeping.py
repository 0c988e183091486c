"""The daily work: what goes, what stays, and that one of several workers does it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, text

from spatial.accounts.housekeeping import LOCK, tidy
from spatial.accounts.sessions import open_session
from tests.support.people import MLPS2, NOW, add_person


def test_ended_sessions_and_old_attempts_go_and_the_unused_are_disabled(engine: Engine) -> None:
    account = add_person(engine, "left", password=None)
    add_person(engine, "guard", "secadmin", password=None)
    with engine.begin() as connection:
        open_session(connection, account, MLPS2, at=NOW)
        connection.execute(text("INSERT INTO account.login_attempt (at, name, outcome) VALUES (:at, 'left', 'wrong')"), {"at": NOW})
    assert tidy(engine, MLPS2, NOW + timedelta(hours=13))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account.session")) == 1
    assert tidy(engine, MLPS2, NOW + timedelta(days=201))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account.session")) == 0
        assert connection.scalar(text("SELECT count(*) FROM account.login_attempt")) == 0
        states = {row.name: row.state for row in connection.execute(text("SELECT name, state FROM account.account"))}
        told = connection.execute(text("SELECT object, detail->>'why' FROM audit.entry WHERE action = 'account.disable'")).all()
    assert states == {"left": "disabled", "guard": "active"}, "the last security administrator stays"
    assert [tuple(row) for row in told] == [("account/left", "unused")]


def test_only_one_worker_is_at_it(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        assert tidy(engine, MLPS2, NOW) is False
    assert tidy(engine, MLPS2, NOW) is True
