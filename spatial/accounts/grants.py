"""Roles of accounts: given and taken. What excludes what, and that one security administrator stays, is the database's rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from spatial.accounts.model import NEEDS_ORGANISATION, ROLES, SEPARATED, AccountError, Grant
from spatial.accounts.organisations import organisation_id

__all__ = ["add_grant", "area_is_known", "checked_grant", "kept", "remove_grant", "stored_grants"]

AREA_PATTERN = re.compile(r"[0-9A-Za-z]{2,15}")


@contextmanager
def kept(name: str) -> Iterator[None]:
    """Turns the refusals of the database's rules on ``name``'s roles into sentences; every other error stays what it is."""
    try:
        yield
    except IntegrityError as error:
        rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if rule == "last_security_administrator":
            zh = f"“{name}”是最后一个可用的安全管理员，不能停用、锁定或取消角色；请先增加另一个"
            en = f"{name!r} is the last active security administrator, which cannot be disabled, locked or lose the role: add another"
        elif rule == "separated_duties":
            zh = f"三员分立：“{name}”不能同时担任系统管理员、安全管理员、审计管理员中的两个，也不能兼任业务角色"
            en = f"separated duties: {name!r} cannot be two of system, security and audit administrator, nor one with a business role"
        elif rule == "role_once":
            zh, en = f"“{name}”已有这个角色", f"{name!r} holds this role already"
        else:
            raise
        raise AccountError(str(rule), name, zh, en) from None


def checked_grant(connection: Connection, grant: Grant, own_organisation: bool = True) -> Grant:
    """Returns a grant that can be stored.

    Raises:
        AccountError: an unknown role or area, an administrator with an area, a role that lacks an organisation.
    """
    role = ROLES.get(grant.role)
    if role is None:
        zh, en = "、".join(f"{one.key}（{one.zh}）" for one in ROLES.values()), ", ".join(ROLES)
        raise AccountError("role", grant.role, f"没有角色“{grant.role}”；可用：{zh}", f"there is no role {grant.role!r}; there are: {en}")
    if grant.role in SEPARATED and (grant.area or grant.organisation):
        zh, en = f"{role.zh}不看业务数据，没有区域和机构", f"a {role.en} sees no business data and has neither area nor organisation"
        raise AccountError("administrator_everywhere", grant.role, zh, en)
    if grant.role in NEEDS_ORGANISATION and not grant.organisation and not own_organisation:
        zh, en = f"角色“{role.zh}”须有机构（--organisation）", f"the role {role.en} needs an organisation"
        raise AccountError("role_organisation", grant.role, zh, en)
    if grant.area:
        _check_area(connection, grant.area)
    return grant


def _check_area(connection: Connection, area: str) -> None:
    """Takes an area that lies in a known city or holds one."""
    known = list(connection.scalars(text("SELECT prefix FROM wanmi.city ORDER BY prefix")))
    if not area_is_known(area, known):
        shown = "、".join(known) or "（无）"
        zh = f"区域“{area}”不在任何城市之内；城市代码前缀：{shown}"
        raise AccountError("area", area, zh, f"the area {area!r} lies in no city; prefixes of cities: {shown}")


def area_is_known(area: str, prefixes: Iterable[str]) -> bool:
    """Tells whether an area is a code that lies in one of the cities with these prefixes, or holds one.

    >>> area_is_known("410105", ["4101"]), area_is_known("41", ["4101"]), area_is_known("4102", ["4101"]), area_is_known("4101%", ["4101"])
    (True, True, False, False)
    """
    return AREA_PATTERN.fullmatch(area) is not None and any(area.startswith(prefix) or prefix.startswith(area) for prefix in prefixes)


def add_grant(connection: Connection, name: str, grant: Grant) -> None:
    """Gives an account a role.

    Raises:
        AccountError: see ``checked_grant``; the account is unknown, holds the role already, or holds one that excludes it.
    """
    number, organisation = _account(connection, name)
    checked_grant(connection, grant, organisation is not None)
    with kept(name):
        connection.execute(
            text("INSERT INTO account.account_role (account, role, area, organisation) VALUES (:account, :role, :area, :organisation)"),
            _values(connection, number, grant),
        )


def remove_grant(connection: Connection, name: str, grant: Grant) -> None:
    """Takes a role from an account; area and organisation tell which, where it is held more than once.

    Raises:
        AccountError: the account does not hold it, or is the last security administrator.
    """
    number, _ = _account(connection, name)
    with kept(name):
        gone = connection.execute(
            text("""
                DELETE FROM account.account_role WHERE account = :account AND role = :role AND area = :area
                AND organisation IS NOT DISTINCT FROM CAST(:organisation AS bigint)
            """),
            _values(connection, number, grant),
        ).rowcount
    if not gone:
        held = "、".join(one.role + (f"（{one.area}）" if one.area else "") for one in stored_grants(connection, [number]).get(number, ()))
        zh, en = f"“{name}”没有角色“{grant.role}”；现有：{held or '（无）'}", f"{name!r} does not hold {grant.role!r}; held: {held or '–'}"
        raise AccountError("role", grant.role, zh, en)


def stored_grants(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[Grant, ...]]:
    """Returns the grants of accounts by account id, in the order they were given."""
    rows = connection.execute(
        text("""
            SELECT r.account, r.role, r.area, o.key FROM account.account_role r
            LEFT JOIN account.organisation o ON o.id = r.organisation WHERE r.account = ANY(:ids) ORDER BY r.id
        """),
        {"ids": list(numbers)},
    )
    found: dict[int, tuple[Grant, ...]] = {}
    for account, role, area, organisation in rows:
        found[account] = (*found.get(account, ()), Grant(role, area, organisation))
    return found


def _account(connection: Connection, name: str) -> tuple[int, int | None]:
    row = connection.execute(text("SELECT id, organisation FROM account.account WHERE lower(name) = lower(:name)"), {"name": name}).first()
    if row is None:
        raise AccountError("account", name, f"没有账户“{name}”", f"there is no account {name!r}")
    return row.id, row.organisation


def _values(connection: Connection, number: int, grant: Grant) -> dict[str, object]:
    organisation = organisation_id(connection, grant.organisation)
    return {"account": number, "role": grant.role, "area": grant.area, "organisation": organisation}
