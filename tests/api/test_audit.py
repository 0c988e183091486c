"""The auditor's counter over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.access import Action, Requires
from api.app import create_app
from spatial.audit.record import Entry, record
from spatial.audit.sealing import seal
from spatial.settings import load_settings
from tests.api.test_app import declared, walk
from tests.support.cluster import Server
from tests.support.journal import write_rows
from tests.support.signed import signed_in

ROWS = 25


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def counter(server: Server, database: str, engine: Engine, state: Path) -> Iterator[TestClient]:
    write_rows(engine, ROWS)
    with engine.begin() as connection:
        record(connection, Entry("denied", "refused", None, "=cmd", "10.9.9.9", "/api/x", {"status": 404}))
    seal(engine, [state / "audit-heads.log"])
    app = create_app(load_settings({}, state_dir=state), server.app(database), owner_dsn=server.owner(database))
    with signed_in(app, engine, "auditor") as found:
        yield found


def test_every_route_is_the_auditors(counter: TestClient) -> None:
    routes = [route for route in walk(counter.app.routes) if getattr(route, "path", "").startswith("/api/audit")]  # type: ignore[attr-defined]
    assert len(routes) == 3
    for route in routes:
        assert [each.action for each in declared(route)] == [Action.AUDIT], route  # type: ignore[arg-type]
    page = next(route for route in walk(counter.app.routes) if getattr(route, "path", "") == "/admin")  # type: ignore[attr-defined]
    assert declared(page) == [Requires(Action.SELF)]  # type: ignore[arg-type]


def test_pages_newest_first(counter: TestClient) -> None:
    seen: list[int] = []
    after: str | None = ""
    while after is not None:
        answer = counter.get("/api/audit", params={"action": "edit", "limit": 10, **({"after": after} if after else {})}).json()
        seen += [item["id"] for item in answer["items"]]
        after = answer["next"]
    assert seen == sorted(seen, reverse=True) and len(seen) == ROWS
    first = counter.get("/api/audit", params={"limit": 1}).json()["items"][0]
    assert first["action_title"] == {"zh": "越权访问被拒", "en": "access denied"} and first["address"] == "10.9.9.9"
    assert first["sealed"] is True and first["detail"] == {"status": 404} and first["actor"] is None


def test_conditions(counter: TestClient) -> None:
    def number(**given: str) -> int:
        answer = counter.get("/api/audit", params={"limit": "1000", **given})
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert number(actor="2", action="edit") == 8 and number(actor="=cmd") == 1 and number(actor="") == ROWS + 1
    assert number(result="refused") == 1 and number(address="10.9.0.0/16") == 1 and number(q="x/24") == 1 and number(object="x/2") == 6
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert number(**{"from": "2020-01-01", "to": "2020-12-31"}) == 0 and number(**{"from": f"{today}T00:00Z"}) == ROWS + 1


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday", "to=2026-13-01", "from=9999-12-31T23:59:59-23:00", "result=maybe", "address=10.1", "address=x", "after=x",
        "limit=0", "limit=1001", "nonsense=1", "q=%00", "actor=" + "1" * 2000, "since=2026-01-01", "to=9999-12-31",
    ],
)  # fmt: skip
def test_bad_conditions_are_refused(counter: TestClient, query: str) -> None:
    for path in ("/api/audit", "/api/audit/export"):
        if "after" in query or "limit" in query:
            path = "/api/audit"
        answer = counter.get(f"{path}?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json" and answer.json()["detail"] and answer.json()["detail_en"]


def test_the_state_names_everything(counter: TestClient) -> None:
    answer = counter.get("/api/audit/state").json()
    assert answer["state"] == "ok" and answer["seal"] == 1 and answer["heads"] == [
        {"file": "audit-heads.log", "number": 1, "state": "agrees"}
    ]  # fmt: skip
    assert len(answer["head"]) == 64 and answer["verified"] is None
    assert {"key": "login", "zh": "登录", "en": "log-in"} in answer["actions"] and len(answer["results"]) == 3


def test_an_export_is_guarded_and_in_the_log_itself(counter: TestClient) -> None:
    answer = counter.get("/api/audit/export?result=refused")
    assert answer.headers["content-type"].startswith("text/csv") and "attachment" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 2 and lines[1][6] == "'=cmd"
    told = counter.get("/api/audit?limit=1").json()["items"][0]
    assert told["action"] == "audit.export" and told["detail"] == {"format": "csv", "result": "refused"} and not told["sealed"]
    answer = counter.get("/api/audit/export?format=xlsx&action=edit")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet.max_row == ROWS + 1
    assert counter.get("/api/audit?limit=1").json()["items"][0]["detail"] == {"format": "xlsx", "action": "edit"}


def test_an_export_that_cannot_be_told_does_not_happen(counter: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit.entry RENAME TO elsewhere")
    try:
        for path in ("/api/audit", "/api/audit/export", "/api/audit/export?format=xlsx"):
            answer = counter.get(path)
            assert answer.status_code == 500 and "audit.entry" not in answer.text and b"\xef\xbb\xbf" not in answer.content
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE audit.elsewhere RENAME TO entry")


def test_a_database_that_is_away_is_a_503(tmp_path: Path) -> None:
    dsn = f"postgresql://nobody@/none?host={tmp_path}"
    with TestClient(create_app(load_settings({}, state_dir=tmp_path), dsn), base_url="http://127.0.0.1:8000") as found:
        for path in ("/api/audit", "/api/audit/state", "/api/audit/export?format=xlsx"):
            assert found.get(path, headers={"Authorization": f"Bearer wanmi_abcdefgh_{'x' * 43}"}).status_code == 503


def test_a_slow_search_is_a_503(counter: TestClient, engine: Engine) -> None:
    with engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE audit.entry IN ACCESS EXCLUSIVE MODE")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("api.audit.SECONDS", 1)
            answer = counter.get("/api/audit")
    assert answer.status_code == 503 and answer.json()["type"].endswith("too-slow")


def test_the_page(counter: TestClient) -> None:
    answer = counter.get("/admin")
    assert answer.status_code == 200 and "/static/app/admin/main.js" in answer.text
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
