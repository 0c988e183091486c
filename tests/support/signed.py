"""People who are signed in, for tests: sessions and keys opened directly in the database, because argon2 is slow on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine

from api.auth.credentials import COOKIE
from api.auth.origin import CSRF_HEADER, csrf_token
from spatial.accounts.accounts import NewAccount, account_by_name, create
from spatial.accounts.keys import add_key
from spatial.accounts.model import Account, AccountError, Grant
from spatial.accounts.policy import PROFILES
from spatial.accounts.sessions import open_session

__all__ = ["EVERYTHING", "key_of", "member", "sign_in", "sign_out", "signed_in", "token_of"]

# The role that sees every layer, for tests whose subject is not the right.
EVERYTHING = "gis"
PROFILE = PROFILES["mlps2"]


def member(connection: Connection, role: str = EVERYTHING, area: str = "", organisation: str | None = None) -> Account:
    """Returns the account with this one role, made when it is asked for first; it has no password."""
    name = "-".join(filter(None, ("t", role, area, organisation)))
    try:
        return account_by_name(connection, name)
    except AccountError:
        return create(connection, NewAccount(name, name, (Grant(role, area),), organisation))


def token_of(engine: Engine, role: str = EVERYTHING, area: str = "", organisation: str | None = None) -> str:
    """Opens a session of ``member`` and returns its token."""
    with engine.begin() as connection:
        return open_session(connection, member(connection, role, area, organisation), PROFILE).token


def key_of(engine: Engine, role: str = EVERYTHING, *scopes: str, area: str = "", organisation: str | None = None) -> str:
    """Makes a key of ``member`` (default: for reading) and returns it."""
    with engine.begin() as connection:
        account = member(connection, role, area, organisation)
        return add_key(connection, account.name, "test", scopes or ("read",), 30, PROFILE).key


def sign_in(client: TestClient, engine: Engine, role: str = EVERYTHING, area: str = "", organisation: str | None = None) -> TestClient:
    """Puts a session of ``member`` into a client, in place of whoever it was; unsafe requests carry the token they need."""
    sign_out(client)
    token = token_of(engine, role, area, organisation)
    client.cookies.set(COOKIE, token)
    client.headers[CSRF_HEADER] = csrf_token(token)
    return client


def sign_out(client: TestClient) -> TestClient:
    """Makes a client that of a stranger; the session goes on."""
    client.cookies.clear()
    client.headers.pop(CSRF_HEADER, None)
    return client


@contextmanager
def signed_in(
    app: FastAPI, engine: Engine, role: str = EVERYTHING, area: str = "", organisation: str | None = None
) -> Iterator[TestClient]:
    """A client of an application of one's own, with a session of ``member``."""
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield sign_in(client, engine, role, area, organisation)
