"""A database with accounts, for jobs."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.support.cluster import Server
from tests.support.jobs import Works, works


@pytest.fixture(scope="module")
def house(engine: Engine, server: Server, database: str, tmp_path_factory: pytest.TempPathFactory) -> Works:
    """A database of its own with two accounts."""
    return works(engine, server.owner(database), tmp_path_factory.mktemp("works"))
