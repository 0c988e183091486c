"""The sample city and, where its files are, Taipei, behind a real server, and a browser to look at them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from api.app import create_app
from data.importing import import_file
from data.sample_city import make_sample
from layers.catalogue import Registry
from spatial.cities import add_city
from spatial.database import owner_engine
from spatial.settings import load_settings
from tests.conftest import ROOT
from tests.support import taipei
from tests.support.browser import WEBGL, Watched, running_browser, watched_page
from tests.support.cluster import Server
from tests.support.serving import Address, serving
from tests.support.signed import token_of


@dataclass(frozen=True)
class Showcase:
    """Address of the server, its database, rows of the sample city by layer, and whether Taipei is there."""

    origin: Address
    database: str
    rows: dict[str, int]
    taipei: dict[str, int]


@pytest.fixture(scope="session")
def showcase(server: Server, template: str, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showcase]:
    """A server with both cities."""
    name = f"wanmi_showcase_{uuid.uuid4().hex[:8]}"
    server.create(name, template)
    engine = owner_engine(server.owner(name))
    made = make_sample(engine, registry, size="S", profile="2005", report=lambda _: None, rasters=tmp_path_factory.mktemp("rasters"))
    real: dict[str, int] = {}
    folder = Path(os.environ.get("TEST_REALDATA") or ROOT.parent / "shared" / "realdata")
    if folder.is_dir():
        with engine.begin() as connection:
            add_city(connection, taipei.CITY)
        for source in taipei.SOURCES.values():
            report = import_file(engine, registry, taipei.CITY.key, replace(source, path=folder / source.path))
            real[source.layer] = report.written
    with serving(create_app(load_settings({}), server.app(name), owner_dsn=server.owner(name))) as origin:
        yield Showcase(Address(origin, token_of(engine)), name, made.rows, real)
    engine.dispose()
    server.drop(name)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of the browsers."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that draws WebGL in software."""
    with running_browser(playwright, WEBGL) as found:
        yield found


@pytest.fixture
def screen(browser: Browser, showcase: Showcase) -> Iterator[Watched]:
    """A fresh page; whatever it does, nothing may leave the origin and nothing may be complained of."""
    with watched_page(browser, showcase.origin) as watched:
        yield watched
    assert watched.outside == []
    assert watched.complaints == []


@pytest.fixture(scope="session")
def empty_house(server: Server, template: str) -> Iterator[Address]:
    """A server without any city."""
    name = f"wanmi_empty_{uuid.uuid4().hex[:8]}"
    server.create(name, template)
    engine = owner_engine(server.owner(name))
    with serving(create_app(load_settings({}), server.app(name), owner_dsn=server.owner(name))) as origin:
        yield Address(origin, token_of(engine))
    engine.dispose()
    server.drop(name)
