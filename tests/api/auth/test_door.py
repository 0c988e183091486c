"""Who comes in and who does not: tokens, keys, counters, spellings, credentials of every wrong kind."""

from __future__ import annotations

import base64
import re
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.access import ADMINISTRATOR, Action, Actor
from api.auth.counters import allowed
from api.auth.credentials import COOKIE
from api.auth.office import Office
from spatial.accounts.accounts import NewAccount, create, disable, enable
from spatial.accounts.keys import add_key, revoke_key
from spatial.accounts.model import ROLES, SEPARATED
from spatial.accounts.sessions import open_session, revoke
from spatial.accounts.tokens import new_token
from tests.api.auth.conftest import Person
from tests.support.people import MLPS2
from tests.support.serving import Address
from tests.support.signed import key_of, member, sign_in, token_of

READ, MINE, OPEN = (
    "/api/cities",
    "/api/me",
    ("/healthz", "/readyz", "/ogc", "/ogc/conformance", "/login", "/api/login", "/static/css/tokens.css"),
)


def status(client: TestClient, path: str = READ, **headers: str) -> int:
    return client.get(path, headers=headers).status_code


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def denied(engine: Engine) -> list[tuple[str, str]]:
    """Path and reason of the refusals in the audit log, the oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT object, detail->>'why' FROM audit.entry WHERE action = 'denied' ORDER BY id"))
        return [tuple(row) for row in rows]  # type: ignore[misc]


def test_strangers_are_let_in_nowhere_but_where_all_are(stranger: TestClient, engine: Engine) -> None:
    for path in OPEN:
        assert status(stranger, path) == 200, path
    for path in (READ, MINE, "/api/layers", "/ogc/api", "/ogc/collections", "/api/me/sessions", "/api/search?q=1", "/"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:wanmi:problem:unauthenticated"), path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"] and answer.json()["detail_en"]
    assert stranger.post("/api/measure", json={"geometry": {"type": "Point", "coordinates": [1, 1]}}).status_code == 401
    assert denied(engine)[-1] == ("/api/measure", "nothing")


def test_a_page_leads_to_the_login_and_data_does_not(stranger: TestClient) -> None:
    answer = stranger.get("/?theme=dark&x=%E8%B7%AF", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/%3Ftheme%3Ddark%26x%3D%25E8%25B7%25AF")
    assert stranger.post("/api/measure", json={}, headers={"Accept": "text/html"}).status_code == 401


def test_a_session_opens_the_door(stranger: TestClient, engine: Engine) -> None:
    sign_in(stranger, engine)
    assert status(stranger) == status(stranger, "/") == 200
    me = stranger.get(MINE).json()
    assert (me["roles"], me["via"], me["must_change"]) == (["gis"], "session", False)
    assert me["counters"] == ["self", "read", "export", "edit", "import", "unmask", "jobs"]


@pytest.mark.parametrize("how", ["forged", "flipped", "cut", "long", "other case", "quoted", "signed none"])
def test_tokens_that_nobody_gave_out(stranger: TestClient, engine: Engine, how: str) -> None:
    token = token_of(engine)
    wrong = {
        "forged": new_token(),
        "flipped": ("B" if token[0] == "A" else "A") + token[1:],
        "cut": token[:-1],
        "long": token + "A",
        "other case": token.swapcase(),
        "quoted": f'"{token}"',
        "signed none": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXNhZG1pbiJ9.",
    }[how]
    assert status(stranger, Cookie=f"{COOKIE}={wrong}") == 401
    assert denied(engine)[-1] == (READ, "session")
    assert status(stranger, Cookie=f"{COOKIE}={token}") == 200


@pytest.mark.parametrize("ending", ["idle", "absolute"])
def test_a_session_ends_by_the_clock(stranger: TestClient, engine: Engine, ending: str) -> None:
    back = MLPS2.idle if ending == "idle" else MLPS2.absolute
    with engine.begin() as connection:
        old = open_session(connection, member(connection), MLPS2, at=datetime.now(UTC) - back - timedelta(seconds=1)).token
        young = open_session(connection, member(connection), MLPS2, at=datetime.now(UTC) - back + timedelta(minutes=1)).token
        if ending == "absolute":
            connection.execute(
                text(
                    "UPDATE account.session SET seen_at = :at, idle_ends_at = least(:at + interval '30 min', ends_at) WHERE opened_at < :at"
                ),
                {"at": datetime.now(UTC) - timedelta(minutes=3)},
            )
    assert status(stranger, Cookie=f"{COOKIE}={old}") == 401
    assert status(stranger, Cookie=f"{COOKIE}={young}") == 200


def heard(app: FastAPI) -> threading.Event:
    """Set with the next notification that this worker hears."""
    event = threading.Event()
    office: Office = app.state.office
    office.watch.subscribe(lambda _: event.set())
    return event


def test_what_another_process_ends_ends_here_at_once(stranger: TestClient, engine: Engine, person: Person) -> None:
    """The session is remembered here; somebody else revokes it; with the notification it is forgotten."""
    app, account = stranger.app, person()
    assert isinstance(app, FastAPI)
    with engine.begin() as connection:
        opened = open_session(connection, account, MLPS2)
        made = add_key(connection, account.name, "t", ["read"], 1, MLPS2)
    cookie, bearer = {"Cookie": f"{COOKIE}={opened.token}"}, {"Authorization": f"Bearer {made.key}"}
    assert status(stranger, **cookie) == status(stranger, **bearer) == 200
    assert len(app.state.office.held) >= 1

    for act, given in (
        (lambda connection: revoke(connection, opened.session.id), cookie),
        (lambda connection: revoke_key(connection, made.row.prefix), bearer),
    ):
        event = heard(app)
        with engine.begin() as connection:
            act(connection)
        assert event.wait(5)
        assert status(stranger, **given) == 401


def test_a_disabled_account_is_out_and_its_session_stays_ended(stranger: TestClient, engine: Engine, person: Person) -> None:
    app, account = stranger.app, person()
    assert isinstance(app, FastAPI)
    with engine.begin() as connection:
        token = open_session(connection, account, MLPS2).token
        key = add_key(connection, account.name, "t", ["read"], 1, MLPS2).key
    assert status(stranger, Cookie=f"{COOKIE}={token}") == status(stranger, Authorization=f"Bearer {key}") == 200
    for change, of_session, of_key in ((disable, 401, 401), (enable, 401, 200)):
        event = heard(app)
        with engine.begin() as connection:
            change(connection, account.name)
        assert event.wait(5)
        assert status(stranger, Cookie=f"{COOKIE}={token}") == of_session
        assert status(stranger, Authorization=f"Bearer {key}") == of_key


def test_without_a_living_watch_the_database_is_asked(stranger: TestClient, engine: Engine, person: Person) -> None:
    """The worker has heard nothing of the revocation, and knows that it cannot have."""
    app, account = stranger.app, person()
    assert isinstance(app, FastAPI)
    with engine.begin() as connection:
        opened = open_session(connection, account, MLPS2)
    office: Office = app.state.office
    assert status(stranger, Cookie=f"{COOKIE}={opened.token}") == 200
    alive = office.held._alive
    office.held._alive = lambda: False
    kept = dict(office.held._proofs)
    try:
        with engine.begin() as connection:
            revoke(connection, opened.session.id)
        office.held._proofs = kept
        assert status(stranger, Cookie=f"{COOKIE}={opened.token}") == 401
    finally:
        office.held._alive = alive


def test_keys_open_by_header_and_as_a_password(stranger: TestClient, engine: Engine) -> None:
    key = key_of(engine)
    with engine.connect() as connection:
        name = connection.scalar(text("SELECT name FROM account.account WHERE name = 't-gis'"))
    for given in (f"Bearer {key}", f"bearer  {key}", basic("", key), basic(name, key), basic(name.upper(), key)):
        assert status(stranger, Authorization=given) == 200, given
    me = stranger.get(MINE, headers={"Authorization": f"Bearer {key}"}).json()
    assert (me["via"], me["csrf"], me["counters"]) == ("key", None, ["read", "export", "jobs"])
    edited = key[:-1] + ("B" if key.endswith("A") else "A")
    for given in (
        basic("somebody", key),
        f"Bearer {edited}",
        f"Bearer {key.upper()}",
        basic("t-gis", "Zheng-dong#4712 xin"),
    ):
        assert status(stranger, Authorization=given) == 401, given
    assert denied(engine)[-1] == (READ, "key")


def test_a_token_of_one_kind_is_none_of_the_other(stranger: TestClient, engine: Engine) -> None:
    token, key = token_of(engine), key_of(engine)
    assert status(stranger, Cookie=f"{COOKIE}={token}") == status(stranger, Authorization=f"Bearer {key}") == 200
    # both are remembered by now
    assert status(stranger, Authorization=f"Bearer {token}") == status(stranger, Cookie=f"{COOKIE}={key}") == 401


def test_a_key_opens_only_its_scope_and_nothing_personal(stranger: TestClient, engine: Engine) -> None:
    read, write = key_of(engine, "gis", "read"), key_of(engine, "gis", "write", "ingest", "exchange")
    assert status(stranger, READ, Authorization=f"Bearer {write}") == 403
    for path in ("/api/me/keys", "/api/me/sessions"):
        assert status(stranger, path, Authorization=f"Bearer {read}") == 403
    answer = stranger.post("/api/me/password", json={"old": "a", "new": "b"}, headers={"Authorization": f"Bearer {read}"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
        [("Authorization", "Bearer a"), ("Cookie", f"{COOKIE}=b")],
        [("Cookie", f"{COOKIE}=a; {COOKIE}=b")],
        [("Cookie", f"{COOKIE}=a"), ("Cookie", f"{COOKIE}=b")],
        [("Authorization", "Bearer " + "a" * 600)],
        [("Authorization", "Bearer a b")],
        [("Authorization", "Bearer")],
        [("Authorization", "")],
        [("Authorization", "Basic")],
        [("Authorization", "Basic !!!")],
        [("Authorization", "Basic " + base64.b64encode(b"no colon").decode())],
        [("Authorization", "Basic " + base64.b64encode(b"name:").decode())],
        [("Authorization", "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode())],
        [("Authorization", "Digest username=x")],
        [("Authorization", "Bearer \u00e9")],
        [("Cookie", f"{COOKIE}=" + "a" * 5000)],
    ],
)
def test_malformed_doubled_and_oversize_credentials(stranger: TestClient, engine: Engine, headers: list[tuple[str, str]]) -> None:
    before = len(denied(engine))
    answer = stranger.get(READ, headers=[(name.encode(), value.encode("latin-1")) for name, value in headers])  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:wanmi:problem:credentials")
    assert denied(engine)[before:] == [(READ, "credentials")]


def test_every_role_has_its_counters_and_no_other() -> None:
    for role in ROLES:
        actor = Actor(1, role, role, (role,))
        for action in Action:
            whose = ADMINISTRATOR.get(action)
            business = action not in (Action.OPEN, Action.ME, Action.SELF)
            expected = role == whose if whose else role not in SEPARATED if business else True
            # who looks after the machine sees what runs on it, not what it is about
            expected = expected or (role == "sysadmin" and action is Action.JOBS)
            assert allowed(actor, action) == expected, (role, action)
    for action in Action:
        assert allowed(Actor(0, "s", "", via="stranger"), action) == (action is Action.OPEN)
        public = Actor(1, "public", "", ("public",), "public")
        assert allowed(public, action) == (action in (Action.OPEN, Action.ME, Action.READ))


@pytest.mark.parametrize("role", SEPARATED)
def test_administrators_see_no_business_data(stranger: TestClient, engine: Engine, role: str) -> None:
    sign_in(stranger, engine, role)
    for path in (READ, "/api/layers", "/ogc/collections", "/api/search?q=1", "/ogc/api"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:wanmi:problem:forbidden"), path
    with engine.connect() as connection:
        last = connection.execute(text("SELECT actor_name, object, result FROM audit.entry ORDER BY id DESC LIMIT 1")).one()
    assert tuple(last) == (f"t-{role}", "/ogc/api", "refused")
    page = stranger.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/admin")
    (own,) = (action.value for action, whose in ADMINISTRATOR.items() if whose == role)
    assert stranger.get(MINE).json()["counters"] == ["self", *(["jobs"] if role == "sysadmin" else []), own]


def test_spellings_do_not_slip_by(stranger: TestClient, engine: Engine) -> None:
    for path in ("//api/me", "/API/ME", "/api/./me", "/api/%6de", "/api/cities;x=1", "/static/../api/cities", "/api//cities"):
        answer = stranger.get(path)
        assert answer.status_code in (401, 404), path
        assert "cities" not in answer.json()
    assert stranger.get("/%61pi/cities").status_code == stranger.get("/api/me/", follow_redirects=True).status_code == 401
    for method in ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "get"):
        assert stranger.request(method, READ).status_code in (401, 405), method
    for name, value in (
        ("X-HTTP-Method-Override", "GET"), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-User", "gis"), ("Remote-User", "gis"),
        ("X-Original-URL", "/healthz"), ("X-Rewrite-URL", "/login"), ("Forwarded", "for=127.0.0.1"), ("X-Forwarded-Host", "localhost"),
    ):  # fmt: skip
        assert status(stranger, **{name: value}) == 401, name
    # a method is what the request line says, whatever a header says
    sign_in(stranger, engine)
    stranger.headers.pop("X-CSRF-Token")
    assert stranger.post("/api/logout", headers={"X-HTTP-Method-Override": "GET"}).status_code == 403
    assert stranger.get("/api/logout", headers={"X-HTTP-Method-Override": "POST"}).status_code == 405


@pytest.mark.parametrize(
    "head",
    [
        "GET http://evil.example/api/cities HTTP/1.1\r\nHost: {host}", "GET http://{host}/api/cities HTTP/1.1\r\nHost: {host}",
        "GET /api/cities HTTP/1.1\r\nHost: {host}\r\nHost: {host}", "GET /api/cities HTTP/1.1\r\nHost: {host}\r\nAuthorization : Bearer x",
        "GET /api/cities HTTP/1.1\r\nHost: {host}\r\nCookie: wanmi_session=\x80\xff", "GET /api/cities HTTP/1.0\r\nX: 1",
        "GET /api/cities HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer a\r\nauthorization: Bearer b",
        "CONNECT /api/cities HTTP/1.1\r\nHost: {host}",
        "GET /api/cities?\x00 HTTP/1.1\r\nHost: {host}", "GET \\api\\cities HTTP/1.1\r\nHost: {host}", "OPTIONS * HTTP/1.1\r\nHost: {host}",
        "GET /login/../api/cities HTTP/1.1\r\nHost: {host}", "GET /static/..%2fapi/cities HTTP/1.1\r\nHost: {host}",
        "GET /api/cities#/login HTTP/1.1\r\nHost: {host}",
    ],
)  # fmt: skip
def test_raw_requests_do_not_slip_by(live: Address, head: str) -> None:
    """What no client library would send."""
    host, _, port = live.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(head.format(host=f"{host}:{port}").encode("latin-1") + b"\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := raw.recv(65536):
            answer += part
    assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:200]
    assert b'"cities"' not in answer


def test_unsafe_requests_by_cookie_need_the_token_of_their_session(stranger: TestClient, engine: Engine) -> None:
    sign_in(stranger, engine)
    other = sign_in(stranger, engine).headers["X-CSRF-Token"]
    sign_in(stranger, engine)
    mine = stranger.headers.pop("X-CSRF-Token")
    body = {"geometry": {"type": "LineString", "coordinates": [[114, 34], [114.1, 34]]}}

    def send(**headers: str) -> int:
        return stranger.post("/api/measure", json=body, headers=headers).status_code

    good = {"X-CSRF-Token": mine}
    assert send(**good) == 200
    assert send(**good, Origin="http://127.0.0.1:8000") == send(**good, **{"Sec-Fetch-Site": "same-origin"}) == 200
    for wrong in (other, "", "x", mine.upper(), mine + "0", "é"):
        assert stranger.post("/api/measure", json=body, headers={b"X-CSRF-Token": wrong.encode()}).status_code == 403, wrong  # type: ignore[dict-item]
    assert send() == 403
    for origin in ("http://evil.example", "null", "http://127.0.0.1:8001", "http://127.0.0.1:8000.evil.example", ""):
        assert send(**good, Origin=origin) == 403, origin
    for site in ("cross-site", "same-site", "nonsense"):
        assert send(**good, **{"Sec-Fetch-Site": site}) == 403, site
    assert {why for _, why in denied(engine)} >= {"csrf", "origin"}
    stranger.cookies.clear()
    assert send(Authorization=f"Bearer {key_of(engine)}") == 200


def test_basic_is_offered_to_programs_and_never_to_browsers(stranger: TestClient) -> None:
    def challenge(**headers: str) -> str:
        return stranger.get(READ, headers=headers).headers["www-authenticate"].split()[0]

    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    assert challenge() == challenge(**{"User-Agent": "GDAL/3.6.2"}) == "Basic"
    assert challenge(**{"User-Agent": "Mozilla/5.0 QGIS/33400/Windows 10"}) == "Basic"
    assert challenge(**{"User-Agent": firefox}) == "Bearer"
    assert challenge(**{"Sec-Fetch-Site": "same-origin"}) == "Bearer"


def test_who_has_no_role_yet_is_led_where_it_is_said(stranger: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        account = create(connection, NewAccount("newcomer", "新人", ()))
        stranger.cookies.set(COOKIE, open_session(connection, account, MLPS2).token)
    page = stranger.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/admin")
    assert stranger.get("/admin", headers={"Accept": "text/html"}).status_code == 200
    assert stranger.get(READ).status_code == 403
    assert stranger.get(MINE).json()["counters"] == ["self"]
