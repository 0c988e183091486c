"""The years of cases: rhythm of days and hours, few classes that make most of them, hot spots, texts as people write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.calendar import LAST_MOMENT, STORM_DAY, day_weights, draw_seconds, rain_days, to_utc
from data.sample.case_kinds import MATTERS, component_limit
from data.sample.case_words import VOICES, component_texts, matter_texts
from data.sample.component_kinds import KINDS
from data.sample.components import agency_of, class_code, class_name
from data.sample.names import MOST_TOWNS
from data.sample.place import Town
from data.sample.planar import Integers
from data.sample.rows_things import chunked
from data.sample.terrain import CORE, Floats
from data.sample.world import World
from data.sample.yards import reporters_of
from data.table import LayerTable
from grid_coding.classes import classes

__all__ = ["A_DAY", "case_rows", "hot_spots"]

COMPONENT_SHARE = 0.165
PONDING, BLOCKED, COMMONEST, WATERSIDE = "0406", "0404", "0506", "0105"
SOURCES = ("collector", "hotline", "app", "video", "media", "transfer", "sensor")
SOURCE_SHARES = (0.585, 0.195, 0.125, 0.05, 0.005, 0.035, 0.005)
STAGES = np.array(["collection", "filing", "dispatch", "handling", "feedback", "verification"], dtype=object)
STAGE_ENDS = (0.10, 0.18, 0.28, 0.78, 0.90)  # shares of the way from filing to closing
A_DAY = 100_000 // MOST_TOWNS  # numbers of a day for each town
NEAR = ("附近", "门前", "路段", "北侧", "南侧", "对面", "旁")


def hot_spots(world: World) -> tuple[Floats, Floats, Floats]:
    """Returns the places where cases gather: centre, reach and share of each (old core, two markets, station)."""
    plots = world.blocks.plots[[*world.sites.markets.tolist(), world.sites.station]]
    fixed = shapely.get_coordinates(shapely.centroid(plots))
    core = world.ground.place(np.array([CORE]))
    return np.vstack([core, fixed]), np.array([190.0, 105.0, 105.0, 120.0]), np.array([0.34, 0.24, 0.20, 0.22])


def _busy(world: World, points: Floats) -> tuple[Floats, Floats]:
    """Returns two weights of places: the background and the pull of the hot spots."""
    core = world.ground.place(np.array([CORE]))[0]
    far = np.hypot(*(points - core).T)
    background = 0.35 + 1.1 * np.exp(-((far / 1500) ** 2))
    pull = np.zeros(len(points))
    for (x, y), reach, share in zip(*hot_spots(world), strict=True):
        near = np.exp(-((points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2) / (2 * reach**2))
        pull += share * near / max(near.sum(), 1e-9)
    return background / background.sum(), pull


class _Year:
    """The columns of a year of cases while they are drawn."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random("cases")
        random, count = self.random, world.size.cases
        days, weight = day_weights(world.size.case_years)
        self.day = days[random.choice(len(days), count, p=weight / weight.sum())]
        self.is_component = random.random(count) < COMPONENT_SHARE
        self.matter = self._matters()
        self.anchor = self._anchors()
        self.filed = self._times()
        order = np.argsort(self.filed, kind="stable")
        for name in ("day", "is_component", "matter", "anchor", "filed"):
            setattr(self, name, getattr(self, name)[order])
        self.source = np.array(SOURCES, dtype=object)[random.choice(len(SOURCES), count, p=SOURCE_SHARES)]

    def _matters(self) -> Integers:
        weight = np.array([m.weight for m in MATTERS])
        picked = self.random.choice(len(MATTERS), len(self.day), p=weight / weight.sum())
        code = [m.code_2005 for m in MATTERS]
        rainy = np.isin(self.day, rain_days(self.random, self.world.size.case_years))
        picked[(picked == code.index(PONDING)) & ~rainy] = code.index(COMMONEST)
        for name, part in ((PONDING, 0.55), (BLOCKED, 0.12)):
            wet = (self.day == STORM_DAY) & (self.random.random(len(self.day)) < part)
            picked[wet] = code.index(name)
        return np.asarray(picked, dtype=np.int64)

    def _anchors(self) -> Integers:
        """Picks the component at (or near) which each case lies."""
        components = self.world.components
        background, pull = _busy(self.world, components.point)
        loss = np.array([k.loss for k in KINDS])[components.kind]
        tree = np.array([k.id == "tree" for k in KINDS])[components.kind]
        loss = np.where(tree, loss * 0.35, loss)
        spot = np.where(tree, 0.4, 1.0)
        hot = np.array([m.hot for m in MATTERS])[self.matter]
        to_hot = self.random.random(len(self.day)) < np.where(self.is_component, 0.12, np.minimum(0.72, 0.235 * hot))
        anchor = np.zeros(len(self.day), dtype=np.int64)
        for members, weight in (
            (~self.is_component & to_hot, pull * spot),
            (~self.is_component & ~to_hot, background * spot),
            (self.is_component & to_hot, pull * loss),
            (self.is_component & ~to_hot, background * loss),
        ):
            anchor[members] = self.random.choice(len(weight), int(members.sum()), p=weight / weight.sum())
        on_water = ~self.is_component & (self.matter == [m.code_2005 for m in MATTERS].index(WATERSIDE))
        gap = shapely.distance(shapely.points(components.point), self.world.waters.all())
        anchor[on_water] = self.random.choice(np.flatnonzero(gap < 45.0), int(on_water.sum()))
        return anchor

    def _times(self) -> NDArray[np.datetime64]:
        profile = np.array([m.hours for m in MATTERS], dtype=object)[self.matter]
        profile[self.is_component] = "work"
        seconds = draw_seconds(profile, self.random)
        filed = self.day.astype("datetime64[s]") + seconds.astype("timedelta64[s]")
        late = filed > LAST_MOMENT - np.timedelta64(60, "s")
        filed[late] = LAST_MOMENT - self.random.integers(60, 32_000, int(late.sum())).astype("timedelta64[s]")
        return np.asarray(filed, dtype="datetime64[s]")

    def terms(self) -> tuple[NDArray[np.float64], list[str]]:
        """Returns limit in hours and department of each case."""
        kinds = self.world.components.kind[self.anchor]
        limits = np.array([component_limit(kind.id) for kind in KINDS], dtype=float)
        limit = np.where(self.is_component, limits[kinds], np.array([m.limit for m in MATTERS])[self.matter])
        own = [agency_of(kind)[1] for kind in KINDS]
        department = [own[k] if c else MATTERS[m].department for c, k, m in zip(*self.subjects(kinds), strict=True)]
        return limit, department

    def subjects(self, kinds: Integers) -> tuple[list[bool], list[int], list[int]]:
        """Returns what each case is about: whether a component, its kind, else the matter."""
        return self.is_component.tolist(), kinds.tolist(), self.matter.tolist()


def _stages(year: _Year, limit: Floats) -> tuple[NDArray[np.object_], NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Draws how long each case takes; what closes after the last moment is still open, at the stage it has reached."""
    random = year.random
    allowed = (limit * 3600 + 1800).astype("timedelta64[s]")
    taken = (limit * 3600 * random.lognormal(-0.78, 0.52, len(limit)) + random.uniform(300, 1800, len(limit))).astype(np.int64)
    stuck = random.random(len(limit)) < 0.004
    taken[stuck] = (taken[stuck] * random.uniform(4, 15, int(stuck.sum()))).astype(np.int64)
    closed = year.filed + taken.astype("timedelta64[s]")
    progress = (LAST_MOMENT - year.filed).astype(np.int64) / np.maximum(taken, 1)
    stage = STAGES[np.searchsorted(STAGE_ENDS, progress)]
    done = closed <= LAST_MOMENT
    stage = np.where(done, "closed", stage).astype(object)
    closed[~done] = np.datetime64("NaT")
    return stage, year.filed + allowed, closed


def _places(year: _Year, points: NDArray[np.object_]) -> NDArray[np.object_]:
    """Tells the place as people do: a door plate nearby, a known place, or the road."""
    world, random = year.world, year.random
    used, anchor = np.unique(year.anchor, return_inverse=True)
    spots = shapely.points(world.components.point[used])
    door = shapely.STRtree(shapely.points(world.doors.point)).nearest(spots)
    text = world.door_text()[door][anchor]
    words = np.array(NEAR, dtype=object)[random.integers(0, len(NEAR), len(points))]
    told = text + words
    known = np.flatnonzero(np.isin(world.sites.kind, ("estate", "market", "station", "hospital", "school", "shops", "park", "village")))
    beside = np.full(len(used), -1, dtype=np.int64)
    spot, plot = shapely.STRtree(world.blocks.plots[known]).query_nearest(spots, max_distance=60, all_matches=False)
    beside[spot] = plot
    case = np.flatnonzero(beside[anchor] >= 0)
    plot = beside[anchor[case]]
    use = random.random(len(case)) < 0.42
    gates = np.array(("门口", "东门", "西门", "南门", "北门", "门前"), dtype=object)[random.integers(0, 6, len(case))]
    names = np.array([str(name) for name in world.sites.name[known].tolist()], dtype=object)[plot]
    told[case[use]] = (names + gates)[use]
    plain = random.random(len(points)) < 0.18
    told[plain] = world.components.address[year.anchor][plain]
    return np.asarray(told, dtype=object)


def _texts(year: _Year, places: NDArray[np.object_]) -> list[str]:
    """Tells each case in one of the voices of its source, the commonest voices most."""
    random, count = year.random, len(places)
    kinds = year.world.components.kind[year.anchor]
    names = np.array([class_name(kind, "2005") for kind in KINDS], dtype=object)[kinds].tolist()
    draw, skewed = random.random(count).tolist(), (random.random(count) ** 1.5).tolist()
    small, large, deep = (random.integers(low, high, count).tolist() for low, high in ((2, 7), (5, 30), (3, 25)))
    texts = []
    for index, (is_component, kind, matter) in enumerate(zip(*year.subjects(kinds), strict=True)):
        voices = VOICES[year.source[index]]
        voice = voices[int(skewed[index] * len(voices))]
        options = component_texts(KINDS[kind].id, voice) if is_component else matter_texts(MATTERS[matter].code_2005, voice)
        text = options[int(draw[index] * len(options))]
        texts.append(text.format(place=places[index], name=names[index], m=small[index], n=large[index], k=deep[index]))
    return texts


def _classes(year: _Year) -> list[str | None]:
    """Returns the class of each case.

    In GB/T 47678.5-2026 the matters 01-05 mirror the components, so a component case bears its component's number. The
    event tables of 2007 and 2013 have no such classes; there a component case has the class of its component only
    (``component_class``).
    """
    profile = year.world.profile
    known = classes(profile, "event")
    of_kind = [class_code(kind, profile) if profile == "2026" and class_code(kind, profile) in known else None for kind in KINDS]
    of_matter = [m.code_2026 if profile == "2026" else m.code_2005 for m in MATTERS]
    kinds = year.world.components.kind[year.anchor]
    return [
        of_kind[k] if c else of_matter[m] for c, k, m in zip(year.is_component.tolist(), kinds.tolist(), year.matter.tolist(), strict=True)
    ]


def _component_classes(year: _Year) -> list[str | None]:
    """Returns the class of the component that a case is about; None for a matter."""
    of_kind = [class_code(kind, year.world.profile) for kind in KINDS]
    kinds = year.world.components.kind[year.anchor].tolist()
    return [of_kind[k] if c else None for c, k in zip(year.is_component.tolist(), kinds, strict=True)]


def _numbers(filed: NDArray[np.datetime64], town: Town) -> list[str]:
    """Numbers the cases of each day: yyyymmdd and five digits; each town has its own part of the numbers."""
    day = filed.astype("datetime64[D]")
    first = np.searchsorted(day, day, side="left")
    serial = np.arange(len(day)) - first + 1 + (town.number - 1) * A_DAY
    return [f"{str(d).replace('-', '')}{s:05d}" for d, s in zip(day.astype(str).tolist(), serial.tolist(), strict=True)]


def case_rows(world: World, component_code: Sequence[str]) -> Iterator[LayerTable]:
    """The cases of the years ending 2026-11-20, in order of filing."""
    year = _Year(world)
    limit, department = year.terms()
    stage, deadline, closed = _stages(year, limit)
    shift = year.random.normal(0, 2.5, (len(limit), 2)) * (~year.is_component)[:, None]
    shift[~shapely.contains_xy(world.network.outline, *(world.components.point[year.anchor] + shift).T)] = 0.0
    metres = world.components.point[year.anchor] + shift
    points = world.points(metres)
    places = _places(year, points)
    codes = np.array(component_code, dtype=object)[year.anchor]
    codes[~year.is_component] = None
    yield from chunked(
        LayerTable(
            "case",
            {
                "case_no": _numbers(year.filed, world.town),
                "kind": np.where(year.is_component, "component", "event").astype(object),
                "class_code": _classes(year),
                "component_class": _component_classes(year),
                "component_code": codes,
                "stage": stage,
                "source": year.source,
                **reporters_of(world, "cases", np.asarray(year.source, dtype=object)),
                "description": _texts(year, places),
                "address": places,
                "grid_code": world.divisions.cell_code[world.cell_of(points)],
                "department_name": department,
                "filed_at": to_utc(year.filed),
                "deadline_at": to_utc(deadline),
                "closed_at": to_utc(closed),
            },
            points,
        )
    )
