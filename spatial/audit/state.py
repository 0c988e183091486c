"""How the audit log stands: how much is in it, how far it is sealed, when it was verified last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from spatial.audit.heads import Head, HeadFileUnusable, last_head
from spatial.database import owner_engine
from spatial.doctor import Finding

__all__ = ["LATE", "AuditState", "HeadState", "Verification", "audit_state", "sealing"]

LATE = timedelta(minutes=1)
STATE = """
    SELECT t.number, t.total, t.at, t.chain::text AS chain, encode(t.head, 'hex') AS head, coalesce(t.era, 0) AS era,
      coalesce(a.total, 0) AS removed, a.before, u.rows AS unsealed, u.oldest, clock_timestamp() AS now
    FROM audit.tip t LEFT JOIN (SELECT * FROM audit.anchor ORDER BY number DESC LIMIT 1) a ON true
    CROSS JOIN (SELECT count(*) AS rows, min(at) AS oldest FROM audit.unsealed()) u
"""
VERIFIED = "SELECT at, result, detail FROM audit.entry WHERE action = 'audit.verify' ORDER BY at DESC LIMIT 1"
NAME = ("审计封存", "sealing of the audit log")


@dataclass(frozen=True, slots=True)
class Verification:
    """The last verification: when, whether all was well, rows gone through, and the first fault in both languages."""

    at: datetime
    ok: bool
    rows: int
    zh: str | None
    en: str | None


@dataclass(frozen=True, slots=True)
class HeadState:
    """A file of heads: its name, its last number, and whether it agrees with the log, lags behind it or cannot be read."""

    file: str
    number: int | None
    state: Literal["agrees", "behind", "differs", "unreadable"]


@dataclass(frozen=True, slots=True)
class AuditState:
    """How the log stands.

    Attributes:
        rows: there now. ``removed``: of old age, before ``removed_before``. ``unsealed``: not sealed yet, the ``oldest`` since then.
        seal: number of the last seal, of ``sealed_at``; ``head``: its hash.
        state: ok, late (a row has waited longer than a minute) or broken (the last verification found a fault).
    """

    rows: int
    removed: int
    removed_before: datetime | None
    unsealed: int
    oldest: datetime | None
    seal: int
    sealed_at: datetime | None
    head: str
    now: datetime
    verified: Verification | None
    heads: tuple[HeadState, ...]
    state: Literal["ok", "late", "broken"]


def audit_state(connection: Connection, files: Sequence[Path] = ()) -> AuditState:
    """Looks at the log; quick, whatever its size."""
    row = connection.execute(text(STATE)).one()
    verified = _verification(connection.execute(text(VERIFIED)).first())
    heads = tuple(_head_state(file, row) for file in files)
    late = row.oldest is not None and row.now - row.oldest > LATE
    broken = (verified is not None and not verified.ok) or any(head.state == "differs" for head in heads)
    return AuditState(
        row.total - row.removed + row.unsealed, row.removed, row.before, row.unsealed, row.oldest, row.number, row.at, row.head, row.now,
        verified, heads, "broken" if broken else "late" if late else "ok",
    )  # fmt: skip


def _verification(row: Any) -> Verification | None:
    if row is None:
        return None
    return Verification(row.at, row.result == "ok", int(row.detail.get("rows", 0)), row.detail.get("zh"), row.detail.get("en"))


def _head_state(file: Path, row: Any) -> HeadState:
    try:
        last: Head | None = last_head(file, row.chain)
    except HeadFileUnusable:
        return HeadState(file.name, None, "unreadable")
    if last is None:
        return HeadState(file.name, None, "behind" if row.number else "agrees")
    if (last.era, last.number) == (row.era, row.number):
        return HeadState(file.name, last.number, "agrees" if last.head == row.head else "differs")
    ahead = last.era == row.era and last.number > row.number
    return HeadState(file.name, last.number, "differs" if ahead else "behind")


def sealing(dsn: str) -> Finding:
    """Tells for the doctor whether rows wait to be sealed and what the last verification said."""
    engine = owner_engine(dsn)
    try:
        with engine.connect() as connection:
            found = audit_state(connection)
    except DBAPIError as error:
        reason = type(error.orig).__name__
        return Finding("audit", *NAME, "fail", f"审计日志无法读取（{reason}）", f"the audit log cannot be read ({reason})")
    finally:
        engine.dispose()
    if found.state == "broken" and found.verified is not None:
        return Finding(
            "audit", *NAME, "fail", f"最近一次校验发现：{found.verified.zh}", f"the last verification found: {found.verified.en}",
            "保全现场，查看 docs/audit.md", "keep everything as it is, see docs/audit.md",
        )  # fmt: skip
    if found.state == "late":
        oldest = f"{(found.oldest or datetime.now(UTC)).astimezone():%Y-%m-%d %H:%M}"
        zh = f"{found.unsealed} 行等待封存，最早 {oldest}"
        en = f"{found.unsealed} rows wait to be sealed, the oldest of {oldest}"
        remedy_zh = "封存由 ./wanmi up 或 serve 进行；单独一次：./wanmi audit seal --once"
        return Finding("audit", *NAME, "warn", zh, en, remedy_zh, "./wanmi up or serve seal; once by hand: ./wanmi audit seal --once")
    zh, en = f"{found.rows} 行，封存到第 {found.seal} 批", f"{found.rows} rows, sealed up to batch {found.seal}"
    if found.verified is None:
        return Finding("audit", *NAME, "ok", f"{zh}，从未校验", f"{en}, never verified")
    at = found.verified.at.astimezone()
    return Finding("audit", *NAME, "ok", f"{zh}，{at:%Y-%m-%d %H:%M} 校验无误", f"{en}, verified {at:%Y-%m-%d %H:%M}")
