"""Public services at their sites: schools, public toilets, emergency shelters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.components import beside
from data.sample.greenery import SQUARE, clear_ground
from data.sample.names import numbered
from data.sample.planar import Geometries, Integers
from data.sample.rows_things import park_figures
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["inner_points", "school_rows", "shelter_rows", "toilet_rows"]

# Level by the ending of a school's name; m2 for each pupil, most pupils, most ground (the rest of a plot is not the school's).
LEVELS: tuple[tuple[str, tuple[str, float, int, float]], ...] = (
    ("幼儿园", ("kindergarten", 16.0, 420, 8_000.0)),
    ("小学", ("primary", 15.0, 2_400, 36_000.0)),
    ("中学", ("middle", 19.0, 3_600, 60_000.0)),
)
COLLEGE = ("college", 7.0, 18_000, 400_000.0)
STREET_EVERY, STREET_GAP, TOILET_SETBACK = 620.0, 330.0, 5.0  # toilets along main streets: wished and least distance, m
TOILET_CLEAR = 3.0
SHELTER_SHARE, LEAST_SCHOOL = 0.35, 9_000.0  # share of a school's ground that serves as a refuge; least ground, m2
CENTRAL, FIXED = 50_000.0, 8_000.0  # effective area from which a shelter is central or fixed, m2
PER_HEAD = {"central": 4.5, "fixed": 2.0, "urgent": 1.0}  # m2 for each person


def inner_points(shapes: Geometries, depth: float, share: Floats) -> Geometries:
    """Returns a point of each area at a depth from its edge, at a share of the way around."""
    inner = shapely.buffer(shapes, -depth, quad_segs=2)
    found = np.asarray(shapely.point_on_surface(shapes), dtype=object)
    parts, owner = shapely.get_parts(inner, return_index=True)
    parts, owner = parts[~shapely.is_empty(parts)], owner[~shapely.is_empty(parts)]
    order = np.lexsort((-shapely.area(parts), owner))
    largest = order[np.r_[True, np.diff(owner[order]) != 0]] if len(order) else order
    ring = shapely.get_exterior_ring(parts[largest])
    found[owner[largest]] = shapely.line_interpolate_point(ring, share[owner[largest]], normalized=True)
    return found


def school_rows(world: World) -> Iterator[LayerTable]:
    """Schools of the plan with pupils by their ground."""
    sites, d = world.sites, world.divisions
    plots = np.flatnonzero(sites.kind == "school")
    area = _school_ground(world, plots)
    middle = np.asarray(shapely.point_on_surface(world.blocks.plots[plots]), dtype=object)
    cell = world.cell_of(world.degrees(middle))
    county = world.county(cell)
    levels = [_level(name) for name in sites.name[plots].tolist()]
    each = np.array([level[1] for level in levels])
    most = np.array([level[2] for level in levels])
    pupils = np.minimum(area / each * world.random("schools").uniform(0.8, 1.1, len(plots)), most)
    yield LayerTable(
        "school",
        {
            "code": [f"{code}XX{number:04d}" for number, code in enumerate(county.tolist(), 1)],
            "name": sites.name[plots].astype(object),
            "level": [level[0] for level in levels],
            "pupils": np.floor(pupils).astype(np.int64),
            "area_m2": np.round(area, 0),
            "community_code": [d.community_code[c] for c in d.cell_community[cell].tolist()],
            "address": world.nearest_address(middle),
        },
        world.degrees(middle),
    )


def _level(name: str) -> tuple[str, float, int, float]:
    return next((figures for ending, figures in LEVELS if name.endswith(ending)), COLLEGE)


def _school_ground(world: World, plots: Integers) -> Floats:
    """Returns the ground of the schools on some plots, m2."""
    most = np.array([_level(name)[3] for name in world.sites.name[plots].tolist()])
    return np.asarray(np.minimum(shapely.area(world.blocks.plots[plots]), most), dtype=float)


@dataclass(frozen=True, slots=True)
class _Toilets:
    """Toilets of one kind of place: point, name, park (or -1), and whether it is a busy place."""

    point: Geometries
    name: NDArray[np.object_]
    park: Integers
    busy: NDArray[np.bool_]


def _park_toilets(world: World) -> _Toilets:
    """As many in each park as the park states, spread along its paths."""
    parks, count = world.parks, park_figures(world).toilets
    park = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(park)) - np.repeat(np.cumsum(count) - count, count)
    point = inner_points(parks.shape[park], 16.0, (nth + 0.35) / count[park])
    names = np.array([f"{parks.name[p]}公厕" for p in park.tolist()], dtype=object)
    return _Toilets(point, names, park, np.isin(np.array(parks.kind)[park], ("综合", "专类")))


def _site_toilets(world: World) -> _Toilets:
    """At the markets, the station and the hospitals, in the yard beside the houses."""
    sites, blocks = world.sites, world.blocks
    plots = np.r_[sites.markets, sites.station, np.flatnonzero(sites.kind == "hospital")]
    yards = clear_ground(shapely.buffer(blocks.plots[plots], -3.0), shapely.buffer(world.buildings.shapes, 2.0, quad_segs=1))
    point = np.asarray(shapely.point_on_surface(yards), dtype=object)
    known = ~shapely.is_empty(point)
    names = np.asarray(sites.name[plots[known]].astype(object) + "公厕", dtype=object)
    return _Toilets(point[known], names, np.full(len(names), -1), np.ones(len(names), dtype=bool))


def _street_toilets(world: World, others: Geometries) -> _Toilets:
    """Along main streets behind the pavement, away from houses, water, crossings and other toilets."""
    roads = [road for road in world.roads.roads if road.grade in ("arterial", "secondary")]
    lines = np.array([line for road in roads for line in road.course], dtype=object)
    half = np.array([road.width / 2 for road in roads for _ in road.course])
    told = np.array([road.name for road in roads for _ in road.course], dtype=object)
    count = np.floor(shapely.length(lines) / STREET_EVERY + 0.5).astype(np.int64)
    which = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    random = world.random("street toilets")
    at = (nth + random.uniform(0.3, 0.7, len(which))) * (shapely.length(lines)[which] / count[which])
    side = np.where(random.random(len(which)) < 0.5, 1.0, -1.0)
    place, _ = beside(lines[which], at, side * (half[which] + TOILET_SETBACK))
    points = np.asarray(shapely.points(place), dtype=object)
    free = np.zeros(len(points), dtype=bool)
    free[shapely.STRtree(points).query(world.blocks.plots, predicate="contains")[1]] = True
    free[np.unique(shapely.STRtree(world.buildings.shapes).query(points, predicate="dwithin", distance=TOILET_CLEAR)[0])] = False
    free[np.unique(shapely.STRtree(others).query(points, predicate="dwithin", distance=STREET_GAP)[0])] = False
    first, second = shapely.STRtree(points).query(points, predicate="dwithin", distance=STREET_GAP)
    for a, b in zip(*(side[second < first].tolist() for side in (first, second)), strict=True):
        free[a] &= not free[b]
    names = np.array([f"{name}公厕" for name in told[which[free]].tolist()], dtype=object)
    return _Toilets(points[free], names, np.full(len(names), -1), np.zeros(len(names), dtype=bool))


def toilet_rows(world: World) -> Iterator[LayerTable]:
    """Public toilets in parks, at markets, station and hospitals, and along main streets."""
    inside = (_park_toilets(world), _site_toilets(world))
    groups = (*inside, _street_toilets(world, np.concatenate([group.point for group in inside])))
    point, park, busy = (np.concatenate([getattr(group, key) for group in groups]) for key in ("point", "park", "busy"))
    count, random, codes = len(point), world.random("toilets"), park_figures(world).code
    county = world.county(world.cell_of(world.degrees(point)))
    grade = np.where(busy, random.choice(["1", "2"], count, p=[0.6, 0.4]), random.choice(["1", "2", "3"], count, p=[0.1, 0.6, 0.3]))
    men = random.integers(3, 7, count) + 3 * busy
    women = np.ceil(men * random.choice([1.5, 2.0], count)).astype(np.int64)
    yield LayerTable(
        "toilet",
        {
            "code": [f"{code}GC{number:04d}" for number, code in enumerate(county.tolist(), 1)],
            "name": numbered(np.concatenate([group.name for group in groups])),
            "grade": grade.astype(object),
            "stalls_men": men,
            "stalls_women": women,
            "stalls": men + women,
            "open_hours": np.where(busy | (random.random(count) < 0.35), "00:00—24:00", "06:00—22:00").astype(object),
            "barrier_free": ((grade != "3") | (random.random(count) < 0.4)).tolist(),
            "service_radius_m": np.where(busy, 300.0, 500.0),
            "manager_name": np.where(park >= 0, "公园管理单位", "市环境卫生管理处").astype(object),
            "park_code": [codes[p] if p >= 0 else None for p in park.tolist()],
            "address": world.nearest_address(point),
        },
        world.degrees(point),
    )


def shelter_rows(world: World) -> Iterator[LayerTable]:
    """Shelters in parks and squares with the refuge area that the park states, and on the grounds of large schools."""
    sites, blocks, parks, stated = world.sites, world.blocks, world.parks, park_figures(world)
    park = np.flatnonzero(stated.refuge > 0)
    schools = np.flatnonzero(sites.kind == "school")
    ground = _school_ground(world, schools)
    schools, ground = schools[ground > LEAST_SCHOOL], ground[ground > LEAST_SCHOOL]
    area = np.concatenate([stated.refuge[park], np.round(ground * SHELTER_SHARE, 0)])
    kind = np.where(area >= CENTRAL, "central", np.where(area >= FIXED, "fixed", "urgent")).astype(object)
    shape = np.concatenate([parks.shape[park], blocks.plots[schools]])
    point = inner_points(shape, 22.0, np.full(len(shape), 0.6))
    squares = [parks.name[p].endswith(SQUARE) for p in park.tolist()]
    names = np.concatenate([np.array(parks.name, dtype=object)[park], sites.name[schools].astype(object)])
    county = world.county(world.cell_of(world.degrees(point)))
    yield LayerTable(
        "shelter",
        {
            "code": [f"{code}BN{number:04d}" for number, code in enumerate(county.tolist(), 1)],
            "name": names + "避难场所",
            "kind": kind,
            "site": [*("square" if square else "park" for square in squares), *["school"] * len(schools)],
            "capacity": np.floor(area / np.array([PER_HEAD[k] for k in kind.tolist()])).astype(np.int64),
            "area_m2": area,
            "park_code": [*(stated.code[p] for p in park.tolist()), *[None] * len(schools)],
            "manager_name": [*stated.manager[park].tolist(), *sites.name[schools].astype(object).tolist()],
            "address": world.nearest_address(point),
        },
        world.degrees(point),
    )
