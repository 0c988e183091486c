"""A small city to import into, and a watch over every table."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from spatial.cities import City, add_city

State = dict[str, tuple[int, int | None]]


@pytest.fixture(scope="module")
def city(engine: Engine) -> City:
    """A city of the 2005 profile around 113.3 E 34.8 N."""
    with engine.begin() as connection:
        return add_city(connection, City("testcity", "测试市", "Test city", "410106", (113.2, 34.7, 113.4, 34.9), profile="2005"))


@pytest.fixture
def state(engine: Engine, registry: Registry) -> Callable[[], State]:
    """Tells of every layer table how many rows it has and the last id given out."""

    def look() -> State:
        found: State = {}
        with engine.connect() as connection:
            for layer in registry:
                rows = connection.scalar(text(f'SELECT count(*) FROM layer."{layer.id}"'))
                last = connection.scalar(text(f"SELECT last_value FROM pg_sequences WHERE sequencename = '{layer.id}_id_seq'"))
                found[layer.id] = (int(rows or 0), last)
        return found

    return look
