"""What rules would mean for people before they are published: who would gain and who would lose what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection, text

from spatial.rights.publishing import check
from spatial.rights.rules import Rule, rules, store_rules

__all__ = ["Effect", "Turn", "effect", "turn"]

Turn = Literal["gains", "loses", "shifts"]
Patterns = Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What one account would gain, lose, or hold elsewhere: pairs of layer and action."""

    account: int
    name: str
    title: str
    gains: list[tuple[str, str]] = field(default_factory=list)
    loses: list[tuple[str, str]] = field(default_factory=list)
    shifts: list[tuple[str, str]] = field(default_factory=list)


def effect(connection: Connection, wanted: Sequence[Rule]) -> list[Effect]:
    """Returns the accounts for which the rules would change anything, by name.

    The rules are stored and compiled by the very function that publishing uses, within a savepoint that is rolled back: what is shown
    is what would happen, and workers hear nothing of it.

    Raises:
        RuleError: a rule that cannot hold.
    """
    check(connection, wanted)
    connection.execute(text("CREATE TEMPORARY TABLE held_before ON COMMIT DROP AS SELECT * FROM access.effective"))
    trial = connection.begin_nested()
    newest, _ = rules(connection)
    store_rules(connection, newest + 1, wanted, "trial", "trial")
    connection.execute(text("SELECT access.compile()"))
    found: dict[int, Effect] = {}
    # compiling sorts the patterns, so equal lists are equal rights
    for row in connection.execute(text("""
        SELECT a.id, a.name, a.title, layer, action, b.areas AS old_areas, b.own AS old_own, e.areas AS new_areas, e.own AS new_own
        FROM held_before b FULL JOIN access.effective e USING (account, layer, action) JOIN account.account a ON a.id = account
        WHERE b.areas IS DISTINCT FROM e.areas OR b.own IS DISTINCT FROM e.own ORDER BY lower(a.name), layer, action
    """)):  # fmt: skip
        one = found.setdefault(row.id, Effect(row.id, row.name, row.title))
        getattr(one, turn((row.old_areas, row.old_own), (row.new_areas, row.new_own))).append((row.layer, row.action))
    trial.rollback()
    connection.execute(text("DROP TABLE held_before"))
    return list(found.values())


def turn(old: tuple[Patterns, Patterns], new: tuple[Patterns, Patterns]) -> Turn:
    """Tells whether patterns of areas and of one's own reach farther than others, less far, or elsewhere.

    >>> turn((["9901%"], None), (["990101%"], None)), turn((None, ["水务局\\x1f9901%"]), (["9901%"], None))
    ('loses', 'gains')
    >>> turn((["990101%"], None), (["990102%"], None)), turn((None, None), (["9901%"], None))
    ('shifts', 'gains')
    """
    before, after = (set(old[0] or ()), set(old[1] or ())), (set(new[0] or ()), set(new[1] or ()))
    wider, narrower = _covers(after, before), _covers(before, after)
    return "gains" if wider and not narrower else "loses" if narrower and not wider else "shifts"


def _covers(wide: tuple[set[str], set[str]], narrow: tuple[set[str], set[str]]) -> bool:
    areas = [pattern.removesuffix("%") for pattern in wide[0]]
    own = [pattern.removesuffix("%") for pattern in wide[1]]

    def held(place: str, starts: Iterable[str]) -> bool:
        return any(place.startswith(start) for start in starts)

    return all(held(pattern.removesuffix("%"), areas) for pattern in narrow[0]) and all(
        held(pattern.removesuffix("%"), own) or held(pattern.removesuffix("%").rpartition("\x1f")[2], areas) for pattern in narrow[1]
    )
