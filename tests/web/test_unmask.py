"""A masked field on the card, in a real browser: what is shown, why it is asked for, what is shown then."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from layers.catalogue import Registry
from spatial.database import owner_engine
from tests.support.browser import watched_page
from tests.support.cluster import Server
from tests.support.serving import Address
from tests.support.signed import token_of
from tests.web.conftest import Showcase

pytestmark = pytest.mark.browser


def test_a_dispatcher_sees_a_telephone_for_a_reason(browser: Browser, showcase: Showcase, registry: Registry, server: Server) -> None:
    layer = registry.by_role("case")
    engine: Engine = owner_engine(server.owner(showcase.database))
    origin = Address(showcase.origin, token_of(engine, "dispatcher"))
    with urlopen(origin.request(f"/ogc/collections/{layer.id}/items?city=sample&source=hotline&limit=1")) as answer:
        (feature,) = json.load(answer)["features"]
    with watched_page(browser, origin) as screen:
        screen.open(f"#city=sample&sel={layer.id}:{feature['id']}")
        page = screen.page
        page.wait_for_selector(".card .masked")
        assert feature["properties"]["reporter_phone"] in page.inner_text(".card")
        page.click(".card .masked button >> nth=1")
        expect(page.locator("#unmask-reason")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#unmask-fault")).to_contain_text("4")
        page.fill("#unmask-reason", "回访反映人核实处置结果")
        screen.picture("unmask")
        page.click(".unmask button[type=submit]")
        page.wait_for_selector("dialog.dialog", state="detached")
        page.wait_for_function("() => document.querySelectorAll('.card .masked').length === 1")
        screen.picture("unmasked")
        assert (screen.outside, screen.complaints) == ([], [])
    engine.dispose()
