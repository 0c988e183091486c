"""Buildings on the plots: slab rows facing south, towers, shops along the street, halls; and lanes inside estates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.blocks import Blocks, frame_angle, turned
from data.sample.network import WIDTHS, Network
from data.sample.planar import Geometries, Integers
from data.sample.sites import Sites
from data.sample.terrain import Floats

__all__ = ["Buildings", "inner_lanes", "make_buildings"]

STOREY = {"residential": 2.95, "commercial": 4.2, "public": 3.8, "industrial": 7.5, "office": 3.9}
SETBACK = 6.0
CENTIMETRE = 0.01
LANE_CLEARANCE = 5.0
SQUEEZE = 0.35  # one more bar goes into a row when this share of a bar is missing at most
GATE, LEAST_SHOP = 4.5, 130.0  # half the opening for a lane; smaller remains are dropped
SHOP_DEPTH, SHOP_LENGTH, SHOP_GAP = 11.0, 54.0, 6.0


@dataclass(frozen=True, slots=True)
class Form:
    """A way to build: depth and length of a bar, gap to the next, pitch of the rows, storeys, how full."""

    depth: float
    length: float
    gap: float
    pitch: float
    storeys: tuple[int, int]
    full: float = 0.97
    use: str = ""


FORMS = {
    "slab": Form(12.6, 54, 8, 25.5, (5, 7)),
    "slab_high": Form(13.8, 45, 13, 41, (9, 11)),
    "tower": Form(17.5, 33, 24, 54, (24, 33), 0.94),
    "yard": Form(9.4, 19, 3.0, 14.2, (1, 4), 0.95),
    "cottage": Form(7.6, 11.5, 1.8, 10.4, (1, 3), 0.86),
    "dormitory": Form(12, 42, 12, 30, (4, 6), 0.4, "residential"),
    "annexe": Form(11, 22, 16, 30, (1, 4), 0.55),
    "village": Form(10.2, 12.5, 2.4, 15.5, (2, 3), 0.86),
    "mall": Form(46, 74, 14, 62, (4, 7), 1.0),
    "office": Form(30, 40, 24, 54, (10, 30), 0.95, "office"),
    "market": Form(15, 44, 5, 22, (1, 3), 1.0),
    "school": Form(15.5, 62, 20, 43, (4, 6), 0.66),
    "hospital": Form(22, 70, 18, 46, (6, 16), 0.85),
    "hall": Form(46, 92, 16, 64, (1, 2), 0.95),
    "shed": Form(26, 58, 11, 38, (1, 2), 0.92),
}
CHOICES = {
    ("residential", "old"): ("yard", "yard", "yard", "yard", "slab"),
    ("residential", "mid"): ("slab", "slab", "slab", "slab_high", "slab_high", "tower"),
    ("residential", "new"): ("tower", "tower", "slab_high", "slab_high"),
    ("residential", "edge"): ("village", "village", "village", "slab"),
    ("commercial", "old"): ("market", "mall", "office"),
    ("commercial", "new"): ("office", "office", "mall"),
    ("industrial", ""): ("hall", "hall", "shed"),
    ("commercial", ""): ("mall", "office", "market"),
    ("residential", ""): ("slab", "slab_high"),
    ("public", ""): ("school",),
}
INFILL_GAP = 4.0
CENTRAL = ("mid", "new", "campus")
INFILL = {
    "cottage": (("residential", "old"), ("commercial", "old"), ("public", "old")),
    "dormitory": (("industrial", "industry"), ("industrial", "edge"), ("public", "campus"), ("public", "edge")),
    "annexe": (
        *(("commercial", quarter) for quarter in CENTRAL),
        *(("public", quarter) for quarter in CENTRAL),
        *(("industrial", quarter) for quarter in ("industry", "edge", "mid")),
    ),
}
SMALLER = {
    "slab": "yard",
    "slab_high": "slab",
    "tower": "slab_high",
    "mall": "market",
    "office": "market",
    "market": "yard",
    "school": "slab",
    "hospital": "school",
    "hall": "shed",
    "shed": "market",
}


@dataclass(frozen=True, slots=True)
class Buildings:
    """Buildings with the plot they stand on, use, storeys and whether they are shops along the street."""

    shapes: Geometries
    plot: Integers
    use: NDArray[np.str_]
    storeys: Integers
    height: Floats
    shop: NDArray[np.bool_]


def inner_lanes(blocks: Blocks, network: Network) -> Geometries:
    """Draws lanes through the larger estates and campuses, from street to street."""
    wanted = np.isin(blocks.use, ("residential", "public", "industrial")) & (blocks.quarter != "old") & (blocks.face >= 0)
    area = shapely.area(blocks.plots)
    picked = np.flatnonzero(wanted & (area > 13_000))
    angles = frame_angle(blocks.plots[picked])
    centres = shapely.get_coordinates(shapely.centroid(blocks.plots[picked]))
    low = shapely.bounds(turned(blocks.plots[picked], -angles, centres))
    width, height = low[:, 2] - low[:, 0], low[:, 3] - low[:, 1]
    owner, starts, ends = [], [], []
    for index in range(len(picked)):
        x0, y0, x1, y1 = low[index]
        for share in (0.5,) if width[index] < 260 else (0.34, 0.67):
            owner.append(index)
            starts.append((x0 + share * (x1 - x0), y0 - 80))
            ends.append((x0 + share * (x1 - x0), y1 + 80))
        if height[index] > 170:
            owner.append(index)
            starts.append((x0 - 80, y0 + 0.52 * height[index]))
            ends.append((x1 + 80, y0 + 0.52 * height[index]))
    which = np.array(owner, dtype=np.int64)
    lines = np.asarray(shapely.linestrings(np.stack([np.array(starts), np.array(ends)], axis=1)), dtype=object)
    lines = turned(lines, angles[which], centres[which])
    parts, part_of = shapely.get_parts(shapely.intersection(lines, network.mesh.faces[blocks.face[picked[which]]]), return_index=True)
    home = blocks.plots[picked[which[part_of]]]
    tips = np.stack([shapely.get_point(parts, 0), shapely.get_point(parts, -1)])
    tree = shapely.STRtree(network.lines)
    on_street = np.zeros(tips.shape, dtype=bool)
    for row in range(2):
        on_street[row, np.unique(tree.query(tips[row], predicate="dwithin", distance=0.05)[0])] = True
    inside = shapely.length(shapely.intersection(parts, home)) > 0.55 * shapely.length(parts)
    return np.asarray(parts[on_street.all(axis=0) & inside & (shapely.length(parts) > 70)], dtype=object)


def make_buildings(blocks: Blocks, sites: Sites, network: Network, lanes: Geometries, random: np.random.Generator) -> Buildings:
    """Builds every plot in its form; the shops along the street come first, the rows keep their distance."""
    form = _forms(blocks, sites, random)
    built = np.flatnonzero(form != "")
    ground = shapely.buffer(blocks.plots[built], -SETBACK, join_style="mitre")
    ground = _village_cores(ground, form[built], random)
    shops, shop_plot = _shops(blocks, built, ground, network, random)
    shops, shop_plot = _gates(shops, shop_plot, lanes)
    free = _clear(ground, built, shops, shop_plot, lanes)
    bars, bar_plot, bar_form = _rows(free, built, form[built], blocks, random)
    bare = ~np.isin(built, bar_plot)
    if bare.any():
        smaller = np.array([SMALLER.get(name, "") for name in form[built[bare]].tolist()])
        some = smaller != ""
        more, more_plot, more_form = _rows(free[bare][some], built[bare][some], smaller[some], blocks, random)
        bars, bar_plot = np.concatenate([bars, more]), np.concatenate([bar_plot, more_plot])
        bar_form = np.concatenate([bar_form, more_form])
    for name, wanted in INFILL.items():
        more, more_plot, more_form = _infill(free, built, wanted, name, (bars, bar_plot), blocks, random)
        bars, bar_plot = np.concatenate([bars, more]), np.concatenate([bar_plot, more_plot])
        bar_form = np.concatenate([bar_form, more_form])
    bar_use = np.array([FORMS[f].use or u for f, u in zip(bar_form.tolist(), blocks.use[bar_plot].tolist(), strict=True)])
    spans = np.array([FORMS[f].storeys for f in bar_form.tolist()])
    level = _levels(spans, bar_plot, random)
    shapes = np.concatenate([shops, bars])
    use = np.concatenate([np.full(len(shops), "commercial"), bar_use])
    storeys = np.concatenate([random.integers(2, 4, len(shops)), level])
    high = np.array([STOREY[name] for name in use.tolist()]) * storeys + random.uniform(0.3, 1.6, len(use))
    return Buildings(
        shapes,
        np.concatenate([shop_plot, bar_plot]),
        use,
        storeys,
        np.round(high, 1),
        np.arange(len(shapes)) < len(shops),
    )


def _infill(
    free: Geometries,
    built: Integers,
    wanted: tuple[tuple[str, str], ...],
    name: str,
    bars: tuple[Geometries, Integers],
    blocks: Blocks,
    random: np.random.Generator,
) -> tuple[Geometries, Integers, NDArray[np.str_]]:
    """Fills what the large houses left of a plot with small ones, as old towns do."""
    pairs = list(zip(blocks.use[built].tolist(), blocks.quarter[built].tolist(), strict=True))
    chosen = np.flatnonzero(np.array([pair in wanted for pair in pairs]))
    rest = free[chosen].copy()
    wide = shapely.buffer(bars[0], INFILL_GAP, join_style="mitre")
    for place, index in enumerate(chosen.tolist()):
        standing = wide[bars[1] == built[index]]
        if len(standing):
            rest[place] = shapely.difference(rest[place], shapely.union_all(standing))
    return _rows(rest, built[chosen], np.full(len(chosen), name, dtype="U12"), blocks, random)


def _levels(spans: NDArray[Any], plot: Integers, random: np.random.Generator) -> Integers:
    """Draws storeys: one estate has mostly one height."""
    common = random.random(int(plot.max()) + 1)
    share = np.where(random.random(len(plot)) < 0.75, common[plot], random.random(len(plot)))
    return np.asarray(np.floor(spans[:, 0] + share * (spans[:, 1] - spans[:, 0] + 0.999)), dtype=np.int64)


def _forms(blocks: Blocks, sites: Sites, random: np.random.Generator) -> NDArray[np.str_]:
    form = np.full(len(blocks.plots), "", dtype="U12")
    for plot, (use, quarter) in enumerate(zip(blocks.use.tolist(), blocks.quarter.tolist(), strict=True)):
        options = CHOICES.get((use, quarter)) or CHOICES.get((use, ""))
        if options:
            form[plot] = options[int(random.integers(len(options)))]
    form[sites.kind == "hospital"] = "hospital"
    form[sites.kind == "market"] = "market"
    form[sites.kind == "station"] = "mall"
    form[sites.kind == "government"] = "hospital"
    return form


def _village_cores(ground: Geometries, form: NDArray[np.str_], random: np.random.Generator) -> Geometries:
    """Villages at the edge of the city huddle together; the rest of their block are fields."""
    village = np.flatnonzero((form == "village") & (shapely.area(ground) > 30_000))
    centres = shapely.get_coordinates(shapely.centroid(ground[village])) + random.normal(0, 25, (len(village), 2))
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    reach = random.uniform(95, 165, (len(village), 1)) * (1 + random.uniform(-0.2, 0.2, (len(village), 28)))
    rings = np.stack([1.3 * reach * np.cos(angle), 0.85 * reach * np.sin(angle)], axis=2) + centres[:, None, :]
    clipped = ground.copy()
    clipped[village] = shapely.intersection(ground[village], shapely.buffer(shapely.polygons(rings), 0))
    return clipped


def _shops(
    blocks: Blocks, built: Integers, ground: Geometries, network: Network, random: np.random.Generator
) -> tuple[Geometries, Integers]:
    """Rows of shops along the sides of estates that face a street of some width."""
    homes = np.flatnonzero((blocks.use[built] == "residential") & np.isin(blocks.quarter[built], ("old", "mid", "new", "campus")))
    rings = shapely.simplify(shapely.buffer(ground[homes], -SHOP_DEPTH / 2, join_style="mitre"), 1.5)
    rings, ring_of = shapely.get_parts(rings, return_index=True)
    points, index = shapely.get_coordinates(shapely.get_exterior_ring(rings), return_index=True)
    same = index[1:] == index[:-1]
    a, b, owner = points[:-1][same], points[1:][same], homes[ring_of[index[:-1][same]]]
    span = np.hypot(*(b - a).T)
    wide = np.isin(network.grade, ("arterial", "secondary", "branch"))
    reach = WIDTHS["arterial"] / 2 + SETBACK + SHOP_DEPTH
    near = np.zeros(len(a), dtype=bool)
    middle = shapely.points((a + b) / 2)
    near[np.unique(shapely.STRtree(network.lines[wide]).query(middle, predicate="dwithin", distance=reach)[0])] = True
    chosen = near & (span > 34) & (random.random(len(a)) < 0.5)
    a, b, owner, span = a[chosen], b[chosen], owner[chosen], span[chosen]
    usable = span - 2 * (SHOP_DEPTH / 2 + 2)
    count = np.maximum(1, np.round(usable / (SHOP_LENGTH + SHOP_GAP))).astype(np.int64)
    length = (usable - (count - 1) * SHOP_GAP) / count
    which = np.repeat(np.arange(len(a)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    start = SHOP_DEPTH / 2 + 2 + nth * (length[which] + SHOP_GAP)
    unit = (b - a)[which] / span[which][:, None]
    p = a[which] + unit * start[:, None]
    q = p + unit * length[which][:, None]
    shapes = shapely.buffer(shapely.linestrings(np.stack([p, q], axis=1)), SHOP_DEPTH / 2, cap_style="flat")
    plot = built[owner[which]]
    good = (shapely.area(shapes) > 150) & shapely.covers(shapely.buffer(ground[owner[which]], 0.2), shapes)
    shapes, plot = shapes[good], plot[good]
    keep = _without_overlaps(shapes)
    return shapes[keep], plot[keep]


def _gates(shops: Geometries, plot: Integers, lanes: Geometries) -> tuple[Geometries, Integers]:
    """Opens the rows of shops where a lane leaves the estate."""
    gaps = shapely.union_all(shapely.buffer(lanes, GATE, cap_style="flat"))
    parts, index = shapely.get_parts(shapely.difference(shops, gaps), return_index=True)
    large = shapely.area(parts) > LEAST_SHOP
    return np.asarray(parts[large], dtype=object), plot[index[large]]


def _without_overlaps(shapes: Geometries) -> NDArray[np.bool_]:
    """Keeps the first of any two shapes that meet."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    keep = np.ones(len(shapes), dtype=bool)
    order = np.lexsort((second, first))
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if a < b and keep[a]:
            keep[b] = False
    return keep


def _clear(ground: Geometries, built: Integers, shops: Geometries, shop_plot: Integers, lanes: Geometries) -> Geometries:
    """Takes shops and lanes, with some distance, out of the building ground."""
    free = ground.copy()
    blocked: dict[int, list[shapely.Geometry]] = {}
    position = {int(plot): index for index, plot in enumerate(built)}
    wide = shapely.buffer(shops, 9.0, join_style="mitre")
    for shape, plot in zip(wide, shop_plot.tolist(), strict=True):
        blocked.setdefault(position[plot], []).append(shape)
    if len(lanes):
        strips = shapely.buffer(lanes, LANE_CLEARANCE)
        lane, place = shapely.STRtree(ground).query(strips, predicate="intersects")
        for one, index in zip(lane.tolist(), place.tolist(), strict=True):
            blocked.setdefault(index, []).append(strips[one])
    for index in sorted(blocked):
        free[index] = shapely.difference(free[index], shapely.union_all(blocked[index]))
    return free


def _rows(
    free: Geometries, plots: Integers, form: NDArray[np.str_], blocks: Blocks, random: np.random.Generator
) -> tuple[Geometries, Integers, NDArray[np.str_]]:
    """Fills building grounds with rows of bars in the frame of the plot."""
    angles = frame_angle(blocks.plots[plots])
    origins = shapely.get_coordinates(shapely.centroid(blocks.plots[plots]))
    # Turning moves corners by a rounding; on a 1 cm raster hairlines become neither gaps nor crossings.
    level = shapely.set_precision(turned(shapely.set_precision(free, CENTIMETRE), -angles, origins), CENTIMETRE)
    parts, part_of = shapely.get_parts(level, return_index=True)
    big = shapely.area(parts) > 90
    parts, part_of = parts[big], part_of[big]
    kind = [FORMS[name] for name in form[part_of].tolist()]
    depth = np.array([k.depth for k in kind])
    pitch = np.array([k.pitch for k in kind]) * random.uniform(0.95, 1.08, len(plots))[part_of]
    box = shapely.bounds(parts)
    room = box[:, 3] - box[:, 1]
    count = np.maximum(0, np.floor((room - depth - 0.2) / pitch) + 1).astype(np.int64)
    count[room < depth + 0.2] = 0
    row = np.repeat(np.arange(len(parts)), count)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    spread = (room - depth - 0.2) / np.maximum(count - 1, 1)
    stretch = np.where(count > 1, np.minimum(spread, pitch * 1.12), 0.0)
    first = box[:, 1] + depth / 2 + 0.1 + (room - depth - 0.2 - stretch * (count - 1)) / 2
    y = first[row] + nth * stretch[row]
    bars = _pack(parts, row, y, depth, box, kind, random)
    shapes = turned(bars[0], angles[part_of[bars[1]]], origins[part_of[bars[1]]])
    return shapes, plots[part_of[bars[1]]], form[part_of[bars[1]]]


def _pack(
    parts: Geometries,
    row: Integers,
    y: Floats,
    depth: Floats,
    box: Floats,
    kind: list[Form],
    random: np.random.Generator,
) -> tuple[Geometries, Integers]:
    """Packs bars into each row where both its long sides lie inside the ground."""
    sides = []
    for sign in (-0.5, 0.5):
        height = y + sign * depth[row]
        ends = np.stack([np.column_stack([box[row, 0] - 1, height]), np.column_stack([box[row, 2] + 1, height])], axis=1)
        pieces, of = shapely.get_parts(shapely.intersection(shapely.linestrings(ends), parts[row]), return_index=True)
        reach = shapely.bounds(pieces)
        sides.append((of, reach[:, 0], reach[:, 2]))
    found: list[tuple[int, float, float]] = []
    low: dict[int, list[tuple[float, float]]] = {}
    for of, west, east in zip(*(column.tolist() for column in sides[0]), strict=True):
        low.setdefault(of, []).append((west, east))
    for of, west, east in zip(*(column.tolist() for column in sides[1]), strict=True):
        for other_west, other_east in low.get(of, ()):
            if min(east, other_east) - max(west, other_west) > 8:
                found.append((of, max(west, other_west), min(east, other_east)))
    if not found:
        return np.empty(0, dtype=object), np.empty(0, dtype=np.int64)
    rows = np.array([f[0] for f in found])
    west, room = np.array([f[1] for f in found]) + 0.1, np.array([f[2] - f[1] for f in found]) - 0.2
    part = row[rows]
    wish = np.array([k.length for k in kind])[part] * random.uniform(0.88, 1.14, len(rows))
    gap = np.array([k.gap for k in kind])[part]
    count = np.floor((room + gap) / (wish + gap) + SQUEEZE).astype(np.int64)
    count = np.where((count == 0) & (room > 0.45 * wish), 1, count)
    length = np.minimum((room - (count - 1) * gap) / np.maximum(count, 1), wish * 1.3)
    step = np.where(count > 1, (room - length) / np.maximum(count - 1, 1), 0.0)
    start = np.where(count > 1, west, west + (room - length) * random.uniform(0.3, 0.7, len(rows)))
    which = np.repeat(np.arange(len(rows)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    x = start[which] + nth * step[which]
    middle, half = y[rows[which]], depth[part[which]] / 2
    bars = np.asarray(shapely.box(x, middle - half, x + length[which], middle + half), dtype=object)
    full = np.array([k.full for k in kind])[part[which]]
    good = shapely.covers(parts[part[which]], bars) & (random.random(len(bars)) < full)
    return bars[good], part[which][good]
