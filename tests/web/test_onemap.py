"""The one-map in a real browser: what is drawn, what is said, what is counted."""

from __future__ import annotations

import json
import re
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Playwright
from shapely.geometry import shape

from layers.catalogue import Registry
from layers.style import GROUND
from tests.support.browser import NO_WEBGL, Watched, running_browser, share, watched_page
from tests.web.conftest import Showcase

pytestmark = pytest.mark.browser
CENTRE = "#city=sample&at=15/34.79700/114.03250"
GLYPHS = """() => {
  const draw = (text) => {
    const canvas = document.createElement("canvas"); canvas.width = 40; canvas.height = 40;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.font = "32px " + getComputedStyle(document.body).fontFamily; context.fillText(text, 2, 34);
    return Array.from(context.getImageData(0, 0, 40, 40).data).join();
  };
  return ["街", "道", "网", "格", "臺", "樹"].map((sign) => draw(sign) !== draw("\\ufffe") && draw(sign) !== draw("国"));
}"""


def colour_of(registry: Registry, role: str) -> str:
    return registry.by_role(role).style.colour


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_the_sample_city_is_drawn(browser: Browser, showcase: Showcase, registry: Registry, width: int, height: int) -> None:
    with watched_page(browser, showcase.origin, width, height) as screen:
        screen.open("#city=sample")
        picture = screen.picture(f"sample-{width}")
        assert share(picture, GROUND["light"]) > 0.05
        assert share(picture, colour_of(registry, "water")) > 0.002
        assert share(picture, colour_of(registry, "park")) > 0.001
        assert screen.page.evaluate(GLYPHS) == [True] * 6
        # a page that scrolls sideways would cut the panels
        assert screen.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        assert (screen.outside, screen.complaints) == ([], [])


def test_details_appear_when_zoomed_in(screen: Watched, registry: Registry) -> None:
    layers = ",".join(registry.by_role(role).id for role in ("component", "road", "building", "water", "park"))
    screen.open(f"#city=sample&at=17/34.79700/114.03250&on={layers}")
    picture = screen.picture("sample-detail")
    assert share(picture, colour_of(registry, "building")) > 0.005
    assert share(picture, "#0072b2") > 0.0005, "no component is drawn"
    screen.open(f"#city=sample&at=17/34.79700/114.03250&on={layers}&theme=dark")
    dark = screen.picture("sample-detail-dark")
    assert dark.mean() < 90 < picture.mean()


def test_taipei_is_drawn_as_a_second_city(screen: Watched, showcase: Showcase, registry: Registry) -> None:
    if not showcase.taipei:
        pytest.skip("no ../shared/realdata")
    screen.open("#city=sample")
    screen.page.select_option("#city", "taipei")
    screen.wait_idle()
    screen.page.wait_for_selector("html[data-map=idle]", state="attached")
    assert "台北" in screen.page.inner_text("header, .frame")
    for layer, rows in showcase.taipei.items():
        shown = screen.page.inner_text(f".layer[data-layer={layer}]")
        assert f"{rows:,}" in shown, shown
    picture = screen.picture("taipei")
    assert share(picture, colour_of(registry, "tree"), 12) > 0.0005 or share(picture, colour_of(registry, "district"), 12) > 0.0005
    assert "不是国家标准代码" in screen.page.inner_text(".frame")


def test_counts_agree_between_tree_list_and_server(screen: Watched, showcase: Showcase, registry: Registry) -> None:
    case = registry.by_role("case").id
    screen.open("#city=sample")
    assert f"{showcase.rows[case]:,}" in screen.page.inner_text(f".layer[data-layer={case}]")
    screen.open(f"#city=sample&hide={case}:&list={case}@city")
    screen.page.wait_for_selector("[data-count]")
    assert screen.page.get_attribute("[data-count]", "data-count") == str(showcase.rows[case])
    screen.open(f"{CENTRE}&hide={case}:&list={case}@view")
    screen.page.wait_for_selector("[data-count]")
    shown = int(screen.page.get_attribute("[data-count]", "data-count") or 0)
    assert 0 < shown < showcase.rows[case]


def test_search_leads_to_a_card_with_decoded_codes(screen: Watched, showcase: Showcase, registry: Registry) -> None:
    component = registry.by_role("component")
    with urlopen(showcase.origin.request(f"/ogc/collections/{component.id}/items?city=sample&limit=1")) as answer:
        known = json.load(answer)["features"][0]
    screen.open("#city=sample")
    screen.page.keyboard.press("/")
    screen.page.keyboard.type(known["properties"]["code"])
    screen.page.wait_for_selector("#search-results [role=option]")
    screen.page.keyboard.press("ArrowDown")
    screen.page.keyboard.press("Enter")
    screen.page.wait_for_selector(".card h2")
    screen.wait_idle()
    card = screen.page.inner_text(".card")
    assert known["properties"]["code"] in card
    assert component.fields["class_code"].title.zh in card and known["properties"]["name"] in card
    assert known["properties"]["class_code"] in card, "the code stands beside its name"
    assert f"sel={component.id}:{known['id']}" in re.sub("%3A", ":", screen.page.url)
    screen.picture("card")
    screen.page.keyboard.press("Escape")
    screen.page.wait_for_selector(".card", state="detached")


def test_search_says_when_nothing_is_found_and_takes_coordinates(screen: Watched) -> None:
    screen.open("#city=sample")
    screen.page.fill("#search", "绝无此地名")
    screen.page.wait_for_selector("text=/没有/")
    screen.page.fill("#search", "34.797, 114.0325")
    found = screen.page.wait_for_selector("#search-results [role=option] >> text=114.0325")
    assert found is not None and "34.797" in found.inner_text()


def test_a_click_on_the_map_opens_what_lies_there(screen: Watched, showcase: Showcase, registry: Registry) -> None:
    park = registry.by_role("park").id
    with urlopen(showcase.origin.request(f"/ogc/collections/{park}/items?city=sample&limit=50")) as answer:
        features = json.load(answer)["features"]
    largest = max((f for f in features if f["geometry"]["type"] != "Point"), key=lambda f: shape(f["geometry"]).area)
    inside = shape(largest["geometry"]).representative_point()
    screen.open(f"#city=sample&at=17/{inside.y:.5f}/{inside.x:.5f}&on={park}")
    box = screen.page.locator("#map").bounding_box()
    assert box is not None
    screen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    screen.page.wait_for_selector(".card h2")
    assert screen.page.inner_text(".card h2") == largest["properties"]["name"]


def test_keyboard_sheet_layers_and_state_in_the_address(screen: Watched) -> None:
    screen.open("#city=sample")
    screen.page.keyboard.press("?")
    screen.page.wait_for_selector("dialog[open]")
    assert "/" in screen.page.inner_text("dialog[open]")
    screen.page.keyboard.press("Escape")
    screen.page.wait_for_selector("dialog[open]", state="detached")
    first = screen.page.url
    screen.page.locator("#map canvas").first.focus()
    screen.page.keyboard.press("ArrowRight")
    screen.page.wait_for_timeout(600)
    screen.wait_idle()
    assert screen.page.url != first and "at=" in screen.page.url


def test_without_webgl_the_list_still_works(playwright: Playwright, showcase: Showcase, registry: Registry) -> None:
    park = registry.by_role("park").id
    with running_browser(playwright, NO_WEBGL) as plain, watched_page(plain, showcase.origin) as screen:
        screen.page.goto(f"{showcase.origin}/#city=sample&list={park}@city")
        screen.page.wait_for_selector("html[data-map=nowebgl]", state="attached")
        screen.page.wait_for_selector("[data-count]")
        assert screen.page.get_attribute("[data-count]", "data-count") == str(showcase.rows[park])
        assert "WebGL" in screen.page.inner_text("main")
        screen.picture("nowebgl")
