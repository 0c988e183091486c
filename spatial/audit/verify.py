"""``wanmi audit verify``: computes the whole chain again and names the first thing that is not as it was sealed.

Everything is read in one snapshot, a few thousand rows at a time, so a sealer may go on beside it and memory stays the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from spatial.audit import faults
from spatial.audit.faults import Broken, Fault
from spatial.audit.record import Entry, record
from spatial.audit.sealing import link
from spatial.audit.witness import Note, compare

__all__ = ["Verified", "record_verification", "verify"]

ROWS_AT_ONCE = 20_000
SEALS_AT_ONCE = 1000
SEALS = """
    SELECT number, era, xid::text::bigint AS xid, at, total, hashes, head, audit.canonical_seal(s) AS canonical
    FROM audit.seal s WHERE number >= :first AND number < :first + :seals AND total - cardinality(ids) < :total + :rows ORDER BY number
"""
ROWS = """
    SELECT s.number, u.id, e.id IS NOT NULL AS present, e.at, e.era, e.xid::text::bigint AS xid, audit.canonical(e, e.id) AS canonical
    FROM audit.seal s CROSS JOIN unnest(s.ids) WITH ORDINALITY AS u(id, place) LEFT JOIN audit.entry e ON e.id = u.id
    WHERE s.number BETWEEN :first AND :last ORDER BY s.number, u.place
"""
# What a row should have been, among the rows of its batch: found under its own number it was moved, found under another's, swapped.
MOVED = """
    SELECT e.id FROM audit.entry e WHERE e.id = ANY (:ids)
      AND :wanted IN (sha256(:previous || convert_to(audit.canonical(e, e.id), 'UTF8')),
                      sha256(:previous || convert_to(audit.canonical(e, :id), 'UTF8')))
    ORDER BY e.id LIMIT 1
"""
SETTLED = """
    SELECT count(*) FROM audit.tip t, audit.entry e
    WHERE e.era < t.era OR (e.era = t.era AND pg_visible_in_snapshot(e.xid, t.snapshot))
"""
ADDED = """
    SELECT e.id, e.at FROM audit.tip t, audit.entry e LEFT JOIN (SELECT unnest(ids) AS id FROM audit.seal) s ON s.id = e.id
    WHERE s.id IS NULL AND (e.era < t.era OR (e.era = t.era AND pg_visible_in_snapshot(e.xid, t.snapshot))) ORDER BY e.id LIMIT 1
"""
LATE = "SELECT id, at FROM audit.unsealed() WHERE era = :era AND id < :id AND xid::text::bigint >= :xid LIMIT 1"
GUARDS = """
    SELECT format('%s.%s', c.relname, w.name) FROM (VALUES ('entry', 'append_only'), ('entry', 'kept'),
      ('seal', 'append_only'), ('seal', 'kept'), ('anchor', 'append_only'), ('chain', 'append_only')) AS w(of, name)
    JOIN pg_class c ON c.relname = w.of AND c.relnamespace = 'audit'::regnamespace
    WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = w.name AND t.tgenabled IN ('O', 'A')) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found: rows and seals gone through, rows not sealed yet, the first fault, and what is worth knowing besides."""

    rows: int
    seals: int
    unsealed: int
    removed: int
    head: str
    fault: Fault | None = None
    notes: tuple[Note, ...] = ()


@dataclass(slots=True)
class _Walk:
    """Where the walk along the chain stands; ``high`` is (era, largest row number, transaction of the seal that brought it)."""

    head: bytes
    number: int
    total: int
    rows: int = 0
    seals: int = 0
    high: tuple[int, int, int] = (0, 0, 0)


def verify(engine: Engine, files: Sequence[Path] = ()) -> Verified:
    """Computes the chain again from its beginning, or from where old rows were removed, and compares it with the files of heads."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        start = connection.execute(text("""
            SELECT coalesce(a.head, sha256(convert_to(c.id::text, 'UTF8'))), coalesce(a.number, 0), coalesce(a.total, 0), c.id::text
            FROM audit.chain c LEFT JOIN (SELECT * FROM audit.anchor ORDER BY number DESC LIMIT 1) a ON true
        """)).first()  # fmt: skip
        if start is None:
            return Verified(0, 0, 0, 0, "", faults.beginning_missing())
        walk = _Walk(bytes(start[0]), int(start[1]), int(start[2]))
        notes: tuple[Note, ...] = ()
        fault = None
        try:
            for seals, rows in _chunks(connection, walk):
                _walk_chunk(connection, walk, seals, rows)
            _check_added(connection, walk)
            _check_anchor(connection)
            notes, differing = compare(connection, files, str(start[3]))
            if differing is not None:
                raise Broken(Fault("heads", *differing[:2], at=differing[2]))
            _check_guards(connection)
        except Broken as broken:
            fault = broken.fault
        unsealed = int(connection.scalar(text("SELECT count(*) FROM audit.unsealed()")) or 0)
        return Verified(walk.rows, walk.seals, unsealed, int(start[2]), walk.head.hex(), fault, notes)


def record_verification(connection: Connection, found: Verified, by: Entry) -> None:
    """Writes a verification into the log; ``by`` tells who."""
    detail: dict[str, object] = {"rows": found.rows, "seals": found.seals, "unsealed": found.unsealed, "head": found.head}
    if found.fault is not None:
        detail |= {"fault": found.fault.kind, "row": found.fault.id, "zh": found.fault.zh, "en": found.fault.en}
    record(connection, Entry(
        "audit.verify", "ok" if found.fault is None else "failed", by.actor, by.actor_name, by.address, "audit", detail,
    ))  # fmt: skip


def _chunks(connection: Connection, walk: _Walk) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yields seals with all of their rows, not too many at a time."""
    while True:
        seals = list(connection.execute(
            text(SEALS), {"first": walk.number + 1, "seals": SEALS_AT_ONCE, "total": walk.total, "rows": ROWS_AT_ONCE}
        ))  # fmt: skip
        if not seals:
            later = connection.execute(text("SELECT number, at FROM audit.seal WHERE number > :n ORDER BY number LIMIT 1"),
                                       {"n": walk.number}).first()  # fmt: skip
            if later is not None and later.number == walk.number + 1:
                raise Broken(faults.seal_changed(later.number, later.at))  # its total lies beyond all that can be
            if later is not None:
                raise Broken(faults.seal_missing(walk.number + 1, later.number, later.at))
            return
        yield seals, list(connection.execute(text(ROWS), {"first": seals[0].number, "last": seals[-1].number}))


def _walk_chunk(connection: Connection, walk: _Walk, seals: Sequence[Any], rows: Sequence[Any]) -> None:
    by_seal = {number: list(part) for number, part in groupby(rows, key=lambda row: row.number)}
    for seal in seals:
        if seal.number != walk.number + 1:
            raise Broken(faults.seal_missing(walk.number + 1, seal.number, seal.at))
        _walk_seal(connection, walk, seal, by_seal.get(seal.number, []))


def _walk_seal(connection: Connection, walk: _Walk, seal: Any, rows: Sequence[Any]) -> None:
    """Follows the chain through one batch."""
    computed = walk.head
    hashes = bytes(seal.hashes)
    for place, row in enumerate(rows):
        before, stored = computed, hashes[32 * place : 32 * place + 32]
        if not row.present:
            raise Broken(faults.missing(row.id, seal.at))
        computed = link(before, row.canonical)
        if computed != stored:
            raise Broken(_mismatch(connection, seal, rows, before, place))
        era, high, xid = walk.high
        if row.era == era and row.id < high and row.xid >= xid:
            raise Broken(faults.old_number(row.id, row.at))
    total = walk.total + len(rows)
    head = hashlib.sha256(computed + seal.canonical.encode()).digest()
    if head != bytes(seal.head) or total != seal.total:
        raise Broken(faults.seal_changed(seal.number, seal.at))
    largest = max((row.id for row in rows), default=0)
    if seal.era != walk.high[0] or largest > walk.high[1]:
        walk.high = (seal.era, largest, seal.xid)
    walk.head, walk.number, walk.total = head, seal.number, total
    walk.rows, walk.seals = walk.rows + len(rows), walk.seals + 1


def _mismatch(connection: Connection, seal: Any, rows: Sequence[Any], before: bytes, place: int) -> Fault:
    """Tells what is behind a hash that does not fit: a changed row, rows in another order, or a changed seal."""
    computed = before
    for row in rows[place:]:
        computed = link(computed, row.canonical) if row.present else b""
    if hashlib.sha256(computed + seal.canonical.encode()).digest() == bytes(seal.head):
        return faults.seal_changed(seal.number, seal.at)
    row, stored = rows[place], bytes(seal.hashes)[32 * place : 32 * place + 32]
    moved = connection.scalar(text(MOVED), {"ids": [each.id for each in rows], "wanted": stored, "previous": before, "id": row.id})
    if moved is not None:
        return faults.out_of_order(row.id, row.at, int(moved))
    return faults.changed(row.id, row.at)


def _check_added(connection: Connection, walk: _Walk) -> None:
    """Looks for rows that no seal holds although their transaction was over, and for new ones under old numbers."""
    settled = connection.scalar(text(SETTLED)) or 0
    if int(settled) != walk.rows:
        found = connection.execute(text(ADDED)).first()
        if found is not None:
            raise Broken(faults.added(found.id, found.at))
    era, high, xid = walk.high
    late = connection.execute(text(LATE), {"era": era, "id": high, "xid": xid}).first()
    if late is not None:
        raise Broken(faults.old_number(late.id, late.at))


def _check_anchor(connection: Connection) -> None:
    """The removal of old rows is itself an act in the log: each anchor has its row there, as long as that is kept."""
    found = connection.execute(text("""
        SELECT a.number, a.at FROM audit.anchor a WHERE NOT EXISTS (
          SELECT FROM audit.entry e
          WHERE e.action = 'audit.prune' AND e.at BETWEEN a.at - interval '1 minute' AND a.at + interval '1 minute'
            AND e.detail->>'head' = encode(a.head, 'hex') AND e.detail->>'seal' = a.number::text AND e.detail->>'total' = a.total::text)
          AND NOT EXISTS (SELECT FROM audit.anchor later WHERE later.number > a.number AND later.before > a.at)
        ORDER BY a.number LIMIT 1
    """)).first()  # fmt: skip
    if found is not None:
        raise Broken(faults.anchor(found.number, found.at))


def _check_guards(connection: Connection) -> None:
    missing = connection.scalars(text(GUARDS)).all()
    if missing:
        raise Broken(faults.guard(str(missing[0])))
