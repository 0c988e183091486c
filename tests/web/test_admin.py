"""The administration page and the auditor's panel in a real browser."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route
from sqlalchemy import Engine

from api.app import create_app
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.audit.record import Entry, record
from spatial.audit.sealing import seal
from spatial.audit.verify import record_verification, verify
from spatial.database import owner_engine
from spatial.settings import load_settings
from tests.support.browser import Watched, watched_page
from tests.support.cluster import Server
from tests.support.journal import tampering, write_rows
from tests.support.serving import Address, serving
from tests.support.signed import token_of

pytestmark = pytest.mark.browser
ROW = ".tabulator-row"
# Scrolls to the end, again and again as the list grows, until all rows are there.
SCROLLED = """() => {
  const holder = document.querySelector(".tabulator-tableholder");
  holder.scrollTop = holder.scrollHeight;
  return document.querySelector(".audit-count")?.dataset.count === "456";
}"""
AUDITOR = {
    "account": 3, "name": "auditor", "title": "审计管理员", "roles": ["auditor"], "organisation": None, "via": "session",
    "must_change": False, "counters": ["read", "audit"], "csrf": "token", "grants": [], "organisation_title": None, "second_factor": False,
}  # fmt: skip


@dataclass(frozen=True)
class Office:
    """A house with something in its log."""

    origin: Address
    engine: Engine
    heads: Path


def furnish(engine: Engine) -> None:
    """A day of a city office: log-ins, changes, a refusal, an unmasking, and many edits."""
    # made now: housekeeping disables accounts that nobody has used for long, and tells of it
    with engine.begin() as connection:
        people = [create(connection, NewAccount(name, name, (Grant(role),))) for name, role in (("li", "dispatcher"), ("wang", "gis"))]
    write_rows(engine, 450)
    entries = [
        Entry("login", "ok", people[0].id, "li", "10.1.2.3", "account/li", {"via": "password"}),
        Entry("login", "refused", None, "lí\x00x", "10.9.9.9", "account/lix", {"reason": "没有这个账户"}),
        Entry(
            "field.unmask", "ok", people[0].id, "li", "10.1.2.3", "layer/case/17", {"field": "caller_phone", "reason": "联系报案人核实位置"}
        ),
        Entry(
            "import", "failed", people[1].id, "wang", "10.1.2.4", "import/8", {"rows": 0, "zh": "第 3 行几何无效", "en": "row 3 is invalid"}
        ),
        Entry("restore", "ok", None, "root@localhost", None, None, {"from": "<b>dump</b>"}),
        Entry("denied", "refused", people[1].id, "wang", "10.1.2.4", "/api/audit", {"method": "GET", "status": 403}),
    ]
    for entry in entries:
        with engine.begin() as connection:
            record(connection, entry)


@pytest.fixture(scope="module")
def office(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    name = f"wanmi_office_{uuid.uuid4().hex[:8]}"
    server.create(name, template)
    state = tmp_path_factory.mktemp("state")
    engine = owner_engine(server.owner(name))
    furnish(engine)
    seal(engine, [state / "audit-heads.log"])
    app = create_app(load_settings({}, state_dir=state), server.app(name), owner_dsn=server.owner(name))
    with serving(app) as origin:
        yield Office(Address(origin, token_of(engine, "auditor")), engine, state / "audit-heads.log")
    engine.dispose()
    server.drop(name)


def answering(page: Page, me: object, status: int = 200) -> None:
    """Stands in for /api/me."""

    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type="application/json" if status == 200 else "application/problem+json", body=json.dumps(me))

    page.route("**/api/me", answer)


@pytest.fixture
def desk(browser: Browser, office: Office) -> Iterator[Watched]:
    """The auditor's screen, freshly opened."""
    with watched_page(browser, office.origin, 1440, 860) as watched:
        answering(watched.page, AUDITOR)
        watched.page.goto(f"{office.origin}/admin")
        watched.page.wait_for_selector(ROW)
        yield watched
    assert watched.outside == []
    assert watched.complaints == []


def test_the_auditor_sees_the_log(desk: Watched) -> None:
    page = desk.page
    assert page.inner_text(".admin-tabs [aria-selected=true]") == "审计日志"
    assert "审计管理员" in page.inner_text(".account-open")
    assert page.inner_text(f"{ROW} >> nth=0").split("\n")[0] > "2026"
    assert "越权访问被拒" in page.inner_text(f"{ROW} >> nth=0")
    assert page.get_attribute(".seal-band", "data-state") == "ok"
    assert "456 行" not in page.inner_text(".seal-band") and "已封存 456" in page.inner_text(".seal-band")
    assert page.locator("b").count() == 0, "markup of a row is shown, not taken"
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    desk.picture("admin-audit")


def test_a_long_list_is_fetched_as_it_is_scrolled(desk: Watched) -> None:
    page = desk.page
    page.wait_for_selector(".audit-count[data-count='200']")
    page.wait_for_function(SCROLLED)
    assert "全部在此" in page.inner_text(".audit-count")
    assert page.locator(ROW).count() < 200, "only what is in sight stands in the page"


def test_conditions_narrow_the_list_and_stand_in_the_address(desk: Watched) -> None:
    page = desk.page
    page.select_option("#audit-result", "refused")
    page.wait_for_selector(".audit-count[data-count='2']")
    page.fill("#audit-actor", "wang")
    page.press("#audit-actor", "Enter")
    page.wait_for_selector(".audit-count[data-count='1']")
    assert "result=refused" in page.url and "actor=wang" in page.url
    assert "result=refused" in (page.get_attribute("text=导出 CSV", "href") or "")
    page.reload()
    page.wait_for_selector(".audit-count[data-count='1']")
    page.go_back()
    page.wait_for_selector(".audit-count[data-count='2']")
    page.click("text=清除条件")
    page.wait_for_selector(".audit-count[data-count='200']")
    page.keyboard.press("/")
    page.keyboard.type("核实位置")
    page.keyboard.press("Enter")
    page.wait_for_selector(".audit-count[data-count='1']")
    page.fill("#audit-q", "没有这样的字")
    page.press("#audit-q", "Enter")
    page.wait_for_selector("text=没有符合条件的记录")
    desk.picture("admin-audit-none")


def test_a_row_in_full_by_keyboard(desk: Watched) -> None:
    page = desk.page
    page.focus(".tabulator-tableholder")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.wait_for_selector("#audit-drawer >> text=联系报案人核实位置")
    said = page.inner_text("#audit-drawer")
    assert "查看脱敏字段" in said and "理由" in said and "已封存" in said and '"caller_phone"' in said
    desk.picture("admin-audit-drawer")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "audit-drawer"
    page.keyboard.press("Escape")
    page.wait_for_selector("#audit-drawer", state="detached")
    page.keyboard.press("e")
    page.wait_for_selector("text=Every row is sealed")
    page.keyboard.press("d")
    page.wait_for_selector("html[data-theme=dark]", state="attached")
    page.click(f"{ROW} >> nth=3")
    desk.picture("admin-audit-dark")


def test_the_export_is_a_file_and_stands_in_the_log(desk: Watched, office: Office) -> None:
    page = desk.page
    with page.expect_download() as download:
        page.click("text=导出 CSV")
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert text.count("\n") > 450 and download.value.suggested_filename.endswith(".csv")
    page.click("[aria-label^='重新载入']")
    page.wait_for_selector(f"{ROW} >> text=导出审计")
    page.wait_for_selector(".seal-band >> text=1 行即将封存")
    seal(office.engine, [office.heads])


def test_the_band_says_when_something_is_wrong(desk: Watched, office: Office) -> None:
    page = desk.page
    with tampering(office.engine) as connection:
        connection.exec_driver_sql("UPDATE audit.entry SET detail = '{}' WHERE id = 20")
        record(connection, Entry("edit", object="layer/x/9"))
        connection.exec_driver_sql("UPDATE audit.entry SET at = at - interval '5 minutes' WHERE id = (SELECT max(id) FROM audit.entry)")
    page.keyboard.press("r")
    page.wait_for_selector(".seal-band[data-state=late]")
    desk.picture("admin-audit-late")
    found = verify(office.engine, [office.heads])
    with office.engine.begin() as connection:
        record_verification(connection, found, Entry("audit.verify", actor_name="root@localhost"))
    page.keyboard.press("r")
    page.wait_for_selector(".seal-band[data-state=broken]")
    assert "第 20 行" in page.inner_text(".seal-band")
    desk.picture("admin-audit-broken")


def test_who_has_no_part_here_is_told_so(browser: Browser, office: Office) -> None:
    with watched_page(browser, office.origin) as watched:
        answering(watched.page, AUDITOR | {"counters": ["read"], "name": "li", "title": "李"})
        watched.page.goto(f"{office.origin}/admin")
        watched.page.wait_for_selector("text=此账户没有管理功能")
        assert watched.complaints == []
    with watched_page(browser, office.origin) as watched:
        answering(
            watched.page, {"type": "urn:wanmi:problem:unauthenticated", "status": 401, "detail": "请先登录", "detail_en": "log in"}, 401
        )
        watched.page.goto(f"{office.origin}/admin")
        watched.page.wait_for_selector("a[href^='/login']")


def test_a_server_that_fails_is_told_and_tried_again(browser: Browser, office: Office) -> None:
    with watched_page(browser, office.origin) as watched:
        page = watched.page
        answering(page, AUDITOR)
        fault = {"type": "x", "status": 503, "detail": "数据库暂时不可用，请稍后再试", "detail_en": "away"}
        page.route(
            "**/api/audit?*", lambda route: route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(fault))
        )
        page.goto(f"{office.origin}/admin")
        page.wait_for_selector("text=审计日志未能载入")
        assert "数据库暂时不可用" in page.inner_text(".audit-list")
        page.unroute("**/api/audit?*")
        page.click(".audit-list >> text=重试")
        page.wait_for_selector(ROW)


@pytest.mark.parametrize(("width", "height"), [(1024, 700), (420, 800)])
def test_narrow_screens_lose_nothing(browser: Browser, office: Office, width: int, height: int) -> None:
    with watched_page(browser, office.origin, width, height) as watched:
        page = watched.page
        answering(page, AUDITOR)
        page.goto(f"{office.origin}/admin")
        page.click(f"{ROW} >> nth=0")
        page.wait_for_selector("#audit-drawer")
        watched.picture(f"admin-audit-{width}")
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        assert page.is_visible(".account-open") and page.is_visible("#audit-drawer [aria-label^='关闭']")


def test_logging_out_sends_the_token(browser: Browser, office: Office) -> None:
    with watched_page(browser, office.origin) as watched:
        page = watched.page
        answering(page, AUDITOR)
        sent: list[str | None] = []

        def out(route: Route) -> None:
            sent.append(route.request.headers.get("x-csrf-token"))
            route.fulfill(status=204)

        page.route("**/api/logout", out)
        page.route("**/login", lambda route: route.fulfill(status=200, content_type="text/html", body="<p>login</p>"))
        page.goto(f"{office.origin}/admin")
        page.click(".account-open")
        page.click("text=退出登录")
        page.wait_for_url("**/login")
        assert sent == ["token"]
