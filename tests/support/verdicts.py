"""The right evaluated once more, in plain Python and row by row: what an account may see by rules and grants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layers.model import Layer
from spatial.accounts.model import Grant
from spatial.rights.rules import Rule

__all__ = ["Judge", "covering", "extent", "scopes"]


@dataclass(frozen=True)
class Judge:
    """What an account may do: rules of the version in force, its grants, prefixes of the cities, names of its organisations by key."""

    rules: Sequence[Rule]
    grants: Sequence[Grant]
    cities: Sequence[str]
    names: Mapping[str, Iterable[str]]

    def rule(self, role: str, layer: Layer, action: str) -> Rule | None:
        """The layer's own rule, else that of its sensitivity."""
        found = {rule.target: rule for rule in self.rules if (rule.role, rule.action) == (role, action)}
        return found.get(layer.id) or found.get(f"@{layer.sensitivity}")

    def allows(self, layer: Layer, action: str, area: str, parties: Iterable[str | None]) -> bool:
        """True when one of the grants allows the action on a row."""
        return any(self._grant(grant, layer, action, area, set(parties)) for grant in self.grants)

    def _grant(self, grant: Grant, layer: Layer, action: str, area: str, parties: set[str | None]) -> bool:
        rule = self.rule(grant.role, layer, action)
        if rule is None or rule.reach == "none":
            return False
        where = grant.area
        if rule.reach == "city":
            where = next((prefix for prefix in self.cities if grant.area.startswith(prefix)), grant.area)
        if not area.startswith(where) or (rule.areas and not any(area.startswith(narrow) for narrow in rule.areas)):
            return False
        return rule.reach != "own" or bool(parties & set(self.names.get(grant.organisation or "", ())))

    def somewhere(self, layer: Layer, action: str) -> bool:
        """True when the action is allowed on some row that could be."""
        for grant in self.grants:
            rule = self.rule(grant.role, layer, action)
            if rule is None or rule.reach == "none":
                continue
            where = grant.area
            if rule.reach == "city":
                where = next((prefix for prefix in self.cities if grant.area.startswith(prefix)), grant.area)
            meets = not rule.areas or any(narrow.startswith(where) or where.startswith(narrow) for narrow in rule.areas)
            if meets and (rule.reach != "own" or self.names.get(grant.organisation or "")):
                return True
        return False

    def shown(self, layer: Layer, feature: Mapping[str, Any]) -> dict[str, Any] | None:
        """The feature as this account sees it; None when it does not."""
        properties = dict(feature["properties"])
        parties = [properties[key] for key in layer.parties]
        if not self.allows(layer, "read", properties["area"], parties):
            return None
        for key, field in layer.fields.items():
            if field.clearance is not None and not self.allows(layer, field.clearance, feature["properties"]["area"], parties):
                properties[key] = masked(field.mask, properties[key])
        return {**feature, "properties": properties}


def masked(mask: str, value: str | None) -> str | None:
    """What is left of a value."""
    if value is None or mask == "hidden":
        return None
    if mask == "name":
        return value[:1] + "**"
    tail = value[7:][-4:]
    return "****" if len(value) < 7 else value[:3] + "****" + tail


def scopes(judge: Judge, grant: Grant, rule: Rule) -> list[str]:
    """Area prefixes that a rule gives a grant."""
    where = grant.area
    if rule.reach == "city":
        where = next((prefix for prefix in judge.cities if grant.area.startswith(prefix)), grant.area)
    if not rule.areas:
        return [where]
    return [max(where, narrow, key=len) for narrow in rule.areas if narrow.startswith(where) or where.startswith(narrow)]


def covering(zoom: int) -> set[tuple[int, int]]:
    """Tiles over both cities."""

    def tile(lon: float, lat: float) -> tuple[int, int]:
        n = 2**zoom
        return int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)

    found = set()
    for west, east in ((113.999, 114.021), (114.099, 114.131)):
        (left, top), (right, bottom) = tile(west, 34.8205), tile(east, 34.7995)
        found |= {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}
    return found


def extent(rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """West, south, east, north of what has a place; None when nothing has."""

    def flat(value: Any) -> Iterator[tuple[float, float]]:
        if isinstance(value[0], float | int):
            yield value[0], value[1]
        else:
            for part in value:
                yield from flat(part)

    points = [point for row in rows if row["geometry"] is not None for point in flat(row["geometry"]["coordinates"])]
    if not points:
        return None
    return [min(x for x, _ in points), min(y for _, y in points), max(x for x, _ in points), max(y for _, y in points)]
