"""Door plates: along every named road from its first house on, odd numbers on one side, even numbers on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.blocks import Blocks
from data.sample.components import beside
from data.sample.planar import Integers
from data.sample.roads import Roads
from data.sample.terrain import Floats

__all__ = ["Doors", "make_doors"]

SPACING = {"expressway": 0.0, "arterial": 34.0, "secondary": 27.0, "branch": 21.0, "lane": 12.0}
FRONT = 2.5  # a plate hangs this far behind the red line
BUILT = ("residential", "commercial", "public", "industrial")


@dataclass(frozen=True, slots=True)
class Doors:
    """Door plates in order along each road: place, road (index), number, plot behind it."""

    point: Floats
    road: Integers
    number: Integers
    plot: Integers


def make_doors(roads: Roads, blocks: Blocks, random: np.random.Generator) -> Doors:
    """Numbers the fronts of all named roads; where nothing is built the numbers run on unused."""
    points, owners, numbers = [], [], []
    for index, road in enumerate(roads.roads):
        spacing = SPACING[road.grade]
        if road.name is None or not spacing:
            continue
        passed = 0
        for line in road.course:
            count = int(line.length // spacing)
            at = (np.arange(count) + 0.5) * line.length / max(count, 1)
            for side, first in ((1.0, 1), (-1.0, 2)):
                shift = at + random.uniform(-0.18, 0.18, count) * spacing
                place, _ = beside(np.full(count, line, dtype=object), shift, np.full(count, side * (road.width / 2 + FRONT)))
                points.append(place)
                numbers.append(2 * (passed + np.arange(count)) + first)
                owners.append(np.full(count, index))
            passed += count
    point, owner, number = np.vstack(points), np.concatenate(owners), np.concatenate(numbers)
    plot = _built_plot(point, blocks)
    keep = (plot >= 0) & (random.random(len(point)) < 0.94)
    order = np.lexsort((number[keep], owner[keep]))
    return Doors(point[keep][order], owner[keep][order], number[keep][order], plot[keep][order])


def _built_plot(point: Floats, blocks: Blocks) -> NDArray[np.int64]:
    """Returns the built-up plot at each place, or -1."""
    found = np.full(len(point), -1, dtype=np.int64)
    fronts = shapely.buffer(blocks.plots, 2.0)
    door, plot = shapely.STRtree(fronts).query(shapely.points(point), predicate="intersects")
    built = np.isin(blocks.use[plot], BUILT)
    found[door[built]] = plot[built]
    return found
