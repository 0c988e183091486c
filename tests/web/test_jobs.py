"""Imports in a real browser with a real worker: uploaded, tried, faults read, the good rows written, cancelled, failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect
from sqlalchemy import Engine, text

from api.app import create_app
from spatial.accounts.policy import PROFILES
from spatial.accounts.sessions import open_session
from spatial.settings import load_settings
from tests.support.browser import Watched, watched_page
from tests.support.cluster import Server
from tests.support.jobs import Works, works
from tests.support.serving import Address, serving
from tests.support.town import Town

pytestmark = pytest.mark.browser
LINES = [f"T{number},{'银杏' if number % 3 else ''},{114 + number / 10000},{34.81 if number % 5 else 0}" for number in range(1, 91)]
FAULTY = "\n".join(["code,species,x,y", *LINES])


@pytest.fixture(scope="module")
def desk(engine: Engine, server: Server, database: str, town: Town, tmp_path_factory: pytest.TempPathFactory) -> Works:
    return works(engine, server.owner(database), tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def origin(desk: Works, server: Server, database: str) -> Iterator[Address]:
    app = create_app(load_settings({}, state_dir=desk.folder, upload_mb=1), server.app(database), None, desk.dsn)
    with desk.engine.begin() as connection:
        token = open_session(connection, desk.gis, PROFILES["mlps2"]).token
    with serving(app) as address:
        yield Address(address, token)


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Watched]:
    with watched_page(browser, origin) as watched:
        yield watched
    assert (watched.outside, watched.complaints) == ([], [])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "古树普查.csv"
    path.write_text(FAULTY, "utf-8")
    return path


def choose(page: Watched, file: Path) -> None:
    """Opens the form by keyboard and fills it."""
    page.page.keyboard.press("j")
    page.page.wait_for_selector("dialog.jobs-page")
    page.page.get_by_role("button", name="导入文件").click()
    page.page.wait_for_selector("#upload-kinds >> text=.geojson")
    page.page.set_input_files("#upload-file", str(file))
    page.page.select_option("[name=layer]", label="古树名木")
    page.page.fill("[name=crs]", "EPSG:4490")


def trees(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM layer.ancient_tree")) or 0)


def test_a_file_is_tried_its_faults_are_read_and_its_good_rows_written(page: Watched, desk: Works, file: Path) -> None:
    before = trees(desk.engine)
    page.open("#city=town")
    choose(page, file)
    page.picture("upload_form")
    page.page.click("button[type=submit]")
    row = page.page.locator(".job").first
    expect(row).to_have_attribute("data-state", "queued")
    assert "第 1 位" in row.inner_text() and page.page.locator(".jobs-open .badge").inner_text() == "1"
    page.picture("jobs_queued")
    with desk.worker(house=True):
        expect(row).to_have_attribute("data-state", "failed", timeout=30_000)
        assert "90 行中有 42 行不合格" in page.page.inner_text(".job-detail")
        page.page.wait_for_selector(".faults .tabulator-row")
        cells = page.page.locator(".faults .tabulator-row").first.locator(".tabulator-cell").all_inner_texts()
        assert [cell.strip() for cell in cells] == ["3", "树种", "", "“树种”不能为空", "required"]
        assert "未完成" in page.page.inner_text(".toast")
        page.picture("jobs_faults")
        with page.page.expect_download() as download:
            page.page.click("text=下载报告")
        assert "古树普查.csv" in download.value.suggested_filename and '"refused": 42' in download.value.path().read_text("utf-8")
        assert trees(desk.engine) == before
        page.page.get_by_role("button", name="写入合格的行").click()
        expect(page.page.locator(".job")).to_have_count(2)
        expect(row).to_have_attribute("data-state", "succeeded", timeout=30_000)
        assert trees(desk.engine) == before + 48
        facts = page.page.inner_text(".job-facts")
        assert re.sub(r"\s+", "", facts) == "读取90写入48拒绝0放在一边42"
    page.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.picture("jobs_written_dark")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector("dialog", state="detached")
    expect(page.page.locator("label", has_text="古树名木").locator("xpath=..")).to_contain_text("48")


def test_cancelled_and_the_list_by_keyboard(page: Watched, desk: Works, file: Path) -> None:
    page.open("#city=town")
    choose(page, file)
    page.page.click("button[type=submit]")
    row = page.page.locator(".job").first
    expect(row).to_have_attribute("data-state", "queued")
    page.page.get_by_role("button", name="取消：古树普查").first.click()
    expect(row).to_have_attribute("data-state", "cancelled")
    assert "已取消" in page.page.inner_text(".toast")
    row.locator(".job-open").focus()
    page.page.keyboard.press("ArrowDown")
    expect(page.page.locator(".job").nth(1)).to_have_class("job on")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector("dialog", state="detached")


def test_a_running_one_is_cancelled(page: Watched, desk: Works, file: Path) -> None:
    page.open("#city=town")
    choose(page, file)
    page.page.uncheck("[name=dry_run]")
    page.page.check("[name=on_bad][value=set_aside]")
    before = trees(desk.engine)
    with desk.engine.connect() as holder:
        # whoever holds the table keeps the import in its last statement
        holder.execute(text("LOCK TABLE layer.ancient_tree IN ACCESS EXCLUSIVE MODE"))
        with desk.worker(house=True):
            page.page.click("button[type=submit]")
            row = page.page.locator(".job").first
            expect(row).to_have_attribute("data-state", "running", timeout=30_000)
            page.page.wait_for_selector(".job-bar >> text=检查几何与编码", timeout=30_000)
            page.picture("jobs_running")
            page.page.get_by_role("button", name="取消：古树普查").first.click()
            expect(row).to_have_attribute("data-state", "cancelled", timeout=30_000)
        holder.rollback()
    assert "什么都没有写入" in page.page.inner_text(".job-detail") and trees(desk.engine) == before


def test_what_is_wrong_with_a_file_is_said_before_it_is_sent(page: Watched, tmp_path: Path, file: Path) -> None:
    page.open("#city=town")
    choose(page, file)
    for name, content, said in (("a.shp", "x", "压缩成一个 .zip"), ("a.exe", "x", "不支持这种文件"), ("a.csv", "x" * (2 << 20), "最多 1")):
        (tmp_path / name).write_text(content)
        page.page.set_input_files("#upload-file", str(tmp_path / name))
        assert said in page.page.inner_text(".problem")
        assert page.page.is_disabled("button[type=submit]")
    page.picture("upload_wrong")
    page.page.set_input_files("#upload-file", str(file))
    page.page.click(".more summary")
    page.page.fill("[name=mapping]", "没有等号")
    with page.page.expect_response("**/api/imports") as answer:
        page.page.click("button[type=submit]")
    assert answer.value.status == 400
    page.page.wait_for_selector(".problem >> text=应写成")
    assert page.page.get_attribute("[name=mapping]", "aria-invalid") == "true"
    page.picture("upload_refused")
    page.complaints.clear()  # Chromium tells of every answer of 400


def test_a_list_that_cannot_be_read_says_so(browser: Browser, origin: str) -> None:
    with watched_page(browser, origin) as page:
        broken = {"on": True}

        def answer(route: Route) -> None:
            if broken["on"]:
                route.fulfill(status=503, content_type="application/problem+json", body='{"detail": "数据库暂时不可用"}')
            else:
                route.fulfill(status=200, content_type="application/json", body='{"jobs": [], "next": null}')

        page.page.route("**/api/jobs", answer)
        page.open("#city=town")
        page.page.click(".jobs-open")
        page.page.wait_for_selector(".jobs-body .notice.alert >> text=数据库暂时不可用")
        broken["on"] = False
        page.page.wait_for_selector(".jobs-body >> text=还没有任务")
        page.picture("jobs_empty")
