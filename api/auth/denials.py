"""Refusals in the audit log, so many and no more: a flood of them must fill neither the disk nor the owner's connections.

Per address (IPv6: per /64, which one customer has) and action the first ``MOST_OF_ONE`` in a quarter of an hour are written one
by one, over all addresses of a worker ``MOST_OF_ALL``. What goes beyond is counted, and the count is written with the first refusal
of the next quarter: 1 000 rows of about 200 bytes are 20 MB a day at the worst. Log-in attempts are counted by address before that
(``login_attempt``, 100 in 15 minutes), so that no guess is left out here.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections import Counter

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from api.auth.bulkhead import Bulkhead
from api.errors import ApiError
from spatial.audit.record import Entry, record

__all__ = ["Denials"]

MOST_OF_ONE = 100
MOST_OF_ALL = 1000
WINDOW_SECONDS = 900
log = logging.getLogger("wanmi.auth")


class Denials:
    """Writes refusals; used on the event loop only."""

    def __init__(self, desk: Bulkhead) -> None:
        self._desk = desk
        self._began = time.monotonic()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._written = 0
        self._left_out = 0

    async def note(self, entry: Entry) -> None:
        """Writes a refusal or counts it; a log that cannot be written changes nothing about the refusal."""
        entries = self._due(entry)
        if not entries:
            return

        def write(connection: Connection) -> None:
            for one in entries:
                record(connection, one)

        try:
            await self._desk.run(write)
        except (ApiError, SQLAlchemyError) as error:
            log.error("a refusal could not be written to the audit log: %s", type(error).__name__)

    def _due(self, entry: Entry) -> list[Entry]:
        due = []
        if time.monotonic() - self._began >= WINDOW_SECONDS:
            if self._left_out:
                due.append(Entry("denied", "refused", actor_name="wanmi", detail={"left_out": self._left_out}))
            self._began, self._written, self._left_out = time.monotonic(), 0, 0
            self._seen.clear()
        whose = (_block(entry.address), entry.action)
        if self._written >= MOST_OF_ALL or self._seen[whose] >= MOST_OF_ONE:
            self._left_out += 1
            return due
        self._seen[whose] += 1
        self._written += 1
        return [*due, entry]


def _block(address: str | None) -> str:
    """What counts as one address."""
    if address is None or ":" not in address:
        return address or ""
    return str(ipaddress.ip_network(f"{address}/64", strict=False))
