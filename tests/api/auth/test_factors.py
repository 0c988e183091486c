"""The second factor over HTTP: enrolment, the step after the password, tickets that cannot be abused, one's own factor removed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from api.access import Action, Actor
from spatial.accounts.accounts import set_password
from spatial.accounts.factors import begin_enrolment, code_at, confirm_enrolment, step_at
from spatial.accounts.login import login
from spatial.accounts.model import Account
from spatial.accounts.sealing import KEY_FILE, Sealer
from spatial.accounts.tickets import issue
from spatial.settings import load_settings
from tests.support.people import MLPS2, PASSWORD
from tests.support.signin import add_present, thin_app


class Person(TestClient):
    """A browser in which an account is used, with its secret once it is enrolled."""

    account: Account
    secret: str = ""

    def login(self, **headers: str) -> Any:
        """The password's step."""
        return self.post("/api/login", json={"username": self.account.name, "password": PASSWORD}, headers=headers)

    def ticket(self) -> str:
        answer = self.login()
        assert answer.status_code == 401 and answer.json()["type"] == "urn:wanmi:problem:second-factor-needed", answer.text
        return str(answer.json()["ticket"])

    def code(self) -> str:
        """The code now."""
        return code_at(self.secret, step_at(datetime.now(UTC)))

    def step(self, ticket: str, code: str, **headers: str) -> Any:
        """The code's step."""
        return self.post("/api/login/code", json={"ticket": ticket, "code": code}, headers=headers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def person(request: pytest.FixtureRequest, engine: Engine, folder: Path) -> Iterator[Person]:
    name = "p" + base64.b32encode(request.node.name.encode()).decode().rstrip("=")[-24:].lower()
    with Person(thin_app(load_settings({}, totp="optional"), engine, folder), raise_server_exceptions=False) as found:
        found.account = add_present(engine, name)
        yield found


@pytest.fixture
def enrolled(person: Person, engine: Engine, folder: Path) -> Person:
    """Enrolled some minutes ago, so that the code of now is new."""
    past, sealer = datetime.now(UTC) - timedelta(minutes=5), Sealer(folder)
    with engine.begin() as connection:
        person.secret = begin_enrolment(connection, sealer, person.account, past).secret
        confirm_enrolment(connection, sealer, person.account.id, code_at(person.secret, step_at(past)), past)
    return person


def slug(answer: Any) -> str:
    assert answer.json()["detail"] and answer.json()["detail_en"]
    return str(answer.json()["type"]).removeprefix("urn:wanmi:problem:")


def audited(engine: Engine, name: str) -> list[tuple[str, str, dict[str, Any]]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT action, result, detail FROM audit.entry WHERE actor_name = :name ORDER BY id"), {"name": name}
        )
        return [(row.action, row.result, row.detail) for row in rows]


def test_a_person_enrols_signs_in_and_removes(person: Person, engine: Engine) -> None:
    assert person.login().status_code == 200, "no factor, no code"
    state = person.get("/api/me/factor").json()
    assert (state["mode"], state["enrolled"], state["must_enrol"], state["password_needed"]) == ("optional", False, False, False)
    begun = person.post("/api/me/factor", json={}).json()
    given = parse_qs(urlsplit(begun["uri"]).query)
    assert given["secret"] == [begun["secret"]] and given["issuer"] == ["万米 Wanmi"]
    assert begun["qr"].startswith("data:image/svg+xml") and "style" not in begun["qr"]
    assert slug(person.post("/api/me/factor/confirm", json={"code": "000000x"})) == "code-wrong"
    person.secret = begun["secret"]
    codes = person.post("/api/me/factor/confirm", json={"code": person.code()}).json()["recovery_codes"]
    assert len(codes) == 10
    state = person.get("/api/me/factor").json()
    assert state["enrolled"] and state["recovery_left"] == 10 and person.secret not in str(state)
    assert slug(person.post("/api/me/factor", json={})) == "factor-enrolled"
    person.cookies.clear()
    assert person.step(person.ticket(), codes[0]).status_code == 200
    assert person.get("/api/me").json()["name"] == person.account.name
    assert person.request("DELETE", "/api/me/factor", json={"password": PASSWORD, "code": codes[1]}).status_code == 204
    assert not person.get("/api/me/factor").json()["enrolled"]
    assert person.login().status_code == 200
    told = [(action, result) for action, result, _ in audited(engine, person.account.name)]
    assert ("account.factor.begin", "ok") in told and ("account.factor.confirm", "refused") in told
    assert ("account.factor.confirm", "ok") in told and ("account.factor.remove", "ok") in told
    everything = str(audited(engine, person.account.name))
    assert person.secret not in everything and codes[0] not in everything


def test_the_code_after_the_password(enrolled: Person, engine: Engine) -> None:
    ticket = enrolled.ticket()
    assert enrolled.get("/api/me").status_code == 401, "the password alone opens nothing"
    code = enrolled.code()
    answer = enrolled.step(ticket, code)
    assert answer.status_code == 200 and answer.json()["name"] == enrolled.account.name
    assert enrolled.get("/api/me").json()["via"] == "password"
    assert slug(enrolled.step(ticket, code)) == "ticket-ended", "a ticket opens one session"
    assert slug(enrolled.step(enrolled.ticket(), code)) == "code-used", "a code opens one session"
    assert [entry[0] for entry in audited(engine, enrolled.account.name)][-4:] == ["login.first", "login.second", "login.first", "login"]


def test_a_ticket_bears_five_wrong_codes_and_the_factor_no_more(enrolled: Person, engine: Engine) -> None:
    ticket = enrolled.ticket()
    for number in range(5):
        answer = enrolled.step(ticket, f"x{number}")
        assert (answer.status_code, slug(answer)) == (401, "code-wrong")
    assert slug(enrolled.step(ticket, enrolled.code())) == "ticket-ended"
    other = enrolled.ticket()
    answer = enrolled.step(other, enrolled.code())
    assert (answer.status_code, slug(answer)) == (429, "code-locked"), "a new ticket buys no new guesses"
    assert enrolled.get("/api/me").status_code == 401
    with engine.connect() as connection:
        wrong = connection.scalar(
            text("SELECT count(*) FROM account.login_attempt WHERE account = :id AND outcome = 'wrong_code'"), {"id": enrolled.account.id}
        )
    assert wrong == 6
    assert audited(engine, enrolled.account.name)[-1] == ("login", "refused", {"via": "password", "reason": "code_locked"})


def test_a_ticket_is_bound_to_address_account_and_time(enrolled: Person, engine: Engine) -> None:
    ticket = enrolled.ticket()
    stolen = {"X-Address": "10.0.0.8"}
    assert slug(enrolled.step(ticket, enrolled.code(), **stolen)) == "ticket-ended"
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.login_ticket SET made_at = now() - interval '4 min', ends_at = now() - interval '1 s'"))
    assert slug(enrolled.step(ticket, enrolled.code())) == "ticket-ended"
    ticket = enrolled.ticket()
    with engine.begin() as connection:
        set_password(connection, enrolled.account.name, "another Tuesday 47 lamps", MLPS2)
    assert slug(enrolled.step(ticket, enrolled.code())) == "ticket-ended"
    with engine.begin() as connection:
        stored = connection.scalars(text("SELECT token_hash FROM account.login_ticket")).all()
        assert ticket.encode() not in [bytes(one) for one in stored]
        made = issue(connection, login(engine, enrolled.account.name, "another Tuesday 47 lamps", None, MLPS2).account, "password", None)
    assert slug(enrolled.step(made.token, enrolled.code())) == "ticket-ended", "given to a local peer, brought from elsewhere"


@given(ticket=st.text(max_size=70), code=st.text(max_size=70))
def test_whatever_is_brought_is_refused_in_words(bare: TestClient, ticket: str, code: str) -> None:
    answer = bare.post("/api/login/code", json={"ticket": ticket, "code": code})
    assert answer.status_code in (400, 401) and answer.json()["detail"]


@pytest.fixture(scope="module")
def bare(engine: Engine, folder: Path) -> Iterator[TestClient]:
    with TestClient(thin_app(load_settings({}, totp="optional"), engine, folder), raise_server_exceptions=False) as found:
        yield found


@pytest.mark.parametrize("body", [{}, {"code": 123456}, {"code": "1", "extra": 1}, {"code": "1" * 65}, {"code": "a\x00b"}, [], "x"])
def test_bodies_that_are_none(bare: TestClient, body: Any) -> None:
    answer = bare.post("/api/login/code", json=body)
    assert answer.status_code == 400 and answer.json()["detail"]
    assert "1" * 65 not in answer.text


def test_only_a_fresh_session_or_the_password_begins(person: Person, engine: Engine) -> None:
    assert person.login().status_code == 200
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE account.session SET opened_at = now() - interval '11 min' WHERE account = :id"), {"id": person.account.id}
        )
    assert person.get("/api/me/factor").json()["password_needed"]
    for body in ({}, {"password": ""}, {"password": "wrong"}):
        answer = person.post("/api/me/factor", json=body)
        assert (answer.status_code, slug(answer)) == (403, "password-needed")
    assert person.post("/api/me/factor", json={"password": PASSWORD}).status_code == 200
    assert audited(engine, person.account.name)[-2:] == [
        ("account.factor.begin", "refused", {"reason": "password"}), ("account.factor.begin", "ok", {}),
    ]  # fmt: skip


def test_enrolling_and_removing_end_other_sessions(enrolled: Person, engine: Engine) -> None:
    assert enrolled.step(enrolled.ticket(), enrolled.code()).status_code == 200
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO account.session (token_hash, account, version, opened_at, seen_at, idle_ends_at, ends_at)
                SELECT sha256('other'), id, version, now(), now(), now() + interval '1 h', now() + interval '2 h'
                FROM account.account WHERE id = :id
            """),
            {"id": enrolled.account.id},
        )
    codes = enrolled.request("DELETE", "/api/me/factor", json={"password": PASSWORD, "code": enrolled.code()})
    assert (codes.status_code, slug(codes)) == (403, "code-used"), "the code of the log-in does not remove the factor"
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE account.factor DISABLE TRIGGER keep_step"))
        connection.execute(text("UPDATE account.factor SET last_step = 1 WHERE account = :id"), {"id": enrolled.account.id})
        connection.execute(text("ALTER TABLE account.factor ENABLE TRIGGER keep_step"))
    for body, status, kind in (
        ({"code": enrolled.code()}, 403, "password-needed"),
        ({"password": "wrong", "code": enrolled.code()}, 403, "password-needed"),
        ({"password": PASSWORD, "code": "nope"}, 403, "code-wrong"),
    ):
        answer = enrolled.request("DELETE", "/api/me/factor", json=body)
        assert (answer.status_code, slug(answer)) == (status, kind)
    assert enrolled.request("DELETE", "/api/me/factor", json={"password": PASSWORD, "code": enrolled.code()}).status_code == 204
    assert enrolled.get("/api/me").status_code == 200
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT revoked_at IS NOT NULL FROM account.session WHERE token_hash = sha256('other')"))


def test_switched_off_there_is_nothing_and_no_code_is_due(enrolled: Person, engine: Engine, folder: Path) -> None:
    with TestClient(thin_app(load_settings({}), engine, folder), raise_server_exceptions=False) as off:
        assert off.post("/api/login", json={"username": enrolled.account.name, "password": PASSWORD}).status_code == 200
        assert off.get("/api/me/factor").json()["mode"] == "off"
        for method, path, body in (
            ("POST", "/api/me/factor", {}),
            ("POST", "/api/me/factor/confirm", {"code": "123456"}),
            ("DELETE", "/api/me/factor", {"code": "123456"}),
        ):
            assert off.request(method, path, json=body).status_code == 404


def test_required_is_told(person: Person, engine: Engine, folder: Path) -> None:
    with TestClient(thin_app(load_settings({}, totp="required"), engine, folder), raise_server_exceptions=False) as strict:
        assert strict.post("/api/login", json={"username": person.account.name, "password": PASSWORD}).status_code == 200
        assert strict.get("/api/me/factor").json()["must_enrol"] is True


def test_without_the_key_it_is_said_and_paper_helps(person: Person, engine: Engine, tmp_path: Path) -> None:
    with Person(thin_app(load_settings({}, totp="optional"), engine, tmp_path), raise_server_exceptions=False) as other:
        other.account = person.account
        assert other.login().status_code == 200
        other.secret = other.post("/api/me/factor", json={}).json()["secret"]
        codes = other.post("/api/me/factor/confirm", json={"code": other.code()}).json()["recovery_codes"]
    (tmp_path / KEY_FILE).unlink()
    with Person(thin_app(load_settings({}, totp="optional"), engine, tmp_path), raise_server_exceptions=False) as other:
        other.account = person.account
        ticket = other.ticket()
        answer = other.step(ticket, "123456")
        assert (answer.status_code, slug(answer)) == (503, "factor-sealed") and KEY_FILE in answer.json()["detail"]
        assert other.step(ticket, codes[0]).status_code == 200


def test_a_key_sets_no_factor(bare: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class ByKey:
        async def admit(self, request: Request, action: Action) -> Actor:
            return Actor(1, "li", "li", ("gis",), "key", ("read", "write"))

    monkeypatch.setattr(bare.app.state, "door", ByKey(), raising=False)  # type: ignore[attr-defined]
    assert slug(bare.post("/api/me/factor", json={})) == "session-needed"
