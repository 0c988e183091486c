"""Sessions on the server: opened at log-in, found by their token, ended by idleness, by age, by hand or with the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from spatial.accounts.accounts import account_by_id
from spatial.accounts.model import Account
from spatial.accounts.policy import Profile, network_address, password_expired, session_ends
from spatial.accounts.tokens import digest, is_token, new_token

__all__ = ["Opened", "Session", "find", "open_session", "prune", "revoke", "revoke_all", "sessions_of"]

# An end that is known to the minute is enough; a write for every tile is not affordable.
TOUCH_AFTER = timedelta(minutes=1)
AGENT_LENGTH = 300
KEPT_AFTER_END = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds, and whose it is; with ``must_change`` the only thing allowed is a new password."""

    id: int
    account: Account
    must_change: bool
    opened_at: datetime
    seen_at: datetime
    idle_ends_at: datetime
    ends_at: datetime
    address: str | None = None
    agent: str | None = None
    via: str = "password"


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session with its token, which is told this once."""

    token: str
    session: Session


def open_session(
    connection: Connection,
    account: Account,
    profile: Profile,
    address: str | None = None,
    agent: str | None = None,
    at: datetime | None = None,
    via: str = "password",
) -> Opened:
    """Opens a session; log-in always makes a new token, so that one planted beforehand is worth nothing.

    ``via`` is ``password``, or ``oidc`` where an outside provider vouched: then the age of the password matters to nobody.
    """
    now = at or datetime.now(UTC)
    token = new_token()
    idle_ends, ends = session_ends(profile, now, now)
    peer, client = network_address(address), _text(agent)
    values = {
        "hash": digest(token), "account": account.id, "version": account.version, "at": now, "idle": idle_ends, "ends": ends,
        "address": peer, "agent": client, "via": via,
    }  # fmt: skip
    number = connection.scalar(
        text("""
            INSERT INTO account.session (token_hash, account, version, opened_at, seen_at, idle_ends_at, ends_at, address, agent, via)
            VALUES (:hash, :account, :version, :at, :at, :idle, :ends, CAST(:address AS inet), :agent, :via) RETURNING id
        """),
        values,
    )
    must_change = _must_change(account, via, profile, now)
    return Opened(token, Session(int(number or 0), account, must_change, now, now, idle_ends, ends, peer, client, via))


def find(connection: Connection, token: str, profile: Profile, at: datetime | None = None) -> Session | None:
    """Returns the session of a token if it still holds, and notes at most once a minute that it was used.

    It does not hold when revoked, idle for too long, too old, or when its account is not active or has been revoked as a whole.
    The profile in force counts: made stricter, it shortens sessions that are open.
    """
    if not is_token(token):
        return None
    now = at or datetime.now(UTC)
    row = (
        connection.execute(
            text("""
                SELECT s.id, s.account, s.opened_at, s.seen_at, s.idle_ends_at, s.ends_at, host(s.address) AS address, s.agent, s.via
                FROM account.session s JOIN account.account a ON a.id = s.account AND a.version = s.version AND a.state = 'active'
                WHERE s.token_hash = :hash AND s.revoked_at IS NULL
            """),
            {"hash": digest(token)},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    known = dict(row)
    idle_ends, ends = session_ends(profile, known["opened_at"], known["seen_at"])
    known["ends_at"] = min(ends, known["ends_at"])
    known["idle_ends_at"] = min(idle_ends, known["idle_ends_at"], known["ends_at"])
    if now >= known["idle_ends_at"]:
        return None
    if now - known["seen_at"] >= TOUCH_AFTER:
        known |= {"seen_at": now, "idle_ends_at": min(now + profile.idle, known["ends_at"])}
        connection.execute(
            text("""
                UPDATE account.session SET seen_at = :seen_at, idle_ends_at = :idle_ends_at
                WHERE id = :id AND seen_at < :seen_at AND ends_at >= :idle_ends_at
            """),
            known,
        )
    account = account_by_id(connection, known.pop("account"))
    must_change = _must_change(account, known["via"], profile, now)
    return Session(account=account, must_change=must_change, **known)


def sessions_of(connection: Connection, account: Account, at: datetime | None = None) -> list[Session]:
    """Returns the open sessions of an account, the newest first."""
    rows = connection.execute(
        text("""
            SELECT id, opened_at, seen_at, idle_ends_at, ends_at, host(address) AS address, agent, via FROM account.session
            WHERE account = :account AND version = :version AND revoked_at IS NULL AND idle_ends_at > :at ORDER BY opened_at DESC, id DESC
        """),
        {"account": account.id, "version": account.version, "at": at or datetime.now(UTC)},
    ).mappings()
    return [Session(account=account, must_change=account.must_change, **row) for row in rows]


def revoke(connection: Connection, session: int, at: datetime | None = None) -> bool:
    """Ends one session; returns whether it was open."""
    values = {"id": session, "at": at or datetime.now(UTC)}
    found = connection.execute(text("UPDATE account.session SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL"), values)
    return bool(found.rowcount)


def revoke_all(connection: Connection, account: int) -> int:
    """Ends all sessions of an account, those too that are being opened just now, and returns the account's new version."""
    version = connection.scalar(text("UPDATE account.account SET version = version + 1 WHERE id = :id RETURNING version"), {"id": account})
    return int(version or 0)


def prune(connection: Connection, at: datetime | None = None) -> int:
    """Deletes sessions that ended more than a day ago; returns how many."""
    values = {"at": (at or datetime.now(UTC)) - KEPT_AFTER_END}
    return connection.execute(text("DELETE FROM account.session WHERE ends_at < :at OR revoked_at < :at"), values).rowcount


def _must_change(account: Account, via: str, profile: Profile, now: datetime) -> bool:
    return via == "password" and (account.must_change or password_expired(profile, account.password_changed_at, now))


def _text(agent: str | None) -> str | None:
    """What the client says of itself, as text the database takes."""
    if agent is None:
        return None
    return "".join(character for character in agent if character.isprintable())[:AGENT_LENGTH]
