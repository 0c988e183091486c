"""The ground: how the straight plan bends into the land, where the river runs, how high the ground lies.

The city is drawn in a plan in which the river is the straight line v = 0. One smooth map takes the plan to the ground:
near the river everything follows its meanders, in the old core the streets turn a little, elsewhere they bend slowly.
So no road meets the river at a low angle and no two roads run into each other. The waves run through the whole city, so
that rivers and roads go on from town to town; a town's plan may lie mirrored on the ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.sample.place import Town

__all__ = ["CORE", "RIVER_ROAD", "Floats", "Ground", "make_ground"]

Floats = NDArray[np.float64]

CORE = (-250.0, 560.0)  # centre of the old town, in the plan
RIVER_ROAD = 108.0  # distance of the riverside roads from the river's middle, in the plan
CORE_TURN, CORE_REACH = np.radians(11.0), 620.0
MEANDER_REACH = 1400.0  # how far from the river the land follows its bends
RIVER_LEVEL = 74.0  # water level at the western edge, metres above the 1985 datum
DOWNSTREAM_FALL, BANK_HEIGHT, VALLEY_RISE = 0.0006, 4.2, 0.0024
ROW_SHIFT = 1.9  # phase between the meanders of rivers that lie beside each other


@dataclass(frozen=True, slots=True)
class Ground:
    """The bent plan: phases of its waves, drawn once for the city, and how the town lies in it."""

    phases: Floats
    hollows: Floats  # x, y, depth, radius of low places (underpasses, old ponds)
    offset: tuple[float, float]
    mirror: tuple[int, int]

    def place(self, plan: Any, calm: Any = 0.0) -> Floats:
        """Maps plan points (n, 2) to metres on the ground, relative to the town's middle.

        Args:
            plan: points of the plan.
            calm: share of the river's meanders that is left out at each point, so that land between two rivers fits both.
        """
        points = np.asarray(plan, dtype=float).reshape(-1, 2)
        u, v = points[:, 0], points[:, 1]
        along, across = u - CORE[0], v - CORE[1]
        turn = CORE_TURN * np.exp(-(along**2 + across**2) / CORE_REACH**2)
        x = self.mirror[0] * (CORE[0] + along * np.cos(turn) - across * np.sin(turn))
        y = self.mirror[1] * (CORE[1] + along * np.sin(turn) + across * np.cos(turn))
        p, gx, gy = self.phases, x + self.offset[0], y + self.offset[1]
        bend_x = 46 * np.sin(gy / 900 + p[0]) + 30 * np.sin(gy / 520 + gx / 1500 + p[1]) + 14 * np.sin(gx / 640 + p[2])
        bend_y = 34 * np.sin(gx / 980 + p[3]) + 22 * np.sin(gx / 610 - gy / 1300 + p[4]) + 12 * np.sin(gy / 560 + p[5])
        pull = self._meander(gx) * np.exp(-((y / MEANDER_REACH) ** 2)) * (1 - np.asarray(calm))
        return np.column_stack([x + bend_x, y + bend_y + pull])

    def plan(self, places: Any) -> Floats:
        """Maps places on the ground back to the plan (the bending is gentle, so the iteration closes in).

        >>> ground = make_ground(Town(1, "", 0, 0, (0.0, 0.0), 1, 1, mirror=(-1, 1)))
        >>> there = np.array([[-900.0, 400.0], [1500.0, -1700.0]])
        >>> bool(np.abs(ground.plan(ground.place(there)) - there).max() < 0.5)
        True
        """
        target = np.asarray(places, dtype=float).reshape(-1, 2)
        mirror = np.array(self.mirror, dtype=float)
        guess: Floats = np.asarray(target * mirror, dtype=float)
        for _ in range(40):
            guess = np.asarray(guess - 0.8 * mirror * (self.place(guess) - target), dtype=float)
        return guess

    def north_up(self, plan: Any) -> Floats:
        """Turns plan points (n, 2) the way they lie on the ground: east is positive, north is positive."""
        points = np.asarray(plan, dtype=float).reshape(-1, 2)
        return np.asarray(points * np.array(self.mirror, dtype=float), dtype=float)

    def _meander(self, x: Floats) -> Floats:
        p = self.phases
        wave = 270 * np.sin(x / 860 + p[6]) + 85 * np.sin(x / 395 + p[7])
        return np.asarray(wave, dtype=float)

    def half_river(self, u: Any) -> Floats:
        """Returns half the river's width along it.

        >>> ground = make_ground(Town(1, "", 0, 0, (0.0, 0.0), 1, 1))
        >>> bool(np.all((ground.half_river(np.arange(-2000, 2000)) > 40) & (ground.half_river(0) < RIVER_ROAD - 25)))
        True
        """
        u = np.asarray(u, dtype=float) * self.mirror[0] + self.offset[0]
        return np.asarray(56 + 9 * np.sin(u / 420 + self.phases[8]) + 6 * np.sin(u / 170 + self.phases[9]), dtype=float)

    def level(self, x: Any, y: Any, river_distance: Any) -> Floats:
        """Returns the ground's height: the land falls to the river and downstream, with hollows."""
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        distance = np.asarray(river_distance, dtype=float)
        gx, gy = x + self.offset[0], y + self.offset[1]
        bank = RIVER_LEVEL - DOWNSTREAM_FALL * (gx + 2500) + BANK_HEIGHT
        height = bank + VALLEY_RISE * distance + 0.35 * np.sin(gx / 410 + self.phases[1]) * np.sin(gy / 530 + self.phases[2])
        for low_x, low_y, depth, radius in self.hollows:
            height = height - depth * np.exp(-((x - low_x) ** 2 + (y - low_y) ** 2) / radius**2)
        return np.asarray(height, dtype=float)


def make_ground(town: Town) -> Ground:
    """Draws the ground of a town; the phases vary little so that every seed gives a believable river."""
    random = np.random.default_rng([town.land, *b"ground"])
    base = np.array([0.4, 2.1, 4.0, 1.2, 5.2, 0.9, 0.7, 2.4, 1.0, 3.0])
    phases = base + random.normal(0, 0.25, base.size)
    phases[6:8] += ROW_SHIFT * town.row
    spots = np.array([[-870.0, 860.0], [820.0, 1640.0], [-30.0, -860.0], [1240.0, -470.0], [-1700.0, 880.0], [420.0, 480.0]])
    flat = Ground(phases, np.zeros((0, 4)), town.offset, town.mirror)
    hollows = np.column_stack([flat.place(spots), random.uniform(0.9, 2.2, 6), random.uniform(50, 110, 6)])
    return Ground(phases, hollows, town.offset, town.mirror)
