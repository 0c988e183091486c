"""What a verification can find wrong, each in one sentence of both languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = [
    "Broken", "Fault", "Kind", "added", "anchor", "beginning_missing", "changed", "guard", "missing", "old_number", "out_of_order",
    "seal_changed", "seal_missing",
]  # fmt: skip

Kind = Literal["changed", "missing", "added", "order", "seal", "anchor", "heads", "guard"]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing found wrong.

    Attributes:
        id: of the row, None where it is not about one.
        at: the row's moment, or its seal's where the row is gone.
    """

    kind: Kind
    zh: str
    en: str
    id: int | None = None
    at: datetime | None = None


class Broken(Exception):
    """Ends a verification at the first fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.en)
        self.fault = fault


def changed(number: int, at: datetime) -> Fault:
    """A row that says something else than what was sealed."""
    return Fault("changed", f"第 {number} 行（{_moment(at)}）被改动", f"row {number} ({_moment(at)}) was changed", number, at)


def missing(number: int, sealed: datetime) -> Fault:
    """A sealed row that is not there."""
    zh = f"第 {number} 行缺失（封存于 {_moment(sealed)}）"
    return Fault("missing", zh, f"row {number} is missing (sealed {_moment(sealed)})", number, sealed)


def out_of_order(number: int, at: datetime, now: int) -> Fault:
    """What was sealed as this row stands elsewhere, as row ``now``."""
    zh = f"第 {number} 行的次序被改动：此处封存的内容现在是第 {now} 行"
    en = f"row {number} is out of order: what was sealed here now stands as row {now}"
    return Fault("order", zh, en, number, at)


def added(number: int, at: datetime) -> Fault:
    """A row that no seal holds although its transaction was over."""
    zh = f"第 {number} 行（{_moment(at)}）是绕过封存加入的"
    return Fault("added", zh, f"row {number} ({_moment(at)}) was added past the sealing", number, at)


def old_number(number: int, at: datetime) -> Fault:
    """A row numbered below sealed ones whose transaction began after their seal."""
    zh = f"第 {number} 行（{_moment(at)}）是后来用旧编号加入的"
    return Fault("added", zh, f"row {number} ({_moment(at)}) was added later under an old number", number, at)


def seal_changed(number: int, at: datetime) -> Fault:
    """A seal that does not fit its own rows, which fit the chain."""
    return Fault("seal", f"封存记录 {number}（{_moment(at)}）被改动", f"seal {number} ({_moment(at)}) was changed", at=at)


def seal_missing(number: int, later: int, at: datetime) -> Fault:
    """A gap in the numbers of the seals."""
    zh, en = f"封存记录 {number} 缺失，其后还有 {later}", f"seal {number} is missing, {later} follows"
    return Fault("seal", zh, en, at=at)


def beginning_missing() -> Fault:
    """The row that says which log this is, to which the first batch is chained."""
    return Fault("seal", "日志自己的编号（audit.chain）缺失", "the log's own identity (audit.chain) is missing")


def anchor(number: int, at: datetime) -> Fault:
    """A removal of old rows that the log does not tell of."""
    zh, en = f"清理记录（到封存记录 {number}）没有对应的审计行", f"the removal up to seal {number} has no row in the log"
    return Fault("anchor", zh, en, at=at)


def guard(name: str) -> Fault:
    """A trigger that keeps the log append-only is off."""
    return Fault("guard", f"防改触发器 {name} 已停用或删除", f"the guarding trigger {name} is off or gone")


def _moment(at: datetime) -> str:
    """Returns a moment as people here read it.

    >>> from datetime import timezone, timedelta
    >>> _moment(datetime(2026, 11, 21, 9, 30, 5, tzinfo=timezone(timedelta(hours=8))))
    '2026-11-21 09:30:05+0800'
    """
    return f"{at:%Y-%m-%d %H:%M:%S%z}"
