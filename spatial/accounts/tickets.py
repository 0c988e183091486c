"""Tickets between the first step of a log-in and the code: proof that the first was passed, for minutes, from one address, for one use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from spatial.accounts.accounts import account_by_id
from spatial.accounts.factors import Outcome, check
from spatial.accounts.login import Granted
from spatial.accounts.model import Account
from spatial.accounts.policy import Profile, network_address, password_expired
from spatial.accounts.sealing import Sealer
from spatial.accounts.tokens import digest, is_token, new_token

__all__ = ["HOLDS", "MOST_TRIES", "Redeemed", "Ticket", "issue", "redeem"]

HOLDS = timedelta(minutes=3)
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class Ticket:
    """A new ticket with its token, which is told this once; ``via`` is the first step that was passed."""

    token: str
    via: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What came of a ticket and a code: ``granted`` only when both held; ``account`` when the ticket did; ``ended`` when it did not."""

    outcome: Outcome
    via: str = "password"
    account: Account | None = None
    granted: Granted | None = None

    @property
    def ended(self) -> bool:
        """Whether the log-in has to begin anew."""
        return self.account is None


def issue(connection: Connection, account: Account, via: str, address: str | None, at: datetime | None = None) -> Ticket:
    """Makes a ticket for an account that passed the first step; tickets whose time is over go."""
    now = at or datetime.now(UTC)
    ticket = Ticket(new_token(), via, now + HOLDS)
    connection.execute(text("DELETE FROM account.login_ticket WHERE ends_at <= :at"), {"at": now})
    connection.execute(
        text("""
            INSERT INTO account.login_ticket (token_hash, account, version, address, via, made_at, ends_at)
            VALUES (:hash, :account, :version, CAST(:address AS inet), :via, :at, :ends)
        """),
        {"hash": digest(ticket.token), "account": account.id, "version": account.version, "address": network_address(address),
         "via": via, "at": now, "ends": ticket.ends_at},
    )  # fmt: skip
    return ticket


def redeem(
    connection: Connection, sealer: Sealer, token: str, code: str, address: str | None, profile: Profile, at: datetime | None = None
) -> Redeemed:
    """Checks a code with the account of a ticket; a right one uses the ticket up, five wrong ones end it. The caller commits in any case.

    A ticket holds from the address it was given to, and only while the account is active and unchanged: a new password ends it.

    Raises:
        SealError: the secret of the factor cannot be opened.
    """
    now, address = at or datetime.now(UTC), network_address(address)
    if not is_token(token):
        return Redeemed(Outcome.NONE)
    row = connection.execute(
        text("""
            SELECT t.account, t.via FROM account.login_ticket t
            JOIN account.account a ON a.id = t.account AND a.version = t.version AND a.state = 'active'
            WHERE t.token_hash = :hash AND t.ends_at > :at AND t.address IS NOT DISTINCT FROM CAST(:address AS inet)
            FOR UPDATE OF t
        """),
        {"hash": digest(token), "at": now, "address": address},
    ).one_or_none()
    if row is None:
        return Redeemed(Outcome.NONE)
    account, via = account_by_id(connection, row.account), row.via
    outcome = check(connection, sealer, account.id, code, profile, now)
    if outcome.granted:
        connection.execute(text("DELETE FROM account.login_ticket WHERE token_hash = :hash"), {"hash": digest(token)})
        expired = account.must_change or password_expired(profile, account.password_changed_at, now)
        return Redeemed(outcome, via, account, Granted(account, expired and via == "password"))
    _note_failure(connection, account, digest(token), address, now)
    return Redeemed(outcome, via, account)


def _note_failure(connection: Connection, account: Account, token_hash: bytes, address: str | None, now: datetime) -> None:
    values = {"hash": token_hash, "most": MOST_TRIES, "at": now, "name": account.name, "account": account.id, "address": address}
    connection.execute(text("UPDATE account.login_ticket SET tries = tries + 1 WHERE token_hash = :hash"), values)
    connection.execute(text("DELETE FROM account.login_ticket WHERE token_hash = :hash AND tries >= :most"), values)
    connection.execute(
        text("""
            INSERT INTO account.login_attempt (at, name, account, address, outcome)
            VALUES (:at, :name, :account, CAST(:address AS inet), 'wrong_code')
        """),
        values,
    )
