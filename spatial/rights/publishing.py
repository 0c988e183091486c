"""Publishing rules: checked, compared, tried out, stored as a new version; nothing is ever changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from grid_coding.errors import BilingualError
from spatial.accounts.grants import area_is_known
from spatial.accounts.model import ROLES, SEPARATED
from spatial.audit.record import Entry, record
from spatial.rights.model import ACTIONS, REACHES
from spatial.rights.rules import RESTS, Rule, RuleError, RuleSet, rules, store_rules, versions

__all__ = ["Change", "Published", "Warned", "back", "check", "difference", "former", "publish", "resolve", "warnings"]

REASON_LENGTH = 500
MADE_BY_LENGTH = 100
BUSINESS = tuple(role for role in ROLES if role not in SEPARATED)

ACTS = ("export", "edit", "propose", "unmask")

Cell = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that differs; None where there is no rule on one side."""

    role: str
    target: str
    action: str
    old: Rule | None
    new: Rule | None


class Warned(BilingualError):
    """What may be meant so but looks strange; said, not refused."""


@dataclass(frozen=True, slots=True)
class Published:
    """A new version, what changed with it, and what looks strange about it."""

    version: RuleSet
    changes: tuple[Change, ...]
    warnings: tuple[Warned, ...] = field(default=())


def publish(
    connection: Connection,
    base_version: int,
    wanted: Sequence[Rule],
    made_by: str,
    reason: str,
    *,
    actor: int | None = None,
    address: str | None = None,
) -> Published:
    """Stores the rules as a new version that holds from the commit on, compiles everybody's right, and audits it.

    Args:
        base_version: the version that the rules were made from; somebody else's later one is never overwritten unseen.

    Raises:
        RuleError: ``rule_base`` (not the newest any more), ``rule_reason``, ``rule_same`` (nothing changed), or a rule that cannot hold.
    """
    # a second publisher waits here and then sees the first one's version
    connection.execute(text("LOCK TABLE access.rule_set IN SHARE ROW EXCLUSIVE MODE"))
    newest, old = rules(connection)
    if base_version != newest:
        _refuse_base(connection, base_version, newest)
    _check_reason(reason)
    check(connection, wanted)
    changes = difference(old, wanted)
    if not changes:
        raise RuleError("rule_same", "rules", str(newest), f"与当前版本 {newest} 没有区别", f"nothing differs from version {newest}")
    store_rules(connection, newest + 1, wanted, made_by[:MADE_BY_LENGTH], reason.strip())
    connection.execute(text("SELECT access.compile()"))
    told = [f"{_at(change)}: {_cell(change.old)} → {_cell(change.new)}" for change in changes]
    detail: dict[str, object] = {"version": newest + 1, "base": newest, "reason": reason.strip(), "changes": told}
    made = f"rights/{newest + 1}"
    record(connection, Entry("right.publish", actor=actor, actor_name=made_by, address=address, object=made, detail=detail))
    return Published(versions(connection)[0], tuple(changes), tuple(warnings(connection, wanted)))


def _refuse_base(connection: Connection, base: int, newest: int) -> None:
    later = versions(connection)[0]
    when = later.made_at.astimezone().strftime("%Y-%m-%d %H:%M")
    zh = f"规则已由 {later.made_by} 于 {when} 发布到版本 {newest}，您的修改以版本 {base} 为底；请对照新版本后再发布"
    en = f"{later.made_by} published version {newest} at {when}, yours is based on {base}: compare with it and publish again"
    raise RuleError("rule_base", "base", str(base), zh, en)


def _check_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= REASON_LENGTH:
        raise RuleError(
            "rule_reason", "reason", reason[:40], f"请写明发布理由（1–{REASON_LENGTH} 字）", f"say why, in 1 to {REASON_LENGTH} characters"
        )


def check(connection: Connection, wanted: Iterable[Rule]) -> None:
    """Checks every rule against roles, layers, actions, reaches and cities.

    Raises:
        RuleError: with the first rule that cannot hold.
    """
    layers = set(connection.scalars(text("SELECT id FROM access.layer")))
    cities = list(connection.scalars(text("SELECT prefix FROM wanmi.city ORDER BY prefix")))
    seen: set[Cell] = set()
    for rule in wanted:
        at = _at(rule)
        if rule.role in SEPARATED:
            zh, en = f"{ROLES[rule.role].zh}不看业务数据，不能有规则", f"a {ROLES[rule.role].en} sees no business data and has no rules"
            raise RuleError("rule_administrator", at, rule.role, zh, en)
        _known("role", "角色", rule.role, BUSINESS, at)
        _known("action", "操作", rule.action, tuple(ACTIONS), at)
        _known("reach", "范围", rule.reach, tuple(REACHES), at)
        if rule.target not in layers and rule.target not in RESTS:
            zh, en = f"规则 {at}：没有图层“{rule.target[:60]}”", f"rule {at}: there is no layer {rule.target[:60]!r}"
            raise RuleError("rule_target", at, rule.target[:60], zh, en)
        if (rule.role, rule.target, rule.action) in seen:
            raise RuleError("rule_twice", at, rule.reach, f"规则 {at} 出现两次", f"the rule {at} stands there twice")
        seen.add((rule.role, rule.target, rule.action))
        _check_areas(rule, at, cities)


def _known(what: str, zh: str, value: str, known: Sequence[str], at: str) -> None:
    if value not in known:
        shown = value[:60]
        raise RuleError(
            f"rule_{what}", at, shown, f"规则 {at}：没有{zh}“{shown}”；可用：{'、'.join(known)}",
            f"rule {at}: there is no {what} {shown!r}; there are: {', '.join(known)}",
        )  # fmt: skip


def _check_areas(rule: Rule, at: str, cities: Sequence[str]) -> None:
    if rule.areas and rule.reach == "none":
        zh, en = f"规则 {at}：范围为“无”时不能限定区域", f"rule {at}: nothing cannot be narrowed to areas"
        raise RuleError("rule_areas", at, rule.areas[0], zh, en)
    for area in rule.areas:
        if not area_is_known(area, cities):
            known, shown = "、".join(cities) or "（无）", area[:20]
            zh = f"规则 {at}：区域“{shown}”不在任何城市之内；城市代码前缀：{known}"
            raise RuleError("rule_area", at, shown, zh, f"rule {at}: the area {shown!r} lies in no city; prefixes of cities: {known}")


def difference(old: Iterable[Rule], new: Iterable[Rule]) -> list[Change]:
    """Returns the cells that differ, in the order of roles, actions and targets. No rule on a rest is the same as reach none.

    >>> new = [Rule("gis", "@public", "read", "none"), Rule("gis", "road", "read", "none")]
    >>> [(one.target, one.old, one.new.reach) for one in difference([], new)]
    [('road', None, 'none')]
    """
    before, after = _cells(old), _cells(new)
    order = {name: place for place, name in enumerate([*BUSINESS, *ACTIONS, *RESTS])}

    def place(cell: Cell) -> tuple[int, int, int, str]:
        role, target, action = cell
        return order.get(role, 0), order.get(action, 0), order.get(target, len(order)), target

    return [
        Change(*cell, before.get(cell), after.get(cell))
        for cell in sorted(before.keys() | after.keys(), key=place)
        if _value(before.get(cell)) != _value(after.get(cell))
    ]


def _cells(found: Iterable[Rule]) -> dict[Cell, Rule]:
    return {(r.role, r.target, r.action): r for r in found if r.target not in RESTS or r.reach != "none"}


def _value(rule: Rule | None) -> tuple[str, frozenset[str]] | None:
    return (rule.reach, frozenset(rule.areas)) if rule is not None else None


def _cell(rule: Rule | None) -> str:
    return "–" if rule is None else rule.reach + (f"({','.join(rule.areas)})" if rule.areas else "")


def _at(rule: Rule | Change) -> str:
    return ".".join((rule.role, rule.action, rule.target))[:120]


def resolve(found: Iterable[Rule], sensitivities: Mapping[str, str]) -> dict[Cell, Rule]:
    """Returns the rule that holds for every (role, layer, action) that reaches anywhere: the layer's own, else its sensitivity's.

    >>> found = [Rule("gis", "@public", "read", "city"), Rule("gis", "road", "read", "none")]
    >>> sorted(cell[1] for cell in resolve(found, {"road": "public", "park": "public", "pipe": "restricted"}))
    ['park']
    """
    cells = _cells(found)
    held = {}
    for role in BUSINESS:
        for layer, sensitivity in sensitivities.items():
            for action in ACTIONS:
                rule = cells.get((role, layer, action)) or cells.get((role, f"@{sensitivity}", action))
                if rule is not None and rule.reach != "none":
                    held[role, layer, action] = rule
    return held


def warnings(connection: Connection, wanted: Iterable[Rule]) -> Iterator[Warned]:
    """Tells of roles that would read nothing at all, and of actions on layers that the role does not read."""
    layers = {row.id: row.sensitivity for row in connection.execute(text("SELECT id, sensitivity FROM access.layer ORDER BY id"))}
    held = resolve(wanted, layers)
    for role in BUSINESS:
        zh, en = ROLES[role].zh, ROLES[role].en
        reads = {layer for one, layer, action in held if one == role and action == "read"}
        if not reads:
            yield Warned(f"角色“{zh}”将什么都看不到", f"the role {en} would read nothing at all")
            continue
        # a clearance without reading is idle, not strange: clearances are given by sensitivity, reading is taken from single layers
        blind = sorted({layer for one, layer, action in held if one == role and layer not in reads and action in ACTS})
        if blind:
            yield Warned(
                f"角色“{zh}”对看不到的图层仍有其他权限：{'、'.join(blind)}",
                f"the role {en} holds other rights on layers that it does not read: {', '.join(blind)}",
            )


def former(connection: Connection, version: int) -> tuple[list[Rule], list[Warned]]:
    """Returns the rules of an older version as they can hold today: those on layers that are gone since are left out, and told.

    Raises:
        RuleError: there is no such version.
    """
    if version not in {one.version for one in versions(connection)}:
        raise RuleError("rule_version", "version", str(version), f"没有版本 {version}", f"there is no version {version}")
    layers = set(connection.scalars(text("SELECT id FROM access.layer")))
    _, found = rules(connection, version)
    gone = sorted({rule.target for rule in found} - layers - set(RESTS))
    told = [Warned(f"图层“{name}”已不存在，其规则没有带回", f"the layer {name!r} is gone, its rules do not come back") for name in gone]
    return [rule for rule in found if rule.target not in gone], told


def back(
    connection: Connection,
    base_version: int,
    version: int,
    made_by: str,
    reason: str,
    *,
    actor: int | None = None,
    address: str | None = None,
) -> Published:
    """Publishes the rules of an older version as a new one.

    Raises:
        RuleError: see ``former`` and ``publish``.
    """
    found, told = former(connection, version)
    made = publish(connection, base_version, found, made_by, reason, actor=actor, address=address)
    return Published(made.version, made.changes, (*told, *made.warnings))
