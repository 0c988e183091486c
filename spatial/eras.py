"""Log eras: what is ordered by transaction ids says in which run of them it was written (``sql/eras.sql``, design §1.2)."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from spatial.contents import scalar

__all__ = ["ERA_TABLE", "open_era"]

ERA_TABLE = "wanmi.log_era"


def open_era(connection: Connection, reason: str) -> int | None:
    """Opens the next era after a restore and returns it; None where the restored database is older than eras."""
    if scalar(connection, "SELECT to_regclass(%s)", ERA_TABLE) is None:
        return None
    return int(scalar(connection, "SELECT wanmi.open_era(%s)", reason))
