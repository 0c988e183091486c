"""The migration of accounts goes back and forth and leaves the rest alone."""

from __future__ import annotations

from alembic import command
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from spatial.cities import City, add_city, cities
from spatial.upgrade import _alembic, head_revision, pending, upgrade


def test_accounts_are_added_to_a_house_that_is_lived_in(engine: Engine, registry: Registry) -> None:
    with engine.begin() as connection:
        add_city(connection, City("ground", "地", "Ground", "4101", (113, 34, 114, 35)))
        command.downgrade(_alembic(connection), "0003")
        assert connection.scalar(text("SELECT to_regnamespace('account')")) is None
    assert pending(engine, registry) == [f"0003 → {head_revision()}"]
    upgrade(engine, registry)
    assert pending(engine, registry) == []
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account.account")) == 0
        assert [city.key for city in cities(connection)] == ["ground"]
