"""Tools of the one-map in a real browser: list and card, measuring, the picture, themes, the address, and what happens in failure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route

from layers.catalogue import Registry
from tests.support.browser import Watched, share, watched_page
from tests.web.conftest import Showcase

pytestmark = pytest.mark.browser
VIEW = "#city=sample&at=16/34.79700/114.03250"


def map_point(screen: Watched, x: float, y: float) -> tuple[float, float]:
    """Returns a point of the screen at a share of the map's width and height."""
    box = screen.page.locator("#map").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def test_a_row_of_the_list_opens_its_card_and_more_rows_come(screen: Watched, registry: Registry) -> None:
    component = registry.by_role("component").id
    screen.open(f"{VIEW}&list={component}@city")
    rows = screen.page.locator(".list .tabulator-row")
    rows.first.wait_for()
    asked: list[str] = []
    screen.page.on("request", lambda request: asked.append(request.url) if "after=" in request.url else None)
    rows.nth(2).click()
    screen.page.wait_for_selector(".card h2")
    code = screen.page.locator(".card .mono").first.inner_text()
    assert code and code in screen.page.inner_text(".list")
    screen.page.evaluate("() => { const box = document.querySelector('.tabulator-tableholder'); box.scrollTop = box.scrollHeight; }")
    screen.page.wait_for_timeout(1500)
    assert asked, "scrolling to the end asks for the next page"


def test_measuring_shows_the_servers_number(screen: Watched) -> None:
    screen.open(VIEW)
    screen.page.keyboard.press("m")
    screen.page.wait_for_selector(".measure")
    answers: list[dict[str, object]] = []
    screen.page.on("response", lambda response: answers.append(response.json()) if response.url.endswith("/api/measure") else None)
    screen.page.mouse.click(*map_point(screen, 0.4, 0.5))
    screen.page.mouse.move(*map_point(screen, 0.5, 0.5), steps=5)
    screen.page.mouse.click(*map_point(screen, 0.6, 0.5))
    screen.page.wait_for_selector(".measure .value strong")
    screen.page.wait_for_timeout(800)
    text = screen.page.inner_text(".measure")
    assert "EPSG:4547" in text
    shown = float(re.sub("[^0-9.]", "", screen.page.inner_text(".measure .value small, .measure .value strong").split("米")[0]))
    assert any(abs(float(str(answer["length_m"])) - shown) < 1 for answer in answers)
    screen.picture("measure")
    screen.page.keyboard.press("Escape")
    screen.page.wait_for_selector(".measure", state="detached")


def test_the_picture_is_saved_with_the_map_in_it(screen: Watched, registry: Registry, tmp_path: Path) -> None:
    screen.open(VIEW)
    screen.page.keyboard.press("p")
    screen.page.wait_for_selector("dialog[open] canvas")
    screen.page.fill("#sheet-title", "测试出图")
    with screen.page.expect_download() as waiting:
        screen.page.locator("dialog[open] button.primary").click()
    assert "示范市" in waiting.value.suggested_filename and waiting.value.suggested_filename.endswith(".png")
    waiting.value.save_as(tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png").convert("RGB"))
    assert share(picture, registry.by_role("building").style.colour) > 0.005
    assert picture.shape[1] >= 900


def test_theme_language_and_layers_stand_in_the_address(screen: Watched, registry: Registry) -> None:
    screen.open(VIEW)
    park = registry.by_role("park").id
    screen.page.locator(f".layer[data-layer={park}] input[type=checkbox]").first.click()
    screen.page.wait_for_timeout(300)
    address = screen.page.url
    assert "on=" in address and park not in address.split("on=")[1].split("&")[0].split(",")
    screen.open(f"{VIEW}&theme=dark&lang=en")
    assert screen.page.get_attribute("html", "lang") == "en"
    assert registry.by_role("case").title.en in screen.page.inner_text(".frame")
    assert screen.picture("dark-en").mean() < 100
    screen.open(f"#city=sample&at={'x' * 300}&on=%00,nothing&sel=nothing:0&list=@@&theme=pink")
    assert screen.page.inner_text(".frame")


def test_failure_is_said_and_healed(browser: Browser, showcase: Showcase) -> None:
    with watched_page(browser, showcase.origin) as screen:
        broken = {"on": True}

        def answer(route: Route) -> None:
            if broken["on"]:
                route.fulfill(
                    status=503,
                    content_type="application/problem+json",
                    body=json.dumps({"detail": "数据库暂时不可用", "detail_en": "away"}),
                )
            else:
                route.continue_()

        screen.page.route("**/api/layers*", answer)
        screen.page.goto(f"{showcase.origin}/{VIEW}")
        screen.page.wait_for_selector("[role=alert]")
        assert "数据库暂时不可用" in screen.page.inner_text(".frame")
        screen.picture("failed")
        broken["on"] = False
        screen.page.locator("[role=alert] button").first.click()
        screen.page.wait_for_selector(".layer[data-layer]")
        screen.wait_idle()
        assert screen.outside == []


def test_an_empty_house_says_what_to_do(browser: Browser, empty_house: str) -> None:
    with watched_page(browser, empty_house) as screen:
        screen.page.goto(empty_house)
        screen.page.wait_for_selector("text=/sample make/")
        screen.wait_idle()
        screen.picture("empty")
        assert (screen.outside, screen.complaints) == ([], [])


def test_the_server_keeps_its_own_headers_for_every_file(showcase: Showcase) -> None:
    """Modules must come as JavaScript, or no browser runs them."""
    for name in ("app/main.js", "vendor/maplibre-gl/maplibre-gl.mjs", "vendor/preact/preact.mjs"):
        with urlopen(Request(f"{showcase.origin}/static/{name}")) as answer:
            assert answer.headers["content-type"].startswith("text/javascript")
            assert answer.headers["etag"]
