"""Identities that an outside provider vouches for (OIDC): bound to an account once, by an administrator's leave, never made by themselves.

The rule against take-over: an account is known by (issuer, subject) alone. The name that the provider tells is looked at once, when the
two are joined, and they are joined only while a permit of an administrator is open, which that log-in uses up. A name that is given
to somebody else later - at the provider, or by a person who may rename himself there - therefore opens nothing.
The three separated administrators sign in with their passwords only: whoever runs the provider would otherwise be all three.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from grid_coding.errors import BilingualError
from spatial.accounts.accounts import NAME_PATTERN, account_by_id, account_by_name, disable
from spatial.accounts.login import Granted
from spatial.accounts.model import SEPARATED, Account, AccountError
from spatial.accounts.policy import Profile, is_stale

__all__ = ["Identity", "IdentityRefused", "allow", "identities", "link", "sign_in", "unlink"]

PERMIT_HOLDS = timedelta(days=7)
# OpenID Connect Core §2: at most 255 ASCII characters.
SUBJECT = re.compile(r"[\x20-\x7e]{1,255}")


class IdentityRefused(BilingualError):
    """The provider vouches for somebody whom no usable account belongs to; ``reason`` is for the audit, not for the person."""

    def __init__(self, reason: str, account: str | None = None) -> None:
        super().__init__(
            "登录失败：该身份没有可用的关联账户，请联系管理员",
            "log-in failed: no usable account is linked to this identity; ask an administrator",
        )
        self.reason = reason
        self.account = account


@dataclass(frozen=True, slots=True)
class Identity:
    """One link as lists show it."""

    account: str
    issuer: str
    subject: str
    linked_at: datetime
    last_used_at: datetime | None = None


def allow(connection: Connection, name: str, issuer: str, at: datetime | None = None) -> datetime:
    """Lets the next log-in whose name at the provider is the account's be linked to it; returns until when.

    Raises:
        AccountError: no such account, a separated administrator, or one that is linked already.
    """
    account = _linkable(connection, name)
    ends = (at or datetime.now(UTC)) + PERMIT_HOLDS
    values = {"account": account.id, "issuer": issuer, "ends": ends}
    if connection.scalar(text("SELECT subject FROM account.identity WHERE account = :account AND issuer = :issuer"), values):
        zh, en = f"“{name}”已关联身份；请先解除", f"{name!r} is linked to an identity: unlink it first"
        raise AccountError("identity_linked", name, zh, en)
    connection.execute(
        text("""
            INSERT INTO account.identity_permit (account, ends_at) VALUES (:account, :ends)
            ON CONFLICT (account) DO UPDATE SET ends_at = excluded.ends_at
        """),
        values,
    )
    return ends


def link(connection: Connection, name: str, issuer: str, subject: str, at: datetime | None = None) -> Account:
    """Links an account to an identity by its subject; a permit that is open closes.

    Raises:
        AccountError: no such account, a separated administrator, a wrong subject, or one of the two is linked already.
    """
    account = _linkable(connection, name)
    if not SUBJECT.fullmatch(subject):
        zh, en = "身份标识（sub）应为 1–255 个可打印的 ASCII 字符", "a subject has 1 to 255 printable ASCII characters"
        raise AccountError("subject", subject[:60], zh, en)
    if not _joined(connection, account, issuer, subject, at or datetime.now(UTC)):
        zh, en = "该账户或该身份已有关联；请先解除", "the account or the identity is linked already: unlink it first"
        raise AccountError("identity_linked", name, zh, en)
    connection.execute(text("DELETE FROM account.identity_permit WHERE account = :account"), {"account": account.id})
    return account


def unlink(connection: Connection, name: str) -> Account:
    """Takes an account's identities and its permit away and ends its sessions.

    Raises:
        AccountError: no such account, or there was nothing to take away.
    """
    account = account_by_name(connection, name)
    values = {"account": account.id}
    gone = connection.execute(text("DELETE FROM account.identity WHERE account = :account"), values).rowcount
    gone += connection.execute(text("DELETE FROM account.identity_permit WHERE account = :account"), values).rowcount
    if not gone:
        raise AccountError("identity", name, f"“{name}”没有关联的身份", f"{name!r} is linked to no identity")
    connection.execute(text("UPDATE account.account SET version = version + 1 WHERE id = :account"), values)
    return account


def identities(connection: Connection) -> list[Identity]:
    """Returns all links by account."""
    rows = connection.execute(
        text("""
            SELECT a.name, i.issuer, i.subject, i.linked_at, i.last_used_at FROM account.identity i
            JOIN account.account a ON a.id = i.account ORDER BY lower(a.name), i.issuer
        """)
    )
    return [Identity(*row) for row in rows]


def sign_in(connection: Connection, issuer: str, subject: str, name: str, profile: Profile, at: datetime | None = None) -> Granted:
    """Returns the account of an identity that the provider has vouched for, and notes the time.

    ``name`` is what the provider calls the person; it counts only where a permit is open. A password locked for a time by
    somebody's guesses does not stop this way, its age neither: it is not used here.

    Raises:
        IdentityRefused: no account, or one that may not. The caller still commits: an account left for too long is disabled.
    """
    now = at or datetime.now(UTC)
    if not SUBJECT.fullmatch(subject):
        raise IdentityRefused("subject")
    values = {"issuer": issuer, "subject": subject, "at": now}
    number = connection.scalar(text("SELECT account FROM account.identity WHERE issuer = :issuer AND subject = :subject"), values)
    if number is None:
        account = _permitted(connection, name, now)
        _check_usable(connection, account, profile, now)
        if not _joined(connection, account, issuer, subject, now):
            raise IdentityRefused("taken", account.name)
    else:
        account = account_by_id(connection, number)
        _check_usable(connection, account, profile, now)
    connection.execute(text("UPDATE account.identity SET last_used_at = :at WHERE issuer = :issuer AND subject = :subject"), values)
    connection.execute(text("UPDATE account.account SET last_login_at = :at WHERE id = :id"), {"at": now, "id": account.id})
    return Granted(account_by_id(connection, account.id), must_change=False)


def _permitted(connection: Connection, name: str, now: datetime) -> Account:
    """The account whose permit a first log-in uses up."""
    number = None
    if NAME_PATTERN.fullmatch(name):
        number = connection.scalar(
            text("""
                DELETE FROM account.identity_permit p USING account.account a
                WHERE a.id = p.account AND lower(a.name) = lower(:name) AND p.ends_at > :at RETURNING a.id
            """),
            {"name": name, "at": now},
        )
    if number is None:
        raise IdentityRefused("not_linked")
    return account_by_id(connection, number)


def _check_usable(connection: Connection, account: Account, profile: Profile, now: datetime) -> None:
    if account.state != "active":
        raise IdentityRefused(account.state, account.name)
    if set(account.roles) & set(SEPARATED):
        raise IdentityRefused("administrator", account.name)
    if is_stale(profile, max(filter(None, (account.last_login_at, account.enabled_at))), now):
        disable(connection, account.name, now)
        raise IdentityRefused("stale", account.name)


def _joined(connection: Connection, account: Account, issuer: str, subject: str, now: datetime) -> bool:
    values = {"account": account.id, "issuer": issuer, "subject": subject, "at": now}
    made = connection.scalar(
        text("""
            INSERT INTO account.identity (issuer, subject, account, linked_at) VALUES (:issuer, :subject, :account, :at)
            ON CONFLICT DO NOTHING RETURNING account
        """),
        values,
    )
    return made is not None


def _linkable(connection: Connection, name: str) -> Account:
    account = account_by_name(connection, name)
    if set(account.roles) & set(SEPARATED):
        zh, en = f"“{name}”是管理员，只能用口令登录", f"{name!r} is an administrator, who signs in with a password only"
        raise AccountError("identity_administrator", name, zh, en)
    return account
