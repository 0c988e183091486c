"""Accounts: made, found, listed, disabled and enabled; passwords set. Functions on a connection whose transaction is the caller's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, text

from spatial.accounts.grants import add_grant, kept, stored_grants
from spatial.accounts.model import Account, AccountError, Grant
from spatial.accounts.organisations import organisation_id
from spatial.accounts.passwords import hash_password, is_same
from spatial.accounts.policy import PasswordRefused, Profile, check_password, is_stale

__all__ = [
    "NewAccount", "account_by_id", "account_by_name", "accounts", "change", "create", "disable", "disable_stale", "enable", "find_accounts",
    "lock",    "set_password",
]  # fmt: skip

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,31}")
TITLE_LENGTH = 100
# More than any profile asks for, so that a stricter one finds its history.
HISTORY_KEPT = 12
COLUMNS = """
    a.id, a.name, a.title, o.key AS organisation, a.department, a.post, a.state, a.locked_until, a.password_changed_at, a.must_change,
    a.last_login_at, a.version, a.created_at, a.enabled_at, a.disabled_at
"""
# Whether an account holds a role that reaches its own organisation's rows; a disabled one's counts too, it may be enabled again.
DEPENDS = """
    SELECT EXISTS (
      SELECT FROM account.account_role r JOIN access.rule u ON u.role = r.role AND u.reach = 'own'
      WHERE r.account = :id AND r.organisation IS NULL AND u.version = (SELECT max(version) FROM access.rule_set))
"""
STATE_NOW = "CASE WHEN a.state = 'active' AND a.locked_until > now() THEN 'locked' ELSE a.state END"
SELECT = f"SELECT {COLUMNS} FROM account.account a LEFT JOIN account.organisation o ON o.id = a.organisation "


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made of; ``title`` is the name that people read, ``organisation`` a key.

    Without grants it lets its holder log in and see nothing until the security administrator gives it a role.
    """

    name: str
    title: str
    grants: tuple[Grant, ...] = ()
    organisation: str | None = None
    department: str | None = None
    post: str | None = None


def create(connection: Connection, new: NewAccount, at: datetime | None = None) -> Account:
    """Stores a new account with its roles and returns it; it has no password yet and so lets nobody in.

    Raises:
        AccountError: a wrong or taken name, an unknown role, area or organisation, roles that exclude each other.
    """
    if not NAME_PATTERN.fullmatch(new.name):
        zh = f"用户名“{new.name}”应为 2–32 位字母、数字、点、- 或 _，以字母或数字开头"
        en = f"the name {new.name!r} should be 2 to 32 of letters, digits, dot, - and _, a letter or digit first"
        raise AccountError("name", new.name, zh, en)
    _check_title(new.title)
    now = at or datetime.now(UTC)
    values = {
        "name": new.name, "title": new.title.strip(), "organisation": organisation_id(connection, new.organisation),
        "department": new.department or None, "post": new.post or None, "at": now,
    }  # fmt: skip
    number = connection.scalar(
        text("""
            INSERT INTO account.account (name, title, organisation, department, post, created_at, enabled_at)
            VALUES (:name, :title, :organisation, :department, :post, :at, :at)
            ON CONFLICT (lower(name)) DO NOTHING RETURNING id
        """),
        values,
    )
    if number is None:
        raise AccountError("name_taken", new.name, f"已有账户“{new.name}”（不分大小写）", f"there is an account {new.name!r} already")
    for grant in new.grants:
        add_grant(connection, new.name, grant)
    return account_by_id(connection, number)


def _check_title(title: str) -> None:
    if not 0 < len(title.strip()) <= TITLE_LENGTH:
        zh, en = f"姓名须有 1–{TITLE_LENGTH} 个字", f"a title has 1 to {TITLE_LENGTH} characters"
        raise AccountError("title", title, zh, en)


def change(connection: Connection, name: str, title: str, organisation: str | None, department: str | None, post: str | None) -> Account:
    """Changes who somebody is and where, never what he may: separated duties keep that from the system administrator.

    Raises:
        AccountError: no such account or organisation, no title, or another organisation would change what the account holds.
    """
    account = account_by_name(connection, name)
    _check_title(title)
    if organisation != account.organisation and connection.scalar(text(DEPENDS), {"id": account.id}):
        zh = f"“{account.name}”的角色按机构授权，更换机构会改变其权限；请安全管理员先取消这些角色，更换后再授予"
        en = f"roles of {account.name!r} depend on the organisation: have the security administrator take them first and give them after"
        raise AccountError("organisation_rights", account.organisation or "", zh, en)
    connection.execute(
        text("""
            UPDATE account.account SET title = :title, organisation = :organisation, department = :department, post = :post WHERE id = :id
        """),
        {"id": account.id, "title": title.strip(), "organisation": organisation_id(connection, organisation),
         "department": department or None, "post": post or None},
    )  # fmt: skip
    return account_by_id(connection, account.id)


def accounts(connection: Connection) -> list[Account]:
    """Returns all accounts by name."""
    rows = connection.execute(text(SELECT + "ORDER BY lower(a.name)")).mappings().all()
    return _accounts(connection, rows)


def find_accounts(
    connection: Connection, words: str = "", state: str | None = None, role: str | None = None, limit: int = 200, offset: int = 0
) -> tuple[int, list[Account]]:
    """Returns how many accounts fit, and a page of them by name.

    Args:
        words: part of name, title, department, post or the organisation's title.
        state: one of ``STATES``; locked for a time counts as locked.
        role: key of a role held; "" = those that hold none.
    """
    where = f"""
        WHERE (:words = '' OR position(lower(:words) IN lower(
          concat_ws(chr(31), a.name, a.title, a.department, a.post, o.title_zh, o.title_en))) > 0)
        AND (CAST(:state AS text) IS NULL OR :state = {STATE_NOW})
        AND (CAST(:role AS text) IS NULL OR CASE WHEN :role = '' THEN NOT EXISTS (SELECT FROM account.account_role r WHERE r.account = a.id)
             ELSE EXISTS (SELECT FROM account.account_role r WHERE r.account = a.id AND r.role = :role) END)
    """
    values = {"words": words.strip(), "state": state, "role": role, "limit": limit, "offset": offset}
    count = "SELECT count(*) FROM account.account a LEFT JOIN account.organisation o ON o.id = a.organisation"
    total = int(connection.scalar(text(count + where), values) or 0)
    rows = connection.execute(text(SELECT + where + "ORDER BY lower(a.name) LIMIT :limit OFFSET :offset"), values).mappings().all()
    return total, _accounts(connection, rows)


def account_by_name(connection: Connection, name: str) -> Account:
    """Returns an account by its name, in whatever case it is written.

    Raises:
        AccountError: there is none.
    """
    rows = connection.execute(text(SELECT + "WHERE lower(a.name) = lower(:name)"), {"name": name}).mappings().all()
    if not rows:
        raise AccountError("account", name, f"没有账户“{name}”", f"there is no account {name!r}")
    return _accounts(connection, rows)[0]


def account_by_id(connection: Connection, number: int) -> Account:
    """Returns an account by its id.

    Raises:
        AccountError: there is none.
    """
    rows = connection.execute(text(SELECT + "WHERE a.id = :id"), {"id": number}).mappings().all()
    if not rows:
        raise AccountError("account", str(number), f"没有账户 {number}", f"there is no account {number}")
    return _accounts(connection, rows)[0]


def _accounts(connection: Connection, rows: Iterable[RowMapping]) -> list[Account]:
    found = list(rows)
    grants = stored_grants(connection, [row["id"] for row in found])
    return [Account(**row, grants=grants.get(row["id"], ())) for row in found]


def set_password(
    connection: Connection, name: str, password: str, profile: Profile, *, must_change: bool = False, at: datetime | None = None
) -> Account:
    """Sets a password, ends the account's sessions and its lock for a time; ``must_change`` for one that somebody else has chosen.

    Raises:
        AccountError: there is no such account.
        PasswordRefused: a rule of the profile is broken, or the password was used before.
    """
    account = account_by_name(connection, name)
    check_password(profile, account.name, password)
    now = at or datetime.now(UTC)
    # two changes at once would not see each other's history
    connection.execute(text("SELECT FROM account.account WHERE id = :id FOR UPDATE"), {"id": account.id})
    for used in connection.scalars(
        text("SELECT password_hash FROM account.password_history WHERE account = :id ORDER BY set_at DESC, id DESC LIMIT :history"),
        {"id": account.id, "history": profile.history},
    ):
        if is_same(used, password):
            zh, en = f"不能使用最近 {profile.history} 次用过的口令", f"the last {profile.history} passwords cannot be used again"
            raise PasswordRefused("password_reused", zh, en)
    values = {"id": account.id, "hash": hash_password(password), "at": now, "must": must_change, "kept": HISTORY_KEPT}
    connection.execute(
        text("""
            UPDATE account.account SET password_hash = :hash, password_changed_at = :at, must_change = :must, failures = '{}',
                   locked_until = NULL, version = version + 1
            WHERE id = :id
        """),
        values,
    )
    connection.execute(text("INSERT INTO account.password_history (account, password_hash, set_at) VALUES (:id, :hash, :at)"), values)
    connection.execute(
        text("""
            DELETE FROM account.password_history WHERE account = :id AND id NOT IN (
              SELECT id FROM account.password_history WHERE account = :id ORDER BY set_at DESC, id DESC LIMIT :kept)
        """),
        values,
    )
    return account_by_id(connection, account.id)


def disable(connection: Connection, name: str, at: datetime | None = None) -> Account:
    """Disables an account; its sessions and keys end at once.

    Raises:
        AccountError: there is no such account, or it is the last security administrator that can act.
    """
    return _set_state(connection, name, "disabled", at)


def lock(connection: Connection, name: str) -> Account:
    """Locks an account until somebody enables it; its sessions and keys end at once. Wrong passwords lock for a time by themselves.

    Raises:
        AccountError: there is no such account, or it is the last security administrator that can act.
    """
    return _set_state(connection, name, "locked", None)


def enable(connection: Connection, name: str, at: datetime | None = None) -> Account:
    """Lets a disabled or locked account in again and forgets its failures; ended sessions stay ended.

    Raises:
        AccountError: there is no such account.
    """
    return _set_state(connection, name, "active", at)


def _set_state(connection: Connection, name: str, state: str, at: datetime | None) -> Account:
    account = account_by_name(connection, name)
    values = {"id": account.id, "state": state, "at": at or datetime.now(UTC)}
    with kept(account.name):
        connection.execute(
            text("""
                UPDATE account.account SET state = :state, version = version + 1,
                       disabled_at = CASE WHEN :state = 'disabled' THEN coalesce(disabled_at, :at) END,
                       enabled_at = CASE WHEN :state = 'active' THEN :at ELSE enabled_at END,
                       failures = CASE WHEN :state = 'active' THEN '{}' ELSE failures END,
                       locked_until = CASE WHEN :state = 'active' THEN NULL ELSE locked_until END
                WHERE id = :id
            """),
            values,
        )
    return account_by_id(connection, account.id)


def disable_stale(connection: Connection, profile: Profile, at: datetime | None = None) -> list[str]:
    """Disables accounts that were left unused for too long and returns their names; the last security administrator stays."""
    now = at or datetime.now(UTC)
    # rows before the guard of the security administrators: a log-in takes them in this order too
    connection.execute(text("SELECT FROM account.account WHERE state = 'active' ORDER BY id FOR UPDATE"))
    gone = []
    for account in accounts(connection):
        used = max(filter(None, (account.last_login_at, account.enabled_at)))
        if account.state == "active" and is_stale(profile, used, now) and not _key_in_use(connection, account.id, profile, now):
            try:
                with connection.begin_nested():
                    disable(connection, account.name, now)
            except AccountError as error:
                if error.rule != "last_security_administrator":
                    raise
            else:
                gone.append(account.name)
    return gone


def _key_in_use(connection: Connection, number: int, profile: Profile, now: datetime) -> bool:
    """An account of a program never logs in: the use of its keys counts as well."""
    used = connection.scalar(text("SELECT max(last_used_at) FROM account.api_key WHERE account = :id"), {"id": number})
    return used is not None and not is_stale(profile, used, now)
