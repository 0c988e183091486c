"""The gravity pipes of a town as a tree of arrays: where the water of every manhole goes, how far, with how much ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.divisions import union_by
from data.sample.planar import Geometries, Integers
from data.sample.terrain import Floats
from data.sample.world import World

__all__ = ["LAND_USES", "Basins", "Gravity", "basins_of", "gravity_of", "outlets_of", "summed_downstream"]

# Land uses with their runoff coefficient and impervious share; of the usual order of GB 50014, invented for the sample city.
LAND_USES = {
    "residential": (0.62, 0.66), "commercial": (0.78, 0.84), "public": (0.60, 0.62), "industrial": (0.68, 0.74), "green": (0.16, 0.08),
    "other": (0.25, 0.12), "village": (0.32, 0.20), "road": (0.86, 0.92),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gravity:
    """The pipes of one gravity trade.

    Attributes:
        node: number of each node in the town's pipe book.
        place: metres about the town's middle, shape (n, 2).
        ground, invert: levels, metres.
        onward: the node downstream, -1 at an outlet.
        size: diameter of the pipe onward in mm, 0 at an outlet; ``length`` in metres, ``fall`` in m/m.
        outlet: the outlet that each node reaches.
        code: code of each node.
    """

    node: Integers
    place: Floats
    ground: Floats
    invert: Floats
    onward: Integers
    size: Integers
    length: Floats
    fall: Floats
    outlet: Integers
    code: NDArray[np.object_]

    @property
    def outlets(self) -> Integers:
        """Returns the nodes where water leaves the pipes."""
        return np.flatnonzero(self.onward < 0)

    @property
    def manholes(self) -> Integers:
        """Returns the nodes with a pipe onward."""
        return np.flatnonzero(self.onward >= 0)

    def last_manhole(self, outlet: int) -> int:
        """Returns the manhole before an outlet (each outlet has one pipe)."""
        return int(np.flatnonzero(self.onward == outlet)[0])

    def way(self) -> Floats:
        """Returns the longest way that water upstream of each node comes in the pipes, metres."""
        way = np.zeros(len(self.node))
        for nodes in _by_steps(self.onward):
            np.maximum.at(way, self.onward[nodes], way[nodes] + self.length[nodes])
        return way


def outlets_of(onward: Integers) -> tuple[Integers, Integers]:
    """Returns the outlet that each node of a forest reaches and the steps to it.

    >>> [side.tolist() for side in outlets_of(np.array([1, 2, -1, 1, -1]))]
    [[2, 2, 2, 2, 4], [2, 1, 0, 2, 0]]

    Raises:
        ValueError: the pipes run in a circle.
    """
    here = np.arange(len(onward))
    jump, steps = np.where(onward < 0, here, onward), (onward >= 0).astype(np.int64)
    for _ in range(64):
        steps, further = steps + steps[jump], jump[jump]
        if (further == jump).all():
            if (onward[jump] >= 0).any():
                break
            return jump, steps
        jump = further
    raise ValueError("the pipes run in a circle")


def _by_steps(onward: Integers) -> list[Integers]:
    """Returns the nodes that have a way on, farthest from their outlet first, in groups of as many steps."""
    steps = outlets_of(onward)[1]
    order = np.argsort(-steps, kind="stable")
    order = order[steps[order] > 0]
    return np.split(order, np.flatnonzero(np.diff(steps[order])) + 1) if len(order) else []


def summed_downstream(onward: Integers, values: Floats) -> Floats:
    """Adds up values on the way down: each node gets its own and all of its upstream nodes.

    >>> summed_downstream(np.array([1, 2, -1, 1]), np.array([1.0, 1.0, 0.0, 5.0])).tolist()
    [1.0, 7.0, 7.0, 5.0]
    """
    total = np.array(values, dtype=float)
    for nodes in _by_steps(onward):
        np.add.at(total, onward[nodes], total[nodes])
    return total


def gravity_of(world: World, trade: str, codes: NDArray[np.object_]) -> Gravity:
    """Takes one gravity trade out of the pipe book; ``codes`` are those of all nodes of the book."""
    book = world.pipes
    kind = np.asarray(book.pipe_kind)
    start, end = np.asarray(book.start, dtype=np.int64), np.asarray(book.end, dtype=np.int64)
    mine = kind[start] == trade
    start, end, size = start[mine], end[mine], np.asarray(book.size, dtype=np.int64)[mine]
    node = np.unique(np.r_[start, end])
    first, last = np.searchsorted(node, start), np.searchsorted(node, end)
    place = np.asarray(book.place, dtype=float)[node]
    invert = np.array([book.invert[n] for n in node.tolist()], dtype=float)
    onward, diameter = np.full(len(node), -1, dtype=np.int64), np.zeros(len(node), dtype=np.int64)
    length = np.zeros(len(node))
    onward[first], diameter[first] = last, size
    length[first] = np.hypot(*(place[last] - place[first]).T)
    fall = np.zeros(len(node))
    fall[first] = (invert[first] - invert[last]) / np.maximum(length[first], 0.1)
    ground = np.asarray(book.ground, dtype=float)[node]
    return Gravity(node, place, ground, invert, onward, diameter, length, fall, outlets_of(onward)[0], codes[node])


@dataclass(frozen=True, slots=True)
class Basins:
    """The land that each outlet drains: shape, outlet node, runoff coefficient and impervious share; ground of each node in m2."""

    outlet: Integers
    shape: Geometries
    runoff: Floats
    impervious: Floats
    own: Floats


def basins_of(world: World, pipes: Gravity) -> Basins:
    """Parts the land among the outlets by the nearest manhole, on each bank of the river for itself.

    The basins tile the built-up area (the town's outline without its waters) and do not overlap.
    """
    land = shapely.get_parts(shapely.difference(world.network.outline, world.waters.all()))
    inside = shapely.get_coordinates(shapely.point_on_surface(land))
    north = world.ground.plan(inside)[:, 1] > 0
    holes = pipes.manholes
    side = world.ground.plan(pipes.place[pipes.outlets])[:, 1] > 0
    is_north = np.zeros(len(pipes.node), dtype=bool)
    is_north[pipes.outlets] = side
    is_north = is_north[pipes.outlet]
    outlet, shape, own = [], [], np.zeros(len(pipes.node))
    for bank in (True, False):
        mine = holes[is_north[holes] == bank]
        ground = shapely.union_all(land[north == bank])
        cells = shapely.get_parts(
            shapely.voronoi_polygons(shapely.multipoints(pipes.place[mine]), extend_to=ground.buffer(50.0), ordered=True)
        )
        own[mine] = _areas(cells, ground)
        owners = pipes.outlet[mine]
        outlet += np.unique(owners).tolist()
        shape += [_areal(part) for part in shapely.intersection(union_by(cells, owners), ground)]
    runoff, impervious = _cover(world, pipes, np.array(outlet), shapely.area(np.array(shape, dtype=object)))
    return Basins(np.array(outlet), np.array(shape, dtype=object), runoff, impervious, own)


def _areal(shape: shapely.Geometry) -> shapely.Geometry:
    """Returns the areas of a shape: where two borders touch, a cut leaves lines and points beside them."""
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])


def _areas(cells: Geometries, ground: shapely.Geometry) -> Floats:
    """Returns the area of each cell on the ground."""
    shapely.prepare(ground)
    area = shapely.area(cells)
    edge = np.flatnonzero(~shapely.contains_properly(ground, cells))
    area[edge] = shapely.area(shapely.intersection(shapely.simplify(ground, 2.0), cells[edge]))
    return np.asarray(area, dtype=float)


def _cover(world: World, pipes: Gravity, outlet: Integers, area: Floats) -> tuple[Floats, Floats]:
    """Weighs runoff coefficient and impervious share of each basin by the uses of its plots; the rest is streets."""
    blocks, holes = world.blocks, pipes.manholes
    middle = shapely.point_on_surface(blocks.plots)
    owner = pipes.outlet[holes[shapely.STRtree(shapely.points(pipes.place[holes])).nearest(middle)]]
    use = np.where((blocks.quarter == "edge") & (blocks.use == "residential"), "village", blocks.use)
    figures = np.array([LAND_USES[name] for name in use.tolist()])
    plots, position = shapely.area(blocks.plots), np.searchsorted(outlet[np.argsort(outlet)], owner)
    position = np.argsort(outlet)[position]
    built = np.bincount(position, weights=plots, minlength=len(outlet))
    streets = np.maximum(area - built, 0.10 * area)
    shares = [
        (np.bincount(position, weights=plots * figures[:, k], minlength=len(outlet)) + streets * LAND_USES["road"][k]) / (built + streets)
        for k in (0, 1)
    ]
    return np.round(shares[0], 2), np.round(shares[1] * 100, 1)
