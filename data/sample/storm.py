"""The late-autumn downpour of the sample city: design rain of a stated return period, runoff, and storage by storage.

The rain is a Chicago storm: its depth comes from the storm formula q = 167 A1 (1 + C lg P) / (t + b)^n (GB 50014), spread about
a peak at the share ``r`` of the duration. The parameters are INVENTED for the sample city and valid nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.sample.calendar import DOWNPOUR
from data.sample.terrain import Floats

__all__ = ["STEP_MINUTES", "STORM", "STORM_SPEED", "Storm", "Wells", "delayed", "full_flow", "pipe_depth", "routed", "stored"]

STEP_MINUTES = 5
STORM_SPEED = 500.0  # metres a minute eastwards
ROUGHNESS = 0.014  # Manning's n of concrete


@dataclass(frozen=True, slots=True)
class Storm:
    """A design storm.

    Attributes:
        start: local wall clock (Asia/Shanghai) of the first rain over the city's middle.
        years: return period. ``minutes``: duration. ``peak``: share of the duration before the peak.
        a, c, b, n: the formula's parameters, q in L/(s·ha), t in minutes.
    """

    start: np.datetime64
    years: float
    minutes: float
    peak: float
    a: float
    c: float
    b: float
    n: float

    def flow(self, minutes: float) -> float:
        """Returns the formula's q for a duration, L/(s·ha)."""
        return float(self.a * (1 + self.c * np.log10(self.years)) / (minutes + self.b) ** self.n)

    @property
    def depth(self) -> float:
        """The storm's depth in millimetres: q t / 167.

        >>> round(STORM.depth, 1)
        56.4
        """
        return self.flow(self.minutes) * self.minutes / 167

    def fallen(self, minutes: Floats) -> Floats:
        """Returns the millimetres fallen up to each minute after the start (Chicago pattern, in closed form).

        >>> STORM.fallen(np.array([-5.0, 0.0, 120.0, 500.0])).round(1).tolist()
        [0.0, 0.0, 56.4, 56.4]
        """
        t = np.clip(np.asarray(minutes, dtype=float), 0.0, self.minutes)
        top = self.peak * self.minutes
        scale = self.a * (1 + self.c * np.log10(self.years)) / 167
        before, after = np.maximum(top - t, 0.0), np.maximum(t - top, 0.0)
        early = scale * before / (before / self.peak + self.b) ** self.n
        late = scale * after / (after / (1 - self.peak) + self.b) ** self.n
        return np.asarray(self.peak * self.depth - early + late, dtype=float)


STORM = Storm(start=DOWNPOUR, years=3.0, minutes=120.0, peak=0.4, a=2900.0, c=0.9, b=14.0, n=0.81)


def delayed(rain: Floats, mean_minutes: Floats, reservoirs: int = 2) -> Floats:
    """Passes rows of rain (series, steps) through equal linear reservoirs; nothing is lost but what is still under way.

    >>> pulse = np.zeros((1, 200)); pulse[0, 3] = 10.0
    >>> out = delayed(pulse, np.array([30.0]))
    >>> bool(abs(out.sum() - 10) < 0.01), int(out.argmax()) > 3
    (True, True)
    """
    keep = np.exp(-STEP_MINUTES * reservoirs / np.maximum(np.asarray(mean_minutes, dtype=float), 1.0))
    flow = rain
    for _ in range(reservoirs):
        out, now = np.empty_like(flow), np.zeros(len(flow))
        for step in range(flow.shape[1]):
            now = keep * now + (1 - keep) * flow[:, step]
            out[:, step] = now
        flow = out
    return flow


def stored(inflow: Floats, outflow: Floats) -> Floats:
    """Fills storages (series, steps) by what comes in above a steady outflow, and empties them by it; same unit per step.

    >>> stored(np.array([[0.0, 5.0, 3.0, 0.0, 0.0, 0.0]]), np.array([2.0])).tolist()
    [[0.0, 3.0, 4.0, 2.0, 0.0, 0.0]]
    """
    volume, now = np.empty_like(inflow), np.zeros(len(inflow))
    for step in range(inflow.shape[1]):
        now = np.maximum(now + inflow[:, step] - outflow, 0.0)
        volume[:, step] = now
    return volume


def full_flow(size_mm: Floats, slope: Floats) -> Floats:
    """Returns what a round pipe carries when full (Manning), m3/s.

    >>> full_flow(np.array([1000.0]), np.array([0.001])).round(2).tolist()
    [0.7]
    """
    d = np.asarray(size_mm, dtype=float) / 1000
    return np.asarray(np.pi * d**2 / 4 * (d / 4) ** (2 / 3) * np.sqrt(np.maximum(slope, 1e-4)) / ROUGHNESS, dtype=float)


def pipe_depth(share: Floats, size_mm: Floats, most: Floats) -> Floats:
    """Returns the water's depth over the invert for a flow as share of the full flow; a full pipe backs up to the ground at most.

    The part below 1 follows the round section within 5 % of the diameter.

    >>> pipe_depth(np.array([0.0, 0.5, 1.0, 9.0]), np.full(4, 1000.0), np.full(4, 3.0)).round(2).tolist()
    [0.0, 0.54, 0.82, 3.0]
    """
    d = np.asarray(size_mm, dtype=float) / 1000
    within = 0.82 * d * np.minimum(share, 1.0) ** 0.6
    return np.asarray(np.minimum(within + np.maximum(share - 1.0, 0.0) * 1.6, most), dtype=float)


@dataclass(frozen=True, slots=True)
class Wells:
    """Pumped wells: plan area, level at which pumps start over the floor, height of the well, flow of one pump, pumps that run."""

    area: Floats
    start: Floats
    height: Floats
    pump: Floats
    pumps: Floats


def routed(wells: Wells, inflow: Floats) -> tuple[Floats, Floats, Floats]:
    """Fills wells by an inflow (wells, steps) in m3/s and empties them by pumps, minute after minute.

    A further pump runs for each quarter metre above the start level. What does not fit stands on the road.

    Returns:
        Level over the well's floor, running pumps, water on the road (m3), each of shape (wells, steps).
    """
    level, running, road = (np.zeros_like(inflow) for _ in range(3))
    water = wells.area * wells.start * 0.6
    for step in range(inflow.shape[1]):
        for _ in range(STEP_MINUTES):
            deep = np.minimum(water / wells.area, wells.height)
            on = np.clip(np.ceil((deep - wells.start) / 0.25), 0, wells.pumps)
            lowest = np.where(on > 0, wells.area * wells.start * 0.9, 0.0)  # where the pumps would run dry
            water = np.maximum(water + (inflow[:, step] - on * wells.pump) * 60, lowest)
        deep = np.minimum(water / wells.area, wells.height)
        level[:, step] = deep
        running[:, step] = np.clip(np.ceil((deep - wells.start) / 0.25), 0, wells.pumps)
        road[:, step] = np.maximum(water - wells.area * wells.height, 0.0)
    return level, running, road
