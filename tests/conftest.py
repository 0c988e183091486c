"""What every test may ask for: a real PostGIS, fresh databases, the registry, the real data of the outside world.

One throw-away cluster per run (``tests.support.cluster``); a database is a clone of an upgraded template, so a test module
gets its own in a fraction of a second. ``TEST_ADMIN_DSN`` points the run at a PostGIS that is there already.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine

from api.app import create_app
from layers.catalogue import Registry, load
from spatial.database import owner_engine
from spatial.settings import load_settings
from spatial.upgrade import upgrade
from tests.support.cluster import Server, running_server
from tests.support.serving import Address, serving
from tests.support.signed import key_of, signed_in, token_of
from tests.support.town import Town, build

ROOT = Path(__file__).resolve().parent.parent
# No example is judged by the clock: the machine may be busy.
hypothesis_settings.register_profile("wanmi", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis_settings.load_profile("wanmi")


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The layers that come with the house."""
    return load()


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real open data beside the checkout; tests that need it are skipped without."""
    folder = Path(os.environ.get("TEST_REALDATA") or ROOT.parent / "shared" / "realdata")
    if not folder.is_dir():
        pytest.skip("no real data: set TEST_REALDATA or put it in ../shared/realdata")
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running PostGIS with the roles of the house."""
    with running_server(tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="session")
def template(server: Server, registry: Registry) -> Iterator[str]:
    """Name of a database with the upgraded schema and no city."""
    name = f"wanmi_template_{uuid.uuid4().hex[:8]}"
    server.create(name)
    engine = owner_engine(server.owner(name))
    upgrade(engine, registry)
    engine.dispose()
    yield name
    server.drop(name)


@pytest.fixture(scope="module")
def database(server: Server, template: str) -> Iterator[str]:
    """Name of a fresh clone of the template, one per test module."""
    name = f"wanmi_test_{uuid.uuid4().hex[:8]}"
    server.create(name, template)
    yield name
    server.drop(name)


@pytest.fixture(scope="module")
def engine(server: Server, database: str) -> Iterator[Engine]:
    """The owner's engine on the module's database."""
    found = owner_engine(server.owner(database))
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def town(engine: Engine, registry: Registry) -> Town:
    """A little town with known contents in the module's database."""
    return build(engine, registry)


@pytest.fixture(scope="module")
def client(server: Server, database: str, engine: Engine, town: Town) -> Iterator[TestClient]:
    """The application over the town, serving as ``wanmi_app``, with somebody signed in who sees everything."""
    with signed_in(create_app(load_settings({}), server.app(database), owner_dsn=server.owner(database)), engine) as found:
        yield found


@pytest.fixture(scope="module")
def live(server: Server, database: str, engine: Engine, town: Town) -> Iterator[Address]:
    """Address of the application over the town on a real port, for clients of other makes, with credentials that see everything."""
    app = create_app(load_settings({}), server.app(database), owner_dsn=server.owner(database))
    with serving(app) as address:
        yield Address(address, token_of(engine), key_of(engine))
