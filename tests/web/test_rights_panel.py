"""The security administrator's screen in a real browser: the matrix by keyboard and mouse, publishing, two at once, versions, grants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine, text

from api.access import Actor
from layers.catalogue import Registry
from spatial.rights.publishing import publish
from spatial.rights.rules import Rule, rules
from tests.support.browser import Watched, watched_page
from tests.support.cluster import Server
from tests.support.office import administration, house_of_officials, sign_in
from tests.support.town import Town

pytestmark = pytest.mark.browser
SECADMIN = Actor(0, "secadmin", "安全管理员", ("secadmin",))
OVERFLOW = """() => [".office", ".office-body", ".matrix-frame", ".rules-bar"].map((part) => document.querySelector(part))
  .filter(Boolean).map((box) => box.scrollWidth - box.clientWidth)"""


@pytest.fixture(scope="module")
def origin(server: Server, database: str, engine: Engine, town: Town) -> Iterator[str]:
    house_of_officials(engine)
    with administration(server, database, SECADMIN) as found:
        yield found


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Watched]:
    with watched_page(browser, origin) as watched:
        opened(watched)
        yield watched
    assert watched.outside == []
    assert [line for line in watched.complaints if "status of 4" not in line] == []


def opened(watched: Watched) -> None:
    sign_in(watched.page, "secadmin", "rights")
    watched.page.goto(f"{watched.origin}/admin")
    watched.page.wait_for_selector(".matrix tbody tr >> nth=20")


def cell(action: str, target: str) -> str:
    return f"[data-cell='{action}|{target}']"


def stored(engine: Engine) -> dict[tuple[str, str, str], Rule]:
    with engine.connect() as connection:
        return {(rule.role, rule.action, rule.target): rule for rule in rules(connection)[1]}


def test_the_matrix_shows_what_holds_and_what_is_inherited(page: Watched, registry: Registry) -> None:
    road, case = registry.by_role("road").id, registry.by_role("case").id
    assert page.page.locator(".matrix tbody tr").count() == len(registry.layers) + len(registry.streams) + 3
    assert "全市" in page.page.inner_text(cell("read", "@public"))
    inherited = page.page.locator(cell("read", road))
    assert "inherited" in (inherited.get_attribute("class") or "") and "沿用公开图层" in (inherited.get_attribute("aria-label") or "")
    assert "inherited" not in (page.page.locator(cell("edit", case)).get_attribute("class") or "")
    assert page.page.locator(cell("clear_personal", road)).count() == 0, "a clearance of fields that are not there"
    assert "反映人电话" in (page.page.locator(cell("clear_personal", case)).get_attribute("title") or "")
    page.picture("rights")
    page.page.click("[data-role=handler]")
    page.page.wait_for_selector(f"{cell('read', '@internal')}.own")
    page.picture("rights_handler")


def test_keys_move_and_set_and_take_back(page: Watched, registry: Registry) -> None:
    page.page.focus(cell("read", "@public"))
    page.page.keyboard.press("ArrowRight")
    assert page.page.evaluate("() => document.activeElement.dataset.cell") == "export|@public"
    page.page.keyboard.press("1")
    assert "本单位" in page.page.inner_text(cell("export", "@public")) and "1 处修改" in page.page.inner_text(".rules-bar")
    page.page.keyboard.press("ArrowDown")
    first = page.page.evaluate("() => document.activeElement.dataset.cell")
    assert "本单位" in page.page.inner_text(f"[data-cell='{first}']"), "what inherits follows"
    page.page.keyboard.press("3")
    assert "2 处修改" in page.page.inner_text(".rules-bar")
    page.page.keyboard.press("Delete")
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("2")
    assert "处修改" not in page.page.inner_text(".rules-bar"), "as it was is no change"
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector(".cell-menu[open]")
    page.page.keyboard.press("Escape")
    assert page.page.evaluate("() => document.activeElement.dataset.cell") == "export|@public"


def test_a_change_is_narrowed_previewed_published_and_brought_back(page: Watched, engine: Engine, registry: Registry) -> None:
    target = registry.by_role("key_site").id
    page.page.click("[data-role=planner]")
    page.page.click(cell("read", target))
    page.page.click(".cell-menu [data-reach=area]")
    page.page.click(".cell-menu summary")
    page.page.click(".cell-menu .area-line button.twist")
    page.page.check(".cell-menu input[aria-label='选择 西社区']")
    page.picture("rights_menu")
    page.page.click(".cell-menu footer button")
    assert "限1" in page.page.inner_text(cell("read", target))
    page.page.click("text=查看影响并发布")
    page.page.wait_for_selector(".effect[data-user=zhao] >> text=获得 1 项")
    page.page.fill("dialog textarea", "规划需要西社区的重点部位")
    page.page.click(".effect summary")
    page.picture("rights_publish")
    page.page.click("dialog button[type=submit]")
    page.page.wait_for_selector(".rules-bar >> text=版本 2")
    assert stored(engine)["planner", "read", target] == Rule("planner", target, "read", "area", ("9901010101",))
    page.page.click("text=历史版本")
    page.page.click("[data-version='1']")
    page.page.wait_for_selector(".change-list >> text=西社区")
    page.page.fill(".version-back input", "收回")
    page.picture("rights_versions")
    page.page.click(".version-back button")
    page.page.wait_for_selector("[data-version='3']")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector(".rules-bar >> text=版本 3")
    assert stored(engine)["planner", "read", target].reach == "none"


def test_of_two_who_publish_the_second_loses_nothing(page: Watched, engine: Engine, registry: Registry) -> None:
    road, park = registry.by_role("road").id, registry.by_role("park").id
    for target in (road, park):
        page.page.focus(cell("export", target))
        page.page.keyboard.press("0")
    with engine.begin() as connection:
        number, found = rules(connection)
        publish(connection, number, [*found, Rule("dispatcher", road, "export", "city")], "另一位", "夜班需要")
    page.page.click("text=查看影响并发布")
    page.page.fill("dialog textarea", "停止导出")
    page.page.click("dialog button[type=submit]")
    page.page.wait_for_selector("dialog >> text=夜班需要")
    assert page.page.locator(".clash-line").count() == 1
    page.picture("rights_clash")
    page.page.click(".clash-line label >> nth=1")
    page.page.click("dialog footer button")
    assert "1 处修改" in page.page.inner_text(".rules-bar")
    page.page.click("text=查看影响并发布")
    page.page.fill("dialog textarea", "停止导出")
    page.page.click("dialog button[type=submit]")
    page.page.wait_for_selector(f".rules-bar >> text=版本 {number + 2}")
    held = stored(engine)
    assert (held["dispatcher", "export", road].reach, held["dispatcher", "export", park].reach) == ("city", "none")


def test_roles_are_granted_with_areas_by_name(page: Watched, engine: Engine) -> None:
    page.page.click("[data-tab=grants]")
    page.page.wait_for_selector("tr[data-user=wu]")
    page.picture("rights_grants")
    page.page.click("tr[data-user=wu] button")
    page.page.click("dialog [data-role=handler]")
    page.page.fill("dialog .office-search input", "东社区")
    page.page.click("dialog input[aria-label='选择 东社区']")
    assert page.page.locator("dialog button[type=submit]").is_disabled(), "nothing is the own of somebody without an organisation"
    page.picture("rights_grant")
    page.page.select_option("dialog select", "water")
    page.page.click("dialog button[type=submit]")
    page.page.wait_for_selector("tr[data-user=wu] >> text=处置部门 · 东社区 · 水务局")
    page.page.click("tr[data-user=wu] .name-chip button")
    page.page.click("dialog button.alert")
    page.page.wait_for_selector("tr[data-user=wu] .name-chip", state="detached")
    with engine.connect() as connection:
        found = connection.scalars(text("SELECT action FROM audit.entry WHERE object = 'account/wu' ORDER BY id DESC LIMIT 2")).all()
    assert found == ["right.revoke", "right.grant"]
    page.page.click("tr[data-user=secadmin] .name-chip button")
    page.page.click("dialog button.alert")
    page.page.wait_for_selector(".toast >> text=不能更改自己的角色")


def test_organisations_get_the_names_that_rows_use(page: Watched) -> None:
    page.page.click("[data-tab=homes]")
    page.page.fill("tr[data-home=water] form input", "市水务局")
    page.page.click("tr[data-home=water] form button")
    page.page.wait_for_selector("tr[data-home=water] .name-chip >> text=市水务局")
    page.picture("rights_homes")
    page.page.click("tr[data-home=water] .name-chip button")
    page.page.wait_for_selector("tr[data-home=water] .name-chip", state="detached")


def test_layers_are_filtered_and_folded(page: Watched, registry: Registry) -> None:
    page.page.fill(".matrix-tools input", registry.by_role("pipeline").title.zh)
    page.page.wait_for_selector(f".matrix tbody tr >> text={registry.by_role('road').title.zh}", state="detached")
    page.page.fill(".matrix-tools input", "没有")
    page.page.wait_for_selector(".matrix-scroll .notice")
    page.page.fill(".matrix-tools input", "")
    page.page.check(".matrix-tools input[type=checkbox]")
    assert 3 < page.page.locator(".matrix tbody tr").count() < 12


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_the_screens_fit_in_both_languages_and_themes(browser: Browser, origin: str, width: int, height: int) -> None:
    with watched_page(browser, origin, width, height) as watched:
        opened(watched)
        watched.page.keyboard.press("e")
        watched.page.keyboard.press("d")
        watched.page.wait_for_selector("html[lang=en][data-theme=dark]")
        assert max(watched.page.evaluate(OVERFLOW)) <= 0
        watched.picture(f"rights_dark_{width}")
        watched.page.click("[data-tab=grants]")
        watched.page.wait_for_selector("tr[data-user=wu]")
        assert max(watched.page.evaluate(OVERFLOW)) <= 0
        watched.picture(f"grants_dark_{width}")


def test_failure_is_said_and_healed(browser: Browser, origin: str) -> None:
    with watched_page(browser, origin) as watched:
        watched.page.route("**/api/rights", lambda route: route.abort())
        sign_in(watched.page, "secadmin", "rights")
        watched.page.goto(f"{origin}/admin")
        watched.page.wait_for_selector("[role=alert] >> text=规则未能载入")
        watched.page.unroute("**/api/rights")
        watched.page.click("[role=alert] button")
        watched.page.wait_for_selector(".matrix tbody tr >> nth=20")
        assert watched.page.locator("[data-role=dispatcher][aria-current=true]").count() == 1
