"""The street plan: arterials, secondary and riverside roads, a ring, a diagonal, the finer streets of each quarter.

Everything here lies in the plan (see ``terrain``). Lines that meet share the meeting point exactly: whoever ends on a
line leaves a stop there, so that bending the plan cannot tear them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from data.sample.sizes import CitySize
from data.sample.terrain import CORE, RIVER_ROAD, Floats

__all__ = ["PARKS", "PlanLine", "STEP", "Quarter", "canal_at", "quarter_at", "street_plan"]

Point = tuple[float, float]
STEP = 20.0  # distance of vertices along a line, metres
REACH = 80.0  # how far lines run beyond the outline before they are cut
# Two parks keep a stretch of the plan free of streets: (west, south, east, north) as places in the lattice.
PARKS = {"人民公园": (-880.0, -500.0, -20.0, -RIVER_ROAD), "东湖公园": (1260.0, 870.0, 1690.0, 1270.0)}
CANAL_GAP = 30.0


@dataclass(slots=True)
class Host:
    """The stops that other lines left on a line (or on all lines at one place of the lattice)."""

    stops: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class PlanLine:
    """A straight street of the plan; ``title`` says which street of the plan it is."""

    grade: str
    title: str
    start: Point
    end: Point
    host: Host

    def vertices(self) -> Floats:
        """Returns the line's vertices: its ends, every stop on it, and points between them every 20 m."""
        a, b = np.array(self.start), np.array(self.end)
        span = b - a
        length = float(np.hypot(*span))
        stops = np.array(self.host.stops, dtype=float).reshape(-1, 2) - a
        along = stops @ span / length**2
        beside = np.abs(stops[:, 0] * span[1] - stops[:, 1] * span[0]) / length
        on = (beside < 1e-6) & (along > 1e-9) & (along < 1 - 1e-9)
        fixed = np.vstack([a, (stops[on] + a)[np.argsort(along[on])], b])
        parts = []
        for p, q in pairwise(fixed):
            count = max(1, int(np.ceil(np.hypot(*(q - p)) / STEP)))
            parts.append(p + (q - p) * np.arange(count)[:, None] / count)
        points = np.vstack([*parts, b])
        return points[np.r_[True, np.hypot(*np.diff(points, axis=0).T) > 1e-6]]


@dataclass(frozen=True, slots=True)
class Quarter:
    """How the blocks of a quarter are cut: wished size, how even, how slanted, how likely a further cut."""

    id: str
    width: float
    height: float
    uneven: float
    slant: float
    again: float


QUARTERS = {
    "old": Quarter("old", 120, 105, 0.12, 0.05, 1.0),
    "mid": Quarter("mid", 225, 190, 0.06, 0.0, 0.82),
    "new": Quarter("new", 265, 235, 0.04, 0.0, 0.62),
    "campus": Quarter("campus", 270, 250, 0.08, 0.0, 0.50),
    "industry": Quarter("industry", 290, 240, 0.06, 0.0, 0.55),
    "edge": Quarter("edge", 330, 290, 0.10, 0.0, 0.35),
}


def quarter_at(u: float, v: float, size: CitySize) -> str:
    """Names the quarter of a place in the plan.

    >>> from data.sample.sizes import SIZES
    >>> quarter_at(-250, 500, SIZES["S"]), quarter_at(1500, -1500, SIZES["S"])
    ('old', 'industry')
    """
    if abs(u) > size.ring_width or abs(v) > size.ring_height:
        return "industry" if u > 700 and v < -800 else "edge"
    if np.hypot(u - CORE[0], (v - CORE[1]) * 1.15) < 640:
        return "old"
    if u > 700 and v < -800:
        return "industry"
    if u < -1250 and v > 800:
        return "campus"
    if u < 400 and v < -RIVER_ROAD:
        return "new"
    return "mid"


def canal_at(size: CitySize) -> float:
    """Returns the place of the canal: beside a secondary road in the east, from the north to the river."""
    return (size.columns[-2] + size.columns[-1]) / 2 - CANAL_GAP


class _Drawing:
    """The plan while it is drawn."""

    def __init__(self, size: CitySize, random: np.random.Generator) -> None:
        self.size, self.random = size, random
        self.lines: list[PlanLine] = []
        columns = size.columns
        self.middles = tuple((a + b) / 2 for a, b in pairwise(columns))
        rows = size.rows
        south = sorted(row for row in rows if row < 0)
        north = sorted(row for row in rows if row > 0)
        self.banks = (-RIVER_ROAD, RIVER_ROAD)
        self.row_middles = tuple(
            (a + b) / 2
            for side in ([-size.ring_height, *south, self.banks[0]], [self.banks[1], *north, size.ring_height])
            for a, b in pairwise(side)
            if b - a > 600
        )
        ends_u, ends_v = size.half_width + REACH, size.half_height + REACH
        self.us = sorted({*columns, *self.middles, -size.ring_width, size.ring_width, -ends_u, ends_u})
        self.vs = sorted({*rows, *self.row_middles, *self.banks, -size.ring_height, size.ring_height, -ends_v, ends_v})
        self.at_u = {u: Host([(u, v) for v in self.vs]) for u in self.us}
        self.at_v = {v: Host([(u, v) for u in self.us]) for v in self.vs}

    def add(self, grade: str, title: str, start: Point, end: Point, host: Host) -> None:
        """Draws a line."""
        self.lines.append(PlanLine(grade, title, start, end, host))

    def main_roads(self) -> None:
        """Arterials from edge to edge, the riverside roads, and the ring with its round corners."""
        far_u, far_v = self.us[-1], self.vs[-1]
        for index, u in enumerate(self.size.columns):
            self.add("arterial", f"column {index}", (u, -far_v), (u, far_v), self.at_u[u])
        for index, v in enumerate(self.size.rows):
            self.add("arterial", f"row {index}", (-far_u, v), (far_u, v), self.at_v[v])
        for v, name in zip(self.banks, ("south", "north"), strict=True):
            self.add("secondary", f"bank {name}", (-far_u, v), (far_u, v), self.at_v[v])
        a, b, r = self.size.ring_width, self.size.ring_height, 380.0
        for side, start, end, host in (
            ("south", (-a + r, -b), (a - r, -b), self.at_v[-b]),
            ("east", (a, -b + r), (a, b - r), self.at_u[a]),
            ("north", (-a + r, b), (a - r, b), self.at_v[b]),
            ("west", (-a, -b + r), (-a, b - r), self.at_u[-a]),
        ):
            self.add("expressway", f"ring {side}", start, end, host)
        for number, (x, y) in enumerate(((a - r, b - r), (r - a, b - r), (r - a, r - b), (a - r, r - b))):
            angles = np.linspace(number * np.pi / 2, (number + 1) * np.pi / 2, 10)
            arc = [(x + r * np.cos(t), y + r * np.sin(t)) for t in angles]
            exact = (
                {0: (a, y), 9: (x, b)}
                if number == 0
                else {0: (x, b), 9: (-a, y)}
                if number == 1
                else ({0: (-a, y), 9: (x, -b)} if number == 2 else {0: (x, -b), 9: (a, y)})
            )
            arc = [exact.get(index, point) for index, point in enumerate(arc)]
            name = "ring " + ("north", "west", "south", "east")[number]
            for start, end in pairwise(arc):
                self.add("expressway", name, start, end, Host())

    def secondary_roads(self) -> None:
        """Secondary roads between the arterials; some stretches are missing, two cross the river."""
        far_v = self.size.ring_height
        for index, u in enumerate(self.middles):
            bridge = index in (1, 3)
            for low, high in self._runs([v for v in self.vs if -far_v <= v <= far_v], 0.10):
                for a, b in ((low, min(high, self.banks[0])), (max(low, self.banks[1]), high)):
                    if a < b and not self._in_park((u, (a + b) / 2)):
                        self._pieces_outside_parks(index, u, a, b)
            if bridge:
                self.add("secondary", f"middle {index}", (u, self.banks[0]), (u, self.banks[1]), self.at_u[u])
        far_u = self.size.ring_width
        for index, v in enumerate(self.row_middles):
            for low, high in self._runs([u for u in self.us if -far_u <= u <= far_u], 0.10):
                self.add("secondary", f"row middle {index}", (low, v), (high, v), self.at_v[v])

    def _pieces_outside_parks(self, index: int, u: float, low: float, high: float) -> None:
        stops = [low, *(v for v in self.vs if low < v < high), high]
        for a, b in pairwise(stops):
            if not self._in_park((u, (a + b) / 2)):
                self.add("secondary", f"middle {index}", (u, a), (u, b), self.at_u[u])

    def _in_park(self, point: Point) -> bool:
        return any(w - 1 < point[0] < e + 1 and s - 1 < point[1] < n + 1 for w, s, e, n in PARKS.values())

    def _runs(self, stops: list[float], gap: float) -> Iterator[tuple[float, float]]:
        """Cuts a row of stops into runs; each stretch is missing with the given probability."""
        start: float | None = stops[0]
        for a, b in pairwise(stops):
            if self.random.random() < gap and a > stops[0] and b < stops[-1]:
                if start is not None and start < a:
                    yield start, a
                start = None
            elif start is None:
                start = a
        if start is not None:
            yield start, stops[-1]

    def diagonal(self) -> None:
        """One avenue from the old core to the station in the north-east, through the crossings of the lattice."""
        steps = [
            (self.size.columns[2], self.size.rows[2]),
            (self.middles[2], self.row_middles[-1]),
            (self.size.columns[3], self.size.rows[3]),
        ]
        for start, end in pairwise(steps):
            self.add("secondary", "diagonal", start, end, Host())

    def fine_streets(self) -> None:
        """Cuts every cell of the lattice as its quarter asks."""
        shares_u = {u: 0.5 + self.random.uniform(-0.08, 0.08) for u in self.us}
        shares_v = {v: 0.5 + self.random.uniform(-0.08, 0.08) for v in self.vs}
        for u, u_end in pairwise(self.us):
            for v, v_end in pairwise(self.vs):
                middle = ((u + u_end) / 2, (v + v_end) / 2)
                if abs(middle[1]) < RIVER_ROAD or self._in_park(middle):
                    continue
                quarter = QUARTERS[quarter_at(*middle, self.size)]
                corners = [(u, v), (u_end, v), (u_end, v_end), (u, v_end)]
                hosts = [self.at_v[v], self.at_u[u_end], self.at_v[v_end], self.at_u[u]]
                self._cut(corners, hosts, quarter, (shares_u[u], shares_v[v]), 0)

    def _cut(self, corners: list[Point], hosts: list[Host], quarter: Quarter, shares: Point, depth: int) -> None:
        """Cuts a four-sided block in two by a street, and again, until it has the quarter's size."""
        c = np.array(corners)
        width = float(np.hypot(*((c[1] - c[0] + c[2] - c[3]) / 2)) / quarter.width)
        height = float(np.hypot(*((c[3] - c[0] + c[2] - c[1]) / 2)) / quarter.height)
        if max(width, height) < 1.42 or (depth > 0 and self.random.random() > quarter.again):
            return
        upright = width >= height
        share = shares[0 if upright else 1]
        if depth > 1 or self.random.random() > 0.72 or quarter.id == "old":
            share = 0.5 + self.random.uniform(-quarter.uneven, quarter.uneven)
        other = share + self.random.uniform(-quarter.slant, quarter.slant)
        ends = (0, 1, 3, 2) if upright else (0, 3, 1, 2)
        p = c[ends[0]] + (c[ends[1]] - c[ends[0]]) * share
        q = c[ends[2]] + (c[ends[3]] - c[ends[2]]) * other
        start, end = (float(p[0]), float(p[1])), (float(q[0]), float(q[1]))
        hosts[0 if upright else 3].stops.append(start)
        hosts[2 if upright else 1].stops.append(end)
        host = Host()
        grade = "lane" if quarter.id == "old" and depth >= 2 else "branch"
        self.add(grade, quarter.id, start, end, host)
        south, east, north, west = hosts
        if upright:
            halves = (
                ([corners[0], start, end, corners[3]], [south, host, north, west]),
                ([start, corners[1], corners[2], end], [south, east, north, host]),
            )
        else:
            halves = (
                ([corners[0], corners[1], end, start], [south, east, host, west]),
                ([start, end, corners[2], corners[3]], [host, east, north, west]),
            )
        for half_corners, half_hosts in halves:
            self._cut(half_corners, half_hosts, quarter, shares, depth + 1)


def street_plan(size: CitySize, random: np.random.Generator) -> list[PlanLine]:
    """Draws the street plan of a city."""
    drawing = _Drawing(size, random)
    drawing.main_roads()
    drawing.secondary_roads()
    drawing.diagonal()
    drawing.fine_streets()
    return drawing.lines
