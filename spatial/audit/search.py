"""Finds rows of the audit log, newest first, page by page."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from grid_coding.errors import BilingualError
from spatial.audit.words import action_words

__all__ = ["HOME", "Filters", "FiltersRefused", "Found", "Place", "all_pages", "as_document", "find", "parse_moment"]

HOME = ZoneInfo("Asia/Shanghai")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Of each condition that is given, one clause; values are bound.
CLAUSES = {
    "since": "e.at >= :since",
    "until": "e.at < :until",
    "account": "e.actor = :account",
    "actor": "(e.actor_name = :actor OR e.actor IN (SELECT id FROM account.account WHERE lower(name) = lower(:actor) OR title = :actor))",
    "action": "(e.action = :action OR starts_with(e.action, :action || '.'))",
    "object": "strpos(e.object, :object) > 0",
    "result": "e.result = :result",
    "address": "e.address <<= CAST(:address AS inet)",
    "words": "(strpos(lower(concat_ws(' ', e.object, e.actor_name, e.action, e.detail::text)), lower(:words)) > 0)",
}
SELECT = """
    SELECT e.id, e.at, e.actor, coalesce(a.name, e.actor_name) AS actor_name, a.title AS actor_title, host(e.address) AS address,
      e.action, e.object, e.result, e.detail, e.era,
      NOT (e.era > t.era OR t.era IS NULL OR (e.era = t.era AND NOT pg_visible_in_snapshot(e.xid, t.snapshot))) AS sealed
    FROM (SELECT * FROM audit.entry e {where} ORDER BY e.at DESC, e.id DESC LIMIT :limit) e
    CROSS JOIN audit.tip t LEFT JOIN account.account a ON a.id = e.actor ORDER BY e.at DESC, e.id DESC
"""


class FiltersRefused(BilingualError):
    """A condition cannot be read; ``zh`` and ``en`` say which and why."""

    def __init__(self, zh: str, en: str, field: str, value: str) -> None:
        super().__init__(zh, en)
        self.field = field
        self.value = value


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions, all of which must be met; None asks for nothing.

    Attributes:
        since: from this moment on. ``until``: before this moment.
        actor: name or title of an account, or the name of somebody at the machine. ``account``: its number.
        action: an action with those below it: ``account`` finds ``account.add``.
        object: a part of the object. ``address``: an address or a network. ``words``: a part of object, name, action or detail.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    account: int | None = None
    action: str | None = None
    object: str | None = None
    result: str | None = None
    address: str | None = None
    words: str | None = None

    def __post_init__(self) -> None:
        """Refuses an address that is none."""
        if self.address is not None:
            try:
                ipaddress.ip_network(self.address, strict=False)
            except ValueError:
                raise FiltersRefused(
                    f"“{self.address[:60]}”不是网络地址", f"{self.address[:60]!r} is no network address", "address", self.address
                ) from None

    def told(self) -> dict[str, str]:
        """Returns the conditions given, for the log."""
        return {key: value.isoformat() if isinstance(value, datetime) else str(value) for key, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: moment and number of its last row."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat()}~{self.id}"

    @classmethod
    def of(cls, given: str) -> Place:
        """Reads what ``str`` has written.

        >>> str(Place.of("2026-11-21T09:30:00.000001+00:00~7"))
        '2026-11-21T09:30:00.000001+00:00~7'

        Raises:
            FiltersRefused: it is none.
        """
        moment, _, number = given.partition("~")
        try:
            at, row = datetime.fromisoformat(moment), int(number)
        except ValueError:
            raise FiltersRefused("翻页标记有误", "the mark of the page is wrong", "after", given) from None
        if at.tzinfo is None or not 0 < row < 2**63:
            raise FiltersRefused("翻页标记有误", "the mark of the page is wrong", "after", given)
        return cls(at, row)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows (see ``SELECT``) and where it ends; None when nothing follows."""

    rows: tuple[Any, ...]
    end: Place | None


def find(connection: Connection, filters: Filters, limit: int, after: Place | None = None) -> Found:
    """Returns the newest rows that meet the conditions, behind a place."""
    values = {key: value for key, value in asdict(filters).items() if value is not None}
    clauses = [CLAUSES[key] for key in values]
    if after is not None:
        clauses.append("(e.at, e.id) < (:after_at, :after_id)")
        values |= {"after_at": after.at, "after_id": after.id}
    where = "WHERE " + " AND ".join(clauses) if clauses else ""
    rows = connection.execute(text(SELECT.format(where=where)), {**values, "limit": limit + 1}).all()
    page = tuple(rows[:limit])
    return Found(page, Place(page[-1].at, page[-1].id) if len(rows) > limit else None)


def as_document(row: Any) -> dict[str, Any]:
    """Returns a row as it goes to programs, with the names of its action."""
    zh, en = action_words(row.action)
    return {
        "id": row.id, "at": row.at, "action": row.action, "action_title": {"zh": zh, "en": en}, "result": row.result, "actor": row.actor,
        "actor_name": row.actor_name, "actor_title": row.actor_title, "address": row.address, "object": row.object, "detail": row.detail,
        "sealed": row.sealed,
    }  # fmt: skip


def all_pages(engine: Engine, filters: Filters, size: int = 5000) -> Iterator[tuple[Any, ...]]:
    """Yields all rows that meet the conditions, page by page, each in a transaction of its own.

    Between pages no connection is held, however slowly they are taken. What is written meanwhile is newer and stays out.
    """
    place: Place | None = None
    while True:
        with engine.connect() as connection:
            found = find(connection, filters, size, place)
        if found.rows:
            yield found.rows
        if found.end is None:
            return
        place = found.end


def parse_moment(given: str, field: str, *, end: bool = False) -> datetime:
    """Reads a day or a moment; without an offset it is of Asia/Shanghai, and a day as the end means the whole of it.

    >>> parse_moment("2026-11-21", "from").isoformat(), parse_moment("2026-11-21", "to", end=True).isoformat()
    ('2026-11-21T00:00:00+08:00', '2026-11-22T00:00:00+08:00')
    >>> parse_moment("2026-11-21T09:30Z", "from").isoformat()
    '2026-11-21T09:30:00+00:00'

    Raises:
        FiltersRefused: it is neither.
    """
    try:
        if DAY.fullmatch(given):
            day = date.fromisoformat(given) + timedelta(days=int(end))
            return datetime.combine(day, time(), HOME)
        moment = datetime.fromisoformat(given)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=HOME)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FiltersRefused(
            f"“{given[:40]}”不是日期或时刻，应如 2026-11-21 或 2026-11-21T09:30",
            f"{given[:40]!r} is no day or moment like 2026-11-21 or 2026-11-21T09:30",
            field, given,
        ) from None  # fmt: skip
    return moment
