"""Bus stops out of the bus shelters, cameras at crossings, on the ring road and at gates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.component_kinds import KINDS
from data.sample.greenery import Gates
from data.sample.names import numbered
from data.sample.planar import Integers
from data.sample.rows_things import park_figures
from data.sample.sites import LANDMARKS
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["bus_rows", "camera_rows"]

APART = 90.0  # platforms nearer along their street are one stop, m
NAMING = 130.0  # a landmark this near names the stop, m
DIRECTIONS = {"北侧": "west", "南侧": "east", "东侧": "north", "西侧": "south"}  # traffic keeps to the right
BUS_LINES = 48
LINES = {"arterial": 5, "secondary": 2}
# Cameras by place: view angle, reach, height (degrees, m, m).
OPTICS = {"crossing": (72.0, 90.0, 6.5), "road": (36.0, 180.0, 8.0), "gate": (95.0, 45.0, 3.6)}
GATE_INSIDE = 2.5
POLICE = "市公安局交通管理支队"
GUARDED = {
    "school": "市教育局",
    "hospital": "市卫生健康委员会",
    "market": "市市场监督管理局",
    "station": "市公安局",
    "government": "市公安局",
}


def _of_kind(world: World, kind_id: str) -> Integers:
    number = next(number for number, kind in enumerate(KINDS) if kind.id == kind_id)
    return np.flatnonzero(world.components.kind == number)


def _stops(world: World, shelters: Integers) -> tuple[Integers, NDArray[np.object_], Floats]:
    """Returns the stop of each bus shelter, its street, and the middle of each stop."""
    place = world.components.point[shelters]
    road = np.array([text[:-2] for text in world.components.address[shelters]], dtype=object)
    stop = np.full(len(shelters), -1, dtype=np.int64)
    count = 0
    for one in world.roads.roads:
        mine = np.flatnonzero(road == one.name) if one.name else np.empty(0, dtype=np.int64)
        if not len(mine):
            continue
        lines, points = np.array(one.course, dtype=object), shapely.points(place[mine])
        line = shapely.distance(lines[:, None], points[None]).argmin(axis=0)
        along = shapely.line_locate_point(lines[line], points)
        order = np.lexsort((along, line))
        new = np.r_[True, (np.diff(line[order]) != 0) | (np.diff(along[order]) > APART)]
        stop[mine[order]] = count + np.cumsum(new) - 1
        count += int(new.sum())
    size = np.bincount(stop, minlength=count)[:, None]
    middle = np.column_stack([np.bincount(stop, weights=place[:, axis], minlength=count) for axis in (0, 1)]) / size
    return stop, road, middle


def _stop_names(world: World, road: Sequence[str], middle: Floats) -> list[str]:
    """Names each stop by a landmark beside it, else by the next crossing street; no two stops share a name."""
    sites, r = world.sites, world.roads
    spots = np.flatnonzero(np.isin(sites.kind, (*(kind for kind in LANDMARKS if kind != "shops"), "park")))
    points = shapely.points(middle)
    near = spots[shapely.STRtree(world.blocks.plots[spots]).nearest(points)]
    close = shapely.distance(world.blocks.plots[near], points) < NAMING
    at: dict[int, set[str]] = {}
    for ends, name in zip(r.nodes.tolist(), r.of_pieces("name").tolist(), strict=True):
        for node in ends if name is not None else ():
            at.setdefault(node, set()).add(name)
    crossings = np.array([node for node, names in sorted(at.items()) if len(names) > 1])
    taken: set[str] = set()
    found = []
    for number, own in enumerate(road):
        far = np.hypot(*(r.places[crossings] - middle[number]).T)
        order = crossings[np.argsort(far, kind="stable")[:12]].tolist()
        streets = [other for node in order if own in at[node] for other in sorted(at[node] - {own})]
        options = [str(sites.name[near[number]])] * bool(close[number]) + [f"{own}{other}口" for other in streets]
        name = next((option for option in options if option not in taken), "")
        name = name or next(f"{own}{n}站" for n in range(1, len(road) + 2) if f"{own}{n}站" not in taken)
        taken.add(name)
        found.append(name)
    return found


def _lines_of_streets(world: World, roads: Sequence[str]) -> dict[str, str]:
    """Gives every street its bus lines; the halves of a street (east, west …) share them."""
    random = world.random("bus lines")
    grade = {road.name: road.grade for road in world.roads.roads if road.name}
    stem = {road: re.sub("[东西南北](?=[路街]$)", "", road) for road in sorted(set(roads))}
    lines: dict[str, str] = {}
    for name in sorted(set(stem.values())):
        most = max(LINES.get(grade[road], 1) for road, own in stem.items() if own == name)
        numbers = np.sort(random.choice(BUS_LINES, int(random.integers((most + 1) // 2, most + 1)), replace=False) + 1)
        lines[name] = "、".join(f"{number}路" for number in numbers.tolist())
    return {road: lines[own] for road, own in stem.items()}


def bus_rows(world: World, codes: Sequence[str]) -> Iterator[LayerTable]:
    """One platform for each bus shelter, where the shelter stands."""
    shelters = _of_kind(world, "bus_stop")
    stop, road, middle = _stops(world, shelters)
    of_stop = np.empty(len(middle), dtype=object)
    of_stop[stop] = road
    names = np.array(_stop_names(world, of_stop.tolist(), middle), dtype=object)
    lines = _lines_of_streets(world, road.tolist())
    order = np.lexsort((shelters, stop))
    shelters, stop, road = shelters[order], stop[order], road[order]
    rank = np.arange(len(stop)) - np.searchsorted(stop, stop)
    yield LayerTable(
        "bus_stop",
        {
            "code": [f"990100GJ{world.town.mark}{s + 1:04d}{chr(65 + n)}" for s, n in zip(stop.tolist(), rank.tolist(), strict=True)],
            "name": names[stop],
            "lines": [lines[name] for name in road],
            "direction": [DIRECTIONS[text[-2:]] for text in world.components.address[shelters]],
            "road_name": road,
            "component_code": [codes[index] for index in shelters.tolist()],
        },
        world.points(world.components.point[shelters]),
    )


@dataclass(frozen=True, slots=True)
class _Cameras:
    """Cameras of one kind of place: where, looking where (azimuth), who answers, place in words, component (or -1)."""

    site: str
    point: Floats
    azimuth: Floats
    department: NDArray[np.object_]
    address: NDArray[np.object_]
    component: Integers


def _azimuth(step: Floats) -> Floats:
    """Turns steps east and north into degrees from north, clockwise."""
    return np.asarray(np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360, dtype=float)


def _street_cameras(world: World) -> tuple[_Cameras, _Cameras]:
    """The cameras among the components: at crossings they look at the crossing, on the ring along the traffic."""
    c, r = world.components, world.roads
    all_of = _of_kind(world, "camera")
    crossing = np.array([text.endswith("口") for text in c.address[all_of]])
    at, on = all_of[crossing], all_of[~crossing]
    named = np.array([name is not None for name in r.of_pieces("name")])
    degree = np.bincount(r.nodes[named].ravel(), minlength=len(r.places))
    nodes = np.flatnonzero(degree > 2)
    node = nodes[shapely.STRtree(shapely.points(r.places[nodes])).nearest(shapely.points(c.point[at]))]
    ring = np.flatnonzero(r.of_pieces("grade") == "expressway")
    points = shapely.points(c.point[on])
    piece = r.pieces[ring[shapely.STRtree(r.pieces[ring]).nearest(points)]]
    foot = shapely.get_coordinates(shapely.line_interpolate_point(piece, shapely.line_locate_point(piece, points)))
    aside = c.point[on] - foot
    ahead = np.column_stack([-aside[:, 1], aside[:, 0]])  # with the traffic, which keeps to the right
    police = [np.full(len(some), POLICE, dtype=object) for some in (at, on)]
    return (
        _Cameras("crossing", c.point[at], _azimuth(r.places[node] - c.point[at]), police[0], c.address[at], at),
        _Cameras("road", c.point[on], _azimuth(ahead), police[1], c.address[on], on),
    )


def _gate_cameras(world: World, gates: Gates) -> _Cameras:
    """Cameras inside the main gates of parks and at the gates of schools, hospitals, markets and the station."""
    sites, blocks, r = world.sites, world.blocks, world.roads
    main = gates.main
    plots = np.flatnonzero(np.isin(sites.kind, tuple(GUARDED)))
    ways = r.pieces[np.array([name is not None for name in r.of_pieces("name")])]
    way = ways[shapely.STRtree(ways).nearest(blocks.plots[plots])]
    links = shapely.shortest_line(shapely.boundary(blocks.plots[plots]), way)
    door = np.vstack([gates.point[main], shapely.get_coordinates(shapely.get_point(links, 0))])
    whole = np.concatenate([world.parks.shape[gates.park[main]], blocks.plots[plots]])
    inward = shapely.get_coordinates(shapely.point_on_surface(whole)) - door
    point = door + inward / np.maximum(np.hypot(*inward.T), 1e-9)[:, None] * GATE_INSIDE
    department = [*park_figures(world).manager[gates.park[main]].tolist(), *(GUARDED[kind] for kind in sites.kind[plots].tolist())]
    address = [*np.array(gates.name, dtype=object)[main].tolist(), *(f"{name}大门" for name in sites.name[plots].tolist())]
    nobody = np.full(len(point), -1)
    return _Cameras("gate", point, _azimuth(-inward), np.array(department, dtype=object), np.array(address, dtype=object), nobody)


def camera_rows(world: World, gates: Gates, codes: Sequence[str]) -> Iterator[LayerTable]:
    """Cameras with what they see; those on the streets bear their component's code."""
    groups = (*_street_cameras(world), _gate_cameras(world, gates))
    point = np.vstack([group.point for group in groups])
    address = np.concatenate([group.address for group in groups])
    component = np.concatenate([group.component for group in groups])
    site = [group.site for group in groups for _ in range(len(group.point))]
    random, count = world.random("cameras"), len(point)
    optics = np.array([OPTICS[name] for name in site])
    places = world.points(point)
    county = world.county(world.cell_of(places)).tolist()
    yield LayerTable(
        "camera",
        {
            # 8 digits of the centre, 2 of the trade, type 132 (network camera), network, serial
            "code": [f"{code}00001320{number:06d}" for number, code in enumerate(county, 1)],
            "name": numbered(f"{text}监控" for text in address.tolist()),
            "site": site,
            "state": np.where(random.random(count) < 0.96, "online", "offline").astype(object),
            "direction_deg": np.round(np.concatenate([group.azimuth for group in groups]), 1) % 360,
            "view_angle_deg": optics[:, 0],
            "reach_m": np.round(optics[:, 1] * random.uniform(0.85, 1.2, count), 0),
            "height_m": np.round(optics[:, 2] + random.uniform(-0.4, 0.6, count), 1),
            "department_name": np.concatenate([group.department for group in groups]),
            "component_code": [codes[index] if index >= 0 else None for index in component.tolist()],
            "address": address,
        },
        places,
    )
