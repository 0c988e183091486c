"""The city page in a real browser: opened by keyboard, read, sorted, taken to the map, compared, out of date, empty and failed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, Route
from sqlalchemy import Engine

from layers.catalogue import Registry
from spatial.cities import City, add_city
from spatial.datasets import Dataset, record_dataset
from tests.support.browser import NO_WEBGL, Watched, running_browser, watched_page
from tests.support.town import COMPONENTS, Town

pytestmark = pytest.mark.browser
OVERFLOW = """() => ["dialog[open]", ".city-page header", ".city-body", ".city-body > .scroll"]
  .map((part) => document.querySelector(part)).map((box) => box.scrollWidth - box.clientWidth)"""
PARKS = (114.004, 34.814, 114.016, 34.816)
LAMPS = Dataset(
    "lamps", "layer", "路灯普查", "Lamp survey", layer="component", source="某市城管局", source_url="https://example.org/lamps",
    licence="CC BY 4.0", recipe="town", files=("lamps.csv",), read=909, written=903, set_aside=2,
    extent=(114.0, 34.8, 114.02, 34.82), metadata={"passed_over": 4, "rules": {"envelope": 2}}, seconds=1.5,
)  # fmt: skip
GARDENS = Dataset("gardens", "layer", "公园名录", "Gardens", layer="park", source="园林局", read=2, written=2, extent=PARKS, seconds=0.1)
TERRAIN = Dataset(
    "dem", "raster", "高程", "Terrain", source="测绘院", licence="内部", path="town/dem.tif", extent=(113.99, 34.79, 114.03, 34.83),
    metadata={"width": 400, "height": 300, "resolution_m": 10.0, "crs": "EPSG:4547", "minimum": 78.25, "maximum": 131, "nodata": None},
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def loaded(engine: Engine, town: Town) -> Town:
    """The town with three datasets, and a third city without a row."""
    with engine.begin() as connection:
        for dataset in (LAMPS, GARDENS, TERRAIN):
            record_dataset(connection, town.city, dataset)
        add_city(connection, City("bare", "空城", "Bare", "990301", (115.0, 34.7, 115.1, 34.8), profile="local"))
    return town


@pytest.fixture
def page(browser: Browser, live: str) -> Iterator[Watched]:
    """A fresh page over the town; nothing may leave the origin and nothing may be complained of."""
    with watched_page(browser, live) as watched:
        yield watched
    assert (watched.outside, watched.complaints) == ([], [])


def opened(page: Watched, state: str = "#city=town&page=city") -> Watched:
    page.page.goto("about:blank")
    page.page.goto(f"{page.origin}/{state}")
    page.page.wait_for_selector(".datasets, .comparison")
    return page


def row(key: str) -> str:
    return f'tr[data-dataset="{key}"]'


def shown(page: Watched) -> list[str | None]:
    return [found.get_attribute("data-dataset") for found in page.page.locator("tr[data-dataset]").all()]


def test_opened_and_closed_by_keyboard(page: Watched) -> None:
    page.open("#city=town")
    page.page.focus("#search")
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("i")
    page.page.wait_for_selector("dialog[open] .datasets")
    assert "&page=city" in page.page.url
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("() => document.activeElement.id") == "city-filter"
    # the keys of the map rest while the page is open
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("m")
    assert page.page.locator(".measure").count() == 0
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector("dialog", state="detached")
    assert "page=" not in page.page.url
    assert page.page.evaluate("() => document.activeElement.classList.contains('maplibregl-canvas')")
    page.page.go_back()
    page.page.wait_for_selector("dialog[open] .datasets")
    page.page.go_forward()
    page.page.wait_for_selector("dialog", state="detached")


def test_rows_tell_source_licence_counts_and_age(page: Watched, registry: Registry) -> None:
    opened(page)
    lamps = page.page.inner_text(row("lamps"))
    for told in ("路灯普查", "某市城管局", "CC BY 4.0", f"{COMPONENTS:,}", "903", "搁置 2", "比载入少 3", "1.5 秒", "lamps.csv"):
        assert told in lamps, told
    assert page.page.get_attribute(f"{row('lamps')} a", "href") == LAMPS.source_url
    assert "未说明许可" in page.page.inner_text(row("gardens"))
    assert "400 × 300" in page.page.inner_text(row("dem")) and "10 米" in page.page.inner_text(row("dem"))
    wild = page.page.inner_text(row(f"layer/{registry.by_role('road').id}"))
    assert "来源未登记" in wild and "2" in wild
    vacant = " ".join(page.page.locator(".datasets .vacant").all_inner_texts())
    assert registry.by_role("address").title.zh in vacant and registry.by_role("component").title.zh not in vacant
    about = page.page.inner_text(".about-city")
    assert "990101" in about and "EPSG:4547" in about and "CGCS2000" in about and "7 个没有位置" in about
    page.page.click(f"{row('lamps')} .twist")
    details = page.page.inner_text(".datasets .about")
    assert "读入 909、按条件略过 4" in details and "envelope 2" in details and "town" in details and "114.000°E–114.020°E" in details
    page.page.click(f"{row('dem')} .twist")
    assert "EPSG:4547 · 值 78.25 至 131" in page.page.inner_text(".datasets")
    # the picture: the parks lie in the middle of the town, not all over it
    outer, inner = (page.page.locator(f"{row('gardens')} rect.{part}").bounding_box() for part in ("outer", "inner"))
    assert outer is not None and inner is not None
    assert 0.2 < inner["width"] / outer["width"] < 0.4 and inner["x"] > outer["x"]


def test_filter_checks_and_order(page: Watched) -> None:
    opened(page)
    everything = shown(page)
    page.page.fill("#city-filter", "城管局")
    assert shown(page) == ["lamps"]
    page.page.fill("#city-filter", "没有这样的")
    page.page.wait_for_selector("text=没有符合条件的数据集")
    page.page.fill("#city-filter", "")
    page.page.click("[data-check=faults]")
    assert shown(page) == ["lamps"]
    page.page.click("[data-check=faults]")
    page.page.click("[data-check=unlicensed]")
    assert shown(page) == ["gardens"]
    page.page.click("[data-check=unlicensed]")
    rows = page.page.locator("thead th", has_text="现有行数")
    rows.locator("button").focus()
    page.page.keyboard.press("Enter")
    assert rows.get_attribute("aria-sort") == "descending"
    assert shown(page)[0] == "lamps" and set(shown(page)) == set(everything)
    page.page.keyboard.press("Enter")
    assert rows.get_attribute("aria-sort") == "ascending"
    assert shown(page)[-1] == "dem", "what has no rows comes last either way"
    page.page.keyboard.press("Enter")
    assert shown(page) == everything


def test_a_dataset_is_shown_on_the_map(page: Watched, registry: Registry) -> None:
    park = registry.by_role("park").id
    on = registry.by_role("road").id
    page.open(f"#city=town&at=11/34.70000/113.90000&on={on}&page=city")
    page.page.click(f"{row('gardens')} button[aria-label^=在地图上看]")
    page.page.wait_for_selector("dialog", state="detached")
    page.page.wait_for_function("() => Number(/at=([\\d.]+)/.exec(location.hash)[1]) > 13")
    page.wait_idle()
    state = dict(part.split("=") for part in page.page.evaluate("() => location.hash.slice(1)").split("&"))
    assert set(state["on"].split(",")) == {on, park}
    _, lat, lon = (float(part) for part in state["at"].split("/"))
    assert PARKS[0] < lon < PARKS[2] and PARKS[1] < lat < PARKS[3]
    assert page.page.evaluate("() => document.activeElement.classList.contains('maplibregl-canvas')")


def test_cities_side_by_side(page: Watched, registry: Registry) -> None:
    opened(page)
    page.page.click(".tabs button >> nth=1")
    page.page.wait_for_selector(".comparison")
    assert "page=cities" in page.page.url
    assert [found.get_attribute("data-city") for found in page.page.locator(".comparison th[data-city]").all()] == ["town", "other", "bare"]
    cells = {
        line.locator("th").inner_text(): line.locator("td .value").all_inner_texts()
        for line in page.page.locator(".comparison tbody tr").all()
    }
    assert cells[registry.by_role("component").title.zh] == [f"{COMPONENTS}", "10", "0"]
    assert cells["数据集"] == ["3", "0", "0"]
    page.page.click(".comparison th[data-city=other] button")
    page.page.wait_for_selector(row(f"layer/{registry.by_role('component').id}"))
    assert (
        "city=other" in page.page.url and "邻城" in page.page.inner_text(".about-city h3") and "测试" in page.page.inner_text(".about-city")
    )
    assert shown(page) == [f"layer/{registry.by_role('component').id}"]


def test_a_city_without_data_says_so(page: Watched) -> None:
    opened(page, "#city=bare&page=city")
    assert "wanmi import" in page.page.inner_text(".city-body")
    assert shown(page) == []


def test_a_load_behind_its_back_is_told(page: Watched, engine: Engine, town: Town) -> None:
    opened(page)
    page.page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    page.page.wait_for_load_state("networkidle")
    assert page.page.locator(".newer").count() == 0
    later = dataclasses.replace(GARDENS, title_zh="公园名录二版", set_aside=1)
    with engine.begin() as connection:
        record_dataset(connection, town.city, later)
    page.page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    page.page.wait_for_selector(".newer >> text=公园名录二版")
    assert "公园名录二版" not in page.page.inner_text(row("gardens")), "nothing changes under the reader's eyes"
    page.page.click(".newer button")
    page.page.wait_for_selector(f"{row('gardens')} >> text=公园名录二版")
    assert page.page.locator(".newer").count() == 0
    with engine.begin() as connection:
        record_dataset(connection, town.city, GARDENS)


def test_failure_is_said_and_healed(browser: Browser, live: str) -> None:
    with watched_page(browser, live) as page:
        broken = {"on": True}

        def answer(route: Route) -> None:
            if broken["on"]:
                problem = json.dumps({"detail": "数据库暂时不可用", "detail_en": "away"})
                route.fulfill(status=503, content_type="application/problem+json", body=problem)
            else:
                route.continue_()

        page.page.route("**/datasets", answer)
        page.page.goto(f"{live}/#city=town&page=city")
        page.page.wait_for_selector(".city-body [role=alert] >> text=数据库暂时不可用")
        broken["on"] = False
        page.page.click(".city-body [role=alert] button")
        page.page.wait_for_selector(row("lamps"))
        broken["on"] = True
        page.page.click(".city-page header button[aria-label^=重新读取]")
        page.page.wait_for_selector(".city-body .stale")
        assert "路灯普查" in page.page.inner_text(row("lamps")), "what was read stays in sight"
        assert page.outside == []


def test_without_webgl_the_page_is_read_all_the_same(playwright: Playwright, live: str) -> None:
    with running_browser(playwright, NO_WEBGL) as plain, watched_page(plain, live) as page:
        opened(page, "#city=town&lang=en&page=city")
        assert "Lamp survey" in page.page.inner_text(row("lamps")) and "set aside 2" in page.page.inner_text(row("lamps"))
        page.page.wait_for_selector(f"{row('lamps')} button[aria-label^=Show]:disabled")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_the_page_fits_the_screen(browser: Browser, live: str, width: int, height: int) -> None:
    with watched_page(browser, live, width, height) as page:
        for state in ("#city=town&page=city&lang=en", "#city=town&page=cities&theme=dark"):
            opened(page, state)
            assert max(page.page.evaluate(OVERFLOW)) <= 0
