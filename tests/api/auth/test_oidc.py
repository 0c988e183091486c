"""Signing in through an identity provider: the way there and back, and everything that must not open a session."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.auth import provider as provider_module
from api.auth.provider import Provider, provider_of
from spatial.settings import SettingsError, load_settings
from tests.support.oidc import assert_refused, go, linked, refusals
from tests.support.oidc import browser as browser
from tests.support.oidc import idp as idp
from tests.support.oidc import running as running
from tests.support.provider import CLIENT, SECRET, IdentityProvider
from tests.support.signin import thin_app

HTML = {"Accept": "text/html,application/xhtml+xml"}


def test_a_linked_person_signs_in(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    name = linked(idp, engine)
    idp.person["preferred_username"] = "renamed-at-the-provider"
    back = browser.get(go(browser, "/admin?tab=audit"))
    assert (back.status_code, back.headers["location"]) == (303, "/admin?tab=audit")
    me = browser.get("/api/me").json()
    assert (me["name"], me["via"], me["must_change"]) == (name, "oidc", False)
    assert "wanmi_flow" not in browser.cookies
    assert SECRET not in str(idp.asked[0]["code_verifier"]) and "client_secret" not in idp.asked[0]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT last_login_at FROM account.account WHERE name = :name"), {"name": name}) is not None


def test_what_is_sent_there(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    there = browser.get("/api/login/oidc")
    given = {key: values[0] for key, values in parse_qs(urlsplit(there.headers["location"]).query).items()}
    assert there.headers["location"].startswith(f"{idp.issuer}/authorize?")
    assert given["response_type"] == "code" and given["code_challenge_method"] == "S256" and given["scope"] == "openid profile"
    assert given["redirect_uri"] == "http://127.0.0.1:8000/api/login/oidc/callback"
    cookie = there.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/api/login/oidc" in cookie and given["state"].lower() not in cookie
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM account.login_flow")).all())
    assert given["state"] not in stored and given["nonce"] in stored


@pytest.mark.parametrize("sign", ["es256", "ps256"])
def test_other_signatures_by_a_key_pair_hold(browser: TestClient, idp: IdentityProvider, engine: Engine, sign: str) -> None:
    name = linked(idp, engine)
    idp.sign = sign
    assert browser.get(go(browser)).status_code == 303
    assert browser.get("/api/me").json()["name"] == name


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        ("none", "token: unsupported_algorithm"), ("hs256", "token: unsupported_algorithm"), ("stranger", "token: bad_signature"),
        ("unknown_kid", "token: invalid_key_id"), ("garbage", "token: decode_error"),
    ],
)  # fmt: skip
def test_signatures_that_prove_nothing(browser: TestClient, idp: IdentityProvider, engine: Engine, sign: str, reason: str) -> None:
    linked(idp, engine)
    idp.sign = sign
    assert_refused(browser, engine, go(browser), 401, "oidc-proof", reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nonce": "another"}, "token: invalid_claim nonce"),
        ({"nonce": None}, "token: missing_claim nonce"),
        ({"aud": "another-client"}, "token: invalid_claim aud"),
        ({"aud": [CLIENT, "another"]}, "token: missing_claim azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "token: invalid_claim azp"),
        ({"aud": None}, "token: missing_claim aud"),
        ({"iss": "https://evil.example"}, "token: invalid_claim iss"),
        ({"exp": 1_700_000_000}, "token: expired_token exp"),
        ({"exp": None}, "token: missing_claim exp"),
        ({"exp": "soon"}, "token: invalid_claim exp"),
        ({"nbf": 4_000_000_000}, "token: invalid_claim nbf"),
        ({"iat": 4_000_000_000}, "token: invalid_claim iat"),
        ({"iat": None}, "token: missing_claim iat"),
        ({"sub": None}, "token: missing_claim sub"),
        ({"sub": 17}, "token: invalid_claim sub"),
        ({"at_hash": "AAAA"}, "token: invalid_claim at_hash"),
    ],
)
def test_claims_that_prove_nothing(browser: TestClient, idp: IdentityProvider, engine: Engine, change: dict[str, Any], reason: str) -> None:
    linked(idp, engine)
    idp.change = change
    assert_refused(browser, engine, go(browser), 401, "oidc-proof", reason)


def test_a_callback_is_used_once_and_by_the_same_browser(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    name = linked(idp, engine)
    address = go(browser)
    flow = browser.cookies["wanmi_flow"]
    with TestClient(browser.app, base_url="http://127.0.0.1:8000", follow_redirects=False) as other:
        assert_refused(other, engine, address, 401, "oidc-proof", "answer: state")
        other.cookies.set("wanmi_flow", "x" * 43)
        assert_refused(other, engine, address, 401, "oidc-proof", "answer: state")
    assert browser.get(address).status_code == 303
    assert browser.get("/api/me").json()["name"] == name
    browser.cookies.clear()
    browser.cookies.set("wanmi_flow", flow)
    assert_refused(browser, engine, address, 401, "oidc-proof", "answer: state")


def test_a_state_that_was_not_given_or_is_too_old(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    linked(idp, engine)
    address = go(browser)
    wrong = re.sub(r"state=[^&]+", "state=" + "a" * 43, address)
    for given in (wrong, re.sub(r"&?state=[^&]+", "", address), re.sub(r"state=[^&]+", "state=%00%F0", address)):
        assert_refused(browser, engine, given, 401, "oidc-proof", "answer: state")
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.login_flow SET ends_at = now()"))
    assert_refused(browser, engine, address, 401, "oidc-proof", "answer: state")


def test_a_code_of_another_client_or_login_is_refused(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    linked(idp, engine)
    address = go(browser)
    for given in idp.codes.values():
        given["client_id"] = "another"
    assert_refused(browser, engine, address, 401, "oidc-proof", "code: invalid_grant")
    mine, theirs = go(browser), go(browser)
    stolen = re.sub(r"code=[^&]+", re.findall(r"code=[^&]+", mine)[0], theirs)
    assert_refused(browser, engine, stolen, 401, "oidc-proof", "code: invalid_grant")


def test_answers_for_somebody_else_and_without_a_code(browser: TestClient, idp: IdentityProvider, engine: Engine) -> None:
    linked(idp, engine)
    assert_refused(browser, engine, re.sub(r"iss=[^&]+", "iss=https://evil.example", go(browser)), 401, "oidc-proof", "answer: iss")
    assert_refused(browser, engine, re.sub(r"code=[^&]+", "code=", go(browser)), 401, "oidc-proof", "answer: code")
    assert_refused(browser, engine, re.sub(r"code=[^&]+", "code=" + "x" * 5000, go(browser)), 401, "oidc-proof", "answer: code")


@pytest.mark.parametrize(("told", "kept"), [("access_denied", "access_denied"), ("<script>", "error")])
def test_the_provider_declines(browser: TestClient, idp: IdentityProvider, engine: Engine, told: str, kept: str) -> None:
    idp.refuse = told
    assert_refused(browser, engine, go(browser), 401, "oidc-declined", f"provider: {kept}")


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil", "javascript:x", "", "/api/me"])
def test_only_pages_of_ours_come_next(browser: TestClient, engine: Engine, page: str) -> None:
    before = len(refusals(engine))
    answer = browser.get("/api/login/oidc", params={"next": page})
    assert answer.status_code == 400 and "location" not in answer.headers
    assert answer.json()["type"] == "urn:wanmi:problem:oidc-page"
    assert refusals(engine)[before:] == [{"via": "oidc", "reason": "next"}]


@pytest.mark.parametrize(
    ("where", "how", "status", "reason"),
    [
        ("keys", "redirect", 502, "redirect"), ("keys", "huge", 502, "too_large"), ("keys", "text", 502, "document_200"),
        ("keys", "deep", 502, "document_200"), ("openid-configuration", "redirect", 502, "redirect"),
        ("openid-configuration", "error", 503, "document_500"), ("openid-configuration", "slow", 503, "timeout"),
    ],
)  # fmt: skip
def test_a_provider_that_is_ill(
    browser: TestClient,
    idp: IdentityProvider,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    how: str,
    status: int,
    reason: str,
) -> None:
    monkeypatch.setattr(provider_module, "SECONDS", 0.5)
    idp.broken = {where: how}
    slug = "oidc-unavailable" if status == 503 else "oidc-answer"
    assert_refused(browser, engine, "/api/login/oidc", status, slug, reason)
    hits = len(idp.hits)
    assert_refused(browser, engine, "/api/login/oidc", status, slug, reason)
    assert len(idp.hits) == hits, "a failure is remembered for a moment"
    assert "elsewhere" not in idp.hits
    page = browser.get("/api/login/oidc", headers=HTML)
    assert (page.status_code, page.headers["location"]) == (303, f"/login?refused={slug}")


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("redirect", 502, "redirect"),
        ("huge", 502, "too_large"),
        ("text", 502, "token_answer"),
        ("error", 502, "token_answer"),
        ("slow", 503, "timeout"),
    ],
)
def test_a_token_endpoint_that_is_ill(
    browser: TestClient, idp: IdentityProvider, engine: Engine, monkeypatch: pytest.MonkeyPatch, how: str, status: int, reason: str
) -> None:
    linked(idp, engine)
    address = go(browser)
    monkeypatch.setattr(provider_module, "SECONDS", 0.5)
    idp.broken = {"token": how}
    assert_refused(browser, engine, address, status, "oidc-unavailable" if status == 503 else "oidc-answer", reason)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"issuer": "https://evil.example"}, "issuer"), ({"jwks_uri": "https://evil.example/keys"}, "jwks_uri"),
        ({"token_endpoint": "http://127.0.0.1:1/token"}, "token_endpoint"), ({"authorization_endpoint": None}, "authorization_endpoint"),
    ],
)  # fmt: skip
def test_a_document_that_leads_elsewhere(
    browser: TestClient, idp: IdentityProvider, engine: Engine, metadata: dict[str, Any], reason: str
) -> None:
    idp.metadata = metadata
    assert_refused(browser, engine, "/api/login/oidc", 502, "oidc-answer", reason)


def test_a_provider_that_is_down(engine: Engine, tmp_path: Path) -> None:
    nobody = Provider("http://127.0.0.1:1/realm", CLIENT, SECRET, "preferred_username")
    with TestClient(thin_app(load_settings({}), engine, tmp_path, nobody), follow_redirects=False) as browser:
        assert_refused(browser, engine, "/api/login/oidc", 503, "oidc-unavailable", "ConnectError")


def test_new_keys_are_fetched_but_not_all_the_time(idp: IdentityProvider, engine: Engine, tmp_path: Path) -> None:
    now = [0.0]
    name = linked(idp, engine)
    found = Provider(idp.issuer, CLIENT, SECRET, "preferred_username", lambda: now[0])
    with TestClient(
        thin_app(load_settings({}), engine, tmp_path, found), base_url="http://127.0.0.1:8000", follow_redirects=False
    ) as browser:
        idp.sign = "unknown_kid"
        for _ in range(3):
            assert_refused(browser, engine, go(browser), 401, "oidc-proof", "token: invalid_key_id")
        assert idp.hits.count("keys") == 1
        now[0] = 61
        assert_refused(browser, engine, go(browser), 401, "oidc-proof", "token: invalid_key_id")
        assert idp.hits.count("keys") == 2
        idp.sign, now[0] = "rs256", 700
        assert browser.get(go(browser)).status_code == 303 and browser.get("/api/me").json()["name"] == name
        assert idp.hits.count("keys") == 3


def test_without_a_provider_there_is_nothing(engine: Engine, tmp_path: Path) -> None:
    with TestClient(thin_app(load_settings({}), engine, tmp_path)) as browser:
        assert browser.get("/api/login/oidc").status_code == 404
        assert browser.get("/api/login/oidc/callback?state=x&code=y").status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_issuer": "https://idp.city"}, {"oidc_issuer": "http://idp.city", "oidc_client_id": "a", "oidc_client_secret": "b"},
        {"oidc_issuer": "https://idp.city?x=1", "oidc_client_id": "a", "oidc_client_secret": "b"},
        {"oidc_issuer": "https://li@idp.city", "oidc_client_id": "a", "oidc_client_secret": "b"},
        {"oidc_issuer": "idp.city", "oidc_client_id": "a", "oidc_client_secret": "b"},
        {"oidc_issuer": "https://idp.city", "oidc_client_id": "a", "oidc_client_secret": ""},
    ],
)  # fmt: skip
def test_half_a_setting_is_an_error(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="oidc_issuer"):
        provider_of(load_settings({}, **given))
