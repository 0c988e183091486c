"""Green space of the five classes of CJJ/T 85, and the entrances of the parks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.housing import Homes
from data.sample.names import numbered
from data.sample.network import WIDTHS
from data.sample.planar import Geometries, Integers
from data.sample.rows_things import park_figures
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["Gates", "clear_ground", "entrance_rows", "green_rows", "make_gates"]

BELT = (3.0, 28.0)  # protective green beside the ring road: from the red line, m
YARD, LANE_SIDE, WALL = 2.5, 4.5, 4.0  # bare ground along the plot's edge, a lane, a house, m
OPENING = 3.5  # attached green is at least twice as wide, m
LEAST = {"G2": 500.0, "XG": 350.0, "EG": 900.0}
ATTACHED_QUARTERS = ("mid", "new", "campus", "old")
SQUARE = "市民广场"  # how the name of a paved square ends
ALONG, EVERY = 6.0, 420.0  # a street this near the boundary touches the park, m; boundary along a street for one more gate
COMPASS = ("东", "北", "西", "南")


@dataclass(frozen=True, slots=True)
class _Greens:
    """Green space of one class in the city's metres: names, the least and the greatest planted share, manager, what is a plan."""

    class_code: str
    shape: Geometries
    name: NDArray[np.object_]
    planted: tuple[float, float]
    manager: str
    planned: NDArray[np.bool_]


def _parts(shapes: Geometries, owner: Integers, least: float) -> tuple[Geometries, Integers]:
    """Returns the polygons of some areas that are large enough, with the owner of each."""
    parts, index = shapely.get_parts(shapes, return_index=True)
    large = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > least)
    return np.asarray(parts[large], dtype=object), owner[index[large]]


def clear_ground(ground: Geometries, blocked: Geometries) -> Geometries:
    """Takes from each area what is blocked on it.

    >>> clear_ground(np.array([shapely.box(0, 0, 4, 4)]), np.array([shapely.box(3, 0, 9, 4), shapely.box(8, 8, 9, 9)]))[0].area
    12.0
    """
    free = ground.copy()
    at, what = shapely.STRtree(blocked).query(ground, predicate="intersects")
    order = np.lexsort((what, at))
    at, what = at[order], what[order]
    for index, group in zip(np.unique(at), np.split(what, np.flatnonzero(np.diff(at)) + 1), strict=True):
        free[index] = shapely.difference(free[index], shapely.union_all(blocked[group]))
    return free


def _belts(world: World, homes: Homes) -> _Greens:
    """Protective green along the ring road, where no house and no park stands."""
    blocks, network = world.blocks, world.network
    ring = shapely.union_all(network.lines[network.grade == "expressway"])
    half = WIDTHS["expressway"] / 2
    strip = shapely.difference(shapely.buffer(ring, half + BELT[1]), shapely.buffer(ring, half + BELT[0]))
    taken = np.concatenate([shapely.buffer(world.buildings.shapes, WALL, quad_segs=1), homes.shape])
    near = shapely.STRtree(blocks.plots).query(strip, predicate="intersects")
    plots = np.sort(near[(blocks.use[near] != "green") & (blocks.quarter[near] == "edge")])
    shapes = clear_ground(shapely.intersection(blocks.plots[plots], strip), taken)
    shape, _ = _parts(shapely.buffer(shapely.buffer(shapes, -OPENING), OPENING, quad_segs=2), plots, LEAST["G2"])
    roads = np.array([road.name for road in world.roads.roads], dtype=object)
    ways = np.flatnonzero(world.roads.of_pieces("grade") == "expressway")
    nearest = ways[shapely.STRtree(world.roads.pieces[ways]).nearest(shapely.centroid(shape))]
    names = numbered(roads[world.roads.piece_road[nearest]] + "防护绿地")
    return _Greens("G2", shape, names, (0.9, 0.98), "市园林绿化管理处", np.zeros(len(shape), dtype=bool))


def _attached(world: World) -> _Greens:
    """Green inside estates, schools and hospitals: the ground that houses and lanes leave over, its largest part."""
    blocks, sites = world.blocks, world.sites
    wanted = np.isin(sites.kind, ("estate", "school", "hospital", "government")) & np.isin(blocks.quarter, ATTACHED_QUARTERS)
    plots = np.flatnonzero(wanted)
    named = np.array([road.name is not None for road in world.roads.roads])[world.roads.piece_road]
    lanes = shapely.buffer(world.roads.pieces[~named], LANE_SIDE, cap_style="flat")
    walls = shapely.buffer(world.buildings.shapes, WALL, quad_segs=1)
    blocked = np.concatenate([walls, lanes])
    ground = shapely.buffer(blocks.plots[plots], -YARD)
    ground = shapely.simplify(clear_ground(ground, blocked), 0.2)
    ground = shapely.buffer(shapely.buffer(ground, -OPENING, quad_segs=2), OPENING, quad_segs=2)
    shape, owner = _parts(shapely.simplify(ground, 0.3), plots, LEAST["XG"])
    order = np.lexsort((-shapely.area(shape), owner))
    largest = order[np.r_[True, np.diff(owner[order]) != 0]]
    names = np.asarray(sites.name[owner[largest]].astype(object) + "附属绿地", dtype=object)
    return _Greens("XG", shape[largest], names, (0.7, 0.95), "物业或使用单位", np.zeros(len(largest), dtype=bool))


def _regional(world: World) -> _Greens:
    """Regional green outside the ring; a part of it is still a plan."""
    blocks, d = world.blocks, world.divisions
    plots = np.flatnonzero((blocks.use == "green") & (world.sites.kind != "park") & (blocks.park == "") & (blocks.quarter == "edge"))
    plots = plots[shapely.area(blocks.plots[plots]) > LEAST["EG"]]
    cell = world.cell_of(world.degrees(np.asarray(shapely.point_on_surface(blocks.plots[plots]), dtype=object)))
    home = np.array(d.community_name, dtype=object)[d.cell_community[cell]]
    names = numbered(home + "郊野绿地")
    planned = world.random("planned green").random(len(plots)) < 0.3
    return _Greens("EG", blocks.plots[plots], names, (0.8, 0.97), "区林业站", planned)


def _future_parks(world: World) -> _Greens:
    """Park green that is planned: idle plots of the plan."""
    blocks, d = world.blocks, world.divisions
    plots = np.flatnonzero((blocks.use == "other") & (shapely.area(blocks.plots) > LEAST["EG"]))
    standing = np.unique(world.buildings.plot)
    plots = np.setdiff1d(plots, standing)
    cell = world.cell_of(world.degrees(np.asarray(shapely.point_on_surface(blocks.plots[plots]), dtype=object)))
    home = np.array(d.community_name, dtype=object)[d.cell_community[cell]]
    names = numbered(home + "规划公园")
    return _Greens("G1", blocks.plots[plots], names, (0.7, 0.8), "区园林绿化管理所", np.ones(len(plots), dtype=bool))


def green_rows(world: World, homes: Homes) -> Iterator[LayerTable]:
    """Park green and squares out of the parks, then what is not a park."""
    p, stated, random = world.parks, park_figures(world), world.random("green rows")
    others = (_future_parks(world), _belts(world, homes), _attached(world), _regional(world))
    shape = np.concatenate([p.shape, *(g.shape for g in others)])
    area = np.round(shapely.area(shape), 0)
    planned = np.concatenate([np.zeros(len(p.name), dtype=bool), *(g.planned for g in others)])
    share = np.concatenate([random.uniform(*g.planted, len(g.shape)) for g in others])
    green = np.concatenate([stated.green, np.round(area[len(p.name) :] * share, 0)])
    classes = ["G3" if name.endswith(SQUARE) else "G1" for name in p.name]
    for g in others:
        classes += [g.class_code] * len(g.shape)
    middle = np.asarray(shapely.point_on_surface(shape), dtype=object)
    yield LayerTable(
        "green_space",
        {
            "code": [f"990100LD{world.town.mark}{number:05d}" for number in range(1, len(shape) + 1)],
            "name": np.concatenate([np.array(p.name, dtype=object), *(g.name for g in others)]),
            "class_code": classes,
            "state": np.where(planned, "planned", "present").astype(object),
            "area_m2": np.where(planned, 0.0, area),
            "green_area_m2": np.where(planned, 0.0, green),
            "planned_area_m2": area,
            "park_code": [*stated.code, *[None] * (len(shape) - len(stated.code))],
            "manager_name": [*stated.manager.tolist(), *(name for g in others for name in [g.manager] * len(g.shape))],
            "address": world.nearest_address(middle),
        },
        world.degrees(shape),
    )


@dataclass(frozen=True, slots=True)
class Gates:
    """Entrances of the parks in the city's metres: park, street, place, name, whether it is the main one."""

    park: Integers
    road: Integers
    point: Floats
    name: list[str]
    main: NDArray[np.bool_]


def make_gates(world: World) -> Gates:
    """Opens each park towards every street along its boundary, once for each 420 m."""
    r, parks = world.roads, world.parks
    ways = np.flatnonzero(np.array([road.name is not None for road in r.roads])[r.piece_road] & (r.of_pieces("grade") != "expressway"))
    half = r.of_pieces("width").astype(float)[ways] / 2
    reach = shapely.buffer(r.pieces[ways], half + ALONG, cap_style="flat")
    edge = np.asarray(shapely.boundary(parks.shape), dtype=object)
    way, park = shapely.STRtree(edge).query(reach, predicate="intersects")
    pieces, pair = shapely.get_parts(shapely.line_merge(shapely.intersection(edge[park], reach[way])), return_index=True)
    length = shapely.length(pieces)
    owner, road = park[pair], r.piece_road[ways[way[pair]]]
    keep = (length > 12.0) & (shapely.get_type_id(pieces) == 1)
    pieces, length, owner, road = pieces[keep], length[keep], owner[keep], road[keep]
    order = np.lexsort((-length, road, owner))
    pieces, length, owner, road = pieces[order], length[order], owner[order], road[order]
    new = np.r_[True, (np.diff(owner) != 0) | (np.diff(road) != 0)]
    group = np.cumsum(new) - 1
    allowed = 1 + np.floor(np.bincount(group, weights=length) / EVERY)
    rank = np.arange(len(group)) - np.flatnonzero(new)[group]
    chosen = rank < allowed[group]
    pieces, length, owner, road = pieces[chosen], length[chosen], owner[chosen], road[chosen]
    point = shapely.get_coordinates(shapely.line_interpolate_point(pieces, 0.5, normalized=True))
    order = np.lexsort((-length, owner))
    main = np.zeros(len(owner), dtype=bool)
    main[order[np.r_[True, np.diff(owner[order]) != 0]]] = True
    return Gates(owner, road, point, _gate_names(world, owner, point), main)


def _gate_names(world: World, park: Integers, point: Floats) -> list[str]:
    """Names a gate by the side of the park on which it lies."""
    off = point - shapely.get_coordinates(shapely.centroid(world.parks.shape[park]))
    side = np.round(np.arctan2(off[:, 1], off[:, 0]) / (np.pi / 2)).astype(np.int64) % 4
    names = [f"{world.parks.name[p]}{COMPASS[s]}门" for p, s in zip(park.tolist(), side.tolist(), strict=True)]
    return [str(name) for name in numbered(names)]


def entrance_rows(world: World, gates: Gates) -> Iterator[LayerTable]:
    """Entrances on the boundary of their park."""
    random, count = world.random("entrances"), len(gates.park)
    codes = park_figures(world).code
    park = gates.park.tolist()
    number = np.arange(count) - np.searchsorted(gates.park, gates.park) + 1
    yield LayerTable(
        "park_entrance",
        {
            "code": [f"{codes[p]}M{n:02d}" for p, n in zip(park, number.tolist(), strict=True)],
            "name": gates.name,
            "kind": np.where(gates.main, "main", "side").astype(object),
            "park_code": [codes[p] for p in park],
            "park_name": [world.parks.name[p] for p in park],
            "road_name": [world.roads.roads[road].name for road in gates.road.tolist()],
            "width_m": np.round(np.where(gates.main, random.uniform(5, 12, count), random.uniform(1.8, 5, count)), 1),
            "barrier_free": (gates.main | (random.random(count) < 0.6)).tolist(),
        },
        world.degrees(np.asarray(shapely.points(gates.point), dtype=object)),
    )
