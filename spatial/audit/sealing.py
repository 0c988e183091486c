"""Seals rows of the audit log in batches, outside the transactions that write them.

A chain within the writing transaction would let one writer through at a time (-98 %, reliability_security.md §1.5). A batch holds the
rows that are visible now and were not at the seal before: late commits are never passed over and long transactions never waited for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from spatial.audit.heads import Head, HeadFileUnusable, append, last_head

__all__ = ["Sealed", "link", "seal"]

SEAL_LOCK = 92665  # the same stands in audit.prune
BATCH = 4096
HEADS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a round did.

    Attributes:
        rows: sealed in this round. ``batches``: how many batches they made.
        busy: another sealer was at work, so nothing was done.
        unwritten: files that did not take the heads; the next round tries again.
    """

    rows: int = 0
    batches: int = 0
    busy: bool = False
    unwritten: tuple[HeadFileUnusable, ...] = ()


def link(previous: bytes, canonical: str) -> bytes:
    """Returns the hash of a row: of the hash before it and its canonical text.

    >>> link(bytes(32), "[1]").hex()[:8]
    'e01193d7'
    """
    return hashlib.sha256(previous + canonical.encode()).digest()


def seal(engine: Engine, files: Sequence[Path]) -> Sealed:
    """Seals every row that is visible and not sealed yet, and brings the heads into the files.

    A large backlog becomes several batches in one transaction, since they share one snapshot.
    """
    with _alone(engine) as ours:
        if not ours:
            return Sealed(busy=True)
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            _check_era(connection)
            rows, batches = _seal_rows(connection)
            connection.commit()
        unwritten = []
        for file in files:
            try:
                with engine.connect() as connection:
                    _bring_heads(connection, file)
            except HeadFileUnusable as error:
                unwritten.append(error)
        return Sealed(rows, batches, unwritten=tuple(unwritten))


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    """One sealer at a time, over the writing of the files too; the lock ends with its connection, however that ends."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": SEAL_LOCK}))
        try:
            yield ours
        finally:
            if ours:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": SEAL_LOCK})


def _check_era(connection: Connection) -> None:
    """Opens an era where somebody has brought a dump back without us: transaction ids lie below those of the last seal."""
    restarted = connection.scalar(text("""
        SELECT pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(snapshot) FROM audit.tip WHERE era = wanmi.current_era()
    """))  # fmt: skip
    if restarted:
        connection.execute(text("SELECT wanmi.open_era('transaction ids began anew')"))


def _seal_rows(connection: Connection) -> tuple[int, int]:
    previous = bytes(connection.scalar(text("SELECT head FROM audit.tip")) or b"")
    # the options belong to this statement: on the connection they would make cursors of the inserts between
    found = connection.execute(
        text("SELECT e.id, e.at, audit.canonical(e, e.id) FROM audit.unsealed() e").execution_options(yield_per=BATCH)
    )
    rows = batches = 0
    for part in found.partitions(BATCH):
        previous = _seal_batch(connection, previous, part)
        rows, batches = rows + len(part), batches + 1
    return rows, batches


def _seal_batch(connection: Connection, previous: bytes, part: Sequence[Any]) -> bytes:
    """Writes one seal and returns its head."""
    ids: list[int] = []
    hashes = bytearray()
    newest: datetime = part[0][1]
    for number, at, canonical in part:
        previous = link(previous, canonical)
        hashes += previous
        ids.append(number)
        newest = max(newest, at)
    made = connection.scalar(
        text("SELECT head FROM audit.add_seal(:newest, :ids, :hashes)"), {"newest": newest, "ids": ids, "hashes": bytes(hashes)}
    )
    return bytes(made or b"")


def _bring_heads(connection: Connection, file: Path) -> None:
    """Appends the heads that a file lacks: those just made and, after a fault, those of before."""
    chain = str(connection.scalar(text("SELECT id FROM audit.chain")))
    last = last_head(file, chain)
    place = {"era": last.era, "number": last.number} if last else {"era": 0, "number": 0}
    # after a restore of an older dump the file has higher numbers than the log, in an earlier era
    start = connection.scalar(text("SELECT coalesce(max(number), 0) FROM audit.seal WHERE number <= :number AND era <= :era"), place)
    lacking = text("SELECT era, number, total, at, encode(head, 'hex') FROM audit.seal WHERE number > :start ORDER BY number")
    found = connection.execute(lacking.execution_options(yield_per=HEADS_AT_ONCE), {"start": start})
    for part in found.partitions(HEADS_AT_ONCE):
        append(file, [Head(chain, *row) for row in part])
