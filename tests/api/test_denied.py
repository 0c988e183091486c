"""What the right refuses looks like what is not there, but stands in the audit log."""

from __future__ import annotations

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from tests.support.signed import sign_in
from tests.support.town import Town


def denied(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT actor_name, object, detail ->> 'why' FROM audit.entry WHERE action = 'denied' ORDER BY id"))
        return [tuple(row) for row in rows]


def test_a_layer_that_is_not_ones_own_to_see(client: TestClient, engine: Engine, registry: Registry, town: Town) -> None:
    sign_in(client, engine, "planner")
    hidden = registry.by_role("key_site").id
    before = denied(engine)
    known, unknown = (client.get(f"/ogc/collections/{name}/items") for name in (hidden, "no_such"))
    assert known.status_code == unknown.status_code == 404
    assert known.text.replace(hidden, "no_such") == unknown.text
    assert denied(engine)[len(before) :] == [("t-planner", f"/ogc/collections/{hidden}/items", "right")]


def test_writing_what_one_may_only_read(client: TestClient, engine: Engine, registry: Registry) -> None:
    sign_in(client, engine, "planner")
    before = denied(engine)
    form = {"layer": registry.by_role("tree").id, "city": "town"}
    assert client.post("/api/imports", data=form, files={"file": ("a.csv", b"x,y\n")}).status_code == 403
    assert denied(engine)[len(before) :] == [("t-planner", "/api/imports", "right")]
