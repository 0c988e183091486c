"""Rules as data: the versions that the security administrator publishes, and the rules of a first start."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from sqlalchemy import Connection, text

from grid_coding.errors import BilingualError

__all__ = [
    "RESTS", "Rule", "RuleError", "RuleSet", "default_rules", "default_text", "first_rules", "read_rules", "rules", "store_rules",
    "versions", "write_rules",
]  # fmt: skip

# Targets that stand for all layers of a sensitivity that have no rule of their own.
RESTS = ("@public", "@internal", "@restricted")
FIRST_REASON = "初始规则 initial rules"
FIRST_BY = "wanmi"


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell of the matrix: how far an action of a role reaches on a target, perhaps narrowed to areas."""

    role: str
    target: str
    action: str
    reach: str
    areas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A published version: who made it, when and why."""

    version: int
    made_at: datetime
    made_by: str
    reason: str


class RuleError(BilingualError):
    """Rules that cannot hold.

    Attributes:
        rule: stable identifier of what is broken, e.g. ``rule_reach``.
        field: where, as ``role.action.target``.
        value: what was given.
    """

    def __init__(self, rule: str, field: str, value: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule
        self.field = field
        self.value = value


def read_rules(content: str) -> list[Rule]:
    """Reads rules from TOML: ``[role]``, then ``action = { target = reach }``, where a reach may be narrowed to areas.

    >>> read_rules('[gis]\\nread = { "@public" = "city", road = { reach = "area", areas = ["4101"] } }')[1]
    Rule(role='gis', target='road', action='read', reach='area', areas=('4101',))

    Raises:
        RuleError: this is no TOML, or not of this form.
    """
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise RuleError("rule_file", "", "", f"规则文件不是有效的 TOML：{error}", f"the file of rules is no valid TOML: {error}") from None
    found = []
    for role, actions in table.items():
        for action, targets in _table(actions, role).items():
            for target, given in _table(targets, f"{role}.{action}").items():
                at = f"{role}.{action}.{target}"
                cell = given if isinstance(given, dict) else {"reach": given}
                reach, areas = cell.get("reach"), cell.get("areas", [])
                if not isinstance(reach, str) or not isinstance(areas, list) or set(cell) - {"reach", "areas"}:
                    zh, en = f"规则 {at} 应写作范围，或 {{ reach, areas }}", f"the rule {at} should be a reach or {{ reach, areas }}"
                    raise RuleError("rule_file", at, str(given)[:100], zh, en)
                found.append(Rule(role, target, action, reach, tuple(str(area) for area in areas)))
    return found


def _table(given: object, at: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise RuleError("rule_file", at, str(given)[:100], f"规则文件的 {at} 应是一张表", f"{at} in the file of rules should be a table")
    return given


def write_rules(found: Iterable[Rule]) -> str:
    """Writes rules as TOML that ``read_rules`` takes.

    >>> print(write_rules([Rule("gis", "@public", "read", "city"), Rule("gis", "road", "read", "area", ("4101",))]), end="")
    [gis]
    read = { "@public" = "city", road = { reach = "area", areas = ["4101"] } }
    """
    cells: dict[str, dict[str, list[str]]] = {}
    for rule in found:
        key = f'"{rule.target}"' if rule.target.startswith("@") else rule.target
        areas = ", ".join(f'"{area}"' for area in rule.areas)
        value = f'{{ reach = "{rule.reach}", areas = [{areas}] }}' if areas else f'"{rule.reach}"'
        cells.setdefault(rule.role, {}).setdefault(rule.action, []).append(f"{key} = {value}")
    parts = []
    for role, actions in cells.items():
        parts.append(f"[{role}]\n" + "".join(f"{action} = {{ {', '.join(targets)} }}\n" for action, targets in actions.items()))
    return "\n".join(parts)


def default_text() -> str:
    """Returns the file of the rules of a first start."""
    return resources.files("spatial").joinpath("rights/files/default.toml").read_text("utf-8")


def default_rules() -> list[Rule]:
    """Reads the rules of a first start.

    >>> Rule("public", "@public", "read", "city") in default_rules()
    True
    """
    return read_rules(default_text())


def first_rules(connection: Connection) -> bool:
    """Stores the first version where there is none; returns whether it did."""
    if connection.scalar(text("SELECT EXISTS (SELECT FROM access.rule_set)")):
        return False
    store_rules(connection, 1, default_rules(), FIRST_BY, FIRST_REASON)
    return True


def store_rules(connection: Connection, version: int, found: Iterable[Rule], made_by: str, reason: str) -> None:
    """Stores a version whole; compiling is the caller's."""
    connection.execute(
        text("INSERT INTO access.rule_set (version, made_by, reason) VALUES (:version, :by, :reason)"),
        {"version": version, "by": made_by, "reason": reason},
    )
    cells = [
        {"version": version, "role": r.role, "target": r.target, "action": r.action, "reach": r.reach, "areas": list(r.areas)}
        for r in found
    ]
    if not cells:
        return
    connection.execute(
        text("""
            INSERT INTO access.rule (version, role, target, action, reach, areas)
            VALUES (:version, :role, :target, :action, :reach, CAST(:areas AS text[]))
        """),
        cells,
    )


def rules(connection: Connection, version: int | None = None) -> tuple[int, list[Rule]]:
    """Returns a version of the rules, by default the one that holds, with its number."""
    number = version if version is not None else connection.scalar(text("SELECT max(version) FROM access.rule_set")) or 0
    rows = connection.execute(
        text("SELECT role, target, action, reach, areas FROM access.rule WHERE version = :version ORDER BY role, action, target"),
        {"version": number},
    )
    return number, [Rule(r.role, r.target, r.action, r.reach, tuple(r.areas)) for r in rows]


def versions(connection: Connection) -> list[RuleSet]:
    """Returns all published versions, the newest first."""
    rows = connection.execute(text("SELECT version, made_at, made_by, reason FROM access.rule_set ORDER BY version DESC"))
    return [RuleSet(*row) for row in rows]
