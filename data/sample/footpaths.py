"""Footpaths: pavements on both sides of every street, crossings, footbridges, paths of parks and of estates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.components import beside
from data.sample.greenery import Gates
from data.sample.housing import Homes
from data.sample.network import PAVEMENTS, WIDTHS
from data.sample.planar import Geometries, Integers, node_keys
from data.sample.terrain import Floats
from data.sample.walking import Draft, Walks
from data.sample.world import World
from data.table import LayerTable

__all__ = ["footpath_rows", "make_walks"]

OFFSETS = {grade: (WIDTHS[grade] - PAVEMENTS[grade]) / 2 for grade in WIDTHS}  # middle of the pavement from the street's, m
BEYOND = 40.0  # streets are drawn on past the boundary, so that pavements run straight into it, m
TRIES = (5.0, 7.0, 9.0, 12.0, 15.0, 19.0, 24.0, 30.0, 38.0, 48.0)  # a crossing's distance from its junction, m
ON, KERB = 0.4, 1.5  # a place this near a pavement lies on it; a crossing begins this far from the corner, m
ZEBRA = {"expressway": 3.5, "arterial": 5.0, "secondary": 4.0, "branch": 3.0, "lane": 2.5}
MAIN = ("expressway", "arterial", "secondary")
APART = {"expressway": 260.0, "arterial": 95.0, "secondary": 60.0}  # crossings of a main street that only minor streets meet, m
BUSY = 230.0  # this near the station, a market or the city hall arterials are crossed by underpasses, m
LOOP_SHARE, LOOP_DEPTH, LEAST_LOOP = 0.09, (4.0, 10.0), 80.0  # of a park's round: depth by the park's size, least length, m
STRIP, SMOOTH = 0.5, 3.0  # deepest round by half the width; radius of its corners, m
SPOKES_FROM, COMPACT = 9_000.0, 0.35  # parks with paths to their middle: least area (m2), least share of a circle's area
FREE = 1.5  # such a path keeps this far from the park's boundary, m
LONGEST_LINK = 160.0
DOORS, DOOR_DEPTH, DOOR_CLEAR = 24, 5.0, 1.5  # places tried for an entrance, how far it reaches in, from walls, m
PARK_WIDTH, ESTATE_WIDTH = (1.8, 4.0), (1.5, 3.0)
SURFACES = {
    "pavement": ("透水砖", "花岗岩", "混凝土砖"),
    "crossing": ("沥青标线",),
    "bridge": ("防滑地砖",),
    "underpass": ("花岗岩",),
    "park": ("透水混凝土", "卵石", "青石板", "塑胶"),
    "estate": ("混凝土", "混凝土砖", "透水砖"),
}
LEVEL_SHARE = {"pavement": 0.86, "crossing": 0.93, "bridge": 0.55, "underpass": 0.6, "park": 0.8, "estate": 0.7}


def _pavements(world: World) -> tuple[Geometries, Geometries]:
    """Returns the middle lines of the pavements and the ground of the blocks between them."""
    network, outline = world.network, world.network.outline
    wide = []
    for grade, offset in OFFSETS.items():
        lines = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(network.lines[network.grade == grade])))
        wide.append(shapely.buffer(_drawn_on(lines, outline), offset, cap_style="flat"))
    streets = shapely.union_all(np.concatenate(wide))
    middle = shapely.intersection(shapely.boundary(streets), outline)
    lines = shapely.get_parts(shapely.line_merge(middle))
    return lines[shapely.length(lines) > 1.0], shapely.get_parts(shapely.difference(outline, streets))


def _drawn_on(lines: Geometries, outline: shapely.Polygon) -> Geometries:
    """Draws lines that end on the outline straight on past it."""
    drawn = []
    for line in lines:
        points = shapely.get_coordinates(line)
        for end, back in ((0, 1), (-1, -2)):
            if outline.exterior.distance(shapely.Point(points[end])) < ON:
                step = points[end] - points[back]
                far = points[end] + step / np.hypot(*step) * BEYOND
                points = np.vstack([far, points]) if end == 0 else np.vstack([points, far])
        drawn.append(shapely.LineString(points))
    return np.array(drawn, dtype=object)


class _Streets:
    """Named streets from junction to junction, with a tree over their pieces to ask for names and grades."""

    def __init__(self, world: World) -> None:
        r = world.roads
        named = np.array([name is not None for name in r.of_pieces("name")])
        self.pieces = r.pieces[named]
        self.tree = shapely.STRtree(self.pieces)
        self.grade, self.name = r.of_pieces("grade")[named], r.of_pieces("name")[named]
        self.offset = np.array([OFFSETS[grade] for grade in self.grade.tolist()])
        self.arms = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(self.pieces)))
        self.nodes, self.places = node_keys(self.arms)
        self.junction = np.bincount(self.nodes.ravel(), minlength=len(self.places)) > 2
        middle = np.asarray(shapely.line_interpolate_point(self.arms, 0.5, normalized=True), dtype=object)
        main = np.isin(self.grade[self.tree.nearest(middle)], MAIN)
        self.main_arms = np.bincount(self.nodes[main].ravel(), minlength=len(self.places))

    def owner_of(self, points: Geometries) -> Integers:
        """Returns the street along whose pavement each point lies."""
        found = np.asarray(self.tree.nearest(points), dtype=np.int64)
        point, piece = self.tree.query(points, predicate="dwithin", distance=max(OFFSETS.values()) + ON)
        strain = np.abs(shapely.distance(points[point], self.pieces[piece]) - self.offset[piece])
        order = np.lexsort((strain, point))
        first = order[np.r_[True, np.diff(point[order]) != 0]]
        found[point[first]] = piece[first]
        return found


@dataclass(frozen=True, slots=True)
class _Crossings:
    """Crossings of arms of junctions: the pavement lines left and right, both places on them, and whether main streets meet here."""

    line: Integers
    place: Floats
    main: NDArray[np.bool_]

    def pick(self, keep: NDArray[np.bool_]) -> _Crossings:
        """Returns some of them."""
        return _Crossings(self.line[:, keep], self.place[:, keep], self.main[keep])


def _crossings(streets: _Streets, draft: Draft, pavement: Integers) -> _Crossings:
    """Finds where each arm of a junction is crossed: as near to the junction as both pavements allow."""
    arm, end = (side.ravel() for side in np.meshgrid(np.arange(len(streets.arms)), (0, 1), indexing="ij"))
    at_junction = streets.junction[streets.nodes[arm, end]]
    length = shapely.length(streets.arms)
    fit = at_junction & ((end == 0) | (length[arm] > 30.0) | ~streets.junction[streets.nodes[arm, 0]])
    arm, end = arm[fit], end[fit]
    tree = shapely.STRtree(draft.lines[pavement])
    line, place = np.full((2, len(arm)), -1), np.zeros((2, len(arm), 2))
    for distance in TRIES:
        wait = np.flatnonzero((line[0] < 0) & (length[arm] > distance + 2.0))
        on, course = np.where(end[wait] == 0, distance, length[arm[wait]] - distance), streets.arms[arm[wait]]
        back = on + np.where(end[wait] == 0, -KERB, KERB)
        middle = np.asarray(shapely.line_interpolate_point(course, on), dtype=object)
        offset = streets.offset[streets.tree.nearest(middle)]
        sides, corner = (np.stack([beside(course, at, sign * offset)[0] for sign in (1.0, -1.0)]) for at in (on, back))
        hits = np.stack([_on_line(tree, points) for points in sides])
        good = (hits >= 0).all(axis=0) & (np.stack([_on_line(tree, points) for points in corner]) == hits).all(axis=0)
        line[:, wait[good]], place[:, wait[good]] = hits[:, good], sides[:, good]
    found = line[0] >= 0
    return _Crossings(pavement[line[:, found]], place[:, found], streets.main_arms[streets.nodes[arm, end]][found] > 2)


def _on_line(tree: shapely.STRtree, places: Floats) -> Integers:
    """Returns the line of the tree on which each place lies, or -1."""
    found = np.full(len(places), -1)
    point, line = tree.query(np.asarray(shapely.points(places), dtype=object), predicate="dwithin", distance=ON)
    found[point[::-1]] = line[::-1]
    return found


def _cross(world: World, streets: _Streets, draft: Draft, pavement: Integers) -> None:
    """Adds zebra crossings, footbridges over the ring road, and some underpasses where crowds are."""
    found = _crossings(streets, draft, pavement)
    middle = found.place.mean(axis=0)
    street = np.asarray(streets.tree.nearest(shapely.points(middle)), dtype=np.int64)
    keep = _apart(middle, streets.grade[street], found.main)
    found, middle, street = found.pick(keep), middle[keep], street[keep]
    sites, grade = world.sites, streets.grade[street]
    crowds = world.blocks.plots[[*sites.markets.tolist(), sites.station, sites.city_hall]]
    busy = shapely.distance(crowds[:, None], shapely.points(middle)[None]).min(axis=0) < BUSY
    kind = np.where(grade == "expressway", "bridge", "crossing").astype(object)
    kind[busy & (grade == "arterial")] = "underpass"
    ends = [draft.cut(line, np.asarray(shapely.points(at), dtype=object)) for line, at in zip(found.line, found.place, strict=True)]
    draft.join(ends[0], ends[1], kind, streets.name[street], np.array([ZEBRA[name] for name in grade.tolist()]))


def _apart(middle: Floats, grade: NDArray[np.object_], main: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thins out the crossings of main streets where only minor streets meet them, and all bridges of the ring road."""
    keep = ~np.isin(grade, MAIN) | (main & (grade != "expressway"))
    for name, least in APART.items():
        own = np.flatnonzero(grade == name)
        for index in own[np.argsort(~main[own], kind="stable")].tolist():
            kept = own[keep[own]]
            keep[index] |= not len(kept) or float(np.hypot(*(middle[kept] - middle[index]).T).min()) > least
    return np.asarray(keep, dtype=bool)


def _close_at_boundary(world: World, streets: _Streets, draft: Draft, pavement: Integers) -> None:
    """Joins the pavements to their street where it leaves the town: there the next town's pavements begin."""
    outline = world.network.outline.exterior
    tips = streets.places[shapely.distance(outline, shapely.points(streets.places)) < ON]
    ends = [shapely.get_coordinates(shapely.get_point(draft.lines[pavement], k)) for k in (0, -1)]
    loose = np.vstack([end[shapely.distance(outline, shapely.points(end)) < ON] for end in ends])
    if not len(tips) or not len(loose):
        return
    tip = shapely.STRtree(shapely.points(tips)).nearest(shapely.points(loose))
    near = np.hypot(*(tips[tip] - loose).T) < BEYOND
    street = streets.tree.nearest(shapely.points(tips[tip[near]]))
    width = np.array([ZEBRA[name] for name in streets.grade[street].tolist()])
    draft.join(loose[near], tips[tip[near]], "crossing", streets.name[street], width)


def _lanes(world: World, draft: Draft, pavement: Integers, blocks: Geometries) -> Integers:
    """Adds the lanes inside estates, cut at the pavements that they meet; returns their numbers."""
    r = world.roads
    lanes = r.pieces[np.array([name is None for name in r.of_pieces("name")])]
    block, lane = shapely.STRtree(lanes).query(blocks, predicate="intersects")
    inside = shapely.get_parts(shapely.intersection(lanes[lane], blocks[block]))
    keep = (shapely.get_type_id(inside) == 1) & (shapely.length(inside) > 2.0)
    inside = inside[keep]
    lane_ends = {tuple(end) for end in np.round(shapely.get_coordinates(shapely.get_point(lanes, [[0], [-1]]).ravel()), 3).tolist()}
    tree = shapely.STRtree(draft.lines[pavement])
    points, owner = shapely.get_coordinates(inside, return_index=True)
    tips = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]] | np.r_[owner[1:] != owner[:-1], True])
    cut = np.array([tuple(tip) not in lane_ends for tip in np.round(points[tips], 3).tolist()])
    hit = _on_line(tree, points[tips])
    tips, hit = tips[cut & (hit >= 0)], hit[cut & (hit >= 0)]
    points[tips] = draft.cut(pavement[hit], np.asarray(shapely.points(points[tips]), dtype=object))
    inside = shapely.set_coordinates(inside.copy(), points)
    middle = np.asarray(shapely.line_interpolate_point(inside, 0.5, normalized=True), dtype=object)
    name = world.sites.name[shapely.STRtree(world.blocks.plots).nearest(middle)].astype(object)
    name[name == ""] = "街坊"
    return draft.add(inside, "estate", name, world.random("estate paths").uniform(*ESTATE_WIDTH, len(inside)).round(1))


def _parks(world: World, gates: Gates, draft: Draft, pavement: Integers) -> None:
    """Adds a round of paths in each part of a park, spokes in large ones, and the ways in from the pavement."""
    names, random = np.array(world.parks.name, dtype=object), world.random("park paths")
    parts, park = shapely.get_parts(world.parks.shape, return_index=True)
    half = shapely.area(parts) / shapely.length(parts)  # of the width, where a part is a strip
    depth = np.minimum(np.clip(np.sqrt(shapely.area(parts)) * LOOP_SHARE, *LOOP_DEPTH), half * STRIP)
    smooth = np.minimum(SMOOTH, half * STRIP / 2)
    inner = shapely.buffer(shapely.buffer(parts, -depth - smooth, quad_segs=3), smooth, quad_segs=3)
    rounds, part = shapely.get_parts(shapely.boundary(shapely.simplify(inner, 0.4)), return_index=True)
    long = shapely.length(rounds) > LEAST_LOOP
    rounds, part = rounds[long], part[long]
    width = random.uniform(*PARK_WIDTH, len(parts)).round(1)
    loops = draft.add(rounds, "park", names[park[part]], width[part])
    gate = np.asarray(shapely.points(np.round(gates.point, 3)), dtype=object)
    spot = shapely.get_coordinates(gate)
    outside = pavement[shapely.STRtree(draft.lines[pavement]).nearest(gate)]
    draft.join(draft.cut(outside, gate), spot, "park", names[gates.park], 3.0)
    own = _nearest_of(draft.lines[loops], park[part], gate, gates.park)
    reach = np.flatnonzero(own >= 0)
    draft.join(spot[reach], draft.cut(loops[own[reach]], gate[reach]), "park", names[gates.park[reach]], 3.0)
    _tie(draft, loops, np.unique(own[reach]), park[part], names, pavement)
    _spokes(draft, loops, part, parts, names[park])


def _nearest_of(lines: Geometries, owner: Integers, points: Geometries, wanted: Integers) -> Integers:
    """Returns for each point the nearest line of the wanted owner, or -1."""
    found = np.full(len(points), -1)
    for one in np.unique(wanted).tolist():
        lot, mine = np.flatnonzero(owner == one), np.flatnonzero(wanted == one)
        if len(lot):
            found[mine] = lot[shapely.STRtree(lines[lot]).nearest(points[mine])]
    return found


def _tie(draft: Draft, loops: Integers, entered: Integers, park: Integers, names: NDArray[np.object_], pavement: Integers) -> None:
    """Joins each round without a gate to one with a gate in the same park, else to the pavement."""
    known = np.zeros(len(loops), dtype=bool)
    known[entered] = True
    order = np.argsort(-shapely.length(draft.lines[loops]), kind="stable")
    street = shapely.STRtree(draft.lines[pavement])
    for index in order[~known[order]].tolist():
        line = draft.lines[loops[index]]
        mates = np.flatnonzero(known & (park == park[index]))
        far = shapely.distance(draft.lines[loops[mates]], line)
        beside_mate = len(mates) > 0 and far.min() < LONGEST_LINK
        other = loops[mates[int(np.argmin(far))]] if beside_mate else pavement[int(street.nearest(line))]
        link = shapely.shortest_line(line, draft.lines[other])
        ends = [
            draft.cut(np.array([which]), np.array([shapely.get_point(link, k)], dtype=object))
            for which, k in ((loops[index], 0), (other, -1))
        ]
        draft.join(ends[0], ends[1], "park", names[park[[index]]], 2.0)
        known[index] = True


def _spokes(draft: Draft, loops: Integers, part: Integers, parts: Geometries, names: NDArray[np.object_]) -> None:
    """Adds paths from the middle of large parks to their round, where two at least have nothing in their way."""
    lines, area = draft.lines[loops], shapely.area(parts)
    compact = 4 * np.pi * area / shapely.length(parts) ** 2 > COMPACT
    large = np.flatnonzero(((area > SPOKES_FROM) & compact)[part])
    number, share = (side.ravel() for side in np.meshgrid(large, np.arange(4) / 4 + 0.1, indexing="ij"))
    start = np.asarray(shapely.line_interpolate_point(lines[number], share, normalized=True), dtype=object)
    centre = np.round(shapely.get_coordinates(shapely.point_on_surface(parts[part[number]])), 3)
    way = shapely.linestrings(np.stack([shapely.get_coordinates(start), centre], axis=1))
    free = shapely.contains(shapely.buffer(parts[part[number]], -FREE), way)
    beyond = shapely.get_coordinates(shapely.line_interpolate_point(way, FREE))
    free[shapely.STRtree(lines).query(shapely.linestrings(np.stack([beyond, centre], axis=1)), predicate="intersects")[0]] = False
    free &= np.bincount(number[free], minlength=len(loops))[number] > 1
    draft.join(draft.cut(loops[number[free]], start[free]), centre[free], "park", names[part[number[free]]], 2.0)


def _doors(world: World, homes: Homes, draft: Draft, pavement: Integers, lane: Integers) -> None:
    """Gives every estate, village, school and hospital that no lane enters a way in from the pavement."""
    sites, blocks = world.sites, world.blocks
    plots = np.flatnonzero(np.isin(sites.kind, ("school", "hospital", "government", "station", "market")))
    shapes = np.concatenate([homes.shape, blocks.plots[plots]])
    names = np.concatenate([sites.name[homes.plot], sites.name[plots]]).astype(object)
    tips = shapely.get_point(draft.lines[lane], [[0], [-1]]).ravel()
    entered = np.unique(shapely.STRtree(tips).query(shapes, predicate="dwithin", distance=DOOR_DEPTH)[0])
    shapes, names = np.delete(shapes, entered), np.delete(names, entered)
    inner = shapely.buffer(shapes, -DOOR_DEPTH)
    inner = np.where(shapely.is_empty(inner), shapes, inner)
    parts, owner = shapely.get_parts(inner, return_index=True)
    order = np.lexsort((-shapely.area(parts), owner))
    ring = shapely.get_exterior_ring(parts[order[np.r_[True, np.diff(owner[order]) != 0]]])
    share = (np.arange(DOORS) + 0.5) / DOORS
    door = np.asarray(shapely.line_interpolate_point(ring[:, None], share[None], normalized=True), dtype=object).ravel()
    line = pavement[shapely.STRtree(draft.lines[pavement]).nearest(door)]
    far = shapely.distance(draft.lines[line], door)
    wall = world.buildings.shapes
    way = shapely.shortest_line(door, draft.lines[line])
    far[shapely.STRtree(wall).query(way, predicate="dwithin", distance=DOOR_CLEAR)[0]] += 500.0
    best = far.reshape(-1, DOORS).argmin(axis=1) + DOORS * np.arange(len(shapes))
    start = draft.cut(line[best], door[best])
    draft.join(start, np.round(shapely.get_coordinates(door[best]), 3), "estate", names, 3.0)


def make_walks(world: World, homes: Homes, gates: Gates) -> Walks:
    """Draws the walking network of a town."""
    draft, streets = Draft(), _Streets(world)
    lines, blocks = _pavements(world)
    pavement = draft.add(lines, "pavement", None, 0.0)
    draft.cut_corners(pavement)
    _cross(world, streets, draft, pavement)
    _close_at_boundary(world, streets, draft, pavement)
    lanes = _lanes(world, draft, pavement, blocks)
    _parks(world, gates, draft, pavement)
    _doors(world, homes, draft, pavement, lanes)
    walks = draft.finish()
    mine = np.flatnonzero(walks.kind == "pavement")
    middle = np.asarray(shapely.line_interpolate_point(walks.line[mine], 0.5, normalized=True), dtype=object)
    street = streets.owner_of(middle)
    name, width = walks.name.copy(), walks.width.copy()
    name[mine] = streets.name[street]
    width[mine] = [PAVEMENTS[grade] for grade in streets.grade[street].tolist()]
    return Walks(walks.line, walks.kind, name, width, walks.nodes, walks.places)


def footpath_rows(world: World, walks: Walks) -> Iterator[LayerTable]:
    """One row for each path between two nodes."""
    random, count = world.random("footpaths"), len(walks.line)
    surface = np.empty(count, dtype=object)
    level = np.empty(count, dtype=bool)
    for kind, choices in SURFACES.items():
        mine = np.flatnonzero(walks.kind == kind)
        surface[mine] = np.array(choices, dtype=object)[random.integers(0, len(choices), len(mine))]
        level[mine] = random.random(len(mine)) < LEVEL_SHARE[kind]
    yield LayerTable(
        "footpath",
        {
            "code": [f"990100BX{world.town.mark}{number:05d}" for number in range(1, count + 1)],
            "kind": walks.kind,
            "road_name": walks.name,
            "width_m": walks.width,
            "surface": surface,
            "barrier_free": level,
            "length_m": np.round(shapely.length(walks.line), 3),
        },
        world.degrees(walks.line),
    )
