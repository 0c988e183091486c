"""The log-in page with its other ways in, in a browser: through the provider, with the code, with enrolment required."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr
from sqlalchemy import Engine

from api.app import create_app
from spatial.accounts.factors import code_at, step_at
from spatial.accounts.identities import link
from spatial.settings import load_settings
from tests.support.browser import Watched, watched_page
from tests.support.cluster import Server
from tests.support.people import PASSWORD
from tests.support.provider import CLIENT, SECRET, IdentityProvider
from tests.support.serving import serving
from tests.support.signin import add_present

pytestmark = pytest.mark.browser


@pytest.fixture
def page_of(browser: Browser, server: Server, database: str, engine: Engine, tmp_path: Path) -> Iterator[tuple[Watched, IdentityProvider]]:
    idp = IdentityProvider()
    with serving(idp.app()) as address:
        idp.issuer = f"{address}/realm"
        settings = load_settings(
            {}, state_dir=tmp_path, totp="required", oidc_issuer=idp.issuer, oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET)
        )
        app = create_app(settings, server.app(database), owner_dsn=server.owner(database))
        with serving(app) as origin, watched_page(browser, origin, 900, 760) as watched:
            yield watched, idp


def test_enrolment_is_asked_for_then_the_provider_and_the_code(page_of: tuple[Watched, IdentityProvider], engine: Engine) -> None:
    watched, idp = page_of
    page = watched.page
    add_present(engine, "li")
    with engine.begin() as connection:
        link(connection, "li", idp.issuer, "u-1")
    page.goto(f"{watched.origin}/login?refused=oidc-account")
    expect(page.get_by_text("该身份没有可用的关联账户")).to_be_visible()
    watched.picture("ways-login")
    page.locator("#username").fill("li")
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("本系统要求启用动态码")).to_be_visible()
    watched.picture("ways-enrol")
    page.get_by_role("button", name="开始设置").click()
    secret = page.locator(".factor-secret code").inner_text().replace(" ", "")
    watched.picture("ways-scan")
    page.get_by_label("6 位动态码").fill(code_at(secret, step_at(datetime.now(UTC)) - 1))
    page.keyboard.press("Enter")
    expect(page.locator(".factor-codes code")).to_have_count(10)
    watched.picture("ways-codes")
    page.get_by_label("我已保存恢复码").check()
    page.get_by_role("button", name="完成").click()
    page.wait_for_url(f"{watched.origin}/")
    page.context.clear_cookies()
    page.goto(f"{watched.origin}/login?next=%2F")
    page.get_by_role("link", name="用统一身份认证登录").click()
    expect(page.get_by_label("6 位动态码")).to_be_focused()
    watched.picture("ways-code")
    page.get_by_label("6 位动态码").fill(code_at(secret, step_at(datetime.now(UTC))))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{watched.origin}/")
    assert page.request.get(f"{watched.origin}/api/me").json()["name"] == "li"
