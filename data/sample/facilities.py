"""Works of drainage: pump stations, gates and valves, storage, underpasses, and the register of places that flood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.calendar import DOWNPOUR, STORM_DAY
from data.sample.drainage import APPROACH, MANAGER, SEWAGE_MANAGER, Drainage
from data.sample.lowland import DEPTH, Bowl, ground_level, water_level
from data.sample.pipes import OWNERS
from data.sample.planar import Geometries
from data.sample.rows_land import people_of_communities
from data.sample.rows_things import chunked
from data.sample.storm import STORM
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["BROKEN_DIVE", "FILLED", "Stations", "facility_rows", "filled_depth", "make_stations", "ponding_sensor"]

STORM_PUMPS, LEAST_SERVED = 3, 20.0  # storm stations of a town; smallest catchment that gets one, ha
BROKEN_DIVE = 1  # the underpass whose pumps fail in the downpour
WELL_DEPTH = 2.0  # floor of a well below the pipe that comes in, m
FREE_FALL, SLUICE_SIZE = 1.0, 1350  # outfalls lower over the water have a flap, wider ones a sluice
BASIN_DROP = {"lake": 0.8, "green": 0.25, "tank": 5.5}  # depth of water that each kind of storage takes, m
LAKE_DEPTH = 2.4
GREENS, LAWN_REACH, TANKS, TANK_SIZE = 4, 38.0, 2, (46.0, 26.0)
FILLED = {"storm": 0.20, "downpour": 0.06}  # share of a hollow's volume that the July storm and the downpour filled
CAUSES = ("hollow", "pipe", "hollow", "backwater", "blocked", "pipe")
REMEDIES = {
    "hollow": ("抬高路面并增设联合式雨水口", "running"),
    "pipe": ("雨水干管扩径改造", "planned"),
    "backwater": ("排水口增设拍门和强排泵", "planned"),
    "blocked": ("清掏雨水口，更换大流量雨水箅", "done"),
    "pump": ("泵站增容、双电源改造", "running"),
}


@dataclass(frozen=True, slots=True)
class Stations:
    """Pump stations, metres about the town's middle.

    ``floor`` and ``start`` are levels of the well's floor and of the first pump; ``top`` that at which water stands on the ground;
    ``served`` in ha; ``pump`` the flow of one pump in m3/s; ``broken``: pumps that do not run; ``outlet`` and ``node``: of the storm
    or sewage tree.
    """

    code: list[str]
    name: list[str]
    kind: NDArray[np.str_]
    place: Floats
    node: NDArray[np.object_]
    outfall: list[str | None]
    outlet: NDArray[np.int64]
    floor: Floats
    start: Floats
    top: Floats
    served: Floats
    pump: Floats
    pumps: NDArray[np.int64]
    broken: NDArray[np.int64]


def ponding_sensor(world: World, number: int) -> str:
    """Returns the code of the sensor at the place that floods with this number (from 0: hollows, then underpasses)."""
    return f"GZ{world.town.mark}{number + 1:04d}"


def make_stations(world: World, drains: Drainage) -> Stations:
    """Sets storm pumps at the lowest outfalls, sewage pumps before the plants, one station beside each underpass."""
    storm, sewage, land = drains.storm, drains.sewage, drains.storm_land
    large = shapely.area(land.shape) / 10_000 >= LEAST_SERVED
    free = storm.invert[land.outlet] - water_level(world.ground, storm.place[land.outlet, 0])
    lowest = np.flatnonzero(large)[np.argsort(free[large], kind="stable")[:STORM_PUMPS]]
    outlets = land.outlet[lowest]
    holes = np.array([storm.last_manhole(node) for node in outlets.tolist()])
    plants = sewage.outlets
    ends = np.array([sewage.last_manhole(node) for node in plants.tolist()])
    dives = drains.dives
    corner = np.array([_corner(dive.line) for dive in dives])
    beside = drains.storm_manhole(corner)
    code = drains.outfall_codes(world)
    served = np.r_[shapely.area(land.shape[lowest]) / 1e4, shapely.area(drains.sewage_land.shape) / 1e4]
    ramps = np.array([dive.line.length * 2 * APPROACH / 1e4 for dive in dives])
    bottom = ground_level(world.ground, world.waters.river, drains.low[len(drains.bowls) :]) - DEPTH
    people = float(people_of_communities(world)[1].sum()) / len(plants)
    kind = np.array(["storm"] * len(outlets) + ["sewage"] * len(plants) + ["underpass"] * len(dives))
    flow = np.r_[
        land.runoff[lowest] * served[: len(outlets)] * STORM.flow(60.0) * 0.5 / 1000,
        np.full(len(plants), people * 0.19 / 86_400 * 2.2),
        ramps * 0.9 * STORM.flow(8.0) * 1.15 / 1000,
    ]
    pumps = np.where(kind == "underpass", 3, 4)
    names = [*(f"{name}泵站" for name, n in zip(drains.outfall_names(world), storm.outlets.tolist(), strict=True) if n in outlets)]
    names = [names[i] for i in np.argsort(np.argsort(outlets)).tolist()]
    names += [f"{world.town.title}第{n}污水处理厂进水泵站" for n in range(1, len(plants) + 1)]
    names += [f"{name}泵站" for name in drains.names[len(drains.bowls) :]]
    invert = np.r_[storm.invert[holes], sewage.invert[ends]]
    place = np.vstack([(storm.place[holes] + storm.place[outlets]) / 2, (sewage.place[ends] + sewage.place[plants]) / 2, corner])
    broken = np.zeros(len(kind), dtype=np.int64)
    broken[len(outlets) + len(plants) + BROKEN_DIVE] = 2
    return Stations(
        code=[f"BZ{world.town.mark}{n:03d}" for n in range(1, len(kind) + 1)],
        name=names, kind=kind, place=place,
        node=np.concatenate([storm.code[holes], sewage.code[ends], storm.code[beside]]),
        outfall=[*(code[n] for n in outlets.tolist()), *[None] * len(plants), *(code[n] for n in storm.outlet[beside].tolist())],
        outlet=np.r_[outlets, plants, beside],
        floor=np.r_[invert - WELL_DEPTH, bottom - 3.5],
        start=np.r_[invert + 0.2, bottom - 1.6],
        top=np.r_[storm.ground[holes], sewage.ground[ends], bottom],
        served=np.r_[served, ramps], pump=np.round(flow / pumps, 3), pumps=pumps, broken=broken,
    )  # fmt: skip


def _corner(line: shapely.LineString) -> Floats:
    """Returns a place beside the crossing at the middle of an underpass, outside both roads."""
    ends = shapely.get_coordinates(line)
    along = (ends[-1] - ends[0]) / np.hypot(*(ends[-1] - ends[0]))
    middle = shapely.get_coordinates(line.interpolate(0.5, normalized=True))[0]
    return np.asarray(middle + along * 29.0 + np.array([-along[1], along[0]]) * 33.0, dtype=float)


def facility_rows(world: World, drains: Drainage, stations: Stations) -> Iterator[LayerTable]:
    """Pump stations, gates and valves, storage basins, underpasses, ponding points."""
    yield _station_rows(world, stations)
    yield from _gate_rows(world, drains)
    yield _basin_rows(world, drains)
    yield _underpass_rows(world, drains, stations)
    yield from _ponding_rows(world, drains)


def _station_rows(world: World, stations: Stations) -> LayerTable:
    count, random = len(stations.code), world.random("stations")
    is_sewage, is_dive = stations.kind == "sewage", stations.kind == "underpass"
    built = np.datetime64("1996-01-01") + random.integers(0, 10_000, count)
    state = np.where(is_sewage, "running", np.where(stations.broken > 0, "fault", "standby"))
    return LayerTable(
        "pump_station",
        {
            "code": stations.code,
            "name": stations.name,
            "kind": stations.kind.astype(object),
            "node_code": stations.node,
            "capacity_m3s": np.round(stations.pump * stations.pumps, 3),
            "pumps": stations.pumps,
            "spare_pumps": np.ones(count, dtype=np.int64),
            "head_m": np.round(stations.top - stations.floor + random.uniform(2.0, 5.0, count), 1),
            "start_level_m": np.round(stations.start, 3),
            "served_area_ha": np.round(stations.served, 2),
            "outfall_code": stations.outfall,
            "backup_power": (~is_dive | (random.random(count) < 0.5)).tolist(),
            "state": state.astype(object),
            "built_on": built.astype("datetime64[D]").astype(object),
            "manager_name": np.where(is_sewage, SEWAGE_MANAGER, MANAGER).astype(object),
            "address": world.nearest_address(shapely.points(stations.place)),
            "remark": [f"{n}台水泵待修" if n else None for n in stations.broken.tolist()],
        },
        world.points(stations.place),
    )


def _gate_rows(world: World, drains: Drainage) -> Iterator[LayerTable]:
    """Valves of the pressure pipes at their nodes; sluices and flaps at the outfalls."""
    book, storm = world.pipes, drains.storm
    trade, what = np.asarray(book.pipe_kind), np.asarray(book.node_kind)
    size, ends = np.asarray(book.size, dtype=np.int64), np.asarray([book.start, book.end], dtype=np.int64)
    widest = np.zeros(len(trade), dtype=np.int64)
    np.maximum.at(widest, ends.ravel(), np.tile(size, 2))
    valve = np.flatnonzero((what == "valve") & np.isin(trade, ("JS", "RQ", "RL")))
    last = np.array([storm.last_manhole(node) for node in storm.outlets.tolist()])
    low = storm.invert[storm.outlets] - water_level(world.ground, storm.place[storm.outlets, 0]) < FREE_FALL
    wide = storm.size[last] >= SLUICE_SIZE
    flap, sluice = storm.outlets[low], last[wide]
    kinds = np.where(trade[valve] == "RQ", "ball", np.where(widest[valve] > 300, "butterfly", "gate"))
    kind = np.concatenate([kinds, np.full(len(flap), "flap"), np.full(len(sluice), "sluice")]).astype(object)
    trades = np.concatenate([trade[valve], np.full(len(flap) + len(sluice), "YS")]).astype(object)
    node = np.concatenate([drains.code[valve], storm.code[flap], storm.code[sluice]])
    diameter = np.r_[widest[valve], storm.size[last[low]], storm.size[last[wide]]]
    place = np.vstack([np.asarray(book.place, dtype=float)[valve], storm.place[flap], storm.place[sluice]])
    count, random = len(kind), world.random("gates")
    normally = np.where((kind == "flap") | ((trades == "JS") & (random.random(count) < 0.02)), "closed", "open").astype(object)
    position = np.where(random.random(count) < 0.006, np.where(normally == "open", "closed", "open"), normally).astype(object)
    inspected = np.datetime64("2025-10-01") + random.integers(0, 400, count)
    yield from chunked(
        LayerTable(
            "gate_valve",
            {
                "code": [f"FM{world.town.mark}{n:06d}" for n in range(1, count + 1)],
                "pipe_kind": trades,
                "kind": kind,
                "node_code": node,
                "diameter_mm": diameter,
                "normally": normally,
                "position": position,
                "operable": (random.random(count) < 0.965).tolist(),
                "remote": (np.isin(kind, ("sluice",)) | ((diameter >= 600) & (random.random(count) < 0.1))).tolist(),
                "inspected_on": inspected.astype("datetime64[D]").astype(object),
                "owner_name": [OWNERS[name] for name in trades.tolist()],
            },
            world.points(place),
        )
    )


def _basin_rows(world: World, drains: Drainage) -> LayerTable:
    """Lakes, sunken green in small parks near the hollows, tanks under the parks next to the deepest of them."""
    parks, lows = world.parks, np.array([bowl.low for bowl in drains.bowls])
    deepest = lows[np.argsort([bowl.bottom - bowl.spill for bowl in drains.bowls], kind="stable")]
    area = shapely.area(parks.shape)
    centre = shapely.get_coordinates(shapely.point_on_surface(parks.shape))
    away = np.hypot(*(centre[:, None] - lows[None]).transpose(2, 0, 1)).min(axis=1)
    small = np.flatnonzero(np.isin(np.array(parks.kind), ("社区", "游园")) & (area > 1_500))
    greens = small[np.argsort(away[small], kind="stable")[:GREENS]]
    lawns = shapely.intersection(shapely.buffer(parks.shape[greens], -8.0), shapely.buffer(shapely.points(centre[greens]), LAWN_REACH))
    lawns = np.array([max(shapely.get_parts(lawn), key=shapely.area, default=lawn) for lawn in lawns], dtype=object)
    tanks, hosts = _tanks(world, deepest, set(greens.tolist()))
    lakes = world.waters.lakes
    shape = np.concatenate([lakes, lawns, tanks])
    kind = np.array(["lake"] * len(lakes) + ["green"] * len(lawns) + ["tank"] * len(tanks), dtype=object)
    names = [*world.waters.names[2:], *(f"{parks.name[p]}下凹式绿地" for p in greens.tolist()), *(f"{parks.name[p]}调蓄池" for p in hosts)]
    keep = shapely.area(shape) > 200
    shape, kind, names = shape[keep], kind[keep], [name for name, stays in zip(names, keep.tolist(), strict=True) if stays]
    middle = shapely.get_coordinates(shapely.point_on_surface(shape))
    ground = ground_level(world.ground, world.waters.river, middle)
    drop = np.array([BASIN_DROP[name] for name in kind.tolist()])
    size, lake = shapely.area(shape), kind == "lake"
    depth = np.where(lake, LAKE_DEPTH, drop)
    overflow = np.where(kind == "tank", ground - 1.2, ground - 0.1)
    count, random = len(shape), world.random("basins")
    built = np.datetime64("2008-01-01") + random.integers(0, 5_800, count)
    return LayerTable(
        "storage_basin",
        {
            "code": [f"TX{world.town.mark}{n:03d}" for n in range(1, count + 1)],
            "name": names,
            "kind": kind,
            "node_code": drains.storm.code[drains.storm_manhole(middle)],
            "capacity_m3": np.round(size * depth, 0),
            "usable_m3": np.round(size * drop, 0),
            "bottom_m": np.round(overflow - depth, 2),
            "overflow_m": np.round(overflow, 2),
            "area_m2": np.round(size, 1),
            "built_on": built.astype("datetime64[D]").astype(object),
            "manager_name": np.where(kind == "tank", MANAGER, "市公园管理中心").astype(object),
            "address": world.nearest_address(shapely.points(middle)),
        },
        world.degrees(shape),
    )


def _tanks(world: World, lows: Floats, taken: set[int]) -> tuple[Geometries, list[int]]:
    """Finds the nearest park with room for a tank for each of the first hollows."""
    parks = world.parks
    half = np.hypot(*TANK_SIZE) / 2 + 1.0
    shapes, hosts = [], []
    for low in lows[:TANKS]:
        for park in np.argsort(shapely.distance(parks.shape, shapely.Point(low)), kind="stable").tolist()[:20]:
            circle = shapely.maximum_inscribed_circle(shapely.simplify(parks.shape[park], 1.0), 2.0)
            if circle.length > half and park not in taken:
                x, y = circle.coords[0]
                shapes.append(shapely.box(x - TANK_SIZE[0] / 2, y - TANK_SIZE[1] / 2, x + TANK_SIZE[0] / 2, y + TANK_SIZE[1] / 2))
                hosts.append(park)
                taken.add(park)
                break
    return np.array(shapes, dtype=object), hosts


def _underpass_rows(world: World, drains: Drainage, stations: Stations) -> LayerTable:
    dives, first = drains.dives, len(drains.bowls)
    lines = np.array([dive.line for dive in dives], dtype=object)
    crossing = drains.low[first:]
    code = [code for code, kind in zip(stations.code, stations.kind.tolist(), strict=True) if kind == "underpass"]
    count, name = len(dives), drains.names[first:]
    road = [next(part for part in text.removesuffix("下穿通道").split("与") if part.endswith("环快速路")) for text in name]
    lowest = ground_level(world.ground, world.waters.river, crossing) - DEPTH
    return LayerTable(
        "underpass",
        {
            "code": [f"XC{world.town.mark}{n:03d}" for n in range(1, count + 1)],
            "name": name,
            "kind": ["interchange"] * count,
            "road_name": road,
            "length_m": np.round(shapely.length(lines), 1),
            "clearance_m": np.full(count, 4.5),
            "lowest_m": np.round(lowest, 2),
            "warning_cm": np.full(count, 15.0),
            "closing_cm": np.full(count, 27.0),
            "pump_code": code,
            "sensor_code": [ponding_sensor(world, first + n) for n in range(count)],
            "guard_name": ["市公安局交通警察支队"] * count,
            "remark": ["地面道路的管线随桥过"] * count,
        },
        world.degrees(lines),
    )


def _ponding_rows(world: World, drains: Drainage) -> Iterator[LayerTable]:
    """The register: a point for each place that floods, then the extents recorded in the July storm."""
    first, count = len(drains.bowls), len(drains.names)
    random = world.random("ponding")
    deep = np.r_[[filled_depth(bowl, FILLED["storm"]) for bowl in drains.bowls], random.uniform(0.35, 0.95, count - first)]
    edges = np.array([bowl.extent(depth) for bowl, depth in zip(drains.bowls, deep.tolist(), strict=False)], dtype=object)
    area = np.r_[shapely.area(edges), random.uniform(350, 700, count - first)]
    cause = [CAUSES[n % len(CAUSES)] for n in range(first)] + ["pump"] * (count - first)
    number = np.arange(count)
    flooded = (number < first) | (number == first + BROKEN_DIVE)  # in the downpour
    last = np.where(flooded, DOWNPOUR.astype("datetime64[D]"), STORM_DAY).astype("datetime64[D]").astype(object)
    area_name = world.area_name(world.cell_of(world.points(drains.low)))
    codes = [f"JSD{world.town.mark}{n:03d}" for n in range(1, count + 1)]
    columns = {
        "code": codes,
        "name": [f"{name}积水点" for name in drains.names],
        "kind": ["point"] * count,
        "grade": np.where(deep >= 0.75, "severe", np.where(deep >= 0.4, "medium", "light")).astype(object),
        "cause": np.array(cause, dtype=object),
        "depth_max_cm": np.round(deep * 100, 0),
        "area_m2": np.round(area, 0),
        "drain_minutes": np.floor(60 + 260 * deep).astype(np.int64),
        "times": random.integers(2, 8, count),
        "last_on": last,
        "rain_mm_h": np.round(random.uniform(26, 45, count), 0),
        "sensor_code": np.array([ponding_sensor(world, n) for n in range(count)], dtype=object),
        "measure": np.array([REMEDIES[name][0] for name in cause], dtype=object),
        "remedy_state": np.array([REMEDIES[name][1] for name in cause], dtype=object),
        "guard_name": np.array([f"{name[3:]}防汛应急队" for name in area_name.tolist()], dtype=object),
        "address": area_name + np.array(drains.names, dtype=object),
    }
    yield LayerTable("ponding_point", columns, world.points(drains.low))
    extents = {key: values[:first] for key, values in columns.items()}
    extents["code"] = [f"{code}F1" for code in codes[:first]]
    extents["kind"] = ["extent"] * first
    extents["point_code"] = codes[:first]
    extents["name"] = [f"{name}“7·20”淹没范围" for name in drains.names[:first]]
    extents["last_on"] = [STORM_DAY.astype("datetime64[D]").astype(object)] * first
    yield LayerTable("ponding_point", extents, world.degrees(edges))


def filled_depth(bowl: Bowl, share: float) -> float:
    """Returns the depth of the water in a bowl that is filled to a share of its volume, metres."""
    depth, volume = bowl.stages()
    return float(np.interp(share * volume[-1], volume, depth))
