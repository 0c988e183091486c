"""Heat, power and telecom under the main streets, and what is left of the combined sewers in the old core.

Heat runs as a tree from its plant, ducts of power and telecom as meshes with chambers between the crossings. Each kind keeps its
own distance from the middle of the street, so that no two trades lie upon each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.components import beside
from data.sample.drainage import MANAGER
from data.sample.flow import outlets_of, summed_downstream
from data.sample.lowland import ground_level, water_level
from data.sample.pipes import ways
from data.sample.planar import Geometries, Integers
from data.sample.rows_things import chunked
from data.sample.terrain import CORE, Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["cable_rows"]


@dataclass(frozen=True, slots=True)
class Duct:
    """How a kind is laid.

    Attributes:
        grades: streets that have it.
        aside: metres from the middle of the street (left is positive); ``kerb``: counted from the kerb instead.
        step: distance of chambers, metres. ``depth``: metres.
    """

    kind: str
    grades: tuple[str, ...]
    aside: float
    kerb: bool
    step: float
    depth: float
    material: str
    pressure: str | None
    owner: str
    joint: str


MAIN = ("arterial", "secondary")
HEAT = Duct("RL", MAIN, -4.6, False, 120.0, 1.6, "预制直埋保温钢管", "1.6MPa", "市热力公司", "junction")
POWER = Duct("DL", (*MAIN, "branch"), 2.4, True, 85.0, 0.9, "CPVC排管", "10kV", "市供电公司", "manhole")
TELECOM = Duct("TX", (*MAIN, "branch"), -2.6, True, 80.0, 0.8, "PVC-U管块", None, "中国电信示范分公司", "manhole")
SECTIONS = {
    "DL": {"arterial": "4×5孔Φ175", "secondary": "3×4孔Φ175", "branch": "2×4孔Φ150"},
    "TX": {"arterial": "24孔Φ110", "secondary": "12孔Φ110", "branch": "6孔Φ110"},
}
HEAT_SIZES = ((900.0, 200), (2_500.0, 300), (6_000.0, 400), (14_000.0, 600), (30_000.0, 800), (np.inf, 1_000))  # metres served, mm
SEWER_SIZES = ((300.0, 400), (900.0, 600), (2_500.0, 800), (5_000.0, 1_000), (np.inf, 1_200))
SEWER_ASIDE, SEWER_COVER, SEWER_FALL, OLD_REACH = 0.2, 1.6, 0.0011, 300.0
SEWER_OWNER = "市政设施管理处"
PLANT_SITE = (1_300.0, -1_500.0)  # the heat plant stands among the works in the south-east (plan)
SUBSTATION_SITE, EXCHANGE_SITE = (-900.0, 1_650.0), (-20.0, -850.0)


@dataclass(frozen=True, slots=True)
class Laid:
    """Nodes and pipes of one kind, metres about the town's middle; ``what``: kind of node; dates by pipe and by node."""

    kind: str
    place: Floats
    what: NDArray[np.object_]
    start: Integers
    end: Integers
    grade: NDArray[np.object_]
    built: NDArray[np.object_]
    node_built: NDArray[np.object_]
    course: Geometries


def cable_rows(world: World) -> Iterator[LayerTable]:
    """Pipe nodes and pipelines of heat, power and telecom, then the combined sewers with their overflow."""
    for duct, site, root in ((HEAT, PLANT_SITE, "plant"), (POWER, SUBSTATION_SITE, "plant"), (TELECOM, EXCHANGE_SITE, "junction")):
        pieces, first = _served(world, duct, site)
        laid = _laid(world, duct, pieces, root, first)
        yield from _duct_rows(world, duct, laid)
    yield from _sewer_rows(world)


def _served(world: World, duct: Duct, site: tuple[float, float]) -> tuple[Integers, int]:
    """Returns the pieces that have the kind and hang together with its source, and the source's crossing; heat: a tree."""
    roads = world.roads
    named = np.array([name is not None for name in roads.of_pieces("name")])
    chosen = np.flatnonzero(np.isin(roads.of_pieces("grade"), duct.grades) & named)
    crossings = np.unique(roads.nodes[chosen])
    source = world.ground.place([site])[0]
    root = int(crossings[np.argmin(np.hypot(*(roads.places[crossings] - source).T))])
    way, parent = ways(chosen.tolist(), roads, shapely.length(roads.pieces), [root])
    if duct.kind == "RL":
        return np.array(sorted(set(parent.values()))), root
    return chosen[np.array([int(a) in way for a in roads.nodes[chosen, 0]])], root


def _laid(world: World, duct: Duct, pieces: Integers, root_kind: str, root: int) -> Laid:
    """Lays one kind along pieces: a node at each crossing, chambers between them."""
    roads = world.roads
    grade, built = roads.of_pieces("grade")[pieces], roads.of_pieces("finished")[pieces]
    half = roads.of_pieces("width")[pieces].astype(float) / 2 - roads.of_pieces("pavement")[pieces].astype(float)
    aside = np.sign(duct.aside) * (half + abs(duct.aside)) if duct.kerb else np.full(len(pieces), duct.aside)
    lines, length = roads.pieces[pieces], shapely.length(roads.pieces[pieces])
    east, north = (roads.places[roads.nodes[pieces, 1]] - roads.places[roads.nodes[pieces, 0]]).T
    flat = np.abs(east) > np.abs(north)
    side = aside.copy()  # north of streets that run east, east of those that run south, whichever way their pieces are drawn
    aside *= np.where(np.where(flat, east > 0, north < 0), 1.0, -1.0)
    step = duct.step if duct.kind == "HS" else world.size.joint_step or duct.step
    bridge = shapely.intersects(lines, world.waters.all())
    count = np.where(bridge, 1, np.maximum(1, np.round(length / step))).astype(np.int64)
    crossings, ends = np.unique(roads.nodes[pieces], return_inverse=True)
    ends = ends.reshape(-1, 2)
    which = np.repeat(np.arange(len(pieces)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    inner = nth > 0
    between, _ = beside(lines[which[inner]], (nth * length[which] / count[which])[inner], aside[which[inner]])
    number = np.full(len(which), -1, dtype=np.int64)
    number[inner] = len(crossings) + np.arange(int(inner.sum()))
    start = np.where(inner, number, ends[which, 0])
    last = nth == count[which] - 1
    end = np.where(last, ends[which, 1], np.roll(number, -1))
    what = np.full(len(crossings) + len(between), duct.joint, dtype=object)
    what[np.searchsorted(crossings, root)] = root_kind
    place = np.vstack([roads.places[crossings] + _corner(ends, flat, side, len(crossings)), between])
    node_built = np.full(len(place), None, dtype=object)
    node_built[end], node_built[start] = built[which], built[which]
    course = np.asarray(shapely.linestrings(np.stack([place[start], place[end]], axis=1)), dtype=object)
    return Laid(duct.kind, place, what, start, end, grade[which], built[which], node_built, course)


def _corner(ends: Integers, flat: NDArray[np.bool_], side: Floats, count: int) -> Floats:
    """Returns how far the node of each crossing stands from its middle: in the corner where the sides of its streets meet."""
    shift = np.zeros((count, 2))
    for axis, mine in enumerate((~flat, flat)):
        np.maximum.at(shift[:, axis], ends[mine].ravel(), np.repeat(np.abs(side[mine]), 2))
    return np.asarray(shift * np.sign(side[0]), dtype=float)


def _duct_rows(world: World, duct: Duct, laid: Laid) -> Iterator[LayerTable]:
    count = len(laid.start)
    if duct.kind == "RL":
        served = _heat_served(laid)
        size = np.array([next(mm for most, mm in HEAT_SIZES if metres <= most) for metres in served.tolist()])
        diameter, section = size, [f"供回水2×DN{mm}" for mm in size.tolist()]
    else:
        diameter, section = None, [SECTIONS[duct.kind][name] for name in laid.grade.tolist()]
    ground = ground_level(world.ground, world.waters.river, laid.place)
    codes = _codes(world, duct.kind, len(laid.place))
    yield from _node_rows(world, laid, codes, ground, None, np.full(len(ground), duct.depth), duct.owner)
    yield from chunked(
        LayerTable(
            "pipeline",
            {
                "code": [f"{duct.kind}G{world.town.mark}{n:06d}" for n in range(1, count + 1)],
                "kind": np.full(count, duct.kind, dtype=object),
                "from_node": codes[laid.start],
                "to_node": codes[laid.end],
                "diameter_mm": [None] * count if diameter is None else diameter,
                "section": section,
                "material": np.full(count, duct.material, dtype=object),
                "depth_from_m": np.full(count, duct.depth),
                "depth_to_m": np.full(count, duct.depth),
                "invert_from_m": [None] * count,
                "invert_to_m": [None] * count,
                "pressure": [duct.pressure] * count,
                "built_on": laid.built,
                "owner_name": np.full(count, duct.owner, dtype=object),
                "state": np.full(count, "operating", dtype=object),
            },
            world.degrees(laid.course),
        )
    )


def _heat_served(laid: Laid) -> Floats:
    """Returns the metres of pipe that each heat pipe feeds, itself among them."""
    ends: dict[int, list[tuple[int, int]]] = {}
    for pipe, (a, b) in enumerate(zip(laid.start.tolist(), laid.end.tolist(), strict=True)):
        ends.setdefault(a, []).append((pipe, b))
        ends.setdefault(b, []).append((pipe, a))
    root = int(np.flatnonzero(laid.what == "plant")[0])
    onward, feeder = np.full(len(laid.place), -1, dtype=np.int64), np.full(len(laid.place), -1, dtype=np.int64)
    todo, seen = [root], {root}
    while todo:
        node = todo.pop()
        for pipe, other in ends.get(node, ()):
            if other not in seen:
                seen.add(other)
                onward[other], feeder[other] = node, pipe
                todo.append(other)
    own = np.where(feeder >= 0, shapely.length(laid.course)[feeder], 0.0)
    total = summed_downstream(onward, own)
    served = np.zeros(len(laid.start))
    served[feeder[feeder >= 0]] = total[feeder >= 0]
    return served


def _codes(world: World, kind: str, count: int) -> NDArray[np.object_]:
    return np.array([f"{kind}{world.town.mark}{n:06d}" for n in range(1, count + 1)], dtype=object)


def _node_rows(
    world: World, laid: Laid, codes: NDArray[np.object_], ground: Floats, invert: Floats | None, depth: Floats, owner: str
) -> Iterator[LayerTable]:
    count = len(codes)
    yield from chunked(
        LayerTable(
            "pipe_node",
            {
                "code": codes,
                "pipe_kind": np.full(count, laid.kind, dtype=object),
                "kind": laid.what,
                "ground_m": np.round(ground, 3),
                "invert_m": [None] * count if invert is None else np.round(invert, 3),
                "depth_m": np.round(depth, 2),
                "cover_material": ["球墨铸铁" if what == "manhole" else None for what in laid.what.tolist()],
                "component_code": [None] * count,
                "built_on": laid.node_built,
                "owner_name": np.full(count, owner, dtype=object),
            },
            world.points(laid.place),
        )
    )


def _sewer_tree(world: World) -> tuple[Laid, Integers] | None:
    """Lays the combined sewers: the lanes of the old core and their way to the river; returns them with the node downstream of each."""
    roads = world.roads
    grade, bank = roads.of_pieces("grade"), roads.of_pieces("bank")
    dry = ~shapely.intersects(roads.pieces, world.waters.river)
    named = np.array([name is not None for name in roads.of_pieces("name")])
    usable = np.flatnonzero(np.isin(grade, ("secondary", "branch", "lane")) & dry & named)
    core = world.ground.place([CORE])[0]
    near = np.unique(roads.nodes[(bank == "north") & dry])
    book = world.pipes
    mouths = np.asarray(book.place, dtype=float)[np.asarray(book.node_kind) == "outfall"]
    free = np.hypot(*(roads.places[near][:, None] - mouths[None]).transpose(2, 0, 1)).min(axis=1) > 70.0
    near = near[free] if free.any() else near
    root = int(near[np.argmin(np.hypot(*(roads.places[near] - core).T))])
    _, parent = ways(usable.tolist(), roads, shapely.length(roads.pieces), [root])
    middle = shapely.get_coordinates(shapely.line_interpolate_point(roads.pieces[usable], 0.5, normalized=True))
    lanes = usable[(grade[usable] == "lane") & (np.hypot(*(middle - core).T) < OLD_REACH)]
    taken: set[int] = set()
    for crossing in roads.nodes[lanes].ravel().tolist():
        here = crossing
        while here in parent and parent[here] not in taken:
            taken.add(parent[here])
            a, b = roads.nodes[parent[here]].tolist()
            here = b if a == here else a
    if not taken:
        return None
    duct = Duct("HS", (), SEWER_ASIDE, False, world.size.manhole_step, 0.0, "", None, "", "manhole")
    laid = _laid(world, duct, np.array(sorted(taken)), "manhole", root)
    return _with_mouth(world, laid, roads.places[root])


def _with_mouth(world: World, laid: Laid, root: Floats) -> tuple[Laid, Integers]:
    """Turns every pipe downhill towards the root and leads the root into the river."""
    first = int(np.argmin(np.hypot(*(laid.place - root).T)))
    into = shapely.get_coordinates(shapely.shortest_line(shapely.Point(root), world.waters.river))[1]
    mouth = into + (into - root) / np.hypot(*(into - root)) * 2.0
    last = len(laid.place)
    place, start, end = np.vstack([laid.place, mouth]), np.r_[laid.start, first], np.r_[laid.end, last]
    arms: dict[int, list[tuple[int, int]]] = {}
    for index, (a, b) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        arms.setdefault(a, []).append((index, b))
        arms.setdefault(b, []).append((index, a))
    onward, out = np.full(len(place), -1, dtype=np.int64), np.full(len(place), -1, dtype=np.int64)
    todo, seen = [last], {last}
    while todo:
        node = todo.pop()
        for number, other in arms[node]:
            if other not in seen:
                seen.add(other)
                onward[other], out[other] = node, number
                todo.append(other)
    above = np.flatnonzero(onward >= 0)
    pipe = out[above]
    what = np.append(laid.what, np.array(["outfall"], dtype=object))
    pick = np.minimum(pipe, len(laid.start) - 1)
    node_built = np.append(laid.node_built, laid.node_built[first])
    course = np.asarray(shapely.linestrings(np.stack([place[above], place[onward[above]]], axis=1)), dtype=object)
    made = Laid("HS", place, what, above, onward[above], laid.grade[pick], laid.built[pick], node_built, course)
    return made, onward


def _sewer_rows(world: World) -> Iterator[LayerTable]:
    """Combined sewers with inverts that fall, and their overflow at the river."""
    tree = _sewer_tree(world)
    if tree is None:
        return
    laid, onward = tree
    ground = ground_level(world.ground, world.waters.river, laid.place)
    own, invert = np.zeros(len(ground)), ground - SEWER_COVER
    own[laid.start] = shapely.length(laid.course)
    load = summed_downstream(onward, own)
    steps = outlets_of(onward)[1]
    for distance in range(int(steps.max()), 0, -1):
        nodes = np.flatnonzero(steps == distance)
        np.minimum.at(invert, onward[nodes], invert[nodes] - np.maximum(SEWER_FALL * own[nodes], 0.005))
    invert = np.round(invert, 3)
    size = np.array([next(mm for most, mm in SEWER_SIZES if metres <= most) for metres in load[laid.start].tolist()])
    codes, count = _codes(world, "HS", len(ground)), len(laid.start)
    yield from _node_rows(world, laid, codes, ground, invert, np.maximum(ground - invert, 0.0), SEWER_OWNER)
    yield from chunked(
        LayerTable(
            "pipeline",
            {
                "code": [f"HSG{world.town.mark}{n:06d}" for n in range(1, count + 1)],
                "kind": np.full(count, "HS", dtype=object),
                "from_node": codes[laid.start],
                "to_node": codes[laid.end],
                "diameter_mm": size,
                "section": ["砖拱1.2×1.5m" if mm >= 1_200 else None for mm in size.tolist()],
                "material": np.where(size >= 1_200, "砖砌", "钢筋混凝土").astype(object),
                "depth_from_m": np.round(np.maximum((ground - invert)[laid.start] - size / 1000, 0.3), 2),
                "depth_to_m": np.round(np.maximum((ground - invert)[laid.end] - size / 1000, 0.3), 2),
                "invert_from_m": invert[laid.start],
                "invert_to_m": invert[laid.end],
                "pressure": [None] * count,
                "built_on": laid.built,
                "owner_name": np.full(count, SEWER_OWNER, dtype=object),
                "state": np.full(count, "operating", dtype=object),
            },
            world.degrees(laid.course),
        )
    )
    mouth = laid.place[-1:]
    yield LayerTable(
        "outfall",
        {
            "code": [f"PK{world.town.mark}H001"],
            "name": [f"{world.town.title}老城合流溢流口"],
            "kind": ["combined"],
            "node_code": codes[-1:],
            "water_name": [world.waters.names[0]],
            "diameter_mm": size[laid.end == len(ground) - 1],
            "invert_m": invert[-1:],
            "water_level_m": np.round(water_level(world.ground, mouth[:, 0]), 2),
            "flap_gate": [True],
            "state": ["sound"],
            "manager_name": [MANAGER],
        },
        world.points(mouth),
    )
