"""What is done once a day: ended sessions and old attempts go, accounts left unused are disabled."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

from spatial.accounts.accounts import disable_stale
from spatial.accounts.login import prune_attempts
from spatial.accounts.policy import Profile
from spatial.accounts.sessions import prune
from spatial.audit.record import Entry, record

__all__ = ["tidy"]

# Any number that nobody else in the house takes; the workers of all machines meet here.
LOCK = 0x77616E6D69_01


def tidy(engine: Engine, profile: Profile, at: datetime | None = None) -> bool:
    """Does the daily work in one transaction; False when another worker is at it."""
    with engine.begin() as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
            return False
        prune(connection, at)
        prune_attempts(connection, at)
        for name in disable_stale(connection, profile, at):
            record(connection, Entry("account.disable", actor_name="wanmi", object=f"account/{name}", detail={"why": "unused"}))
    return True
