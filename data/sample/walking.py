"""The walking network: pavements around every block, crossings, paths of parks and estates, joined at common nodes.

The pavements of a block are the boundary of the ground that the streets, cut down to the middle of their pavements, leave
over. Whoever joins a line leaves a cut on it, at a whole metre along the line; so whoever joins at the same metre shares
the node exactly, and a graph can be read off the ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.planar import Geometries, Integers, node_keys
from data.sample.terrain import Floats

__all__ = ["Draft", "Walks", "split_at"]

MILLIMETRES = 3  # decimals of a metre
CORNER = np.radians(35)  # a pavement that turns more has a node there
SNAP = 0.8  # a cut this near to a corner or an end is made there, m
LONGEST = 1e7  # no line is as long, m


@dataclass(frozen=True, slots=True)
class Walks:
    """Noded paths in the town's metres: kind, road or place, width, and the nodes at both ends with their places."""

    line: Geometries
    kind: NDArray[np.object_]
    name: NDArray[np.object_]
    width: Floats
    nodes: Integers
    places: Floats


def _along(lines: Geometries) -> tuple[Floats, Integers, Floats]:
    """Returns all vertices, the line of each, and how far along its line each lies."""
    point, owner = shapely.get_coordinates(lines, return_index=True)
    step = np.r_[0.0, np.hypot(*np.diff(point, axis=0).T)]
    run = np.cumsum(step)
    return point, owner, run - run[np.searchsorted(owner, owner)]


def corners_of(lines: Geometries) -> tuple[Integers, Floats, Floats]:
    """Returns the sharp corners inside lines: line, how far along, place.

    >>> line, at, place = corners_of(np.array([shapely.LineString([(0, 0), (4, 0), (4, 3), (4, 9)])], dtype=object))
    >>> line.tolist(), at.tolist(), place.tolist()
    ([0], [4.0], [[4.0, 0.0]])
    """
    point, owner, run = _along(lines)
    step = np.diff(point, axis=0)
    turn = np.abs((np.diff(np.arctan2(step[:, 1], step[:, 0])) + np.pi) % (2 * np.pi) - np.pi)
    sharp = 1 + np.flatnonzero((turn > CORNER) & (owner[2:] == owner[:-2]))
    return owner[sharp], run[sharp], point[sharp]


def split_at(lines: Geometries, line: Integers, at: Floats, place: Floats) -> tuple[Geometries, Integers]:
    """Cuts lines at places along them; returns the pieces and the line each came from.

    >>> pieces, source = split_at(np.array([shapely.LineString([(0, 0), (5, 0)])], dtype=object), np.array([0]), np.array([2.0]),
    ...     np.array([[2.0, 0.0]]))
    >>> [piece.wkt for piece in pieces], source.tolist()
    (['LINESTRING (0 0, 2 0)', 'LINESTRING (2 0, 5 0)'], [0, 0])
    """
    point, owner, run = _along(lines)
    end = np.r_[owner[1:] != owner[:-1], True]
    first = np.r_[True, owner[1:] != owner[:-1]]
    inner = (at > 0) & (at < run[end][line])
    all_owner = np.r_[owner, line[inner]]
    all_run, all_point = np.r_[run, at[inner]], np.vstack([point, place[inner]])
    is_cut = np.r_[np.zeros(len(owner), dtype=bool), np.ones(int(inner.sum()), dtype=bool)]
    is_end = np.r_[first | end, np.zeros(int(inner.sum()), dtype=bool)]
    order = np.lexsort((all_run, all_owner))
    all_owner, all_point, is_cut, is_end = all_owner[order], all_point[order], is_cut[order], is_end[order]
    new = np.r_[True, (all_owner[1:] != all_owner[:-1]) | (all_point[1:] != all_point[:-1]).any(axis=1)]
    places = np.flatnonzero(new)
    is_cut = np.logical_or.reduceat(is_cut, places) & ~np.logical_or.reduceat(is_end, places)
    all_owner, all_point = all_owner[places], all_point[places]
    # A cut ends one piece and begins the next: it stands twice.
    again = np.repeat(np.arange(len(all_owner)), 1 + is_cut)
    starts = np.r_[True, all_owner[1:] != all_owner[:-1]][again]
    second = np.r_[False, again[1:] == again[:-1]]
    piece = np.cumsum(starts | second) - 1
    pieces = np.asarray(shapely.linestrings(all_point[again], indices=piece), dtype=object)
    return pieces, all_owner[again][np.r_[True, np.diff(piece) > 0]]


class Draft:
    """The network while it is drawn: lines, and the cuts that others left on them."""

    def __init__(self) -> None:
        self.lines: Geometries = np.empty(0, dtype=object)
        self._kind: list[NDArray[np.object_]] = []
        self._name: list[NDArray[np.object_]] = []
        self._width: list[Floats] = []
        self._cut: list[tuple[Integers, Floats, Floats]] = []
        self._corner: tuple[Floats, Floats, Floats] | None = None  # order on all lines, how far along, place

    def add(self, lines: Geometries, kind: str | NDArray[np.object_], name: NDArray[np.object_] | None, width: Floats | float) -> Integers:
        """Adds lines and returns their numbers; their vertices are set on the millimetre."""
        rounded = shapely.transform(lines, lambda points: np.round(points, MILLIMETRES))
        known, count = len(self.lines), len(rounded)
        self.lines = np.concatenate([self.lines, rounded])
        self._kind.append(np.full(count, kind, dtype=object) if isinstance(kind, str) else kind)
        self._name.append(np.full(count, None, dtype=object) if name is None else name)
        self._width.append(np.broadcast_to(np.asarray(width, dtype=float), (count,)))
        return np.arange(known, known + count)

    def cut(self, line: Integers, points: Geometries) -> Floats:
        """Leaves a cut on each line where a point lies nearest; returns the places of the cuts."""
        length = shapely.length(self.lines[line])
        at = np.round(shapely.line_locate_point(self.lines[line], points))
        at = np.where(at < SNAP, 0.0, np.where(at > length - SNAP, length, at))
        place = np.round(shapely.get_coordinates(shapely.line_interpolate_point(self.lines[line], at)), MILLIMETRES)
        if self._corner is not None:
            order, corner, there = self._corner
            spot = line * LONGEST + at
            after = np.searchsorted(order, spot).clip(1, len(order) - 1)
            near = np.where(spot - order[after - 1] < order[after] - spot, after - 1, after)
            same = np.abs(order[near] - spot) < SNAP
            at, place = np.where(same, corner[near], at), np.where(same[:, None], there[near], place)
        self._cut.append((line, at, place))
        return np.asarray(place, dtype=float)

    def cut_corners(self, line: Integers) -> None:
        """Leaves a cut at every sharp corner of some lines; later cuts near a corner are made there."""
        of, at, place = corners_of(self.lines[line])
        self._cut.append((line[of], at, place))
        order = np.argsort(line[of] * LONGEST + at)
        self._corner = ((line[of] * LONGEST + at)[order], at[order], place[order])

    def join(self, start: Floats, end: Floats, kind: str | NDArray[np.object_], name: NDArray[np.object_], width: Floats | float) -> None:
        """Adds straight lines between places."""
        self.add(np.asarray(shapely.linestrings(np.stack([start, end], axis=1)), dtype=object), kind, name, width)

    def finish(self) -> Walks:
        """Cuts all lines and numbers the nodes."""
        line, at, place = (np.concatenate([cut[k] for cut in self._cut]) for k in range(3))
        pieces, source = split_at(self.lines, line, at, place)
        nodes, places = node_keys(pieces)
        kind, name, width = np.concatenate(self._kind), np.concatenate(self._name), np.concatenate(self._width)
        return Walks(pieces, kind[source], name[source], width[source], nodes, places)
