"""What sensors of a town measure in the week that ends with the sample's last moment: rain first, all water follows from it.

Everything is computed on one clock of five minutes; what a device sends is a selection of it: every five minutes in the hours
of the downpour, every fifteen otherwise. Gaps, spikes and stuck devices come last, and say so in their quality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.sample.calendar import LAST_MOMENT, to_utc
from data.sample.planar import Integers
from data.sample.storm import STEP_MINUTES, STORM, STORM_SPEED, Wells, delayed, full_flow, pipe_depth, routed, stored
from data.sample.terrain import Floats

__all__ = ["SECONDS", "Clock", "Faults", "Readings", "day_curve", "make_clock", "pipe_run", "ponding", "rain_at", "sent", "well_run"]

DAYS = 7
BEFORE, AFTER = 60, 540  # the hours that are read closely, minutes before and after the storm's start
SPARSE = 3  # steps between readings on a quiet day
SECONDS = STEP_MINUTES * 60
MOST_CARRIED, MOST_OFFERED = 1.35, 2.2  # of the full flow: under pressure; more than the second stays on the ground and runs off there
HOLD_SECONDS = 3_600.0  # how long the full flow needs for what raises the pressure by as much as the flow itself


@dataclass(frozen=True, slots=True)
class Clock:
    """The steps of the week.

    Attributes:
        local: wall clock of each step (Asia/Shanghai).
        minute: minutes since the storm's start over the city's middle.
        read: steps at which devices send a value.
        near: slice of the steps around the storm.
    """

    local: NDArray[np.datetime64]
    minute: Floats
    read: Integers
    near: slice

    @property
    def hour(self) -> Floats:
        """Returns the hour of the day of each step, with its fraction."""
        return np.asarray((self.local - self.local.astype("datetime64[D]")).astype("timedelta64[s]").astype(float) / 3600, dtype=float)


def make_clock() -> Clock:
    """Sets the clock.

    >>> clock = make_clock()
    >>> str(clock.local[-1]), len(clock.local), len(clock.read)
    ('2026-11-20T18:00:00', 2016, 752)
    """
    count = DAYS * 24 * 60 // STEP_MINUTES
    local = LAST_MOMENT - np.arange(count - 1, -1, -1) * np.timedelta64(SECONDS, "s")
    minute = (local - STORM.start.astype("datetime64[s]")).astype("timedelta64[s]").astype(float) / 60
    close = (minute > -BEFORE) & (minute <= AFTER)
    steps = np.arange(count)
    near = np.flatnonzero(close)
    return Clock(local, minute, steps[close | ((count - 1 - steps) % SPARSE == 0)], slice(int(near[0]), int(near[-1]) + 1))


def rain_at(clock: Clock, east: Floats, factor: Floats) -> Floats:
    """Returns the rain of every step in mm at places east of the city's middle (series, steps): the storm moves eastwards."""
    after = clock.minute - east[:, None] / STORM_SPEED
    fallen = STORM.fallen(after) - STORM.fallen(after - STEP_MINUTES)
    return np.asarray(fallen * factor[:, None], dtype=float)


def day_curve(clock: Clock, low: float, high: float, peak_hour: float) -> Floats:
    """Returns a smooth daily course between two values."""
    return np.asarray((low + high) / 2 + (high - low) / 2 * np.cos((clock.hour - peak_hour) / 12 * np.pi), dtype=float)


def pipe_run(
    rain: Floats, minutes: Floats, area_m2: Floats, runoff: Floats, size: Floats, fall: Floats, most: Floats
) -> tuple[Floats, Floats]:
    """Leads rain through the pipes above some manholes.

    Args:
        rain: mm a step (manholes, steps). ``minutes``: mean time on the ground and in the pipes.
        area_m2, runoff: ground above and its runoff coefficient.
        size, fall: diameter (mm) and slope of the pipe onward. ``most``: depth of the manhole, metres.

    Returns:
        Flow in m3/s and depth over the invert in metres. A pipe that is asked for more than a third above its full flow
        holds the rest back upstream, under rising pressure, and hands it on later.
    """
    full = full_flow(size, fall)
    coming = delayed(rain, minutes) * (area_m2 * runoff / 1000 / SECONDS)[:, None]
    coming = np.minimum(coming, MOST_OFFERED * full[:, None])
    held = stored(coming * SECONDS, full * MOST_CARRIED * SECONDS)
    flow = np.maximum(coming - np.diff(held, axis=1, prepend=0.0) / SECONDS, 0.0)
    share = (flow + held / HOLD_SECONDS) / full[:, None]
    return flow, pipe_depth(share, size[:, None], most[:, None])


def ponding(rain: Floats, volume: Floats, stages: list[tuple[Floats, Floats]], dry_share: Floats) -> Floats:
    """Fills hollows by the rain that their inlets do not take, so that each is filled to a volume at its highest.

    Args:
        rain: mm a step (hollows, steps). ``volume``: m3 at the highest. ``stages``: depths and volumes of each hollow.
        dry_share: share of the highest runoff that the inlets take.

    Returns:
        Depth at the lowest place in metres.
    """
    coming = delayed(rain, np.full(len(rain), 25.0))
    water = stored(coming, coming.max(axis=1) * dry_share)
    water *= (volume / water.max(axis=1))[:, None]
    return np.array([np.interp(row, full, depth) for row, (depth, full) in zip(water, stages, strict=True)])


def well_run(clock: Clock, wells: Wells, inflow: Floats) -> tuple[Floats, Floats, Floats]:
    """Runs wells through the storm; before and after it they stand as they are.

    Returns:
        Level over the floor (m), running pumps, water on the road (m3).
    """
    level, running, road = routed(wells, inflow[:, clock.near])
    shape = inflow.shape
    whole = np.repeat((wells.start * 0.6)[:, None], shape[1], axis=1)
    whole[:, clock.near.stop :] = np.minimum(level[:, -1], wells.start)[:, None]
    whole[:, clock.near] = level
    pumps, water = np.zeros(shape), np.zeros(shape)
    pumps[:, clock.near], water[:, clock.near] = running, road
    return whole, pumps, water


@dataclass(frozen=True, slots=True)
class Readings:
    """Values that came in: sensor (index), moment in UTC, value, quality."""

    sensor: Integers
    moment: NDArray[np.datetime64]
    value: Floats
    quality: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Faults:
    """How devices fail: share of spikes, their height, decimals of the values, steps from which a device is silent or stuck."""

    spiky: Floats
    height: Floats
    decimals: Integers
    silent: Integers
    stuck: Integers


def sent(clock: Clock, values: Floats, sums: NDArray[np.bool_], faults: Faults, random: np.random.Generator) -> Readings:
    """Selects what devices send.

    Args:
        values: at every step (sensors, steps). ``sums``: sensors whose values add up over time (rain).
    """
    steps = clock.read
    chosen = values[:, steps].copy()
    total = np.round(np.cumsum(values[sums], axis=1), 1)[:, steps]
    chosen[sums] = np.diff(total, axis=1, prepend=0.0)
    quality = np.full(chosen.shape, "good", dtype=object)
    spike = random.random(chosen.shape) < faults.spiky[:, None]
    chosen += spike * faults.height[:, None] * random.uniform(0.6, 1.4, chosen.shape)
    quality[spike] = "bad"
    for sensor in np.flatnonzero(faults.stuck < len(clock.local)).tolist():
        from_here = np.flatnonzero(steps >= faults.stuck[sensor])
        chosen[sensor, from_here] = chosen[sensor, from_here[0]]
        quality[sensor, from_here] = "suspect"
    there = steps[None] < faults.silent[:, None]
    for sensor in np.flatnonzero((random.random(len(values)) < 0.25) & (faults.spiky > 0)).tolist():
        first = int(random.integers(0, len(steps) - 24))
        there[sensor, first : first + int(random.integers(6, 22))] = False
    scale = 10.0 ** faults.decimals[:, None]
    chosen = np.round(chosen * scale) / scale
    device, step = np.nonzero(there)
    return Readings(device, to_utc(clock.local[steps])[step], chosen[device, step], quality[device, step])
