"""Kinds of matters that fill the year: class codes, how often, where, when, how soon and by whom; the words are in ``case_words``.

Codes are those of CJ/T 214-2007 and GB/T 47678.5-2026; for GB/T 30428.2-2013, whose minor list is not public, the codes
of 2007 stand as LOCAL ones (its majors 01-05 are the same). Limits are in hours, of the order of published local rules.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MATTERS", "Matter", "component_limit"]


@dataclass(frozen=True, slots=True)
class Matter:
    """One class of matter: weight in the city, factor at the hot spots, day profile, limit, department."""

    code_2005: str
    code_2026: str
    weight: float
    hot: float
    hours: str
    limit: float
    department: str


CITY, CLEAN, ROAD, GREEN, BUILD = (
    "综合行政执法大队",
    "环境卫生管理处",
    "市政设施管理处",
    "园林绿化管理处",
    "住房和城乡建设局",
)
TRAFFIC, WATER = "交通警察支队", "排水管理中心"

MATTERS = (
    Matter("0506", "09010", 13.0, 1.6, "work", 4, CITY),
    Matter("0505", "09009", 10.0, 1.4, "work", 4, TRAFFIC),
    Matter("0504", "09005", 9.0, 3.2, "work", 4, CITY),
    Matter("0501", "09001", 9.0, 4.2, "market", 2, CITY),
    Matter("0102", "06010", 9.5, 1.5, "work", 4, CLEAN),
    Matter("0104", "06012", 7.0, 1.2, "work", 2, CLEAN),
    Matter("0201", "07001", 8.5, 1.8, "work", 12, CITY),
    Matter("0103", "06011", 4.0, 0.6, "work", 12, CLEAN),
    Matter("0110", "06013", 4.2, 0.5, "work", 72, ROAD),
    Matter("0507", "06036", 4.5, 1.3, "work", 8, CITY),
    Matter("0106", "06017", 3.2, 0.5, "work", 12, GREEN),
    Matter("0101", "06001", 2.0, 0.5, "work", 360, CITY),
    Matter("0508", "06028", 2.6, 2.0, "evening", 2, CITY),
    Matter("0510", "06029", 2.2, 1.8, "evening", 2, CITY),
    Matter("0116", "06027", 1.6, 1.4, "evening", 48, CITY),
    Matter("0202", "07003", 2.0, 1.0, "work", 24, CITY),
    Matter("0205", "07008", 1.0, 0.8, "work", 24, CITY),
    Matter("0301", "08001", 2.4, 0.4, "night", 2, BUILD),
    Matter("0302", "08004", 1.6, 0.3, "work", 8, BUILD),
    Matter("0304", "08002", 1.8, 0.6, "work", 12, BUILD),
    Matter("0305", "08003", 0.6, 0.4, "work", 12, ROAD),
    Matter("0105", "06025", 1.2, 0.2, "work", 24, WATER),
    Matter("0406", "01004", 2.4, 0.5, "any", 4, WATER),
    Matter("0404", "01002", 2.0, 1.2, "any", 8, WATER),
    Matter("0107", "06034", 0.8, 0.5, "work", 168, TRAFFIC),
    Matter("0511", "06007", 1.4, 0.9, "work", 4, CITY),
    Matter("0117", "06037", 0.5, 0.5, "any", 2, CLEAN),
    Matter("0112", "06014", 1.2, 0.4, "work", 2, CLEAN),
)

# Limits in hours of component cases by the ending of the kind.
COMPONENT_LIMITS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("_cover",), 6),
    (("inlet",), 8),
    (("lamp",), 24),
    (("tree", "guard", "flowers"), 48),
    (("signal",), 4),
    (("sign", "name_plate"), 48),
    (("bin",), 12),
    (("bus_stop",), 48),
    (("fitness", "bench"), 72),
    (("",), 48),
)


def component_limit(kind: str) -> float:
    """Returns the hours in which a component of a kind is to be mended.

    >>> component_limit("street_lamp"), component_limit("statue")
    (24, 48)
    """
    return next(hours for endings, hours in COMPONENT_LIMITS if kind.endswith(endings))
