"""The administrators' counters for tests: an application with an owner's connection, and whoever the test says at the counter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from playwright.sync_api import Page
from sqlalchemy import Engine

from api.access import Action, Actor, Requires
from api.app import create_app
from spatial.accounts.accounts import NewAccount, create, disable
from spatial.accounts.model import SEPARATED, Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.settings import load_settings
from tests.support.cluster import Server
from tests.support.people import add_person
from tests.support.serving import serving

__all__ = ["administration", "counter", "house_of_officials", "office", "sign_in", "sit"]


def office(server: Server, database: str) -> FastAPI:
    """The application over a database, with the owner's connection that administration needs."""
    return create_app(load_settings({}), server.app(database), owner_dsn=server.owner(database))


def sit(app: FastAPI, actor: Actor) -> None:
    """Lets ``actor`` be whoever every route of administration meets; who is let in is tested where that is decided."""

    async def met(request: Request) -> Actor:
        request.state.actor = actor
        return actor

    for action in Action:
        app.dependency_overrides[Requires(action)] = met


@contextmanager
def counter(app: FastAPI, actor: Actor) -> Iterator[TestClient]:
    """A client whose requests come from ``actor``."""
    sit(app, actor)
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as found:
        yield found


@contextmanager
def administration(server: Server, database: str, actor: Actor) -> Iterator[str]:
    """Address of the application on a real port, with ``actor`` at its counters."""
    app = office(server, database)
    sit(app, actor)
    with serving(app) as address:
        yield address


def house_of_officials(engine: Engine) -> None:
    """The people of a small city office: three administrators, some with roles, one without, one disabled."""
    for name in SEPARATED:
        add_person(engine, name, name)
    with engine.begin() as connection:
        add_organisation(connection, Organisation("water", "水务局", "Water bureau"))
        add_organisation(connection, Organisation("gas", "燃气公司", "Gas company", "company"))
        people = (
            NewAccount("zhao", "赵敏", (Grant("planner", "990101"),), None, "规划科", "科长"),
            NewAccount("qian", "钱文", (Grant("handler", "9901010101"),), "water", "管网科"),
            NewAccount("sun", "孙立", (Grant("gis"), Grant("dispatcher", "990101"))),
            NewAccount("wu", "吴桐", (), None, "采集队"),
        )
        for person in people:
            create(connection, person)
        disable(connection, "sun")


def sign_in(page: Page, name: str, counter: str) -> None:
    """Lets the page take itself for an administrator's; who that is and what he may, the server decides elsewhere."""
    known = {"account": 1, "name": name, "title": name, "roles": [name], "organisation": None, "via": "session", "must_change": False}
    page.route(
        "**/api/me",
        lambda route: route.fulfill(json={**known, "counters": [counter], "csrf": None, "grants": [], "organisation_title": None}),
    )
