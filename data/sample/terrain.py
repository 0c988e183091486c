"""The ground: how the straight plan bends into the land, where the river runs, how high the ground lies.

The city is drawn in a plan in which the river is the straight line v = 0. One smooth map takes the plan to the ground:
near the river everything follows its meanders, in the old core the streets turn a little, elsewhere they bend slowly.
So no road meets the river at a low angle and no two roads run into each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CORE", "RIVER_ROAD", "Floats", "Ground", "make_ground"]

Floats = NDArray[np.float64]

CORE = (-250.0, 560.0)  # centre of the old town, in the plan
RIVER_ROAD = 108.0  # distance of the riverside roads from the river's middle, in the plan
CORE_TURN, CORE_REACH = np.radians(11.0), 620.0
MEANDER_REACH = 1400.0  # how far from the river the land follows its bends
RIVER_LEVEL = 74.0  # water level at the western edge, metres above the 1985 datum
DOWNSTREAM_FALL, BANK_HEIGHT, VALLEY_RISE = 0.0006, 3.2, 0.0024


@dataclass(frozen=True, slots=True)
class Ground:
    """The bent plan: phases of its waves, drawn once from the seed."""

    phases: Floats
    hollows: Floats  # x, y, depth, radius of low places (underpasses, old ponds)

    def place(self, plan: Any) -> Floats:
        """Maps plan points (n, 2) to metres on the ground, relative to the city's centre."""
        points = np.asarray(plan, dtype=float).reshape(-1, 2)
        u, v = points[:, 0], points[:, 1]
        along, across = u - CORE[0], v - CORE[1]
        turn = CORE_TURN * np.exp(-(along**2 + across**2) / CORE_REACH**2)
        x = CORE[0] + along * np.cos(turn) - across * np.sin(turn)
        y = CORE[1] + along * np.sin(turn) + across * np.cos(turn)
        p = self.phases
        bend_x = 46 * np.sin(y / 900 + p[0]) + 30 * np.sin(y / 520 + x / 1500 + p[1]) + 14 * np.sin(x / 640 + p[2])
        bend_y = 34 * np.sin(x / 980 + p[3]) + 22 * np.sin(x / 610 - y / 1300 + p[4]) + 12 * np.sin(y / 560 + p[5])
        return np.column_stack([x + bend_x, y + bend_y + self._meander(x) * np.exp(-((y / MEANDER_REACH) ** 2))])

    def plan(self, places: Any) -> Floats:
        """Maps places on the ground back to the plan (the bending is gentle, so the iteration closes in).

        >>> ground = make_ground(np.random.default_rng(1))
        >>> there = np.array([[-900.0, 400.0], [1500.0, -1700.0]])
        >>> bool(np.abs(ground.plan(ground.place(there)) - there).max() < 0.5)
        True
        """
        target = np.asarray(places, dtype=float).reshape(-1, 2)
        guess = target.copy()
        for _ in range(40):
            guess -= 0.8 * (self.place(guess) - target)
        return guess

    def _meander(self, x: Floats) -> Floats:
        p = self.phases
        wave = 270 * np.sin(x / 860 + p[6]) + 85 * np.sin(x / 395 + p[7])
        return np.asarray(wave, dtype=float)

    def half_river(self, u: Any) -> Floats:
        """Returns half the river's width along it.

        >>> ground = make_ground(np.random.default_rng(1))
        >>> bool(np.all((ground.half_river(np.arange(-2000, 2000)) > 40) & (ground.half_river(0) < RIVER_ROAD - 25)))
        True
        """
        u = np.asarray(u, dtype=float)
        return np.asarray(56 + 9 * np.sin(u / 420 + self.phases[8]) + 6 * np.sin(u / 170 + self.phases[9]), dtype=float)

    def level(self, x: Any, y: Any, river_distance: Any) -> Floats:
        """Returns the ground's height: the land falls to the river and downstream, with hollows."""
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        distance = np.asarray(river_distance, dtype=float)
        bank = RIVER_LEVEL - DOWNSTREAM_FALL * (x + 2500) + BANK_HEIGHT
        height = bank + VALLEY_RISE * distance + 0.35 * np.sin(x / 410 + self.phases[1]) * np.sin(y / 530 + self.phases[2])
        for low_x, low_y, depth, radius in self.hollows:
            height = height - depth * np.exp(-((x - low_x) ** 2 + (y - low_y) ** 2) / radius**2)
        return np.asarray(height, dtype=float)


def make_ground(random: np.random.Generator) -> Ground:
    """Draws the ground of a seed; the phases vary little so that every seed gives a believable river."""
    base = np.array([0.4, 2.1, 4.0, 1.2, 5.2, 0.9, 0.7, 2.4, 1.0, 3.0])
    phases = base + random.normal(0, 0.25, base.size)
    spots = np.array([[-870.0, 860.0], [820.0, 1640.0], [-30.0, -860.0], [1240.0, -470.0], [-1700.0, 880.0], [420.0, 480.0]])
    flat = Ground(phases, np.zeros((0, 4)))
    hollows = np.column_stack([flat.place(spots), random.uniform(0.9, 2.2, 6), random.uniform(50, 110, 6)])
    return Ground(phases, hollows)
