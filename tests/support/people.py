"""Accounts for tests: made in one line, with a password that both profiles take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from spatial.accounts.accounts import NewAccount, create, set_password
from spatial.accounts.model import Account, Grant
from spatial.accounts.policy import PROFILES

__all__ = ["ASVS", "MLPS2", "NOW", "PASSWORD", "add_person", "minutes", "person"]

PASSWORD = "Zheng-dong#4712 xin"
MLPS2, ASVS = PROFILES["mlps2"], PROFILES["asvs"]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def minutes(number: float) -> datetime:
    """So many minutes after the start."""
    return NOW + timedelta(minutes=number)


def person(connection: Connection, name: str, *roles: str, password: str | None = PASSWORD) -> Account:
    """Makes an account with roles (default: dispatcher) and a password that need not be changed."""
    made = create(connection, NewAccount(name, name, tuple(Grant(role) for role in roles or ("dispatcher",))), NOW)
    return made if password is None else set_password(connection, name, password, MLPS2, at=NOW)


def add_person(engine: Engine, name: str, *roles: str, password: str | None = PASSWORD) -> Account:
    """The same in a transaction of its own."""
    with engine.begin() as connection:
        return person(connection, name, *roles, password=password)
