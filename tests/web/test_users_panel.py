"""The system administrator's screen in a real browser: accounts found, made, changed, disabled; a password that is shown once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from api.access import Actor
from spatial.accounts.accounts import account_by_name
from spatial.accounts.keys import add_key
from spatial.accounts.login import login
from spatial.accounts.sessions import open_session
from tests.support.browser import Watched, watched_page
from tests.support.cluster import Server
from tests.support.office import administration, house_of_officials, sign_in
from tests.support.people import MLPS2
from tests.support.town import Town

pytestmark = pytest.mark.browser
SYSADMIN = Actor(0, "sysadmin", "系统管理员", ("sysadmin",))


@pytest.fixture(scope="module")
def origin(server: Server, database: str, engine: Engine, town: Town) -> Iterator[str]:
    house_of_officials(engine)
    with administration(server, database, SYSADMIN) as found:
        yield found


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Watched]:
    with watched_page(browser, origin) as watched:
        opened(watched)
        yield watched
    assert watched.outside == []
    assert [line for line in watched.complaints if "status of 4" not in line] == []


def opened(watched: Watched) -> None:
    sign_in(watched.page, "sysadmin", "users")
    watched.page.goto(f"{watched.origin}/admin")
    watched.page.wait_for_selector("tr[data-user=zhao]")


def row(name: str) -> str:
    return f"tr[data-user='{name}']"


def test_accounts_are_listed_and_found(page: Watched) -> None:
    assert "赵敏" in page.page.inner_text(row("zhao")) and "规划人员" in page.page.inner_text(row("zhao"))
    assert "尚未授权" in page.page.inner_text(row("wu"))
    page.picture("users")
    page.page.fill(".office-search input", "水务")
    page.page.wait_for_selector(row("zhao"), state="detached")
    assert page.page.locator("tbody tr").count() == 1
    page.page.fill(".office-search input", "没有这样的人")
    page.page.wait_for_selector(".notice >> text=没有符合条件的账户")
    page.page.fill(".office-search input", "")
    page.page.select_option(".office-inline select", "disabled")
    page.page.wait_for_selector(row("zhao"), state="detached")
    assert "停用" in page.page.inner_text(row("sun"))


def test_an_account_is_made_and_its_password_shown_once(page: Watched, engine: Engine) -> None:
    page.page.click("button >> text=新建账户")
    page.page.fill("dialog input >> nth=0", "ZHAO")
    page.page.fill("dialog input >> nth=1", "李娜")
    page.page.click("dialog button[type=submit]")
    page.page.wait_for_selector("dialog [role=alert] >> text=已有账户")
    page.picture("users_new_refused")
    page.page.fill("dialog input >> nth=0", "li.na")
    page.page.select_option("dialog select", "water")
    page.page.click("dialog button[type=submit]")
    password = page.page.inner_text("dialog [data-once]")
    page.picture("users_once")
    assert login(engine, "li.na", password, None, MLPS2).must_change
    page.page.click("dialog footer button")
    page.page.wait_for_selector("dialog", state="detached")
    page.page.wait_for_selector(row("li.na"))
    assert password not in page.page.content()


def test_an_account_is_changed_and_disabled_with_its_consequences_told(page: Watched, engine: Engine) -> None:
    with engine.begin() as connection:
        open_session(connection, account_by_name(connection, "qian"), MLPS2, "10.3.2.1", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
        add_key(connection, "qian", "QGIS 台账核对", ["read"], 60, MLPS2)
    page.page.click(f"{row('qian')} button")
    page.page.wait_for_selector(".office-drawer >> text=10.3.2.1")
    page.page.fill(".office-drawer input >> nth=1", "排水科")
    page.picture("users_drawer")
    page.page.click(".office-drawer button[type=submit]")
    page.page.wait_for_selector(f"{row('qian')} >> text=排水科")
    page.page.click(".office-drawer button >> text=停用账户")
    assert "1 个会话和 1 个有效密钥" in page.page.inner_text("dialog")
    page.picture("users_disable")
    page.page.click("dialog button.alert")
    page.page.wait_for_selector(f"{row('qian')} .state.disabled")
    page.page.click(".office-drawer button >> text=启用账户")
    page.page.wait_for_selector(f"{row('qian')} .state.active")
    page.page.click(".office-drawer button >> text=撤销")
    page.page.click("dialog button.alert")
    page.page.wait_for_selector(".office-drawer >> text=已撤销")


def test_the_last_security_administrator_stays_and_his_password_is_not_his_colleagues(page: Watched) -> None:
    page.page.click(f"{row('secadmin')} button")
    page.page.click(".office-drawer button >> text=重置口令")
    page.page.click("dialog button.alert")
    page.page.wait_for_selector(".toast >> text=三员分立")
    page.page.click(".office-drawer button >> text=停用账户")
    page.page.click("dialog button.alert")
    page.page.wait_for_selector(".toast >> text=最后一个可用的安全管理员")
    assert "启用" in page.page.inner_text(f"{row('secadmin')} .state")


def test_organisations_are_listed_and_made(page: Watched) -> None:
    page.page.click("[data-tab=homes]")
    page.page.wait_for_selector("tr[data-home=water]")
    page.page.click("button >> text=新建机构")
    page.page.fill("dialog input >> nth=0", "路灯管理所")
    page.page.fill("dialog input >> nth=2", "lamps")
    page.page.click("dialog button[type=submit]")
    page.page.wait_for_selector("tr[data-home=lamps] >> text=路灯管理所")
    page.picture("users_homes")


def test_failure_is_said_and_healed(browser: Browser, origin: str) -> None:
    with watched_page(browser, origin) as watched:
        opened(watched)
        watched.page.route("**/api/users?*", lambda route: route.abort())
        watched.page.fill(".office-search input", "赵")
        watched.page.wait_for_selector(".stale")
        assert watched.page.locator("tbody tr").count() > 1, "what was read stays"
        watched.page.unroute("**/api/users?*")
        watched.page.click(".stale button")
        watched.page.wait_for_selector(".stale", state="detached")
