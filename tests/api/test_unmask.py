"""A masked field over HTTP: a reason, an hour, one person, the audit log."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from layers.model import Layer
from tests.support.signed import sign_in
from tests.support.town import Town

PHONE = "13912345678"


@pytest.fixture(scope="module")
def case(engine: Engine, registry: Registry, town: Town) -> tuple[Layer, int]:
    """The layer of cases and a case in the western community."""
    layer = registry.by_role("case")
    with engine.begin() as connection:
        connection.execute(text(f'UPDATE layer."{layer.id}" SET reporter_phone = :phone'), {"phone": PHONE})
        number = connection.scalar(text(f"SELECT min(id) FROM layer.\"{layer.id}\" WHERE area = '9901010101'"))
    assert number is not None
    return layer, int(number)


def ask(client: TestClient, layer: Layer, number: int, reason: str = "回访反映人", field: str = "reporter_phone") -> Any:
    return client.post("/api/unmask", json={"layer": layer.id, "id": number, "field": field, "reason": reason})


def phone(client: TestClient, layer: Layer, number: int) -> str:
    answer = client.get(f"/ogc/collections/{layer.id}/items/{number}")
    assert answer.headers["cache-control"] == "private, no-store", "another person at the same browser must not be shown it"
    found: str = answer.json()["properties"]["reporter_phone"]
    return found


def told(engine: Engine) -> tuple[Any, ...]:
    with engine.connect() as connection:
        last = "SELECT actor_name, result, object, detail FROM audit.entry WHERE action = 'field.unmask' ORDER BY id DESC LIMIT 1"
        return tuple(connection.execute(text(last)).one())


def test_a_field_is_shown_for_a_reason_and_to_nobody_else(client: TestClient, engine: Engine, case: tuple[Layer, int]) -> None:
    layer, number = case
    sign_in(client, engine, "dispatcher")
    assert phone(client, layer, number) == "139****5678"
    answer = ask(client, layer, number, "  回访反映人  ")
    assert (answer.status_code, answer.json()["value"]) == (200, PHONE)
    assert phone(client, layer, number) == PHONE
    assert phone(client, layer, number + 1) != PHONE
    name, result, thing, detail = told(engine)
    assert (name, result, thing) == ("t-dispatcher", "ok", f"{layer.id}/{number}/reporter_phone")
    assert detail["reason"] == "回访反映人" and PHONE not in str(detail)
    sign_in(client, engine, "dispatcher", "9901")
    assert phone(client, layer, number) == "139****5678"


@pytest.mark.parametrize("reason", ["", "   ", "看看 ", "长" * 501])
def test_without_a_reason_nothing_is_shown(client: TestClient, engine: Engine, case: tuple[Layer, int], reason: str) -> None:
    sign_in(client, engine, "dispatcher", "990101")
    answer = ask(client, *case, reason)
    assert (answer.status_code, answer.json()["field"]) == (422, "reason")
    assert told(engine)[1] == "refused"
    assert phone(client, *case) == "139****5678"


def test_who_may_not_is_told_so(client: TestClient, engine: Engine, case: tuple[Layer, int]) -> None:
    layer, number = case
    sign_in(client, engine, "gis")
    assert ask(client, layer, number).status_code == 403
    assert told(engine)[:2] == ("t-gis", "refused")
    sign_in(client, engine, "dispatcher", "9901010102")
    assert ask(client, layer, number).status_code == ask(client, layer, 10**9).status_code == 404, "someone else's area is not there"
    assert ask(client, layer, number, field="stage").status_code == 404, "a field that is not masked"
    assert ask(client, layer, number, field="no_such").status_code == 404
    sign_in(client, engine, "auditor")
    assert ask(client, layer, number).status_code == 403


def test_a_copy_of_the_city_is_not_made_this_way(client: TestClient, engine: Engine, case: tuple[Layer, int]) -> None:
    layer, number = case
    sign_in(client, engine, "dispatcher", "99")
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO access.unmasking (account, layer, feature, field, reason, until)
                SELECT a.id, :layer, i, 'reporter_phone', '测试', now() + interval '1 hour'
                FROM generate_series(1, 60) i, account.account a WHERE a.name = 't-dispatcher-99'
            """),
            {"layer": layer.id},
        )
    answer = ask(client, layer, number)
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:wanmi:problem:too-many")


@pytest.mark.parametrize("body", [{}, {"layer": "case"}, {"layer": "case", "id": 0, "field": "x", "reason": "1234"}, [], "x"])
def test_what_is_no_request(client: TestClient, engine: Engine, body: Any) -> None:
    sign_in(client, engine, "dispatcher")
    assert client.post("/api/unmask", json=body).status_code == 400
