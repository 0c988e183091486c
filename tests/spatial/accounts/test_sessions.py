"""Sessions: found by their token only, ended by idleness, age, hand, account; workers are told."""

from __future__ import annotations

import hashlib
import select
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest
from sqlalchemy import Connection, Engine, text

from spatial.accounts.accounts import account_by_name, disable, lock, set_password
from spatial.accounts.grants import add_grant
from spatial.accounts.model import Grant
from spatial.accounts.sessions import Opened, find, open_session, prune, revoke, revoke_all, sessions_of
from tests.support.cluster import Server
from tests.support.people import MLPS2, NOW, PASSWORD, add_person, minutes


def opened(engine: Engine, name: str) -> Opened:
    account = add_person(engine, name)
    with engine.begin() as connection:
        return open_session(connection, account, MLPS2, "10.0.0.7", "Mozilla/5.0 \x00\n万", NOW)


def holds(engine: Engine, token: str, after: float = 0) -> bool:
    with engine.begin() as connection:
        return find(connection, token, MLPS2, minutes(after)) is not None


def test_a_session_is_found_by_its_token_and_only_the_hash_is_stored(engine: Engine) -> None:
    made = opened(engine, "found")
    with engine.begin() as connection:
        session = find(connection, made.token, MLPS2, NOW)
        stored = connection.execute(
            text("SELECT token_hash, to_jsonb(s)::text FROM account.session s WHERE id = :i"), {"i": made.session.id}
        )
        digest, row = stored.one()
    assert session == made.session
    assert session is not None and (session.account.name, session.address, session.agent) == ("found", "10.0.0.7", "Mozilla/5.0 万")
    assert bytes(digest) == hashlib.sha256(made.token.encode()).digest() and made.token not in row
    assert len(made.token) == 43, "256 bits"


def test_forged_tokens_find_nothing(engine: Engine) -> None:
    token = opened(engine, "forged").token
    other = "A" if token[0] != "A" else "B"
    for forged in (
        "",
        "x",
        token[:-1],
        token + "x",
        other + token[1:],
        token.swapcase(),
        token + "\0",
        "\ud800" * 43,
        "万" * 43,
        "x" * 100_000,
    ):
        assert not holds(engine, forged)
    assert holds(engine, token)


def test_idle_and_absolute_ends(engine: Engine) -> None:
    token = opened(engine, "idle").token
    assert holds(engine, token, 29.9) and holds(engine, token, 59.8)
    assert not holds(engine, token, 89.8)
    token = opened(engine, "absolute").token
    for after in range(20, 720, 20):
        assert holds(engine, token, after)
    assert holds(engine, token, 719.9) and not holds(engine, token, 720)


def test_a_stricter_profile_shortens_open_sessions(engine: Engine) -> None:
    token = opened(engine, "stricter").token
    strict = replace(MLPS2, idle=timedelta(minutes=10), absolute=timedelta(minutes=15))
    with engine.begin() as connection:
        assert find(connection, token, strict, minutes(9)) is not None
        assert find(connection, token, strict, minutes(15)) is None


def test_use_is_written_at_most_once_a_minute(engine: Engine) -> None:
    made = opened(engine, "touch")
    written = []
    for after in (0.5, 0.9, 1.0, 1.5, 2.1):
        with engine.begin() as connection:
            assert find(connection, made.token, MLPS2, minutes(after)) is not None
            written.append(connection.scalar(text("SELECT seen_at FROM account.session WHERE id = :id"), {"id": made.session.id}))
    assert written == [NOW, NOW, minutes(1), minutes(1), minutes(2.1)]


def change_password(connection: Connection, made: Opened) -> None:
    set_password(connection, made.session.account.name, PASSWORD + "!", MLPS2)


def turn_off(connection: Connection, made: Opened) -> None:
    disable(connection, made.session.account.name)


def shut(connection: Connection, made: Opened) -> None:
    lock(connection, made.session.account.name)


def end_all(connection: Connection, made: Opened) -> None:
    revoke_all(connection, made.session.account.id)


def end_one(connection: Connection, made: Opened) -> None:
    assert revoke(connection, made.session.id)
    assert not revoke(connection, made.session.id)


@pytest.mark.parametrize("way", [change_password, turn_off, shut, end_all, end_one])
def test_what_ends_a_session_ends_it_at_once_and_tells_the_workers(
    engine: Engine, server: Server, database: str, way: Callable[[Connection, Opened], None]
) -> None:
    made = opened(engine, f"ends-{way.__name__}")
    listener = psycopg2.connect(server.owner(database))
    try:
        listener.autocommit = True
        listener.cursor().execute("LISTEN wanmi_account")
        with engine.begin() as connection:
            way(connection, made)
        assert not holds(engine, made.token)
        assert select.select([listener], [], [], 20)[0]
        listener.poll()
        assert {notice.payload for notice in listener.notifies} == {str(made.session.account.id)}
    finally:
        listener.close()


def test_roles_given_and_taken_are_told_but_log_ins_and_touches_are_not(engine: Engine, server: Server, database: str) -> None:
    made = opened(engine, "told")
    listener = psycopg2.connect(server.owner(database))
    try:
        listener.autocommit = True
        listener.cursor().execute("LISTEN wanmi_account")
        assert holds(engine, made.token, 5)
        with engine.begin() as connection:
            connection.execute(text("UPDATE account.account SET failures = '{}', last_login_at = now() WHERE name = 'told'"))
        with engine.begin() as connection:
            add_grant(connection, "told", Grant("planner"))
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM account.account_role WHERE role = 'planner'"))
        listener.cursor().execute("SELECT 1")
        listener.poll()
        assert [notice.payload for notice in listener.notifies] == [str(made.session.account.id)] * 2
    finally:
        listener.close()
    with engine.begin() as connection:
        session = find(connection, made.token, MLPS2, minutes(6))
    assert session is not None and session.account.roles == ("dispatcher",), "roles are those of now"


def test_one_ended_session_leaves_the_others(engine: Engine) -> None:
    first = opened(engine, "pair")
    with engine.begin() as connection:
        second = open_session(connection, account_by_name(connection, "pair"), MLPS2, None, None, minutes(1))
        assert [one.id for one in sessions_of(connection, first.session.account, minutes(2))] == [second.session.id, first.session.id]
        revoke(connection, first.session.id, minutes(2))
        assert [one.id for one in sessions_of(connection, first.session.account, minutes(2))] == [second.session.id]
    assert not holds(engine, first.token, 3) and holds(engine, second.token, 3)
    assert first.token != second.token


def test_a_session_opened_while_all_are_ended_does_not_hold(engine: Engine) -> None:
    account = add_person(engine, "late")
    with engine.begin() as connection:
        assert revoke_all(connection, account.id) == account.version + 1
        made = open_session(connection, account, MLPS2, None, None, NOW)
    assert not holds(engine, made.token)


def test_an_expired_password_shows_in_the_session(engine: Engine) -> None:
    account = add_person(engine, "old-password")
    late = NOW + timedelta(days=90)
    with engine.begin() as connection:
        made = open_session(connection, account, MLPS2, "testclient", "x" * 1000, late)
        session = find(connection, made.token, MLPS2, late)
    assert made.session.must_change and session == made.session
    assert session is not None and session.address is None and len(session.agent or "") == 300


def test_ended_sessions_are_swept(engine: Engine) -> None:
    made = opened(engine, "swept")
    with engine.begin() as connection:
        prune(connection, NOW + timedelta(hours=35))
        assert connection.scalar(text("SELECT count(*) FROM account.session WHERE id = :id"), {"id": made.session.id}) == 1
        assert prune(connection, NOW + timedelta(hours=37)) >= 1
        assert connection.scalar(text("SELECT count(*) FROM account.session WHERE id = :id"), {"id": made.session.id}) == 0
