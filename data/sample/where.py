"""Places told in words: the road or the crossing near a point."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.terrain import Floats
from data.sample.world import World

__all__ = ["roads_at", "told"]

CROSSING_REACH = 6.0  # metres


def _named(world: World) -> tuple[NDArray[np.object_], NDArray[np.int64], shapely.STRtree]:
    names = world.roads.of_pieces("name")
    named = np.flatnonzero(np.array([name is not None for name in names]))
    return names, named, shapely.STRtree(world.roads.pieces[named])


def roads_at(world: World, place: Floats) -> NDArray[np.object_]:
    """Names the nearest named road of each place (n, 2)."""
    names, named, tree = _named(world)
    return np.asarray(names[named[tree.nearest(shapely.points(place))]], dtype=object)


def told(world: World, place: Floats, reach: float = CROSSING_REACH) -> list[str]:
    """Names the crossing (two roads within reach) or the road of each place (n, 2)."""
    names, named, tree = _named(world)
    points = shapely.points(place)
    found: list[list[str]] = [[] for _ in place]
    spot, piece = tree.query(points, predicate="dwithin", distance=reach)
    for one, index in zip(spot.tolist(), piece.tolist(), strict=True):
        name = str(names[named[index]])
        if name not in found[one]:
            found[one].append(name)
    nearest = names[named[tree.nearest(points)]]
    return [f"{sorted(f)[0]}与{sorted(f)[1]}交叉口" if len(f) > 1 else f"{n}路段" for f, n in zip(found, nearest.tolist(), strict=True)]
