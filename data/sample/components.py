"""Components along their streets: rows with a spacing and a side, sets at crossings, furniture of parks and estates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.blocks import Blocks
from data.sample.component_kinds import AGENCIES, KINDS, Along, Kind
from data.sample.network import Waters
from data.sample.pipes import PipeBook
from data.sample.planar import Geometries, Integers
from data.sample.roads import Roads
from data.sample.sites import Sites
from data.sample.sizes import CitySize
from data.sample.terrain import Floats
from grid_coding.classes import classes

__all__ = ["Components", "agency_of", "beside", "class_code", "class_name", "make_components", "scattered"]

STATES = np.array(["完好", "破损", "丢失", "废弃"], dtype=object)
STATE_SHARES = (0.970, 0.019, 0.004, 0.007)
SIDES = ("北侧", "南侧", "东侧", "西侧")
MAIN = ("expressway", "arterial", "secondary")
LOCAL_2013 = "2013"


@dataclass(frozen=True, slots=True)
class Components:
    """Components in the city's metres: kind (index into KINDS), place told in words, first date, state, pipe node."""

    kind: Integers
    point: Floats
    address: NDArray[np.object_]
    started: NDArray[np.datetime64]
    changed: NDArray[np.datetime64]
    state: NDArray[np.object_]
    node: Integers


def class_code(kind: Kind, profile: str) -> str:
    """Returns the class code of a kind in a profile's standard.

    >>> [class_code(KINDS[0], profile) for profile in ("2005", "2013", "2026")]
    ['0118', '0118', '01037']
    """
    return {"2005": kind.code_2005, "2013": kind.code_2013, "2026": kind.code_2026}[profile]


def class_name(kind: Kind, profile: str) -> str:
    """Returns the name of a kind; the local codes of 2013 bear the names of 2007.

    >>> class_name(KINDS[0], "2013"), class_name(KINDS[8], "2026")
    ('路灯', '通信井盖')
    """
    if profile == LOCAL_2013:
        return classes("2005", "component")[kind.code_2005].name
    return classes(profile, "component")[class_code(kind, profile)].name


class _Collector:
    """Gathers points with their addresses while kinds are placed."""

    def __init__(self) -> None:
        self.kind: list[Integers] = []
        self.point: list[Floats] = []
        self.address: list[NDArray[np.object_]] = []
        self.road: list[Integers] = []
        self.node: list[Integers] = []

    def add(self, kind: int, point: Floats, address: NDArray[np.object_], road: Integers, node: Integers | None = None) -> None:
        self.kind.append(np.full(len(point), kind))
        self.point.append(point)
        self.address.append(address)
        self.road.append(road)
        self.node.append(np.full(len(point), -1) if node is None else node)


@dataclass(frozen=True, slots=True)
class _Courses:
    """All courses of all roads, flat, with their road's figures."""

    line: Geometries
    length: Floats
    road: Integers
    grade: NDArray[np.object_]
    half: Floats  # half the carriageway
    told: NDArray[np.object_]  # the road in words


def _courses(roads: Roads, blocks: Blocks, sites: Sites) -> _Courses:
    line, road = [], []
    for index, one in enumerate(roads.roads):
        line += list(one.course)
        road += [index] * len(one.course)
    lines, number = np.array(line, dtype=object), np.array(road)
    grade = np.array([one.grade if one.name else "inner" for one in roads.roads], dtype=object)
    half = np.array([one.width / 2 - one.pavement for one in roads.roads])
    told = np.array([one.name or "" for one in roads.roads], dtype=object)
    nameless = np.flatnonzero(told[number] == "")
    middle = shapely.line_interpolate_point(lines[nameless], 0.5, normalized=True)
    plot = shapely.STRtree(blocks.plots).nearest(middle)
    for index, at in zip(number[nameless].tolist(), plot.tolist(), strict=True):
        told[index] = (str(sites.name[at]) or "街坊") + "内"
    return _Courses(lines, shapely.length(lines), number, grade[number], half[number], told)


def beside(line: Geometries, at: Floats, aside: Floats) -> tuple[Floats, Floats]:
    """Returns points beside lines (left is positive) and the direction of the side."""
    on = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    length = shapely.length(line)
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, np.minimum(at + 1.0, length)))
    back = shapely.get_coordinates(shapely.line_interpolate_point(line, np.maximum(at - 1.0, 0.0)))
    step = ahead - back
    normal = np.column_stack([-step[:, 1], step[:, 0]]) / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    return on + normal * aside[:, None], normal * np.sign(aside)[:, None]


def _side_words(normal: Floats) -> NDArray[np.object_]:
    upright = np.abs(normal[:, 1]) >= np.abs(normal[:, 0])
    index = np.where(upright, np.where(normal[:, 1] > 0, 0, 1), np.where(normal[:, 0] > 0, 2, 3))
    return np.array(SIDES, dtype=object)[index]


def _rows(
    courses: _Courses, kind: Kind, along: Along, grade: str, density: float, random: np.random.Generator
) -> tuple[Floats, NDArray[np.object_], Integers]:
    """Places one row (or two) along every street of a grade."""
    spacing = along.spacing / density
    chosen = np.flatnonzero((courses.grade == grade) & (courses.length > spacing * 0.5))
    chosen = chosen[random.random(len(chosen)) < along.streets]
    count = np.maximum(1, np.floor(courses.length[chosen] / spacing)).astype(np.int64)
    points, words, roads = [], [], []
    phase = random.uniform(0.2, 0.8, len(chosen))
    one_side = np.where(random.random(len(chosen)) < 0.5, -1.0, 1.0)
    for side in (1.0, -1.0)[: along.sides]:
        which = np.repeat(chosen, count)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        spread = np.minimum(0.6, 0.02 * spacing)
        along_at = (nth + np.repeat(phase, count)) * np.repeat(courses.length[chosen] / count, count)
        at = along_at + random.normal(0, spread, len(along_at))
        sign = np.full(len(which), side) if along.sides == 2 else np.repeat(one_side, count)
        off = courses.half[which] * kind.lane if kind.lane else courses.half[which] + kind.lateral
        off = off + random.uniform(-0.12, 0.12, len(off))
        place, normal = beside(courses.line[which], np.clip(at, 0, courses.length[which]), sign * off)
        points.append(place)
        words.append(courses.told[courses.road[which]] + _side_words(normal))
        roads.append(courses.road[which])
    return np.vstack(points), np.concatenate(words), np.concatenate(roads)


def _crossings(roads: Roads, kind: Kind, random: np.random.Generator) -> tuple[Floats, NDArray[np.object_], Integers]:
    """Places one at the arms of crossings of main streets, on the right-hand kerb before the crossing."""
    grade, name = roads.of_pieces("grade"), roads.of_pieces("name")
    width = roads.of_pieces("width").astype(float)
    half = width / 2 - roads.of_pieces("pavement").astype(float)
    main = np.isin(grade, MAIN)
    signal = kind.id in ("signal", "camera")
    weight = main if signal else np.array([value is not None for value in name])
    degree = np.bincount(roads.nodes[weight].ravel(), minlength=len(roads.places))
    widest = np.zeros(len(roads.places))
    np.maximum.at(widest, roads.nodes.ravel(), np.repeat(np.where(weight, half, 0.0), 2))
    points, words, owners = [], [], []
    for end in (0, 1):
        node = roads.nodes[:, end]
        arms = np.flatnonzero(
            weight & (degree[node] > 2) & (shapely.length(roads.pieces) > 45) & (random.random(len(node)) < kind.crossing)
        )
        at = widest[node[arms]] + 3.0
        length = shapely.length(roads.pieces[arms])
        from_start = at if end == 0 else length - at
        sign = 1.0 if end == 0 else -1.0
        place, _ = beside(roads.pieces[arms], np.clip(from_start, 0, length), sign * (half[arms] + kind.lateral))
        points.append(place)
        other = _other_names(roads, node[arms], name[arms])
        words.append(np.array([f"{a}与{b}交叉口" if b else f"{a}路口" for a, b in zip(name[arms], other, strict=True)], dtype=object))
        owners.append(roads.piece_road[arms])
    return np.vstack(points), np.concatenate(words), np.concatenate(owners)


def _other_names(roads: Roads, nodes: Integers, names: NDArray[np.object_]) -> list[str]:
    """Names the street that crosses at each node."""
    at: dict[int, list[str]] = {}
    for (a, b), name in zip(roads.nodes.tolist(), roads.of_pieces("name"), strict=True):
        if name is not None:
            at.setdefault(a, []).append(name)
            at.setdefault(b, []).append(name)
    return [next((other for other in sorted(set(at[n])) if other != own), "") for n, own in zip(nodes.tolist(), names, strict=True)]


def scattered(areas: Geometries, per_hectare: float, random: np.random.Generator) -> tuple[Floats, Integers]:
    """Scatters points inside areas by density; returns the points and the area of each."""
    wished = shapely.area(areas) / 10_000 * per_hectare
    count = np.floor(wished + random.random(len(areas))).astype(np.int64)
    which = np.repeat(np.arange(len(areas)), count * 3)
    box = shapely.bounds(areas)[which]
    x = box[:, 0] + random.random(len(which)) * (box[:, 2] - box[:, 0])
    y = box[:, 1] + random.random(len(which)) * (box[:, 3] - box[:, 1])
    inside = shapely.contains_xy(areas[which], x, y)
    place, owner = np.column_stack([x, y])[inside], which[inside]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    keep = rank < count[owner]
    return place[keep], owner[keep]


def make_components(
    size: CitySize,
    roads: Roads,
    blocks: Blocks,
    sites: Sites,
    waters: Waters,
    outline: shapely.Polygon,
    built: Geometries,
    pipes: PipeBook,
    random: np.random.Generator,
) -> Components:
    """Places every kind, then clears what would stand in water, on a crossing carriageway or in a house."""
    courses = _courses(roads, blocks, sites)
    box = _Collector()
    parks = np.flatnonzero((blocks.use == "green") & (blocks.quarter != "edge"))
    estates = np.flatnonzero(np.isin(sites.kind, ("estate", "village", "school", "hospital")) & (blocks.quarter != "edge"))
    yards = shapely.buffer(blocks.plots, -3.0)
    for number, kind in enumerate(KINDS):
        for grade, along in kind.along.items():
            points, words, road = _rows(courses, kind, along, grade, size.on_streets, random)
            box.add(number, points, words, road)
        if kind.crossing:
            points, words, road = _crossings(roads, kind, random)
            box.add(number, points, words, road)
        for density, plots in ((kind.park, parks), (kind.estate, estates)):
            if density:
                points, owner = scattered(yards[plots], density * size.on_plots, random)
                named = np.array([(name or "绿地") + "内" for name in sites.name[plots].tolist()], dtype=object)
                box.add(number, points, named[owner], np.full(len(points), -1))
    _covers(box, pipes, courses)
    return _finished(box, roads, waters, outline, built, random)


def _covers(box: _Collector, pipes: PipeBook, courses: _Courses) -> None:
    """Every manhole of the storm and sewage pipes has its cover."""
    ids = {kind.id: number for number, kind in enumerate(KINDS)}
    trade, what = np.array(pipes.pipe_kind), np.array(pipes.node_kind)
    place = np.array(pipes.place)
    for letters, kind_id in (("YS", "storm_cover"), ("WS", "sewage_cover")):
        nodes = np.flatnonzero((trade == letters) & (what == "manhole"))
        near = shapely.STRtree(courses.line).nearest(shapely.points(place[nodes]))
        road = courses.road[near]
        box.add(ids[kind_id], place[nodes], courses.told[road] + "路面", road, nodes)


def _finished(
    box: _Collector, roads: Roads, waters: Waters, outline: shapely.Polygon, built: Geometries, random: np.random.Generator
) -> Components:
    kind, point = np.concatenate(box.kind), np.vstack(box.point)
    address, road, node = np.concatenate(box.address), np.concatenate(box.road), np.concatenate(box.node)
    grade_half = np.array([one.width / 2 - one.pavement for one in roads.roads])
    ways = shapely.union_all(shapely.buffer(roads.pieces, grade_half[roads.piece_road] - 0.6, cap_style="flat"))
    water, houses = waters.all(), shapely.union_all(built)
    for shape in (ways, water, houses, outline):
        shapely.prepare(shape)
    x, y = point[:, 0], point[:, 1]
    bridge = np.array([k.over_water for k in KINDS])[kind]
    on_way = np.array([k.lane > 0 or k.id.endswith("cover") or k.id == "inlet" for k in KINDS])[kind]
    outside = ~shapely.contains_xy(outline, x, y)
    gone = outside | (shapely.contains_xy(water, x, y) & ~bridge) | (shapely.contains_xy(ways, x, y) & ~on_way)
    keep = ((node >= 0) & ~outside) | ~(gone | shapely.contains_xy(houses, x, y))
    kind, point, address, road, node = kind[keep], point[keep], address[keep], road[keep], node[keep]
    opened = np.array([np.datetime64(one.finished, "D") for one in roads.roads] + [np.datetime64("2012-05-01", "D")])
    started = np.minimum(opened[road] + random.integers(0, 3200, len(kind)), np.datetime64("2026-03-01"))
    loss = np.array([k.loss for k in KINDS])[kind]
    draw = random.random(len(kind)) / loss
    bad = np.cumsum(np.array(STATE_SHARES)[:0:-1])
    state = STATES[np.where(draw < bad[0], 3, np.where(draw < bad[1], 2, np.where(draw < bad[2], 1, 0)))]
    changed = started + random.integers(30, 1500, len(kind))
    changed = np.where((state != "完好") & (changed < np.datetime64("2026-11-20")), changed, np.datetime64("NaT"))
    return Components(kind, point, address, started, changed, state, node)


def agency_of(kind: Kind) -> tuple[str, str, str]:
    """Returns department, owner and maintainer of a kind.

    >>> agency_of(KINDS[0])[1]
    '市城市照明管理处'
    """
    agency = AGENCIES[kind.agency]
    return agency.department, agency.owner, agency.maintainer
