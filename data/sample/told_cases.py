"""Cases told in words only: a caller names a district or a street and a landmark that nobody can set on the map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.sample.calendar import LAST_MOMENT, day_weights, draw_seconds, to_utc
from data.sample.case_kinds import MATTERS, component_limit
from data.sample.case_words import VOICES, component_texts, matter_texts
from data.sample.cases import A_DAY
from data.sample.component_kinds import KINDS
from data.sample.components import agency_of, class_code, class_name
from data.sample.names import words
from data.sample.planar import Integers
from data.sample.terrain import Floats
from data.sample.world import World
from data.sample.yards import reporters_of
from data.table import LayerTable
from grid_coding.classes import classes

__all__ = ["SHARE", "told_rows"]

SHARE = 0.06  # of the placed cases; these come on top of them
COMPONENT_SHARE = 0.2
SOURCES, SOURCE_SHARES = ("hotline", "app", "transfer", "media"), (0.82, 0.1, 0.06, 0.02)
DISTRICT_ONLY = 0.28  # callers who know the district only
# What people complain about from memory: kinds of components by their ending.
COMPONENTS = ("lamp", "_cover", "tree", "bin", "bus_stop", "sign", "signal", "fitness")
LINKS = ("那边", "这边", "这片", "", "附近", "靠里头", "往东一点", "往北走一段")
OF_DISTRICT = 4  # the first of these go with a district too
PAUSE = 0.6  # how often a caller draws breath after the place
WRITTEN = ("official", "camera", "transferred", "media")
SPOTS = words(
    "一个菜市场后面 老家属院门口 幼儿园旁边那条小路 桥底下 河边步道 加油站对面 一个十字路口往南 小学后门 快递站门口 公交终点站 "
    "老电影院旁边的巷子 卫生所门前 粮站老院 铁路边的小路 新修的路上 拆迁工地旁边 澡堂子门口 棋牌室楼下 大槐树底下 药店门口 "
    "两栋楼中间的过道 小广场 地下通道口 银行旁边 早餐店门口 村口 废品站旁边 变电箱那儿 天桥下面 一排门面房前头"
)
PACE, SPREAD = -0.6, 0.6  # how long handling takes against the limit: mean and spread of the logarithm
FILING = 0.3  # share of that time in which a case is still being filed


@dataclass(frozen=True, slots=True)
class _Subjects:
    """What each case is about: matter, or kind of component where ``component`` is set."""

    component: NDArray[np.bool_]
    matter: Integers
    kind: Integers


def _subjects(count: int, random: np.random.Generator) -> _Subjects:
    """Draws matters by their weight and components that people notice."""
    weight = np.array([matter.weight for matter in MATTERS])
    known = np.array([n for n, kind in enumerate(KINDS) if kind.id.endswith(COMPONENTS)])
    matter = random.choice(len(MATTERS), count, p=weight / weight.sum())
    return _Subjects(random.random(count) < COMPONENT_SHARE, matter, known[random.integers(0, len(known), count)])


def _filed(subjects: _Subjects, years: int, random: np.random.Generator) -> NDArray[np.datetime64]:
    """Draws when each call was filed, in order of time."""
    days, weight = day_weights(years)
    day = days[random.choice(len(days), len(subjects.matter), p=weight / weight.sum())]
    hours = np.array([matter.hours for matter in MATTERS], dtype=object)[subjects.matter]
    hours[subjects.component] = "work"
    filed = day.astype("datetime64[s]") + draw_seconds(hours, random).astype("timedelta64[s]")
    return np.sort(np.minimum(filed, LAST_MOMENT - np.timedelta64(90, "s")))


def _told(world: World, count: int, random: np.random.Generator) -> tuple[list[str], NDArray[np.object_]]:
    """Returns the place in words and the code of the area that it names."""
    d = world.divisions
    street = random.integers(0, len(d.street_name), count).tolist()
    only, link, spot = (
        (random.random(count) < DISTRICT_ONLY).tolist(),
        random.integers(0, len(LINKS), count),
        random.integers(0, len(SPOTS), count),
    )
    places, area = [], []
    for s, district_only, a, b in zip(street, only, link.tolist(), spot.tolist(), strict=True):
        link_word = LINKS[a % OF_DISTRICT if district_only else a]
        district = d.district_name[d.street_district[s]]
        places.append(f"{district}{'' if district_only else d.street_name[s]}{link_word}{SPOTS[b]}")
        area.append(d.district_code[d.street_district[s]] if district_only else d.street_code[s])
    return places, np.array(area, dtype=object)


def _texts(subjects: _Subjects, source: list[str], places: list[str], random: np.random.Generator) -> list[str]:
    """Lets every caller tell his case in a voice of his source."""
    count = len(places)
    draw, small = random.random((count, 3)), random.integers(2, 6, count).tolist()
    large, deep = random.integers(5, 25, count).tolist(), random.integers(4, 25, count).tolist()
    names = [class_name(kind, "2005") for kind in KINDS]
    texts = []
    for index, is_component in enumerate(subjects.component.tolist()):
        voices = VOICES[source[index]]
        voice = voices[int(draw[index, 0] * len(voices))]
        kind = int(subjects.kind[index])
        code = MATTERS[int(subjects.matter[index])].code_2005
        options = component_texts(KINDS[kind].id, voice) if is_component else matter_texts(code, voice)
        text = options[int(draw[index, 1] * len(options))]
        pause = "，" if voice not in WRITTEN and draw[index, 2] < PAUSE else ""
        texts.append(text.format(place=places[index] + pause, name=names[kind], m=small[index], n=large[index], k=deep[index]))
    return texts


def _terms(subjects: _Subjects) -> tuple[Floats, NDArray[np.object_]]:
    """Returns the limit in hours and the department of each case."""
    hours = [component_limit(kind.id) for kind in KINDS]
    limit = np.where(
        subjects.component, np.array(hours, dtype=float)[subjects.kind], np.array([m.limit for m in MATTERS], dtype=float)[subjects.matter]
    )
    own = np.array([agency_of(kind)[1] for kind in KINDS], dtype=object)[subjects.kind]
    other = np.array([m.department for m in MATTERS], dtype=object)[subjects.matter]
    return np.asarray(limit, dtype=float), np.where(subjects.component, own, other).astype(object)


def _class_columns(profile: str, subjects: _Subjects) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Returns class of the matter and class of the component, as the placed cases have them."""
    known = classes(profile, "event")
    of_kind = np.array([class_code(kind, profile) for kind in KINDS], dtype=object)
    as_event = np.array([code if profile == "2026" and code in known else None for code in of_kind.tolist()], dtype=object)
    of_matter = np.array([m.code_2026 if profile == "2026" else m.code_2005 for m in MATTERS], dtype=object)
    matter = np.where(subjects.component, as_event[subjects.kind], of_matter[subjects.matter])
    component = of_kind[subjects.kind]
    component[~subjects.component] = None
    return matter.astype(object), component


def _numbers(world: World, filed: NDArray[np.datetime64]) -> list[str]:
    """Numbers the cases of each day from the top of the town's numbers down, where the placed cases never come."""
    day = filed.astype("datetime64[D]")
    nth = np.arange(len(day)) - np.searchsorted(day, day, side="left")
    top = world.town.number * A_DAY
    return [f"{str(d).replace('-', '')}{top - n:05d}" for d, n in zip(day.astype(str).tolist(), nth.tolist(), strict=True)]


def told_rows(world: World) -> Iterator[LayerTable]:
    """Cases without place and without grid; their area is the district or the street that the caller names."""
    random, count = world.random("told cases"), round(world.size.cases * SHARE)
    subjects = _subjects(count, random)
    filed = _filed(subjects, world.size.case_years, random)
    source = np.array(SOURCES, dtype=object)[random.choice(len(SOURCES), count, p=SOURCE_SHARES)]
    places, area = _told(world, count, random)
    limit, department = _terms(subjects)
    taken = (limit * 3600 * random.lognormal(PACE, SPREAD, count) + random.uniform(600, 2400, count)).astype("timedelta64[s]")
    closed = filed + taken
    done = closed <= LAST_MOMENT
    closed[~done] = np.datetime64("NaT")
    fresh = (LAST_MOMENT - filed).astype(np.int64) < FILING * taken.astype(np.int64)
    early = np.where(fresh, "filing", "handling")
    matter, component = _class_columns(world.profile, subjects)
    yield LayerTable(
        "case",
        {
            "case_no": _numbers(world, filed),
            "kind": np.where(subjects.component, "component", "event").astype(object),
            "class_code": matter,
            "component_class": component,
            "component_code": [None] * count,
            "stage": np.where(done, "closed", early).astype(object),
            "source": source,
            **reporters_of(world, "told cases", source),
            "description": _texts(subjects, source.tolist(), places, random),
            "address": places,
            "grid_code": [None] * count,
            "department_name": department,
            "filed_at": to_utc(filed),
            "deadline_at": to_utc(filed + (limit * 3600 + 1800).astype("timedelta64[s]")),
            "closed_at": to_utc(closed),
        },
        np.full(count, None, dtype=object),
        area=area,
    )
