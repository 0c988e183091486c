"""Sensors of a town where something is to be watched, and their readings of a week with one downpour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.component_kinds import KINDS
from data.sample.drainage import MANAGER, Drainage
from data.sample.facilities import FILLED, Stations, ponding_sensor
from data.sample.flow import summed_downstream
from data.sample.lowland import DEPTH, HALF_WIDTH, RAMP, ground_level, water_level
from data.sample.readings import SECONDS, Clock, Faults, day_curve, make_clock, pipe_run, ponding, rain_at, sent, well_run
from data.sample.rows_things import chunked
from data.sample.storm import STORM, Wells, delayed
from data.sample.terrain import BANK_HEIGHT, Floats
from data.sample.where import told
from data.sample.world import World
from data.table import LayerTable

__all__ = ["sensor_rows"]

RAMP_SLOPE = DEPTH / (RAMP - 18.0)
INLETS_TAKE = np.array([0.42, 0.36, 0.50, 0.33, 0.46, 0.55])  # share of the highest runoff that the inlets of each hollow take
RIVER_RISE = 0.022  # metres of river for a millimetre of the storm
GAUGES, RIVERS, TRUNKS, BRANCHES, FLOWS, GAS, PRESSURES, COVERS, NOISE, DUST = 6, 4, 12, 8, 6, 10, 10, 10, 6, 6
BRANCH_AREA = (12e4, 60e4)  # m2 above a manhole on a branch that is watched
# quantity: title, unit, decimals, share of spikes, height of a spike
KINDS_OF = {
    "ponding": ("积水监测点", "cm", 1, 0.0, 0.0),
    "rain": ("雨量站", "mm", 1, 0.0, 0.0),
    "river_level": ("水位站", "m", 2, 0.0008, 3.0),
    "pipe_level": ("液位监测点", "m", 2, 0.0008, 4.0),
    "pipe_flow": ("流量监测点", "m³/s", 3, 0.0006, 9.0),
    "pump_state": ("运行监测", "台", 0, 0.0, 0.0),
    "gas": ("燃气监测点", "%LEL", 1, 0.0004, 40.0),
    "pressure": ("压力监测点", "MPa", 3, 0.0006, 0.5),
    "cover_tilt": ("井盖监测点", "°", 1, 0.0006, 60.0),
    "noise": ("噪声监测点", "dB(A)", 1, 0.0006, 35.0),
    "pm25": ("空气监测点", "µg/m³", 0, 0.0006, 400.0),
}
MANAGERS = {
    "river_level": "市水利局", "gas": "市燃气公司", "pressure": "市自来水公司", "noise": "市生态环境局", "pm25": "市生态环境局",
}  # fmt: skip
MAY_FAIL = ("gas", "pressure", "cover_tilt", "noise", "pm25", "river_level")


@dataclass(slots=True)
class _Kit:
    """Sensors as they are gathered, group after group."""

    quantity: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    place: list[Floats] = field(default_factory=list)
    target: list[str | None] = field(default_factory=list)
    zero: list[float | None] = field(default_factory=list)
    limits: list[tuple[float | None, float | None]] = field(default_factory=list)
    series: list[Floats] = field(default_factory=list)

    def add(
        self,
        quantity: str,
        place: Floats,
        names: list[str],
        target: list[str | None],
        series: Floats,
        zero: Floats | None = None,
        limits: tuple[Floats, Floats] | None = None,
    ) -> None:
        """Adds a group of sensors of one quantity."""
        count = len(place)
        title = KINDS_OF[quantity][0]
        self.quantity += [quantity] * count
        self.name += [f"{name}{title}" for name in names]
        self.place.append(place)
        self.target += target
        self.zero += [None] * count if zero is None else np.round(zero, 3).tolist()
        self.limits += (
            [(None, None)] * count if limits is None else list(zip(*(np.round(side, 3).tolist() for side in limits), strict=True))
        )
        self.series.append(series)


def sensor_rows(world: World, drains: Drainage, stations: Stations) -> Iterator[LayerTable]:
    """Sensors, then what they measured."""
    clock, kit, random = make_clock(), _Kit(), world.random("sensors")
    pumped = _pumps(world, stations, clock)
    _low_places(world, drains, pumped, kit, clock)
    _weather(world, kit, clock, random)
    _rivers(world, drains, kit, clock, random)
    _pipes(world, drains, kit, clock, random)
    _stations(stations, pumped, kit)
    _networks(world, drains, kit, clock, random)
    _air(world, kit, clock, random)
    count = len(kit.quantity)
    codes = np.array([ponding_sensor(world, n) for n in range(count)], dtype=object)
    state, faults = _faults(kit, clock, random)
    quantity = np.array(kit.quantity)
    readings = sent(clock, np.vstack(kit.series), quantity == "rain", faults, random)
    points = world.points(np.vstack(kit.place))
    cell = world.cell_of(points)
    installed = np.datetime64("2019-05-01") + random.integers(0, 2_300, count)
    yield LayerTable(
        "sensor",
        {
            "code": codes,
            "name": kit.name,
            "quantity": quantity.astype(object),
            "unit": [KINDS_OF[name][1] for name in kit.quantity],
            "target_code": [text or world.divisions.cell_code[c] for text, c in zip(kit.target, cell.tolist(), strict=True)],
            "interval_s": np.where(np.isin(quantity, ("gas", "cover_tilt", "noise", "pm25")), 900, 300),
            "zero_m": kit.zero,
            "warning": [pair[0] for pair in kit.limits],
            "alarm": [pair[1] for pair in kit.limits],
            "state": state,
            "installed_on": installed.astype("datetime64[D]").astype(object),
            "manager_name": [MANAGERS.get(name, MANAGER) for name in kit.quantity],
            "address": world.nearest_address(shapely.points(np.vstack(kit.place))),
        },
        points,
    )
    area = np.array(world.divisions.community_code, dtype=object)[world.divisions.cell_community[cell]]
    values = LayerTable(
        "sensor_value",
        {
            "sensor_code": codes[readings.sensor],
            "measured_at": readings.moment,
            "value": readings.value,
            "quality": readings.quality,
        },
        np.full(len(readings.value), None, dtype=object),
        area=area[readings.sensor],
    )
    yield from chunked(values)


def _faults(kit: _Kit, clock: Clock, random: np.random.Generator) -> tuple[NDArray[np.object_], Faults]:
    """Lets four devices fall silent and two get stuck; the others are online."""
    count, steps = len(kit.quantity), len(clock.local)
    figures = [KINDS_OF[name] for name in kit.quantity]
    state = np.full(count, "online", dtype=object)
    silent, stuck = np.full(count, steps), np.full(count, steps)
    may = np.flatnonzero(np.isin(np.array(kit.quantity), MAY_FAIL))
    picked = random.choice(may, 6, replace=False)
    silent[picked[:4]] = random.integers(steps // 5, steps - 100, 4)
    stuck[picked[4:]] = random.integers(steps // 2, steps - 100, 2)
    state[picked[:4]], state[picked[4:]] = "offline", "fault"
    spiky, height = np.array([f[3] for f in figures]), np.array([f[4] for f in figures])
    return state, Faults(spiky, height, np.array([f[2] for f in figures]), silent, stuck)


def _rain(world: World, clock: Clock, place: Floats, factor: float = 1.0) -> Floats:
    return rain_at(clock, place[:, 0] + world.town.offset[0], np.full(len(place), factor))


@dataclass(frozen=True, slots=True)
class _Pumped:
    level: Floats
    running: Floats
    road: Floats


def _pumps(world: World, stations: Stations, clock: Clock) -> _Pumped:
    """Runs the wells of all stations; those before the plants never rest, by day more than by night."""
    capacity = stations.pump * stations.pumps
    rain = _rain(world, clock, stations.place)
    dive = stations.kind == "underpass"
    lag = np.where(dive, 4.0, 45.0)
    share = np.where(dive, 0.9, 0.3)  # the pumps of an outfall take half of what runs off
    inflow = delayed(rain, lag) * (stations.served * 1e4 * share / 1000 / SECONDS)[:, None]
    inflow = np.where(dive[:, None], inflow, np.minimum(inflow, capacity[:, None] * 0.98))
    able = (stations.pumps - stations.broken).astype(float)
    area = np.where(dive, 20.0, capacity * 90.0)
    wells = Wells(area, stations.start - stations.floor, stations.top - stations.floor, stations.pump, able)
    level, running, road = well_run(clock, wells, inflow)
    sewage = stations.kind == "sewage"
    wet = delayed(rain[sewage], np.full(int(sewage.sum()), 300.0), 3)
    use = day_curve(clock, 0.36, 0.66, 20.0) + 0.25 * wet / np.maximum(wet.max(), 1e-9)
    level[sewage] = wells.start[sewage, None] + 0.25 * use * stations.pumps[sewage, None]
    running[sewage] = np.ceil(use * stations.pumps[sewage, None])
    road[sewage] = 0.0
    return _Pumped(level, running, road)


def _stations(stations: Stations, pumped: _Pumped, kit: _Kit) -> None:
    """Every station tells the level of its well and how many pumps run."""
    names: list[str] = stations.name
    targets: list[str | None] = [*stations.code]
    depth = stations.top - stations.floor
    kit.add("pipe_level", stations.place, names, targets, pumped.level, stations.floor, (depth * 0.75, depth * 0.95))
    kit.add("pump_state", stations.place, names, targets, pumped.running)


def _low_places(world: World, drains: Drainage, pumped: _Pumped, kit: _Kit, clock: Clock) -> None:
    """Water on the ground of the hollows and on the road of the underpasses; these come first (see ``ponding_sensor``)."""
    bowls, first = drains.bowls, len(drains.bowls)
    stages = [bowl.stages() for bowl in bowls]
    volume = np.array([FILLED["downpour"] * full[-1] for _, full in stages])
    hollow = ponding(_rain(world, clock, drains.low[:first]), volume, stages, INLETS_TAKE[: len(stages)])
    road = np.sqrt(pumped.road[-len(drains.dives) :] * RAMP_SLOPE / (2 * HALF_WIDTH))
    bottom = ground_level(world.ground, world.waters.river, drains.low)
    bottom[first:] -= DEPTH
    count = len(drains.names)
    targets: list[str | None] = [f"JSD{world.town.mark}{n:03d}" for n in range(1, count + 1)]
    limits = (np.full(count, 15.0), np.full(count, 27.0))
    kit.add("ponding", drains.low, drains.names, targets, np.vstack([hollow, road]) * 100, bottom, limits)


def _weather(world: World, kit: _Kit, clock: Clock, random: np.random.Generator) -> None:
    """Rain gauges over the town; their mean is the storm."""
    plots = np.flatnonzero((world.blocks.use == "public") & (world.blocks.quarter != "edge"))
    centre = shapely.get_coordinates(shapely.centroid(world.blocks.plots[plots]))
    place = centre[_spread(centre, GAUGES)]
    factor = random.uniform(0.86, 1.14, len(place))
    names = [name.removesuffix("路段") for name in told(world, place)]
    rain = rain_at(clock, place[:, 0] + world.town.offset[0], factor / factor.mean())
    kit.add("rain", place, names, [None] * len(place), rain)


def _spread(place: Floats, count: int) -> NDArray[np.int64]:
    """Picks places far from each other, the first one nearest to the middle."""
    picked = [int(np.argmin(np.hypot(*place.T)))]
    away = np.hypot(*(place - place[picked[0]]).T)
    while len(picked) < min(count, len(place)):
        picked.append(int(np.argmax(away)))
        away = np.minimum(away, np.hypot(*(place - place[picked[-1]]).T))
    return np.array(picked)


def _rivers(world: World, drains: Drainage, kit: _Kit, clock: Clock, random: np.random.Generator) -> None:
    """Levels of the river above the datum, at outfalls along it: the flood of the storm comes late and goes slowly."""
    outlets = drains.storm.outlets
    order = outlets[np.argsort(drains.storm.place[outlets, 0], kind="stable")]
    chosen = order[np.linspace(1, len(order) - 2, RIVERS).round().astype(int)]
    place = drains.storm.place[chosen]
    normal = water_level(world.ground, place[:, 0])
    flood = delayed(_rain(world, clock, place), np.full(RIVERS, 420.0), 3)
    rise = flood / flood.max(axis=1, keepdims=True) * STORM.depth * RIVER_RISE
    ripple = random.normal(0, 0.008, rise.shape)
    names = [name.removesuffix("雨水") for name in np.array(drains.outfall_names(world))[np.searchsorted(outlets, chosen)].tolist()]
    codes = drains.outfall_codes(world)
    limits = (normal + BANK_HEIGHT - 1.2, normal + BANK_HEIGHT - 0.5)
    kit.add("river_level", place, names, [codes[n] for n in chosen.tolist()], normal[:, None] + rise + ripple, np.zeros(RIVERS), limits)


def _pipes(world: World, drains: Drainage, kit: _Kit, clock: Clock, random: np.random.Generator) -> None:
    """Levels in the last manholes of the largest trees and on branches; flow at the largest outfalls and before the plants."""
    storm, land = drains.storm, drains.storm_land
    above = summed_downstream(storm.onward, land.own)
    outlet = land.outlet[np.argsort(-shapely.area(land.shape), kind="stable")]
    trunks = np.array([storm.last_manhole(node) for node in outlet[:TRUNKS].tolist()])
    fit = np.flatnonzero((above > BRANCH_AREA[0]) & (above < BRANCH_AREA[1]) & (storm.onward >= 0))
    branches = fit[_spread(storm.place[fit], BRANCHES)]
    node = np.r_[trunks, branches]
    place, depth = storm.place[node], storm.ground[node] - storm.invert[node]
    runoff = land.runoff[np.argsort(land.outlet)][np.searchsorted(np.sort(land.outlet), storm.outlet[node])]
    minutes = np.minimum(12.0 + storm.way()[node] / 60.0, 90.0)
    rain = _rain(world, clock, place)
    flow, level = pipe_run(rain, minutes, above[node], runoff, storm.size[node].astype(float), storm.fall[node], depth)
    base = 0.02 + 0.015 * (node % 4)[:, None] + np.abs(random.normal(0, 0.004, level.shape))
    names = [name.removesuffix("路段") for name in told(world, place)]
    targets: list[str | None] = storm.code[node].tolist()
    level = np.minimum(level + base, depth[:, None])
    kit.add("pipe_level", place, names, targets, level, storm.invert[node], (depth * 0.7, depth * 0.95))
    whole = np.array(drains.outfall_names(world))[np.searchsorted(storm.outlets, outlet[:FLOWS])]
    codes = drains.outfall_codes(world)
    kit.add("pipe_flow", storm.place[trunks[:FLOWS]], whole.tolist(), [codes[n] for n in outlet[:FLOWS].tolist()], flow[:FLOWS] + 0.004)
    plants = drains.sewage.outlets
    wet = delayed(_rain(world, clock, drains.sewage.place[plants]), np.full(len(plants), 300.0), 3)
    daily = day_curve(clock, 0.26, 0.52, 20.0) * (1 + 0.4 * wet / wet.max()) * random.uniform(0.96, 1.04, wet.shape)
    last = [drains.sewage.last_manhole(n) for n in plants.tolist()]
    told_plants = [f"{world.town.title}第{n}污水处理厂进水" for n in range(1, len(plants) + 1)]
    kit.add("pipe_flow", drains.sewage.place[last], told_plants, drains.sewage.code[last].tolist(), daily)


def _networks(world: World, drains: Drainage, kit: _Kit, clock: Clock, random: np.random.Generator) -> None:
    """Gas beside the gas mains, pressure of the water mains, tilt of covers next to the hollows."""
    book = world.pipes
    trade, place = np.asarray(book.pipe_kind), np.asarray(book.place, dtype=float)
    shape = (len(clock.local),)

    def nodes(kind: str, count: int) -> NDArray[np.int64]:
        mine = np.flatnonzero(trade == kind)
        return np.asarray(mine[_spread(place[mine], count)], dtype=np.int64)

    gas = nodes("RQ", GAS)
    leak = np.abs(random.normal(0.4, 0.35, (len(gas), *shape)))
    leak[-1] += 13.0 * np.exp(-(((clock.minute + 1_500) / 70) ** 2))  # a small leak, the day before the storm
    told_gas = [name.removesuffix("路段") for name in told(world, place[gas])]
    high = np.ones(len(gas))
    kit.add("gas", place[gas], told_gas, drains.code[gas].tolist(), leak, None, (high * 10, high * 25))
    mains = nodes("JS", PRESSURES)
    head = 0.34 - 0.00002 * np.hypot(*place[mains].T)[:, None] + 0.03 * np.cos((clock.hour - 3.5) / 12 * np.pi)
    head = head + random.normal(0, 0.003, head.shape)
    cut = (clock.minute > 75) & (clock.minute < 115)  # the power cut of the storm stops a booster
    head[-2:] -= 0.09 * cut
    told_mains = [name.removesuffix("路段") for name in told(world, place[mains])]
    low = np.ones(len(mains))
    kit.add("pressure", place[mains], told_mains, drains.code[mains].tolist(), head, None, (low * 0.20, low * 0.14))
    c = world.components
    covers = np.flatnonzero(c.kind == [kind.id for kind in KINDS].index("storm_cover"))
    lows = drains.low[: len(drains.bowls)]
    near = covers[shapely.STRtree(shapely.points(c.point[covers])).nearest(shapely.points(lows))]
    rest = covers[_spread(c.point[covers], COVERS - len(near))]
    chosen = np.r_[near, rest]
    tilt = np.abs(random.normal(0.8, 0.25, (len(chosen), *shape)))
    deepest = int(np.argmax([bowl.spill - bowl.bottom for bowl in drains.bowls]))
    tilt[deepest] += 38.0 * ((clock.minute > 62) & (clock.minute < 62 + 19 * 60))  # lifted by the water, put back next morning
    names = [name.removesuffix("路段") for name in told(world, c.point[chosen])]
    ones = np.ones(len(chosen))
    kit.add("cover_tilt", c.point[chosen], names, [drains.component[n] for n in chosen.tolist()], tilt, None, (ones * 8, ones * 15))


def _air(world: World, kit: _Kit, clock: Clock, random: np.random.Generator) -> None:
    """Noise beside main streets, dust over the town: the rain washes it out."""
    pieces = np.flatnonzero(np.isin(world.roads.of_pieces("grade"), ("arterial", "secondary")))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(world.roads.pieces[pieces], 0.5, normalized=True))
    spots = middle[_spread(middle, NOISE)] + np.array([16.0, 16.0])
    loud = day_curve(clock, 53.0, 68.0, 14.0) + random.normal(0, 1.6, (len(spots), len(clock.local)))
    names = [name.removesuffix("路段") for name in told(world, spots)]
    ones = np.ones(len(spots))
    kit.add("noise", spots, names, [None] * len(spots), loud, None, (ones * 70, ones * 75))
    parks = np.asarray(shapely.point_on_surface(world.parks.shape), dtype=object)
    centre = shapely.get_coordinates(parks)
    chosen = _spread(centre, DUST)
    washed = np.cumsum(rain_at(clock, np.array([world.town.offset[0]]), np.ones(1)), axis=1) / STORM.depth
    after = np.maximum(clock.minute, 0.0)
    dust = 74 + 22 * np.sin(np.arange(len(clock.local)) / 420) + 9 * np.cos((clock.hour - 8) / 12 * np.pi)
    dust = random.uniform(0.85, 1.15, (len(chosen), 1)) * dust * (1 - 0.78 * washed[0] * np.exp(-after / 2_600))
    series = np.maximum(dust + random.normal(0, 2.5, (len(chosen), len(clock.local))), 3.0)
    ones = np.ones(len(chosen))
    kit.add(
        "pm25", centre[chosen], [world.parks.name[p] for p in chosen.tolist()], [None] * len(chosen), series, None, (ones * 75, ones * 150)
    )
