"""Log-in with name and password in three steps, so that no connection is held while a hash is made.

1. ``begin`` counts the attempt as a failure and hands out what to compare with. Counting comes first: a hundred guesses
   at the same moment would otherwise all pass before the first one is counted.
2. ``passwords.verify`` compares; in a thread, outside of any transaction.
3. ``finish`` forgives the failures if the password was right, else raises the one error there is.

A name that does not exist, a wrong password, a locked, disabled or left account: the same work and the same sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from grid_coding.errors import BilingualError
from spatial.accounts.accounts import NAME_PATTERN, account_by_id, disable
from spatial.accounts.model import Account, AccountError
from spatial.accounts.passwords import Verdict, verify
from spatial.accounts.policy import Profile, after_failure, is_stale, network_address, password_expired

__all__ = ["Attempt", "Granted", "LoginRefused", "begin", "finish", "login", "prune_attempts"]

# Longer than the 180 days for which logs are kept by law (Cybersecurity Law art. 21).
ATTEMPTS_KEPT_DAYS = 200


class LoginRefused(BilingualError):
    """The log-in failed; why stands in ``account.login_attempt`` and is told to nobody."""

    def __init__(self) -> None:
        super().__init__(
            "登录失败：用户名或口令不正确，或者账户暂时锁定、已停用",
            "log-in failed: wrong name or password, or the account is locked for a time or disabled",
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt under way; without ``account`` it is lost already and is compared only for the time it takes.

    ``stored`` is the hash to compare with, ``version`` the account's then: a password changed meanwhile ends the attempt.
    """

    id: int | None
    account: int | None = None
    stored: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Granted:
    """A log-in that succeeded; with ``must_change`` the only thing allowed is a new password."""

    account: Account
    must_change: bool


def begin(connection: Connection, name: str, address: str | None, profile: Profile, at: datetime | None = None) -> Attempt:
    """Counts an attempt and returns what ``verify`` and ``finish`` need; the caller commits before it compares."""
    now = at or datetime.now(UTC)
    address = network_address(address)
    # what cannot be a name may be a password in the wrong field: it is not kept
    shown = name if NAME_PATTERN.fullmatch(name) else "?"
    if address is not None and _address_failures(connection, address, now - profile.failure_window) >= profile.address_failures:
        return Attempt(None)
    row = (
        connection.execute(
            text("""
                SELECT id, name, state, failures, locked_until, password_hash, version, greatest(last_login_at, enabled_at) AS used
                FROM account.account WHERE lower(name) = lower(:name) FOR UPDATE
            """),
            {"name": shown},
        )
        .mappings()
        .one_or_none()
    )
    outcome = "unknown"
    if row is not None:
        outcome = "begun"
        if row["state"] != "active":
            outcome = "disabled" if row["state"] == "disabled" else "locked"
        elif row["locked_until"] is not None and now < row["locked_until"]:
            outcome = "locked"
        elif is_stale(profile, row["used"], now) and _disable_stale(connection, row["name"], now):
            outcome = "stale"
        elif row["password_hash"] is None:
            outcome = "no_password"
    number = connection.scalar(
        text("""
            INSERT INTO account.login_attempt (at, name, account, address, outcome)
            VALUES (:at, :name, :account, CAST(:address AS inet), :outcome) RETURNING id
        """),
        {"at": now, "name": shown, "account": row and row["id"], "address": address, "outcome": outcome},
    )
    if row is None or outcome != "begun":
        return Attempt(number)
    failures, locked_until = after_failure(profile, row["failures"], now)
    connection.execute(
        text("UPDATE account.account SET failures = :failures, locked_until = :until WHERE id = :id"),
        {"failures": failures, "until": locked_until, "id": row["id"]},
    )
    return Attempt(number, row["id"], row["password_hash"], row["version"])


def finish(connection: Connection, attempt: Attempt, verdict: Verdict, profile: Profile, at: datetime | None = None) -> Granted:
    """Ends an attempt: forgives the failures, stores a new hash where the parameters changed, notes the time.

    Raises:
        LoginRefused: the password was wrong or the account may not log in. The caller still commits: the log keeps the attempt.
    """
    now = at or datetime.now(UTC)
    done = None
    if attempt.account is not None and verdict.right:
        done = connection.scalar(
            text("""
                UPDATE account.account SET failures = '{}', locked_until = NULL, last_login_at = :at,
                       password_hash = coalesce(CAST(:hash AS text), password_hash)
                WHERE id = :id AND version = :version AND state = 'active' RETURNING id
            """),
            {"id": attempt.account, "version": attempt.version, "at": now, "hash": verdict.new_hash},
        )
    if attempt.account is not None:
        outcome = {"id": attempt.id, "outcome": "wrong" if done is None else "granted"}
        connection.execute(text("UPDATE account.login_attempt SET outcome = :outcome WHERE id = :id"), outcome)
    if done is None:
        raise LoginRefused
    account = account_by_id(connection, done)
    return Granted(account, account.must_change or password_expired(profile, account.password_changed_at, now))


def login(engine: Engine, name: str, password: str, address: str | None, profile: Profile, at: datetime | None = None) -> Granted:
    """All three steps, each in a transaction of its own.

    Raises:
        LoginRefused: see ``finish``.
    """
    with engine.begin() as connection:
        attempt = begin(connection, name, address, profile, at)
    verdict = verify(attempt.stored, password)
    refused = None
    with engine.begin() as connection:
        try:
            return finish(connection, attempt, verdict, profile, at)
        except LoginRefused as error:  # kept until the log of it is committed
            refused = error
    raise refused


def prune_attempts(connection: Connection, at: datetime | None = None) -> int:
    """Deletes attempts older than the log has to be kept; returns how many."""
    values = {"at": at or datetime.now(UTC), "days": ATTEMPTS_KEPT_DAYS}
    return connection.execute(text("DELETE FROM account.login_attempt WHERE at < :at - make_interval(days => :days)"), values).rowcount


def _address_failures(connection: Connection, address: str, since: datetime) -> int:
    found = connection.scalar(
        text("""
            SELECT count(*) FROM account.login_attempt
            WHERE address = CAST(:address AS inet) AND at > :since AND outcome <> 'granted'
        """),
        {"address": address, "since": since},
    )
    return int(found or 0)


def _disable_stale(connection: Connection, name: str, now: datetime) -> bool:
    """Disables an account that was left; the last security administrator may still come back."""
    try:
        with connection.begin_nested():
            disable(connection, name, now)
    except AccountError:
        return False
    return True
