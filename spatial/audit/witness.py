"""Compares the files of heads with the seals in the database: only they know of an end that was cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, text

from spatial.audit.heads import Head, HeadFileUnusable, read_heads

__all__ = ["Note", "compare"]

LINES_AT_ONCE = 1000
Differing = tuple[str, str, datetime | None]


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing that is no fault."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class _Tip:
    """The chain, number of the last seal, the era that is open, the number up to which old rows were removed and the head there."""

    chain: str
    number: int
    era: int
    anchored: int
    anchor_era: int | None
    anchor: str | None


def compare(connection: Connection, files: Sequence[Path], chain: str) -> tuple[tuple[Note, ...], Differing | None]:
    """Returns notes and the first difference between the files and the database."""
    row = connection.execute(text("""
        SELECT t.number, coalesce(wanmi.current_era(), 0), coalesce(a.number, 0), a.era, encode(a.head, 'hex') FROM audit.tip t
        LEFT JOIN (SELECT * FROM audit.anchor ORDER BY number DESC LIMIT 1) a ON true
    """)).one()  # fmt: skip
    tip = _Tip(chain, *row)
    notes: list[Note] = []
    for file in files:
        try:
            differing = _compare_file(connection, file, tip, notes)
        except HeadFileUnusable as error:
            if tip.number == 0:
                continue  # nothing was sealed yet, so nothing was written
            return tuple(notes), (error.zh, error.en, None)
        if differing is not None:
            return tuple(notes), differing
    return tuple(notes), None


def _compare_file(connection: Connection, file: Path, tip: _Tip, notes: list[Note]) -> Differing | None:
    ours = others = damaged = 0
    lost: list[Head] = []
    reading = read_heads(file)
    while part := list(islice(reading, LINES_AT_ONCE)):
        damaged += sum(head is None for _line, head in part)
        known = [head for _line, head in part if head is not None and head.chain == tip.chain]
        others += sum(head is not None for _line, head in part) - len(known)
        ours += len(known)
        found = _seals(connection, known)
        for head in known:
            differing = _differing(head, found.get(head.number), tip, file)
            if differing is not None:
                return differing
            if head.number > tip.anchored and (head.number not in found or found[head.number][0] > head.era):
                lost = [lost[0] if lost else head, head]
    if tip.number and not ours:
        zh = f"链头文件 {file} 中没有本日志的任何一行，而已有 {tip.number} 批封存"
        return zh, f"{file} has no line of this log, although {tip.number} batches are sealed", None
    notes.extend(_notes(file, lost, others, damaged))
    return None


def _seals(connection: Connection, heads: Sequence[Head]) -> dict[int, tuple[int, str]]:
    """Returns number -> (era, head) of the seals that the heads name."""
    rows = connection.execute(
        text("SELECT number, era, encode(head, 'hex') FROM audit.seal WHERE number = ANY (:numbers)"),
        {"numbers": [head.number for head in heads]},
    )
    return {number: (era, head) for number, era, head in rows}


def _differing(head: Head, found: tuple[int, str] | None, tip: _Tip, file: Path) -> Differing | None:
    """Compares one line; a batch of an earlier era that is gone was lost by a restore, which opens an era."""
    if head.number <= tip.anchored:
        if head.number == tip.anchored and head.era == tip.anchor_era and head.head != tip.anchor:
            zh = f"清理到的封存记录 {head.number} 与链头文件 {file} 不一致"
            return zh, f"the seal {head.number} that was removed up to differs from {file}", head.at
        return None
    if found is None:
        if head.era < tip.era:
            return None
        return (
            f"链头文件 {file} 记有封存记录 {head.number}（共 {head.total} 行），数据库只到 {tip.number}：末尾被删去",
            f"{file} knows seal {head.number} ({head.total} rows in all), the database ends at {tip.number}: its end was cut off",
            head.at,
        )
    era, known = found
    if era == head.era and known != head.head:
        return (f"封存记录 {head.number} 与链头文件 {file} 不一致", f"seal {head.number} differs from {file}", head.at)
    return None


def _notes(file: Path, lost: Sequence[Head], others: int, damaged: int) -> Iterator[Note]:
    if lost:
        first, last = lost[0], lost[-1]
        yield Note(
            f"恢复备份时丢失了封存记录 {first.number}–{last.number}（UTC {first.at:%Y-%m-%d %H:%M} 至 {last.at:%Y-%m-%d %H:%M}）",
            f"a restore lost the seals {first.number}–{last.number} (UTC {first.at:%Y-%m-%d %H:%M} to {last.at:%Y-%m-%d %H:%M})",
        )
    if others:
        yield Note(f"{file} 中另有 {others} 行属于别的日志", f"{others} lines of {file} belong to another log")
    if damaged:
        yield Note(f"{file} 中有 {damaged} 行无法读取", f"{damaged} lines of {file} cannot be read")
