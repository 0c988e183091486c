"""Component and event class tables, one per edition of the standard.

The tables are package data (``data/component_classes.csv``, ``data/event_classes.csv``); a class is known by
(standard, kind, code) because components and events share one number space (GB/T 47678.5-2026).
The minor lists of GB/T 30428.2-2013 are not public: for that edition only the majors are here and a
class is checked by its major alone.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

from grid_coding.errors import CodeError
from grid_coding.profiles import profile

__all__ = ["ClassKind", "ManagedClass", "class_of", "classes"]

ClassKind = Literal["component", "event"]


@dataclass(frozen=True, slots=True)
class ManagedClass:
    """One class of things or matters under management: code = major + minor."""

    code: str
    major_code: str
    major_name: str
    name: str
    geometry: str


@lru_cache(maxsize=16)
def classes(profile_id: str, kind: ClassKind) -> Mapping[str, ManagedClass]:
    """Returns the classes of a profile's standard by code, in the order of the standard.

    >>> classes("2005", "component")["0118"].name
    '路灯'
    >>> len(classes("2026", "component")), len(classes("2026", "event"))
    (153, 250)
    """
    standard = profile(profile_id).standard
    source = resources.files("grid_coding").joinpath(f"data/{kind}_classes.csv")
    reader = csv.DictReader(source.read_text("utf-8").splitlines())
    rows = [row for row in reader if row["standard"] == standard]
    return {
        row["major_code"] + row["minor_code"]: ManagedClass(
            code=row["major_code"] + row["minor_code"],
            major_code=row["major_code"],
            major_name=row["major_name"],
            name=row["minor_name"] or row["major_name"],
            geometry=row["geometry"],
        )
        for row in rows
    }


def class_of(profile_id: str, kind: ClassKind, code: str) -> ManagedClass | None:
    """Returns the class with this code; for an edition without public minor lists, its major class.

    Profile ``local`` has no table and answers None for every code.

    >>> class_of("2013", "component", "0199").name
    '公用设施'

    Raises:
        CodeError: rule ``class_unknown``.
    """
    table = classes(profile_id, kind)
    if not table:
        return None
    found = table.get(code)
    if found is None and all(len(known) == 2 for known in table):
        found = table.get(code[:2])
    if found is None:
        raise CodeError(
            "class_unknown", code,
            f"{profile(profile_id).standard} 没有类别代码“{code}”",
            f"{profile(profile_id).standard} has no class {code!r}", "minor",
        )  # fmt: skip
    return found
