"""Which accounts an identity opens: linked ones, by leave, and never by a name alone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from spatial.accounts.accounts import account_by_name, disable
from spatial.accounts.factors import begin_enrolment, code_at, confirm_enrolment, step_at
from spatial.accounts.grants import add_grant, remove_grant
from spatial.accounts.identities import allow, identities, link, unlink
from spatial.accounts.model import AccountError, Grant
from spatial.accounts.sealing import Sealer
from tests.support.oidc import assert_refused, go, linked, name_of
from tests.support.oidc import browser as browser
from tests.support.oidc import idp as idp
from tests.support.oidc import running as running
from tests.support.provider import IdentityProvider
from tests.support.signin import add_present


def test_nobody_is_linked_by_a_name_alone(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    """The name is looked at once, under a permit; given to somebody else at the provider, it opens nothing."""
    name = name_of(idp)
    add_present(engine, name)
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "not_linked")
    with engine.begin() as connection:
        allow(connection, name, idp.issuer)
        connection.execute(text("UPDATE account.identity_permit SET ends_at = now() - interval '1 s'"))
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "not_linked")
    with engine.begin() as connection:
        allow(connection, name, idp.issuer)
    idp.person["preferred_username"] = name.upper()
    assert browser.get(go(browser)).status_code == 303
    browser.cookies.clear()
    mine, idp.person = idp.person, {"sub": f"thief-{uuid.uuid4()}", "preferred_username": name}
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "not_linked")
    idp.person = mine
    assert browser.get(go(browser)).status_code == 303
    with engine.begin() as connection:
        with pytest.raises(AccountError):
            allow(connection, name, idp.issuer)
        assert [one.subject for one in identities(connection) if one.account == name] == [mine["sub"]]
        unlink(connection, name)
    assert browser.get("/api/me").status_code == 401, "unlinking ends the sessions"
    browser.cookies.clear()
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "not_linked")


@pytest.mark.parametrize("name", ["", "nobody-here", "\u212aelvin", "a" * 200, 7, None, ["li"]])
def test_names_that_are_no_account(browser: TestClient, idp: IdentityProvider, engine: Engine, name: Any) -> None:
    idp.change = {"preferred_username": name}
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "not_linked")


@pytest.mark.parametrize("subject", ["", " " * 256, "\u4e07", "a\x00b"])
def test_subjects_that_are_none(browser: TestClient, idp: IdentityProvider, engine: Engine, subject: str) -> None:
    idp.change = {"sub": subject}
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "subject")


def test_accounts_that_may_not(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    name = linked(idp, engine)
    with engine.begin() as connection:
        remove_grant(connection, name, Grant("dispatcher"))
        add_grant(connection, name, Grant("auditor"))
        with pytest.raises(AccountError, match="管理员"):
            allow(connection, name, idp.issuer)
        with pytest.raises(AccountError, match="管理员"):
            link(connection, name, idp.issuer, "x")
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "administrator")
    with engine.begin() as connection:
        disable(connection, name)
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "disabled")


def test_an_account_left_for_long_is_disabled(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    name = linked(idp, engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.account SET enabled_at = now() - interval '91 days' WHERE name = :name"), {"name": name})
    assert_refused(browser, engine, go(browser), 403, "oidc-account", "stale")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT state FROM account.account WHERE name = :name"), {"name": name}) == "disabled"


def test_a_second_factor_is_asked_for_this_way_too(browser: TestClient, idp: IdentityProvider, engine: Engine, tmp_path: Path) -> None:
    name = linked(idp, engine)
    sealer = Sealer(tmp_path)
    with engine.begin() as connection:
        account, past = account_by_name(connection, name), datetime.now(UTC) - timedelta(minutes=5)
        secret = begin_enrolment(connection, sealer, account, past).secret
        confirm_enrolment(connection, sealer, account.id, code_at(secret, step_at(past)), past)
    back = browser.get(go(browser, "/x?y=1&z=2"))
    assert back.headers["location"] == "/login?step=code&next=%2Fx%3Fy%3D1%26z%3D2"
    assert "wanmi_session" not in browser.cookies
    cookie = next(value for value in back.headers.get_list("set-cookie") if value.startswith("wanmi_ticket="))
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/api/login/code" in cookie
    done = browser.post("/api/login/code", json={"code": code_at(secret, step_at(datetime.now(UTC)))})
    assert done.status_code == 200, done.text
    me = browser.get("/api/me").json()
    assert (me["name"], me["via"]) == (name, "oidc")
