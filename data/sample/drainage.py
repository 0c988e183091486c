"""Drainage of a town: inlets at the kerb, outfalls, catchments; the storm and sewage trees and the low places stand behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.component_kinds import KINDS
from data.sample.components import beside
from data.sample.flow import Basins, Gravity, basins_of, gravity_of
from data.sample.lowland import Bowl, Underpass, bowls_of, ground_level, underpasses_of, water_level
from data.sample.planar import Geometries
from data.sample.rows_land import people_of_communities
from data.sample.rows_things import chunked, node_codes
from data.sample.storm import STORM
from data.sample.terrain import Floats
from data.sample.where import told
from data.sample.world import World
from data.table import LayerTable

__all__ = ["APPROACH", "LOW_REACH", "MANAGER", "SEWAGE_MANAGER", "Drainage", "drainage_rows", "make_drainage"]

MANAGER, SEWAGE_MANAGER = "市政设施管理处", "市排水公司"
INLET_REACH = 35.0  # an inlet farther from a storm manhole belongs to no public pipe, m
EXTRA_AT = (-21.0, -7.0, 7.0, 21.0)  # more inlets at the lowest place of a hollow, along the street
TREATED_FREEBOARD = 0.35
LOW_REACH = 45.0  # a hollow is called by the crossing within this distance, m
APPROACH = 22.0  # width of the ground beside an underpass that drains into it, m
UNDERPASS_YEARS = 10.0


@dataclass(frozen=True, slots=True)
class Drainage:
    """What the drainage layers, the sensors and the emergencies of a town speak of.

    Attributes:
        component: codes of the components, in their order.
        code: codes of the pipe nodes, in the order of the pipe book.
        storm, sewage: the gravity trees; ``storm_land``, ``sewage_land``: the ground that each outlet drains.
        bowls, dives: hollows and underpasses; places that flood are numbered bowls first.
        low: lowest place of each of them, metres about the town's middle; ``names``: what people call them.
    """

    component: Sequence[str]
    code: NDArray[np.object_]
    storm: Gravity
    sewage: Gravity
    storm_land: Basins
    sewage_land: Basins
    bowls: list[Bowl]
    dives: list[Underpass]
    low: Floats
    names: list[str]

    def outfall_codes(self, world: World) -> dict[int, str]:
        """Returns the code of the outfall of each outlet of the storm pipes."""
        return {node: f"PK{world.town.mark}{n:04d}" for n, node in enumerate(self.storm.outlets.tolist(), 1)}

    def outfall_names(self, world: World) -> list[str]:
        """Names the storm outfalls by river, bank and number, in the order of the outlets."""
        north = world.ground.north_up(world.ground.plan(self.storm.place[self.storm.outlets]))[:, 1] > 0
        number = np.where(north, np.cumsum(north), np.cumsum(~north))
        head = world.town.title + world.waters.names[0]
        return [f"{head}{'北' if up else '南'}岸{n}号雨水" for up, n in zip(north.tolist(), number.tolist(), strict=True)]

    def storm_manhole(self, places: Floats) -> NDArray[np.int64]:
        """Returns the storm manhole nearest to each place."""
        holes = self.storm.manholes
        return np.asarray(holes[shapely.STRtree(shapely.points(self.storm.place[holes])).nearest(shapely.points(places))], dtype=np.int64)


def make_drainage(world: World, component: Sequence[str]) -> Drainage:
    """Reads the trees off the pipes and finds the low places."""
    code = np.array(node_codes(world), dtype=object)
    storm, sewage = gravity_of(world, "YS", code), gravity_of(world, "WS", code)
    bowls, dives = bowls_of(world.ground, world.waters.river), underpasses_of(world.size, world.ground)
    low = np.vstack([*(bowl.low for bowl in bowls), *(dive.crossing for dive in dives)])
    names = [name.removesuffix("路段") for name in told(world, low[: len(bowls)], LOW_REACH)]
    names += [f"{name.removesuffix('交叉口')}下穿通道" for name in told(world, low[len(bowls) :])]
    return Drainage(
        component, code, storm, sewage, basins_of(world, storm), basins_of(world, sewage), bowls, dives, low, names,
    )  # fmt: skip


def drainage_rows(world: World, drains: Drainage) -> Iterator[LayerTable]:
    """Inlets, outfalls and catchments."""
    yield from _inlet_rows(world, drains)
    yield _outfall_rows(world, drains)
    yield from _catchment_rows(world, drains)


@dataclass(frozen=True, slots=True)
class _Inlets:
    place: Floats
    component: NDArray[np.object_]
    kind: NDArray[np.object_]
    grates: NDArray[np.int64]
    state: NDArray[np.object_]
    road: NDArray[np.object_]


def _kerb_inlets(world: World, drains: Drainage) -> _Inlets:
    """The inlets that stand as components along the streets, both kerbs."""
    c = world.components
    number = [kind.id for kind in KINDS].index("inlet")
    mine = np.flatnonzero(c.kind == number)
    random = world.random("inlets")
    wide = random.random(len(mine))
    state = np.where(c.state[mine] == "完好", "sound", np.where(c.state[mine] == "废弃", "disused", "damaged")).astype(object)
    state[(state == "sound") & (random.random(len(mine)) < 0.035)] = "blocked"
    kind = np.where(wide < 0.72, "grate", np.where(wide < 0.9, "combined", "kerb")).astype(object)
    road = np.array([None if "内" in text else text[:-2] for text in c.address[mine].tolist()], dtype=object)
    codes = np.array(drains.component, dtype=object)[mine]
    return _Inlets(c.point[mine], codes, kind, np.where(wide < 0.6, 1, 2), state, road)


def _low_inlets(world: World, drains: Drainage) -> _Inlets:
    """More inlets where the water of a hollow gathers: on both kerbs of the street next to its lowest place."""
    r = world.roads
    grade = r.of_pieces("grade")
    streets = np.flatnonzero(np.isin(grade, ("arterial", "secondary", "branch", "lane")) & (r.of_pieces("name") != None))  # noqa: E711
    low = np.array([bowl.low for bowl in drains.bowls])
    piece = streets[shapely.STRtree(r.pieces[streets]).nearest(shapely.points(low))]
    foot = shapely.line_locate_point(r.pieces[piece], shapely.points(low))
    half = (r.of_pieces("width")[piece].astype(float) / 2) - r.of_pieces("pavement")[piece].astype(float)
    along = np.array(EXTRA_AT)
    at = np.clip(foot[:, None] + along, 12.0, np.maximum(shapely.length(r.pieces[piece]) - 12.0, 12.0)[:, None])
    which = np.repeat(np.arange(len(low)), len(along) * 2)
    side = np.tile(np.array([1.0, -1.0]), len(low) * len(along))
    place, _ = beside(r.pieces[piece][which], np.repeat(at.ravel(), 2), side * (half[which] - 0.4))
    _, first = np.unique(np.round(place, 1), axis=0, return_index=True)
    place, which = place[np.sort(first)], which[np.sort(first)]
    count = len(place)
    return _Inlets(
        place, np.full(count, None, dtype=object), np.full(count, "combined", dtype=object), np.full(count, 4),
        np.full(count, "sound", dtype=object), r.of_pieces("name")[piece][which],
    )  # fmt: skip


def _inlet_rows(world: World, drains: Drainage) -> Iterator[LayerTable]:
    """Every inlet with the storm manhole beside it; those of the ring and of yards far from a storm pipe are no public inlets."""
    parts = (_kerb_inlets(world, drains), _low_inlets(world, drains))
    place = np.vstack([part.place for part in parts])
    kind, component, state, road = (
        np.concatenate([getattr(part, key) for part in parts]) for key in ("kind", "component", "state", "road")
    )
    grates = np.concatenate([part.grates for part in parts])
    hole = drains.storm_manhole(place)
    near = np.hypot(*(drains.storm.place[hole] - place).T) <= INLET_REACH
    place, hole = place[near], hole[near]
    count = len(place)
    random = world.random("inlet rows")
    ground = ground_level(world.ground, world.waters.river, place) - 0.03
    most = np.maximum(ground - drains.storm.invert[hole] - 0.1, 0.4)
    cleaned = np.datetime64("2026-04-01") + random.integers(0, 215, count)
    yield from chunked(
        LayerTable(
            "inlet",
            {
                "code": [f"YK{world.town.mark}{n:06d}" for n in range(1, count + 1)],
                "kind": kind[near],
                "grates": grates[near],
                "node_code": drains.storm.code[hole],
                "ground_m": np.round(ground, 3),
                "depth_m": np.round(np.minimum(random.uniform(0.7, 1.1, count), most), 2),
                "state": state[near],
                "component_code": component[near],
                "cleaned_on": cleaned.astype("datetime64[D]").astype(object),
                "road_name": road[near],
                "manager_name": np.full(count, MANAGER, dtype=object),
            },
            world.points(place),
        )
    )


def _outfall_rows(world: World, drains: Drainage) -> LayerTable:
    """Storm outfalls at the banks, and where the plants give back what they have cleaned."""
    storm, plants = drains.storm, drains.sewage
    outlets = storm.outlets
    into = np.asarray(shapely.shortest_line(shapely.points(plants.place[plants.outlets]), world.waters.river), dtype=object)
    treated = shapely.get_coordinates(shapely.get_point(into, -1))
    place = np.vstack([storm.place[outlets], treated])
    level = water_level(world.ground, place[:, 0])
    invert = np.r_[storm.invert[outlets], level[len(outlets) :] + TREATED_FREEBOARD]
    last = [storm.last_manhole(node) for node in outlets.tolist()]
    size = np.r_[storm.size[last], np.full(len(treated), 1200)]
    count, river = len(place), world.waters.names[0]
    is_storm = np.arange(count) < len(outlets)
    names = [f"{name}排口" for name in drains.outfall_names(world)]
    names += [f"{world.town.title}第{n}污水处理厂尾水口" for n in range(1, len(treated) + 1)]
    blocked = world.random("outfalls").random(count) < 0.06
    return LayerTable(
        "outfall",
        {
            "code": [f"PK{world.town.mark}{n:04d}" for n in range(1, count + 1)],
            "name": names,
            "kind": np.where(is_storm, "storm", "treated").astype(object),
            "node_code": np.concatenate([storm.code[outlets], plants.code[plants.outlets]]),
            "water_name": np.full(count, river, dtype=object),
            "diameter_mm": size,
            "invert_m": np.asarray(np.round(invert, 3), dtype=float),
            "water_level_m": np.round(level, 2),
            "flap_gate": (is_storm & (invert - level < 1.0)).tolist(),
            "state": np.where(is_storm & blocked, "blocked", "sound").astype(object),
            "manager_name": np.where(is_storm, MANAGER, SEWAGE_MANAGER).astype(object),
        },
        world.points(place),
    )


def _catchment_rows(world: World, drains: Drainage) -> Iterator[LayerTable]:
    """One storm catchment for each outfall, one service area for each plant, the ground that runs into each underpass."""
    mark, order = world.town.mark, drains.storm.outlets.tolist()
    told_outfalls = drains.outfall_names(world)
    storm, sewage = drains.storm_land, drains.sewage_land
    yield _basin_rows(
        world, drains.storm, storm, "storm", [f"{told_outfalls[order.index(n)]}汇水区" for n in storm.outlet.tolist()], f"HY{mark}"
    )
    names = [f"{world.town.title}第{n}污水处理厂服务区" for n in range(1, len(sewage.outlet) + 1)]
    yield _basin_rows(world, drains.sewage, sewage, "sewage", names, f"HW{mark}")
    shapes = np.array([dive.line.buffer(APPROACH, cap_style="flat") for dive in drains.dives], dtype=object)
    count = len(shapes)
    hole = drains.storm_manhole(np.array([dive.crossing for dive in drains.dives]))
    yield LayerTable(
        "catchment",
        {
            "code": [f"HX{mark}{n:03d}" for n in range(1, count + 1)],
            "name": [f"{name}客水范围" for name in drains.names[len(drains.bowls) :]],
            "kind": ["underpass"] * count,
            "outlet_code": drains.storm.code[hole],
            "area_ha": np.round(shapely.area(shapes) / 10_000, 3),
            "runoff": np.full(count, 0.9),
            "impervious_pct": np.full(count, 95.0),
            "slope_pct": np.full(count, 5.4),
            "return_years": np.full(count, UNDERPASS_YEARS),
            "population": [None] * count,
        },
        world.degrees(shapes),
    )


def _basin_rows(world: World, pipes: Gravity, land: Basins, kind: str, names: list[str], prefix: str) -> LayerTable:
    """Rows of the basins of one trade; the slope is the mean fall of the ground towards the outlet."""
    count = len(land.outlet)
    away = np.hypot(*(pipes.place - pipes.place[pipes.outlet]).T)
    rise = pipes.ground - pipes.ground[pipes.outlet]
    position = np.argsort(land.outlet)[np.searchsorted(np.sort(land.outlet), pipes.outlet)]
    slope = np.bincount(position, np.maximum(rise, 0.0), count) / np.maximum(np.bincount(position, away, count), 1.0) * 100
    sewage = kind == "sewage"
    return LayerTable(
        "catchment",
        {
            "code": [f"{prefix}{n:03d}" for n in range(1, count + 1)],
            "name": names,
            "kind": [kind] * count,
            "outlet_code": pipes.code[land.outlet],
            "area_ha": np.round(shapely.area(land.shape) / 10_000, 3),
            "runoff": [None] * count if sewage else land.runoff,
            "impervious_pct": land.impervious,
            "slope_pct": np.round(slope, 3),
            "return_years": [None] * count if sewage else np.full(count, STORM.years),
            "population": _people(world, land) if sewage else [None] * count,
        },
        world.degrees(land.shape),
    )


def _people(world: World, land: Basins) -> list[int]:
    """Counts the people of the communities whose middle lies in each basin (the nearest one, should it lie in water)."""
    middle: Geometries = np.asarray(shapely.point_on_surface(world.divisions.communities), dtype=object)
    home = shapely.STRtree(land.shape).nearest(middle)
    people = np.bincount(home, people_of_communities(world)[1], len(land.outlet))
    return [int(value) for value in people.tolist()]
