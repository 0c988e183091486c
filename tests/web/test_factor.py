"""The screens of second factors and of the identity provider's entry, on a page of the tests' own, as a person uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.responses import FileResponse, Response
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text
from starlette.staticfiles import StaticFiles

from api.security import SecurityHeaders, content_security_policy
from spatial.accounts.factors import begin_enrolment, code_at, confirm_enrolment, step_at
from spatial.accounts.model import Account
from spatial.accounts.sealing import Sealer
from spatial.settings import load_settings
from tests.conftest import ROOT
from tests.support.browser import Watched, watched_page
from tests.support.people import PASSWORD
from tests.support.serving import serving
from tests.support.signin import add_present, thin_app

pytestmark = pytest.mark.browser
STEP = 30
HEAD = re.sub(r'<link rel="modulepreload".*?>\n|<script type="module".*?</script>\n', "", (ROOT / "web/index.html").read_text("utf-8"))
PAGE = HEAD.replace(
    "</head>", '<link rel="stylesheet" href="/static/css/factor.css">\n<script type="module" src="/test.js"></script>\n</head>'
)
SCRIPT = """
import { render } from "preact";
import { ApiError } from "/static/app/api.js";
import { Factor, FactorDialog } from "/static/app/account/factor.js";
import { CodeStep, OidcEntry } from "/static/app/login/code.js";
import { lang } from "/static/app/i18n.js";
import { html } from "/static/app/ui.js";
const asked = new URLSearchParams(location.search), root = document.getElementById("app");
lang.value = asked.get("lang") ?? "zh";
document.documentElement.dataset.theme = asked.get("theme") ?? "light";
async function send(path, { method = "GET", body } = {}) {
  const answer = await fetch(path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new ApiError("http", { status: answer.status, problem: told });
  return told;
}
const end = (what) => { document.title = what; };
const shown = {
  dialog: () => html`<${FactorDialog} send=${send} onChanged=${() => end("changed")} onClose=${() => end("closed")} />`,
  must: () => html`<${Factor} send=${send} required onDone=${() => end("done")} />`,
  code: () => html`<${CodeStep} send=${send} ticket=${asked.get("ticket")}
    onDone=${(me) => end(`in as ${me.name}`)} onRestart=${() => end("restart")} />`,
  oidc: () => html`<${OidcEntry} title="市统一认证" next="/admin?tab=a" refused=${asked.get("refused")} />`,
};
root.replaceChildren();
const box = { width: "420px", margin: "40px auto", padding: "16px", background: "var(--surface)" };
render(html`<main style=${box}>${shown[asked.get("show")]()}</main>`, root);
"""


class Screen:
    """The page, and the person who uses it."""

    def __init__(self, watched: Watched, account: Account, engine: Engine, folder: Path) -> None:
        self.watched, self.page, self.account, self._engine, self._folder = watched, watched.page, account, engine, folder
        self.secret = ""

    def open(self, show: str, **more: str) -> Page:
        query = "&".join(f"{key}={value}" for key, value in {"show": show, **more}.items())
        self.page.goto(f"{self.watched.origin}/test?{query}")
        return self.page

    def sign_in(self) -> str:
        """With the password; the ticket where a code is due."""
        answer = self.page.request.post(f"{self.watched.origin}/api/login", data={"username": self.account.name, "password": PASSWORD})
        return str(answer.json().get("ticket", ""))

    def enrol(self) -> tuple[str, ...]:
        past, sealer = datetime.now(UTC) - timedelta(minutes=5), Sealer(self._folder)
        with self._engine.begin() as connection:
            self.secret = begin_enrolment(connection, sealer, self.account, past).secret
            return confirm_enrolment(connection, sealer, self.account.id, code_at(self.secret, step_at(past)), past)

    def code(self) -> str:
        return code_at(self.secret, step_at(datetime.now(UTC)))

    def age_session(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("UPDATE account.session SET opened_at = now() - interval '11 min'"))


@pytest.fixture
def screen(browser: Browser, engine: Engine, tmp_path: Path) -> Iterator[Screen]:
    page = tmp_path / "page.html"
    page.write_text(PAGE, "utf-8")
    app = thin_app(load_settings({}, totp="optional"), engine, tmp_path)

    @app.get("/test")
    async def parts_page() -> FileResponse:
        return FileResponse(page, media_type="text/html; charset=utf-8")

    @app.get("/test.js")
    async def parts_script() -> Response:
        return Response(SCRIPT, media_type="text/javascript; charset=utf-8")

    app.mount("/static", StaticFiles(directory=ROOT / "web"), name="static")
    app.add_middleware(SecurityHeaders, policy=content_security_policy(page))
    account = add_present(engine, f"w{tmp_path.name.replace('_', '')[-24:]}")
    with serving(app) as origin, watched_page(browser, origin, 900, 760) as watched:
        yield Screen(watched, account, engine, tmp_path)
        assert watched.outside == []
        # refusals by status are what these tests provoke; anything else - of the policy above all - is a fault
        assert [line for line in watched.complaints if "Failed to load resource" not in line] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_person_sets_it_up_and_keeps_the_codes(screen: Screen, theme: str) -> None:
    screen.sign_in()
    page = screen.open("dialog", theme=theme)
    expect(page.get_by_role("dialog", name="动态码（双因素认证）")).to_be_visible()
    expect(page.get_by_role("button", name="开始设置")).to_be_focused()
    screen.watched.picture(f"factor-begin-{theme}")
    page.keyboard.press("Enter")
    picture = page.get_by_role("img", name="动态码的二维码")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
    screen.secret = page.locator(".factor-secret code").inner_text().replace(" ", "")
    screen.watched.picture(f"factor-scan-{theme}")
    expect(page.get_by_label("6 位动态码")).to_be_focused()
    expect(page.get_by_role("button", name="确认启用")).to_be_disabled()
    page.keyboard.type("12x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("动态码不正确")
    screen.watched.picture(f"factor-wrong-{theme}")
    page.get_by_label("6 位动态码").fill(screen.code())
    page.keyboard.press("Enter")
    codes = page.locator(".factor-codes code")
    expect(codes).to_have_count(10)
    expect(page.get_by_role("button", name="完成")).to_be_disabled()
    screen.watched.picture(f"factor-codes-{theme}")
    expect(page).to_have_title("changed")
    page.get_by_label("我已保存恢复码").check()
    page.get_by_role("button", name="完成").click()
    expect(page).to_have_title("closed")


def test_the_codes_are_copied_and_printed_alone(screen: Screen) -> None:
    screen.sign_in()
    page = screen.open("must")
    page.get_by_role("button", name="开始设置").click()
    screen.secret = page.locator(".factor-secret code").inner_text().replace(" ", "")
    page.get_by_label("6 位动态码").fill(screen.code())
    page.get_by_role("button", name="确认启用").click()
    expect(page.locator(".factor-codes code")).to_have_count(10)
    codes = page.locator(".factor-codes code").all_inner_texts()
    page.evaluate("""() => {
      navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); };
      window.print = () => { window.printed = document.querySelector(".print-codes").innerText; };
    }""")
    page.get_by_role("button", name="复制", exact=True).click()
    assert page.evaluate("window.copied") == "\n".join(codes)
    page.emulate_media(media="print")
    page.locator(".factor-tools button", has_text="打印").dispatch_event("click")
    printed = page.evaluate("window.printed")
    assert all(code in printed for code in codes) and "我已保存" not in printed
    expect(page.locator("#app")).to_be_hidden()
    page.emulate_media(media="screen")
    assert page.locator(".print-codes").count() == 0
    page.get_by_label("我已保存恢复码").check()
    page.get_by_role("button", name="完成").click()
    expect(page).to_have_title("done")


def test_a_session_that_is_not_fresh_asks_for_the_password(screen: Screen) -> None:
    screen.sign_in()
    screen.age_session()
    page = screen.open("dialog")
    expect(page.get_by_label("口令")).to_be_focused()
    page.get_by_label("口令").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请输入正确的口令")
    screen.watched.picture("factor-password")
    page.get_by_label("口令").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="动态码的二维码")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_shown_and_switched_off(screen: Screen, theme: str) -> None:
    screen.sign_in()
    codes = screen.enrol()
    page = screen.open("dialog", theme=theme)
    expect(page.get_by_text("动态码已启用")).to_be_visible()
    expect(page.get_by_text("剩余恢复码 10 个")).to_be_visible()
    page.get_by_text("停用，或更换手机").click()
    page.get_by_label("口令").fill(PASSWORD)
    page.get_by_label("动态码或恢复码").fill("nothing")
    page.get_by_role("button", name="停用动态码").click()
    expect(page.get_by_role("alert")).to_contain_text("动态码不正确")
    screen.watched.picture(f"factor-on-{theme}")
    page.get_by_label("动态码或恢复码").fill(codes[0])
    page.get_by_role("button", name="停用动态码").click()
    expect(page.get_by_role("button", name="开始设置")).to_be_visible()


@pytest.mark.parametrize(("theme", "lang"), [("light", "zh"), ("dark", "en")])
def test_the_code_after_the_password(screen: Screen, theme: str, lang: str) -> None:
    screen.enrol()
    page = screen.open("code", ticket=screen.sign_in(), theme=theme, lang=lang)
    field = page.get_by_label("Six digits" if lang == "en" else "6 位动态码")
    expect(field).to_be_focused()
    assert (field.get_attribute("autocomplete"), field.get_attribute("inputmode")) == ("one-time-code", "numeric")
    page.keyboard.type("000000x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("wrong" if lang == "en" else "不正确")
    expect(field).to_have_value("")
    screen.watched.picture(f"code-{theme}-{lang}")
    field.fill(screen.code())
    page.keyboard.press("Enter")
    expect(page).to_have_title(f"in as {screen.account.name}")


def test_a_recovery_code_says_how_many_are_left(screen: Screen) -> None:
    codes = screen.enrol()
    page = screen.open("code", ticket=screen.sign_in())
    page.get_by_role("button", name="使用恢复码").click()
    expect(page.get_by_label("恢复码", exact=True)).to_be_focused()
    page.keyboard.type(codes[0].upper())
    page.keyboard.press("Enter")
    expect(page.get_by_text("还剩 9 个")).to_be_visible()
    screen.watched.picture("code-recovery")
    page.get_by_role("button", name="继续").click()
    expect(page).to_have_title(f"in as {screen.account.name}")


def test_a_ticket_that_ended_leads_back(screen: Screen) -> None:
    screen.enrol()
    page = screen.open("code", ticket="x" * 43)
    expect(page.get_by_label("6 位动态码")).to_be_focused()
    page.keyboard.type(screen.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("已超时")
    screen.watched.picture("code-ended")
    page.keyboard.press("Enter")
    expect(page).to_have_title("restart")


@pytest.mark.parametrize(
    "slug",
    ["oidc-proof", "oidc-declined", "oidc-account", "oidc-unavailable", "oidc-answer", "oidc-busy", "oidc-page", "constructor", "<b>"],
)
def test_the_entry_of_the_identity_provider(screen: Screen, slug: str) -> None:
    page = screen.open("oidc", refused=slug)
    entry = page.get_by_role("link", name="用市统一认证登录")
    assert entry.get_attribute("href") == "/api/login/oidc?next=%2Fadmin%3Ftab%3Da"
    expect(page.get_by_role("alert")).to_have_count(1 if slug.startswith("oidc-") else 0)
    if slug == "oidc-account":
        screen.watched.picture("oidc-entry")


def test_switched_off_and_out_of_reach_are_said(screen: Screen) -> None:
    screen.sign_in()
    page = screen.page
    page.route("**/api/me/factor", lambda route: route.fulfill(json={"mode": "off", "enrolled": False, "recovery_left": 0}))
    screen.open("dialog")
    expect(page.get_by_text("本系统没有启用动态码")).to_be_visible()
    page.route("**/api/me/factor", lambda route: route.abort())
    screen.open("dialog")
    expect(page.get_by_text("动态码的状态未能载入")).to_be_visible()
    page.unroute("**/api/me/factor")
    page.get_by_role("button", name="重试").click()
    expect(page.get_by_role("button", name="开始设置")).to_be_visible()
