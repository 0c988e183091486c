"""Named roads: every street of the plan gets a name by grade and direction, every piece between crossings its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.names import NamePool, avenue_stems, bank_road, ordinal, street_stems
from data.sample.network import GRADES, LANES, PAVEMENTS, WIDTHS, Network
from data.sample.place import Town
from data.sample.planar import Geometries, Integers, mesh_of, node_keys
from data.sample.terrain import Floats, Ground

__all__ = ["Road", "Roads", "make_roads"]

INNER_WIDTH = 6.0
WHOLE = ("column 2", "row 2")  # avenues that bear one name from edge to edge
BETWEEN_ROWS, BETWEEN_COLUMNS, LANES_ACROSS = 420.0, 430.0, 9  # main streets beside each other in the plan: distance, m; places
SAME_STREET = np.radians(28)  # a street goes on past a crossing when it bends less


@dataclass(frozen=True, slots=True)
class Road:
    """One named road (or one nameless lane): code, name, grade, widths, its course from its first house on; north or south bank."""

    code: str
    name: str | None
    grade: str
    width: float
    pavement: float
    course: tuple[shapely.LineString, ...]
    finished: date
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Roads:
    """All roads, and the pieces between crossings with the road each belongs to; ``nodes`` are crossings' numbers."""

    roads: list[Road]
    pieces: Geometries
    piece_road: Integers
    nodes: Integers
    places: Floats

    def of_pieces(self, attribute: str) -> NDArray[np.object_]:
        """Returns an attribute of the road of each piece."""
        values = np.array([getattr(road, attribute) for road in self.roads], dtype=object)
        return np.asarray(values[self.piece_road], dtype=object)


def _fixed_names(ground: Ground, town: Town) -> Callable[[str, shapely.LineString], str]:
    """Returns the namer of the streets that the plan draws as a whole."""
    if town.mark:
        return _avenue_names(ground, town)
    east_west, north_south = (list(stems) for stems in street_stems())
    stems: dict[str, str] = {"row 1": "人民", "row 2": "解放", "column 2": "中州"}
    free = {
        "row": [s for s in east_west if s not in stems.values()],
        "column": [s for s in north_south if s not in stems.values()],
    }
    sides = {"north": "北", "south": "南", "east": "东", "west": "西"}

    def name(title: str, line: shapely.LineString) -> str:
        kind, _, rest = title.partition(" ")
        u, v = ground.plan(shapely.get_coordinates(shapely.line_interpolate_point(line, 0.5, normalized=True)))[0]
        if kind == "ring":
            return sides[rest] + "环快速路"
        if kind == "bank":
            return "滨河北路" if rest == "north" else "滨河南路"
        if kind == "diagonal":
            return "站前大街"
        along = "row" if kind == "row" else "column"
        if title not in stems:
            stems[title] = free[along].pop(0)
        stem = stems[title]
        if title == "column 2":
            return stem + "大道"
        if title == "row 2":
            return stem + "大道"
        if kind == "row":
            return stem + ("东" if u > 0 else "西") + ("街" if "middle" in rest else "路")
        return stem + ("北" if v > 0 else "南") + ("街" if kind == "middle" else "路")

    return name


def _avenue_names(ground: Ground, town: Town) -> Callable[[str, shapely.LineString], str]:
    """Returns the namer of those streets in a city of many towns: an avenue goes on from town to town by numbered sections."""
    east_west, north_south = avenue_stems(town)
    words = {"north": "北", "south": "南", "east": "东", "west": "西"}
    opposite = {"north": "south", "south": "north", "east": "west", "west": "east"}

    def facing(side: str) -> str:
        turned = town.mirror[1] if side in ("north", "south") else town.mirror[0]
        return words[side if turned > 0 else opposite[side]]

    def name(title: str, line: shapely.LineString) -> str:
        kind, _, rest = title.partition(" ")
        middle = shapely.get_coordinates(shapely.line_interpolate_point(line, 0.5, normalized=True))
        east, north = ground.north_up(ground.plan(middle))[0]
        if kind == "ring":
            return f"{town.title}{facing(rest)}环快速路"
        if kind == "bank":
            return bank_road(town, facing(rest))
        if kind == "diagonal":
            return f"{town.title}站前大街"
        flat = kind == "row"
        lane = round(north / BETWEEN_ROWS) if flat else round(east / BETWEEN_COLUMNS)
        place = LANES_ACROSS * (town.row if flat else town.column) + lane + LANES_ACROSS // 2
        stem = (east_west if flat else north_south)[place]
        if title in WHOLE:
            return f"{stem}大道{ordinal((town.column if flat else town.row) + 1)}段"
        half = int((east if flat else north) > 0)
        return f"{stem}路{ordinal(2 * (town.column if flat else town.row) + 1 + half)}段"

    return name


def _strokes(lines: Geometries) -> Integers:
    """Joins lines that go straight on at their ends into one street; returns the street of each line."""
    nodes, places = node_keys(lines)
    towards = []
    for end, step in ((0, 1.0), (1, -1.0)):
        tip = shapely.get_coordinates(shapely.get_point(lines, 0 if end == 0 else -1))
        on = shapely.get_coordinates(shapely.line_interpolate_point(lines, step * 15.0))
        towards.append(np.arctan2(*(on - tip)[:, ::-1].T))
    ends: dict[int, list[tuple[int, float]]] = {}
    for line in range(len(lines)):
        for end in (0, 1):
            ends.setdefault(int(nodes[line, end]), []).append((line, float(towards[end][line])))
    street = list(range(len(lines)))

    def root(index: int) -> int:
        while street[index] != index:
            index = street[index]
        return index

    for node in range(len(places)):
        meeting = ends.get(node, [])
        pairs = [
            (abs(abs((a[1] - b[1] + np.pi) % (2 * np.pi) - np.pi) - np.pi), a[0], b[0])
            for i, a in enumerate(meeting)
            for b in meeting[i + 1 :]
        ]
        used: set[int] = set()
        for bend, a, b in sorted(pairs):
            if bend < SAME_STREET and not {a, b} & used:
                used |= {a, b}
                street[root(max(root(a), root(b)))] = min(root(a), root(b))
    return np.array([root(index) for index in range(len(lines))])


def _names(network: Network, ground: Ground, pool: NamePool) -> list[str]:
    """Names every line of the network."""
    namer = _fixed_names(ground, pool.town)
    names = [""] * len(network.lines)
    fine = np.isin(network.grade, ("branch", "lane"))
    # Roads of the lattice change their names at the river and at the middle of the city; they are cut there already.
    for index in np.flatnonzero(~fine).tolist():
        names[index] = namer(str(network.title[index]), network.lines[index])
        pool.take(names[index])
    members = np.flatnonzero(fine)
    street = _strokes(network.lines[members])
    for number in np.unique(street):
        lines = members[street == number]
        ends = shapely.get_coordinates(shapely.get_point(network.lines[lines], [[0], [-1]]).ravel())
        flat = np.ptp(ends[:, 0]) > np.ptp(ends[:, 1])
        small = (network.grade[lines] == "lane").all()
        name = pool.lane() if small else pool.way() + ("街" if flat else "路")
        for line in lines.tolist():
            names[line] = name
    return names


def _split_at_names(network: Network, ground: Ground) -> Network:
    """Cuts arterials and secondary roads where they change their names: at the river and at the city's middle."""
    u = np.linspace(-6000, 6000, 601)
    middle = [
        shapely.LineString(ground.place(np.column_stack([u, u * 0.0]))),
        shapely.LineString(ground.place(np.column_stack([u * 0.0, u]))),
    ]
    lines, grade, title = [], [], []
    for line, kind, name in zip(network.lines, network.grade.tolist(), network.title.tolist(), strict=True):
        head = name.split(" ")[0]
        parts = [line]
        if name not in WHOLE and head in ("column", "middle", "row"):
            cut = middle[1] if head == "row" else middle[0]
            parts = list(shapely.get_parts(shapely.difference(line, cut)))
        for part in parts:
            if part.length > 1:
                lines.append(part)
                grade.append(kind)
                title.append(name)
    return Network(
        network.outline,
        np.array(lines, dtype=object),
        np.array(grade),
        np.array(title),
        network.mesh,
        network.piece_kind,
    )


def _course(lines: Geometries) -> tuple[shapely.LineString, ...]:
    """Joins a road's lines into its course: from west to east or from north to south."""
    whole = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines)))
    box = shapely.total_bounds(whole)
    flat = box[2] - box[0] > box[3] - box[1]
    parts = []
    for line in whole:
        (x0, y0), (x1, y1) = line.coords[0], line.coords[-1]
        forward = x1 >= x0 if flat else y1 <= y0
        parts.append(line if forward else shapely.reverse(line))
    parts.sort(key=lambda line: line.coords[0][0] if flat else -line.coords[0][1])
    return tuple(parts)


def make_roads(network: Network, lanes: Geometries, ground: Ground, pool: NamePool, random: np.random.Generator) -> Roads:
    """Names the roads and cuts them, with the lanes inside estates, into pieces between crossings."""
    named = _split_at_names(network, ground)
    names = _names(named, ground, pool)
    mark = pool.town.mark
    order = sorted(set(zip(names, named.grade.tolist(), strict=True)), key=lambda item: (GRADES.index(item[1]), item[0]))
    best: dict[str, int] = {}
    for name, grade in order:
        best.setdefault(name, GRADES.index(grade))
    roads: list[Road] = []
    of_name: dict[str, int] = {}
    line_names = np.array(names)
    for name, rank in best.items():
        grade = GRADES[rank]
        members = named.lines[line_names == name]
        of_name[name] = len(roads)
        bank = str(named.title[line_names == name][0]).partition("bank ")[2]
        finished = date(int(random.integers(1992, 2024)), int(random.integers(1, 13)), int(random.integers(1, 28)))
        roads.append(Road(f"L{mark}{len(roads) + 1:05d}", name, grade, WIDTHS[grade], PAVEMENTS[grade], _course(members), finished, bank))
    lane_start = len(roads)
    for number, lane in enumerate(lanes):
        finished = date(int(random.integers(1998, 2024)), int(random.integers(1, 13)), 1)
        roads.append(Road(f"N{mark}{number + 1:05d}", None, "lane", INNER_WIDTH, 0.6, (lane,), finished))
    lines = np.concatenate([named.lines, lanes])
    owner = np.r_[[of_name[name] for name in names], np.arange(lane_start, len(roads))].astype(np.int64)
    mesh = mesh_of(lines, faces=False)
    nodes, places = node_keys(mesh.pieces)
    return Roads(roads, mesh.pieces, owner[mesh.source], nodes, places)


def lane_count(grade: str) -> int:
    """Returns the traffic lanes of a grade.

    >>> lane_count("arterial")
    6
    """
    return LANES[grade]
