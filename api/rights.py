"""The rules of the right, for the security administrator: the matrix, what a change would mean, publishing, older versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from sqlalchemy import Connection

from api.access import Action, Actor, Requires
from api.dependencies import RegistryDep, Text
from api.desk import DeskDep, Told
from api.users import Body, moment
from layers.catalogue import Registry
from layers.model import Layer
from layers.stream import Stream
from spatial.accounts.model import ROLES, SEPARATED
from spatial.rights.areas import Area, areas_named
from spatial.rights.effect import Effect, effect
from spatial.rights.model import ACTIONS, REACHES
from spatial.rights.publishing import Change, Published, Warned, back, difference, former, publish, warnings
from spatial.rights.rules import Rule, RuleSet, rules, versions

__all__ = ["RightsDep", "describe_area", "router"]

router = APIRouter(prefix="/api/rights", tags=["rights"])
RightsDep = Annotated[Actor, Depends(Requires(Action.RIGHTS))]
MOST_RULES = 20_000
Number = Annotated[int, Path(ge=1, le=2_000_000_000, description="version of the rules")]


class Cell(Body):
    """One cell of the matrix."""

    role: Text
    target: Text
    action: Text
    reach: Text
    areas: Annotated[list[Text], Field(max_length=500, default_factory=list)]


class Draft(Body):
    """Rules to be tried."""

    rules: Annotated[list[Cell], Field(max_length=MOST_RULES)]

    def wanted(self) -> list[Rule]:
        """Returns the rules."""
        return [Rule(one.role, one.target, one.action, one.reach, tuple(one.areas)) for one in self.rules]


class Publication(Draft):
    """Rules to be published over the version they were made from."""

    base: Annotated[int, Field(ge=0, le=2_000_000_000)]
    reason: Text


class Restoration(Body):
    """An older version to be published again."""

    base: Annotated[int, Field(ge=0, le=2_000_000_000)]
    reason: Text


@router.get("")
async def get_rights(_: RightsDep, desk: DeskDep, registry: RegistryDep) -> dict[str, Any]:
    """Answers the rules that hold, and all that the matrix is made of: roles, layers, actions, reaches."""

    def work(connection: Connection) -> dict[str, Any]:
        _, found = rules(connection)
        named = areas_named(connection, registry, {area for rule in found for area in rule.areas})
        sets = versions(connection)
        return {
            "current": _version(sets[0]) if sets else None,
            "rules": [_rule(rule) for rule in found],
            "areas": {code: describe_area(area) for code, area in named.items()},
        }

    return {**await desk.read(work), **_vocabulary(registry)}


@router.get("/versions")
async def get_versions(_: RightsDep, desk: DeskDep) -> dict[str, Any]:
    """Answers all published versions, the newest first."""
    return {"versions": [_version(one) for one in await desk.read(versions)]}


@router.get("/versions/{version}")
async def get_version(_: RightsDep, desk: DeskDep, version: Number) -> dict[str, Any]:
    """Answers a version and what would change if it came back."""

    def work(connection: Connection) -> dict[str, Any]:
        found, told = former(connection, version)
        newest, current = rules(connection)
        about = next(one for one in versions(connection) if one.version == version)
        return {
            "version": _version(about), "current": newest, "rules": [_rule(rule) for rule in rules(connection, version)[1]],
            "changes": _changes(difference(current, found)), "warnings": _warnings(told),
        }  # fmt: skip

    return await desk.read(work)


@router.post("/preview")
async def preview(_: RightsDep, desk: DeskDep, body: Draft) -> dict[str, Any]:
    """Answers what the rules would change, for whom, and what looks strange about them; publishes nothing."""
    wanted = body.wanted()

    def work(connection: Connection) -> dict[str, Any]:
        newest, current = rules(connection)
        return {
            "current": newest, "changes": _changes(difference(current, wanted)),
            "accounts": [_effect(one) for one in effect(connection, wanted)], "warnings": _warnings(warnings(connection, wanted)),
        }  # fmt: skip

    return await desk.read(work)


@router.post("", status_code=201)
async def publish_rules(actor: RightsDep, desk: DeskDep, body: Publication) -> dict[str, Any]:
    """Publishes a new version, which holds at once for everybody."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        made = publish(connection, body.base, body.wanted(), actor.name, body.reason, actor=desk.number, address=actor.address)
        return _published(made), None

    return await desk.change("right.publish", "rights", work)


@router.post("/versions/{version}/back", status_code=201)
async def go_back(actor: RightsDep, desk: DeskDep, version: Number, body: Restoration) -> dict[str, Any]:
    """Publishes the rules of an older version as a new one."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        made = back(connection, body.base, version, actor.name, body.reason, actor=desk.number, address=actor.address)
        return _published(made), None

    return await desk.change("right.publish", f"rights/{version}", work)


def _vocabulary(registry: Registry) -> dict[str, Any]:
    return {
        "roles": [{"key": role.key, "zh": role.zh, "en": role.en} for role in ROLES.values() if role.key not in SEPARATED],
        "actions": [{"key": key, "zh": zh, "en": en} for key, (zh, en) in ACTIONS.items()],
        "reaches": [{"key": key, "zh": zh, "en": en} for key, (zh, en) in REACHES.items()],
        "groups": [{"id": group.id, "title": group.title.model_dump()} for group in registry.groups],
        "layers": [*(_layer(layer, layer.group) for layer in registry), *(_layer(one, None) for one in registry.streams.values())],
    }


def _layer(source: Layer | Stream, group: str | None) -> dict[str, Any]:
    """A layer with the titles of the fields that each clearance shows: a clearance without fields asks for nothing."""
    cleared: dict[str, list[dict[str, str]]] = {}
    for attribute in source.fields.values():
        if attribute.clearance is not None:
            cleared.setdefault(attribute.clearance, []).append(attribute.title.model_dump())
    return {
        "id": source.id, "kind": "layer" if isinstance(source, Layer) else "stream", "title": source.title.model_dump(), "group": group,
        "sensitivity": source.sensitivity, "cleared": cleared, "parties": len(source.parties) > 0,
    }  # fmt: skip


def _rule(rule: Rule) -> dict[str, Any]:
    return {"role": rule.role, "target": rule.target, "action": rule.action, "reach": rule.reach, "areas": list(rule.areas)}


def _version(one: RuleSet) -> dict[str, Any]:
    return {"version": one.version, "made_at": moment(one.made_at), "made_by": one.made_by, "reason": one.reason}


def _changes(found: Iterable[Change]) -> list[dict[str, Any]]:
    def side(rule: Rule | None) -> dict[str, Any] | None:
        return {"reach": rule.reach, "areas": list(rule.areas)} if rule is not None else None

    return [{"role": c.role, "target": c.target, "action": c.action, "old": side(c.old), "new": side(c.new)} for c in found]


def _warnings(found: Iterable[Warned]) -> list[dict[str, str]]:
    return [{"zh": one.zh, "en": one.en} for one in found]


def _effect(one: Effect) -> dict[str, Any]:
    return {"name": one.name, "title": one.title, "gains": one.gains, "loses": one.loses, "shifts": one.shifts}


def _published(made: Published) -> dict[str, Any]:
    return {"version": _version(made.version), "changes": _changes(made.changes), "warnings": _warnings(made.warnings)}


def describe_area(area: Area) -> dict[str, Any]:
    """Returns an area by code and name."""
    return {
        "code": area.code, "title": {"zh": area.title_zh, "en": area.title_en}, "level": area.level, "within": list(area.within),
        "parts": area.parts,
    }  # fmt: skip
