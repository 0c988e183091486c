"""Roles, accounts and the errors that this package foresees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from grid_coding.errors import BilingualError

__all__ = ["Account", "AccountError", "Grant", "NEEDS_ORGANISATION", "ROLES", "Role", "SEPARATED", "STATES"]


@dataclass(frozen=True, slots=True)
class Role:
    """A role by its key with the titles that people read."""

    key: str
    zh: str
    en: str


ROLES: Mapping[str, Role] = {
    role.key: role
    for role in (
        Role("dispatcher", "调度员", "dispatcher"),
        Role("planner", "规划人员", "planner"),
        Role("gis", "数据维护人员", "GIS staff"),
        Role("handler", "处置部门", "department handler"),
        Role("collector", "采集员", "collector"),
        Role("peer", "交换对端", "exchange peer"),
        Role("public", "公众", "public"),
        Role("sysadmin", "系统管理员", "system administrator"),
        Role("secadmin", "安全管理员", "security administrator"),
        Role("auditor", "审计管理员", "audit administrator"),
    )
}
# The three separated administrators (三员分立, GB/T 22239-2019 8.1.5): each excludes every other role; the database holds to it.
SEPARATED = ("sysadmin", "secadmin", "auditor")
# Nothing is "their own" to them without an organisation.
NEEDS_ORGANISATION = ("handler", "peer")
STATES = {"active": "启用", "disabled": "停用", "locked": "锁定"}


class AccountError(BilingualError):
    """An account, role, organisation or key is wrong or missing.

    Attributes:
        rule: stable identifier, e.g. ``separated_duties``.
        value: what was given.
    """

    def __init__(self, rule: str, value: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule
        self.value = value


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that an account holds: in areas whose code begins with ``area`` ("" = everywhere), for one organisation or any."""

    role: str
    area: str = ""
    organisation: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One account as others may see it: no hash. ``version`` counts revocations of its sessions."""

    id: int
    name: str
    title: str
    organisation: str | None
    department: str | None
    post: str | None
    state: str
    locked_until: datetime | None
    password_changed_at: datetime | None
    must_change: bool
    last_login_at: datetime | None
    version: int
    created_at: datetime
    enabled_at: datetime
    disabled_at: datetime | None
    grants: tuple[Grant, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Keys of the roles held, each once.

        >>> when = datetime(2026, 1, 1)
        >>> grants = (Grant("gis", "4101"), Grant("gis", "4103"), Grant("planner"))
        >>> Account(1, "li", "李", None, None, None, "active", None, None, False, None, 1, when, when, None, grants).roles
        ('gis', 'planner')
        """
        return tuple(dict.fromkeys(grant.role for grant in self.grants))
