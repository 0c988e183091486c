"""The accounts of a first start: the three administrators, and the three users of the sample city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from spatial.accounts.accounts import NewAccount, account_by_name, create, set_password
from spatial.accounts.model import ROLES, Account, AccountError, Grant
from spatial.accounts.policy import Profile, check_password, one_time_password

__all__ = [
    "ADMINISTRATORS",
    "DEMO_USERS",
    "PUBLIC",
    "Made",
    "check_given",
    "demo_names",
    "first_accounts",
    "has_password",
    "public_account",
]

# Account and role have the same name.
ADMINISTRATORS = ("sysadmin", "secadmin", "auditor")
DEMO_USERS = ("dispatcher", "planner", "gis")
# What strangers act as where the public is let in; without a password nobody logs in with it.
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Made:
    """An account just made; ``password`` is its one-time password, None when the setting gave one."""

    name: str
    title: str
    password: str | None


def check_given(profile: Profile, names: Sequence[str], password: str | None) -> None:
    """Checks a password of the settings before anything is made.

    Raises:
        PasswordRefused: it breaks a rule for one of the accounts.
    """
    if password is not None:
        for name in names:
            check_password(profile, name, password)


def first_accounts(
    connection: Connection, names: Sequence[str], profile: Profile, given: str | None, area: str = "", at: datetime | None = None
) -> list[Made]:
    """Makes those of the accounts that nobody stands for yet and returns them.

    One whose role is held by any account is not made: a site that has put persons in the place of the first accounts does not get
    them back at the next start. A given password need not be changed; a one-time password must.

    Raises:
        PasswordRefused: the given password breaks a rule.
    """
    # two first starts on one database
    connection.execute(text("LOCK TABLE account.account_role IN SHARE ROW EXCLUSIVE MODE"))
    taken = set(connection.scalars(text("SELECT role FROM account.account_role UNION SELECT lower(name) FROM account.account")))
    made = []
    for name in names:
        if name in taken:
            continue
        role = ROLES[name]
        create(connection, NewAccount(name, role.zh, (Grant(role.key, area),)), at)
        one_time = None if given is not None else one_time_password(profile, name)
        set_password(connection, name, given or one_time or "", profile, must_change=given is None, at=at)
        made.append(Made(name, role.zh, one_time))
    return made


def public_account(connection: Connection) -> Account | None:
    """Returns the account that strangers act as, made when it is wanted first; None when it is disabled or stands for something else."""
    try:
        found = account_by_name(connection, PUBLIC)
    except AccountError:
        # two workers at once: the second waits here and finds what the first has made
        connection.execute(text("LOCK TABLE account.account_role IN SHARE ROW EXCLUSIVE MODE"))
        there = connection.scalar(text("SELECT EXISTS (SELECT FROM account.account WHERE lower(name) = :name)"), {"name": PUBLIC})
        if not there:
            create(connection, NewAccount(PUBLIC, ROLES[PUBLIC].zh, (Grant(PUBLIC),)))
        found = account_by_name(connection, PUBLIC)
    return found if found.state == "active" and found.roles == (PUBLIC,) else None


def demo_names(connection: Connection) -> list[str]:
    """Returns which users of the sample city may log in, in the order people know them."""
    there = set(
        connection.scalars(
            text("SELECT name FROM account.account WHERE state = 'active' AND name = ANY(:names)"), {"names": list(DEMO_USERS)}
        )
    )
    return [name for name in DEMO_USERS if name in there]


def has_password(connection: Connection) -> bool:
    """Tells whether anybody can log in at all."""
    return bool(connection.scalar(text("SELECT EXISTS (SELECT FROM account.account WHERE state = 'active' AND password_hash IS NOT NULL)")))
