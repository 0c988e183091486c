"""Rows of the audit log for tests, and the log tampered with as its owner could."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from spatial.audit.record import Entry, record

__all__ = ["tampering", "write_rows"]


def write_rows(engine: Engine, number: int, action: str = "edit") -> None:
    """Adds rows, each in a transaction of its own."""
    for place in range(number):
        with engine.begin() as connection:
            record(connection, Entry(action, object=f"layer/x/{place}", actor=1 + place % 3, address="10.1.2.3", detail={"n": place}))


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """A transaction with the guarding triggers switched off, and on again afterwards."""
    with engine.begin() as connection:
        for table in ("entry", "seal", "anchor", "chain"):
            connection.execute(text(f"ALTER TABLE audit.{table} DISABLE TRIGGER USER"))
        yield connection
        for table in ("entry", "seal", "anchor", "chain"):
            connection.execute(text(f"ALTER TABLE audit.{table} ENABLE TRIGGER USER"))
