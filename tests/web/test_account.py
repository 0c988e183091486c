"""Log-in page, account menu and its dialogs, and the end of a session, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, text

from data.sample_city import SAMPLE_KEY
from spatial.accounts.accounts import NewAccount, account_by_name, create, set_password
from spatial.accounts.keys import find_key
from spatial.accounts.model import Grant
from spatial.accounts.sessions import open_session, sessions_of
from spatial.cities import City, add_city
from tests.support.browser import Watched, watched_page
from tests.support.people import MLPS2, PASSWORD
from tests.support.serving import Address

pytestmark = pytest.mark.browser

NEW = "Jin-shui+5823 qu"
VIEW = "#city=town&at=14.00/34.81000/114.01000"


@pytest.fixture(scope="module", autouse=True)
def people(engine: Engine) -> None:
    """A planner, one who must change the password, an auditor; and a sample city."""
    with engine.begin() as connection:
        add_city(connection, City(SAMPLE_KEY, "示范", "Sample", "990301", (113.5, 34.7, 113.6, 34.8)))
        for name, title, role, must in (
            ("planner", "王规划", "planner", False), ("newcomer", "李新人", "gis", True), ("dispatcher", "调度员", "dispatcher", False),
            ("auditor", "审计管理员", "auditor", False),
        ):  # fmt: skip
            create(connection, NewAccount(name, title, (Grant(role),)))
            set_password(connection, name, PASSWORD, MLPS2, must_change=must)


@pytest.fixture
def stranger(browser: Browser, live: Address) -> Iterator[Watched]:
    """A browser that nobody is signed in with; it complains of nothing but refusals that the test itself asks for."""
    with watched_page(browser, str(live)) as watched:
        yield watched
    assert watched.outside == []
    assert [line for line in watched.complaints if not re.search(r"status of (400|401|403)", line)] == []


def log_in(screen: Watched, name: str, password: str = PASSWORD) -> None:
    screen.page.fill("#username", name)
    screen.page.fill("#password", password)
    screen.page.keyboard.press("Enter")


def test_a_link_leads_through_the_login_and_on(stranger: Watched) -> None:
    page = stranger.page
    page.goto(f"{stranger.origin}/{VIEW}")
    page.wait_for_selector("#username")
    assert page.evaluate("document.activeElement.id") == "username"
    expect(page.locator(".demo button")).to_have_text(["dispatcher", "planner"])
    stranger.picture("login")
    page.keyboard.press("Enter")
    expect(page.locator(".error-line")).to_have_text("请填写用户名和口令")
    log_in(stranger, "planner", "wrong")
    expect(page.locator(".error-line")).to_contain_text("登录失败")
    assert page.evaluate("document.activeElement.id") == "password"
    stranger.picture("login-refused")
    page.click(".demo button >> text=planner")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    stranger.wait_idle()
    assert "city=town" in page.url and "at=14/34.81" in page.url
    assert "/login" not in page.url


def test_caps_lock_is_said_and_the_password_can_be_seen(stranger: Watched) -> None:
    page = stranger.page
    page.goto(f"{stranger.origin}/login")
    page.fill("#password", "abc")
    page.dispatch_event("#password", "keydown", {"key": "A", "modifierCapsLock": True})
    expect(page.locator("#password-caps")).to_have_text("大写锁定已打开")
    page.click("[aria-label=显示口令]")
    assert page.get_attribute("#password", "type") == "text"
    page.click("[aria-label=深色]")
    assert stranger.picture("login-dark").mean() < 60
    page.click("[aria-label=English]")
    expect(page.locator("button[type=submit]")).to_have_text("Log in")
    assert page.title() == "Wanmi · Log in"


def test_a_password_that_must_be_changed_is_changed_on_the_way(stranger: Watched) -> None:
    page = stranger.page
    page.goto(f"{stranger.origin}/login?next=/{VIEW.replace('#', '%23')}")
    log_in(stranger, "newcomer")
    page.wait_for_selector("#password-new")
    assert page.evaluate("document.activeElement.id") == "password-new"
    stranger.picture("login-must-change")
    page.fill("#password-new", "short")
    page.fill("#password-again", "short")
    page.keyboard.press("Enter")
    expect(page.locator(".error-line")).to_contain_text("口令至少 8 个字符")
    page.fill("#password-new", NEW)
    page.keyboard.press("Enter")
    expect(page.locator(".error-line")).to_contain_text("不一致")
    # whoever goes elsewhere in between is led back, and asked for the old one
    page.goto(f"{stranger.origin}/")
    page.wait_for_selector("#password-old")
    page.fill("#password-old", PASSWORD)
    page.fill("#password-new", NEW)
    page.fill("#password-again", NEW)
    page.keyboard.press("Enter")
    stranger.wait_idle()


@pytest.mark.parametrize("next_", ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/login"])
def test_after_login_nothing_leads_away(stranger: Watched, next_: str) -> None:
    stranger.page.goto(f"{stranger.origin}/login?next={next_}")
    log_in(stranger, "planner")
    stranger.wait_idle()
    assert stranger.page.url.startswith(f"{stranger.origin}/#")


@pytest.fixture
def planner(stranger: Watched, engine: Engine) -> Watched:
    """The one-map with the planner signed in."""
    with engine.begin() as connection:
        token = open_session(
            connection, account_by_name(connection, "planner"), MLPS2, "10.1.2.3", "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
        ).token
        open_session(connection, account_by_name(connection, "planner"), MLPS2, "10.9.9.9", "Mozilla/5.0 (Linux; Android 15) Chrome/140.0")
    stranger.page.context.add_cookies([{"name": "wanmi_session", "value": token, "url": stranger.origin}])
    stranger.open(VIEW)
    return stranger


def open_menu(screen: Watched, item: str | None = None) -> None:
    screen.page.click(".account-open")
    screen.page.wait_for_selector(".account-menu")
    if item:
        screen.page.click(f".account-menu >> text={item}")


def test_the_menu_says_who_and_closes_by_key(planner: Watched) -> None:
    page = planner.page
    open_menu(planner)
    words = page.inner_text(".account-menu")
    for word in ("王规划", "planner", "规划人员", "退出登录"):
        assert word in words
    assert "管理…" not in words
    planner.picture("account-menu")
    page.keyboard.press("Escape")
    expect(page.locator(".account-menu")).to_have_count(0)
    assert page.evaluate("document.activeElement.className").endswith("account-open")
    page.keyboard.press("Enter")
    expect(page.locator(".account-menu button").first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".account-menu button", has_text="我的会话")).to_be_focused()


def test_sessions_are_seen_and_ended(planner: Watched, engine: Engine) -> None:
    page = planner.page
    open_menu(planner, "我的会话")
    row = page.locator(".account-table tr", has_text="10.9.9.9").first
    expect(row).to_contain_text("Chrome · Android")
    planner.picture("account-sessions")
    row.locator("button").click()
    page.click("text=结束其他全部会话")
    expect(page.locator(".account-table tbody tr")).to_have_count(1)
    expect(page.locator(".account-table tbody tr")).to_contain_text("当前会话")
    with engine.connect() as connection:
        assert len(sessions_of(connection, account_by_name(connection, "planner"))) == 1


def test_a_key_is_made_copied_once_and_revoked(planner: Watched, engine: Engine) -> None:
    page = planner.page
    open_menu(planner, "接口密钥")
    page.click("text=生成密钥")
    expect(page.locator(".error-line")).to_contain_text("用途")
    page.fill("#key-title", "QGIS 桌面")
    page.click("text=生成密钥")
    page.wait_for_selector("#new-key")
    secret = page.input_value("#new-key")
    with engine.begin() as connection:
        assert find_key(connection, secret) is not None
    page.click("text=复制密钥")
    page.wait_for_selector("text=已复制")
    planner.picture("account-keys")
    page.click("text=已保存好")
    expect(page.locator("#new-key")).to_have_count(0)
    assert secret not in page.content()
    page.locator(".account-table button").last.click()
    page.click("text=确认撤销")
    expect(page.locator(".account-table tbody tr").last).to_contain_text("已撤销")
    with engine.begin() as connection:
        assert find_key(connection, secret) is None


def test_the_password_is_changed_from_the_menu(planner: Watched, engine: Engine) -> None:
    page = planner.page
    with engine.begin() as connection:
        hashed = connection.scalar(text("SELECT password_hash FROM account.account WHERE name = 'planner'"))
    open_menu(planner, "修改口令")
    page.fill("#password-old", "wrong")
    page.fill("#password-new", NEW)
    page.fill("#password-again", NEW)
    page.keyboard.press("Enter")
    expect(page.locator(".error-line")).to_contain_text("原口令不正确")
    assert page.evaluate("document.activeElement.id") == "password-old"
    planner.picture("account-password")
    page.fill("#password-old", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=口令已修改")
    # the new session's token is known: what changes something goes on without reloading
    open_menu(planner, "接口密钥")
    page.fill("#key-title", "after")
    page.click("text=生成密钥")
    page.wait_for_selector("#new-key")
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.account SET password_hash = :hash WHERE name = 'planner'"), {"hash": hashed})


def test_an_ended_session_is_said_calmly_and_the_view_comes_back(planner: Watched, engine: Engine) -> None:
    page = planner.page
    with engine.begin() as connection:
        connection.execute(text("UPDATE account.session SET revoked_at = now() WHERE revoked_at IS NULL"))
    page.wait_for_function("() => fetch('/api/cities').then((answer) => answer.status === 401)")
    page.keyboard.press("r")
    page.wait_for_selector("dialog.ended")
    expect(page.locator("dialog.ended h2")).to_have_text("会话已结束，请重新登录")
    planner.picture("session-ended")
    for _ in range(3):
        page.keyboard.press("Escape")
        expect(page.locator("dialog.ended")).to_be_visible()
    page.click("dialog.ended button")
    page.wait_for_selector("#username")
    log_in(planner, "planner")
    planner.wait_idle()
    assert "at=14/34.81" in page.url and "city=town" in page.url


def test_logout_leads_to_the_login(planner: Watched) -> None:
    open_menu(planner, "退出登录")
    planner.page.wait_for_selector("#username")
    assert planner.page.context.cookies() == []
    planner.page.goto(f"{planner.origin}/")
    planner.page.wait_for_selector("#username")
