"""Administrative areas by code and name, for whoever grants them: codes and names and nothing else of a city."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from layers.catalogue import Registry
from layers.model import Layer
from spatial.tables import LAYER_SCHEMA

__all__ = ["Area", "MOST", "areas_named", "areas_under", "find_areas"]

MOST = 200
CITY = "city"
# From the widest down; a level is there where the registry has a layer of this role.
LEVELS = ("district", "street", "community")


@dataclass(frozen=True, slots=True)
class Area:
    """One area; ``level`` is ``city`` or the role of its layer, ``within`` the titles of what it lies in, the city first."""

    code: str
    title_zh: str
    title_en: str
    level: str
    within: tuple[str, ...] = ()
    parts: bool = False


def _levels(registry: Registry) -> list[tuple[str, Layer]]:
    return [(role, registry.by_role(role)) for role in LEVELS if registry.has_role(role)]


def _every(registry: Registry) -> str:
    """Returns the query of all areas: code, names, level, rank."""
    parts = [f"SELECT prefix AS code, title_zh, title_en, '{CITY}' AS level, 0 AS rank FROM wanmi.city"]
    for rank, (role, layer) in enumerate(_levels(registry), 1):
        code, name = layer.code, layer.name
        parts.append(f'SELECT "{code}", "{name}", "{name}", \'{role}\', {rank} FROM {LAYER_SCHEMA}."{layer.id}"')
    return " UNION ALL ".join(parts)


def areas_under(connection: Connection, registry: Registry, code: str = "") -> list[Area]:
    """Returns the areas of the next level below a code, by code; without one the cities."""
    every = _every(registry)
    if not code:
        rows = connection.execute(text(f"SELECT * FROM ({every}) a WHERE rank = 0 ORDER BY code")).all()
    else:
        rows = connection.execute(
            text(f"""
                WITH every AS ({every}), below AS (SELECT * FROM every WHERE starts_with(code, :code) AND code <> :code)
                SELECT * FROM below WHERE rank = (SELECT min(rank) FROM below) ORDER BY code LIMIT :most
            """),
            {"code": code, "most": MOST},
        ).all()
    return _described(connection, registry, [Area(r.code, r.title_zh, r.title_en, r.level) for r in rows])


def find_areas(connection: Connection, registry: Registry, words: str) -> list[Area]:
    """Returns areas whose name holds the words or whose code begins with them, the widest first."""
    rows = connection.execute(
        text(f"""
            SELECT * FROM ({_every(registry)}) a
            WHERE position(lower(:words) IN lower(title_zh)) > 0 OR position(lower(:words) IN lower(title_en)) > 0
               OR starts_with(lower(code), lower(:words))
            ORDER BY rank, code LIMIT :most
        """),
        {"words": words, "most": MOST},
    ).all()
    return _described(connection, registry, [Area(r.code, r.title_zh, r.title_en, r.level) for r in rows])


def areas_named(connection: Connection, registry: Registry, codes: Iterable[str]) -> dict[str, Area]:
    """Returns the areas with these codes; a code that is no area's is not among them."""
    rows = connection.execute(text(f"SELECT * FROM ({_every(registry)}) a WHERE code = ANY(:codes) ORDER BY rank"), {"codes": list(codes)})
    known: dict[str, Area] = {}
    for r in rows:
        known.setdefault(r.code, Area(r.code, r.title_zh, r.title_en, r.level))
    return {one.code: one for one in _described(connection, registry, list(known.values()))}


def _described(connection: Connection, registry: Registry, found: Sequence[Area]) -> list[Area]:
    """Adds what each lies in, and whether anything lies in it."""
    codes = [one.code for one in found]
    rows = connection.execute(
        text(f"""
            WITH every AS ({_every(registry)})
            SELECT given.code,
                   ARRAY(SELECT title_zh FROM every WHERE starts_with(given.code, every.code) AND every.code <> given.code
                         ORDER BY rank) AS within,
                   EXISTS (SELECT FROM every WHERE starts_with(every.code, given.code) AND every.code <> given.code) AS parts
            FROM unnest(CAST(:codes AS text[])) given(code)
        """),
        {"codes": codes},
    ).all()
    about = {row.code: row for row in rows}
    return [Area(one.code, one.title_zh, one.title_en, one.level, tuple(about[one.code].within), about[one.code].parts) for one in found]
