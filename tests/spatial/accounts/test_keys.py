"""API keys: shown once, stored as a hash, limited in scope and time, ended with the account."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from spatial.accounts.accounts import disable, enable, set_password
from spatial.accounts.keys import add_key, find_key, keys, revoke_key
from spatial.accounts.model import AccountError
from tests.support.people import MLPS2, NOW, PASSWORD, add_person, minutes


def test_a_key_is_found_and_only_its_hash_is_stored(engine: Engine) -> None:
    account = add_person(engine, "qgis")
    with engine.begin() as connection:
        made = add_key(connection, "QGIS", " 办公室 QGIS ", ["read", "write", "read"], 30, MLPS2, NOW)
        found = find_key(connection, made.key, minutes(1))
        rows = connection.scalar(text("SELECT string_agg(to_jsonb(k)::text, '') FROM account.api_key k"))
    assert found is not None
    key, owner = found
    assert owner == account and (key.account, key.title, key.scopes) == ("qgis", "办公室 QGIS", ("read", "write"))
    assert (key.expires_at, key.last_used_at) == (NOW + timedelta(days=30), minutes(1))
    assert made.key.startswith(f"wanmi_{key.prefix}_") and made.key[-43:] not in str(rows)


def test_forged_expired_and_revoked_keys_find_nothing(engine: Engine) -> None:
    add_person(engine, "forger")
    with engine.begin() as connection:
        key = add_key(connection, "forger", "甲", ["read"], 30, MLPS2, NOW).key
        for forged in (
            "",
            key[:-1],
            key + "x",
            key.upper(),
            key[:-1] + ("A" if key[-1] != "A" else "B"),
            "wanmi_" + "a" * 52,
            "\ud800" * 58,
        ):
            assert find_key(connection, forged, NOW) is None
        assert find_key(connection, key, NOW + timedelta(days=29)) is not None
        assert find_key(connection, key, NOW + timedelta(days=30)) is None
        assert revoke_key(connection, key.split("_")[1], minutes(1)).revoked_at == minutes(1)
        assert find_key(connection, key, minutes(2)) is None
        with pytest.raises(AccountError):
            revoke_key(connection, key.split("_")[1])


def test_keys_end_with_the_account_and_outlive_a_password(engine: Engine) -> None:
    add_person(engine, "program")
    with engine.begin() as connection:
        key = add_key(connection, "program", "甲", ["ingest"], 30, MLPS2, NOW).key
        set_password(connection, "program", PASSWORD + "!", MLPS2)
        assert find_key(connection, key, NOW) is not None
        disable(connection, "program")
        assert find_key(connection, key, NOW) is None
        enable(connection, "program")
        assert find_key(connection, key, NOW) is not None


def test_use_is_written_at_most_once_a_minute(engine: Engine) -> None:
    add_person(engine, "touch")
    used = []
    with engine.begin() as connection:
        key = add_key(connection, "touch", "甲", ["read"], 30, MLPS2, NOW).key
        for after in (1, 1.5, 2, 2.9, 3.1):
            find_key(connection, key, minutes(after))
            used.append(keys(connection, "touch")[0].last_used_at)
    assert used == [minutes(1), minutes(1), minutes(2), minutes(2), minutes(3.1)]


@pytest.mark.parametrize(
    ("name", "title", "scopes", "days", "rule"),
    [
        ("nobody", "甲", ["read"], 30, "account"),
        ("plain", "甲", [], 30, "scope"),
        ("plain", "甲", ["all"], 30, "scope"),
        ("plain", "  ", ["read"], 30, "key_title"),
        ("plain", "甲", ["read"], 0, "key_days"),
        ("plain", "甲", ["read"], 367, "key_days"),
        ("audit", "甲", ["read"], 30, "key_administrator"),
    ],
)
def test_a_wrong_key_is_refused(engine: Engine, name: str, title: str, scopes: list[str], days: int, rule: str) -> None:
    with engine.begin() as connection:
        known = set(connection.scalars(text("SELECT name FROM account.account")))
    if "plain" not in known:
        add_person(engine, "plain")
        add_person(engine, "audit", "auditor")
    with pytest.raises(AccountError) as refused, engine.begin() as connection:
        add_key(connection, name, title, scopes, days, MLPS2)
    assert refused.value.rule == rule and refused.value.zh and refused.value.en
    with engine.connect() as connection:
        assert keys(connection, "plain") == []
