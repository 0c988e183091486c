"""Underground pipes: storm water to outfalls at the river, sewage to two plants, water and gas as meshes.

Gravity pipes form trees over the street graph (shortest way to the outlet); every street has its own pipe, manholes
stand about 42 m apart, inverts are laid from the heads downhill so that each pipe falls and keeps its cover.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import shapely

from data.sample.network import Waters
from data.sample.planar import Integers
from data.sample.roads import Roads
from data.sample.sizes import CitySize
from data.sample.terrain import Floats, Ground

__all__ = ["LINES", "OWNERS", "SEWAGE", "STORM", "PipeBook", "make_pipes", "ways"]

LEAST_DROP = 0.004
GRAVITY_GRADES = ("arterial", "secondary", "branch", "lane")
SIZES = {
    # metres of street drained -> mm, so that a pipe carries about what falls on its streets once in three years
    "YS": ((100, 400), (200, 600), (500, 800), (1000, 1200), (2500, 1600), (6000, 2000), (12000, 2400), (25000, 2800), (1e12, 3000)),
    "WS": ((600, 300), (2000, 400), (6000, 500), (15000, 600), (30000, 800), (1e12, 1000)),
}
OWNERS = {
    "YS": "市政设施管理处",
    "WS": "市排水公司",
    "JS": "市自来水公司",
    "RQ": "市燃气公司",
}


@dataclass(frozen=True, slots=True)
class Trade:
    """How a kind of gravity pipe is laid: offset from the middle of the street, cover over its crown, least fall, material."""

    kind: str
    aside: float
    cover: float
    fall: float
    material: str


@dataclass(frozen=True, slots=True)
class Line:
    """How a pressure pipe is laid: offset, depth, diameter (mm) by grade of street, material, pressure."""

    kind: str
    aside: float
    depth: float
    sizes: Mapping[str, int]
    material: str
    pressure: str


LINES = {
    line.kind: line
    for line in (
        Line("JS", 6.0, 1.2, {"arterial": 600, "secondary": 400, "branch": 200}, "球墨铸铁", "0.4MPa"),
        Line("RQ", -7.0, 1.0, {"arterial": 300, "secondary": 200}, "聚乙烯", "中压A级"),
    )
}
STORM = Trade("YS", 2.6, 0.9, 0.0011, "钢筋混凝土")
SEWAGE = Trade("WS", -2.4, 1.4, 0.0010, "球墨铸铁")


@dataclass(slots=True)
class PipeBook:
    """Nodes and pipes as they are laid; a node is known by its index."""

    node_kind: list[str] = field(default_factory=list)
    pipe_kind: list[str] = field(default_factory=list)
    place: list[tuple[float, float]] = field(default_factory=list)
    ground: list[float] = field(default_factory=list)
    invert: list[float | None] = field(default_factory=list)
    depth: list[float] = field(default_factory=list)
    built: list[date] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    inverts: list[tuple[float, float] | None] = field(default_factory=list)
    course: list[list[tuple[float, float]]] = field(default_factory=list)

    def node(
        self,
        trade: str,
        kind: str,
        place: tuple[float, float],
        ground: float,
        invert: float | None,
        depth: float,
        built: date,
    ) -> int:
        """Adds a node and returns its index."""
        self.pipe_kind.append(trade)
        self.node_kind.append(kind)
        self.place.append(place)
        self.ground.append(ground)
        self.invert.append(invert)
        self.depth.append(depth)
        self.built.append(built)
        return len(self.place) - 1

    def pipe(self, start: int, end: int, size: int, inverts: tuple[float, float] | None, bends: list[tuple[float, float]]) -> None:
        """Adds a pipe between two nodes."""
        self.start.append(start)
        self.end.append(end)
        self.size.append(size)
        self.inverts.append(inverts)
        self.course.append([self.place[start], *bends, self.place[end]])


def ways(pieces: list[int], roads: Roads, length: Floats, roots: list[int]) -> tuple[dict[int, float], dict[int, int]]:
    """Shortest ways from every crossing to the nearest root: distance, and the piece that leads towards it."""
    beside: dict[int, list[tuple[int, int]]] = {}
    for piece in pieces:
        a, b = roads.nodes[piece].tolist()
        beside.setdefault(a, []).append((piece, b))
        beside.setdefault(b, []).append((piece, a))
    distance = dict.fromkeys(roots, 0.0)
    parent: dict[int, int] = {}
    heap = [(0.0, root) for root in sorted(roots)]
    while heap:
        far, node = heapq.heappop(heap)
        if far > distance[node]:
            continue
        for piece, other in beside.get(node, ()):
            way = far + float(length[piece])
            if way < distance.get(other, np.inf):
                distance[other], parent[other] = way, piece
                heapq.heappush(heap, (way, other))
    return distance, parent


class _Gravity:
    """Lays one kind of gravity pipe over the streets."""

    def __init__(
        self,
        book: PipeBook,
        trade: Trade,
        roads: Roads,
        level: Callable[[Floats], Floats],
        usable: list[int],
        roots: list[int],
        step: float,
    ) -> None:
        self.step = step
        self.book, self.trade, self.roads, self.level = book, trade, roads, level
        self.length = shapely.length(roads.pieces)
        self.distance, self.parent = ways(usable, roads, self.length, roots)
        self.usable = [p for p in usable if all(n in self.distance for n in roads.nodes[p].tolist())]
        self.shift = np.array([trade.aside, trade.aside * 0.6])
        self.load: dict[int, float] = {}
        self.lowest: dict[int, float] = {}
        self.hole: dict[int, int] = {}
        self.built = roads.of_pieces("finished")

    def lay(self) -> None:
        """Lays the pipes from the farthest street to the outlets."""
        rank = [(max(self.distance[n] for n in self.roads.nodes[p].tolist()), p) for p in self.usable]
        for _, piece in sorted(rank, reverse=True):
            a, b = self.roads.nodes[piece].tolist()
            backwards = (self.distance[a], a) < (self.distance[b], b)
            self._street(piece, (b, a) if backwards else (a, b), backwards)

    def _spots(self, piece: int, backwards: bool, own_head: bool) -> Floats:
        """Places of the manholes between two crossings, beside the middle of the street."""
        line = self.roads.pieces[piece]
        length = float(self.length[piece])
        count = max(1, round(length / self.step))
        at = np.arange(1, count) * length / count
        if own_head:
            at = np.r_[min(9.0, length / 3), at]
        at = at if not backwards else length - at
        on = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, np.minimum(at + 0.5, length)))
        back = shapely.get_coordinates(shapely.line_interpolate_point(line, np.maximum(at - 0.5, 0)))
        step = ahead - back
        side = np.column_stack([-step[:, 1], step[:, 0]]) / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
        return np.asarray(on + side * self.trade.aside, dtype=float)

    def _crossing(self, node: int, built: date) -> int:
        """Returns the manhole at a crossing, made when first met."""
        if node not in self.hole:
            place = self.roads.places[node] + self.shift
            ground = float(self.level(place[None])[0])
            self.hole[node] = self.book.node(self.trade.kind, "manhole", (place[0], place[1]), ground, None, 0.0, built)
            self.lowest[node] = min(self.lowest.get(node, np.inf), self._under(ground, 0.0))
        return self.hole[node]

    def _under(self, ground: float, load: float) -> float:
        """Returns the highest invert of a pipe with this load: its crown has the cover over it."""
        return ground - self.trade.cover - self._size(load) / 1000

    def _leave(self, node: int, load: float) -> float:
        """Returns the invert at which a pipe leaves a crossing."""
        self.lowest[node] = min(self.lowest[node], self._under(self.book.ground[self.hole[node]], load))
        self._settle(self.hole[node], self.lowest[node])
        return self.lowest[node]

    def _street(self, piece: int, ends: tuple[int, int], backwards: bool) -> None:
        up, down = ends
        built = self.built[piece]
        own_head = self.parent.get(up) != piece
        spots = self._spots(piece, backwards, own_head)
        level = self.level(spots) if len(spots) else np.zeros(0)
        load = 0.0 if own_head else self.load.get(up, 0.0)
        target = self._crossing(down, built)
        if own_head:
            now = self._under(float(level[0]), 0.0)
            last = self._hole(spots[0], float(level[0]), now, built)
            spots, level = spots[1:], level[1:]
        else:
            last = self._crossing(up, built)
            now = self._leave(up, load)
        for spot, ground in zip(spots, level.tolist(), strict=True):
            step = float(np.hypot(*(spot - np.array(self.book.place[last]))))
            load += step
            then = min(now - max(self.trade.fall * step, LEAST_DROP), self._under(ground, load))
            hole = self._hole(spot, ground, then, built)
            self.book.pipe(last, hole, self._size(load), (round(now, 3), round(then, 3)), [])
            last, now = hole, then
        step = float(np.hypot(*(np.array(self.book.place[target]) - np.array(self.book.place[last]))))
        then = min(now - max(self.trade.fall * step, LEAST_DROP), self.lowest[down])
        load += step
        self.book.pipe(last, target, self._size(load), (round(now, 3), round(then, 3)), [])
        self.lowest[down] = min(self.lowest[down], then)
        self._settle(target, self.lowest[down])
        self.load[down] = self.load.get(down, 0.0) + load

    def _hole(self, spot: Floats, ground: float, invert: float, built: date) -> int:
        hole = self.book.node(self.trade.kind, "manhole", (float(spot[0]), float(spot[1])), ground, None, 0.0, built)
        self._settle(hole, invert)
        return hole

    def _settle(self, hole: int, invert: float) -> None:
        self.book.invert[hole] = round(invert, 3)
        self.book.depth[hole] = round(self.book.ground[hole] - invert, 2)

    def _size(self, load: float) -> int:
        return next(size for limit, size in SIZES[self.trade.kind] if load <= limit)

    def outlet(self, root: int, kind: str, place: tuple[float, float], drop: float) -> None:
        """Leads a root's manhole to its outfall or plant."""
        if root not in self.hole:
            return
        start = self.hole[root]
        now = self._leave(root, self.load.get(root, 0.0))
        step = float(np.hypot(place[0] - self.book.place[start][0], place[1] - self.book.place[start][1]))
        then = now - self.trade.fall * step - drop
        ground = float(self.level(np.array([place]))[0])
        end = self.book.node(
            self.trade.kind,
            kind,
            place,
            ground,
            round(then, 3),
            round(max(0.0, ground - then), 2),
            self.book.built[start],
        )
        self.book.pipe(start, end, self._size(self.load.get(root, 0.0) + step), (round(now, 3), round(then, 3)), [])


def _pressure(book: PipeBook, trade: Line, step: float, roads: Roads, level: Callable[[Floats], Floats]) -> None:
    """Lays pressure pipes along the streets: junctions at crossings, valves where a street only bends or ends.

    With a step, joints stand between the crossings too.
    """
    grade = roads.of_pieces("grade")
    chosen = np.flatnonzero(np.isin(grade, tuple(trade.sizes)))
    built = roads.of_pieces("finished")
    degree = np.bincount(roads.nodes[chosen].ravel(), minlength=len(roads.places))
    ground = level(roads.places)
    made: dict[int, int] = {}
    for piece, curve in zip(chosen.tolist(), shapely.offset_curve(roads.pieces[chosen], trade.aside), strict=True):
        ends = []
        for node in roads.nodes[piece].tolist():
            if node not in made:
                place = roads.places[node] + np.array([trade.aside, -trade.aside * 0.5])
                what = "junction" if degree[node] > 2 else "valve"
                made[node] = book.node(trade.kind, what, (place[0], place[1]), float(ground[node]), None, trade.depth, built[piece])
            ends.append(made[node])
        size, plain = trade.sizes[str(grade[piece])], curve.geom_type == "LineString" and not curve.is_empty
        count = max(1, round(curve.length / step)) if step and plain else 1
        if count == 1:
            bends = [(x, y) for x, y in shapely.get_coordinates(curve).tolist()][1:-1] if plain else []
            book.pipe(ends[0], ends[1], size, None, bends)
            continue
        places = shapely.get_coordinates(shapely.line_interpolate_point(curve, np.arange(1, count) / count, normalized=True))
        heights = level(places).tolist()
        last = ends[0]
        for (x, y), height in zip(places.tolist(), heights, strict=True):
            joint = book.node(trade.kind, "junction", (x, y), height, None, trade.depth, built[piece])
            book.pipe(last, joint, size, None, [])
            last = joint
        book.pipe(last, ends[1], size, None, [])


def _spaced(nodes: Integers, places: Floats, gap: float) -> list[int]:
    """Picks nodes from west to east, at least ``gap`` apart."""
    picked: list[int] = []
    for node in nodes[np.argsort(places[nodes, 0], kind="stable")].tolist():
        if not picked or np.hypot(*(places[node] - places[picked[-1]])) >= gap:
            picked.append(int(node))
    return picked


def make_pipes(size: CitySize, roads: Roads, waters: Waters, ground: Ground) -> PipeBook:
    """Lays all pipes of the city."""
    book = PipeBook()

    def level(points: Floats) -> Floats:
        return ground.level(points[:, 0], points[:, 1], shapely.distance(shapely.points(points), waters.river))

    grade, name, bank = (roads.of_pieces(key) for key in ("grade", "name", "bank"))
    dry = ~shapely.intersects(roads.pieces, waters.river)
    named = np.array([value is not None for value in name])
    usable = np.flatnonzero(np.isin(grade, GRAVITY_GRADES) & dry & named).tolist()
    outlets: list[int] = []
    plants: list[int] = []
    for side in ("north", "south"):
        along = np.unique(roads.nodes[(bank == side) & dry])
        outlets += _spaced(along, roads.places, 420.0)
        plants.append(int(along[np.argmax(roads.places[along, 0])]))
    storm = _Gravity(book, STORM, roads, level, usable, outlets, size.manhole_step)
    storm.lay()
    for root in outlets:
        place = np.array(roads.places[root])
        near = shapely.get_coordinates(shapely.shortest_line(shapely.Point(place), waters.river))[1]
        into = near + (near - place) / np.hypot(*(near - place)) * 2.0
        storm.outlet(root, "outfall", (float(into[0]), float(into[1])), 0.15)
    sewage = _Gravity(book, SEWAGE, roads, level, usable, plants, size.manhole_step)
    sewage.lay()
    for root in plants:
        place = np.array(roads.places[root])
        near = shapely.get_coordinates(shapely.shortest_line(shapely.Point(place), waters.river))[1]
        away = place + (place - near) / np.hypot(*(near - place)) * 45.0 - np.array([25.0, 0.0])
        sewage.outlet(root, "plant", (float(away[0]), float(away[1])), 0.05)
    for line in LINES.values():
        _pressure(book, line, size.joint_step, roads, level)
    return book
