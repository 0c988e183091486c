"""The rhythm of the years: how many cases a day brings and at which hour; Asia/Shanghai has no summer time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DOWNPOUR", "FIRST_DAY", "LAST_MOMENT", "STORM_DAY", "day_weights", "draw_seconds", "rain_days", "to_utc"]

FIRST_DAY = np.datetime64("2025-11-21")  # of the last year
LAST_DAY = np.datetime64("2026-11-20")
LAST_MOMENT = np.datetime64("2026-11-20T18:00:00")
STORM_DAY = np.datetime64("2026-07-20")
DOWNPOUR = np.datetime64("2026-11-19T14:00:00")  # the late-autumn rain that the sensors saw, the day before the last moment
# Holidays: Spring Festival of the lunar years of the dragon, the snake and the horse, and the National Day; factor of each.
HOLIDAYS = (
    ("2024-02-10", "2024-02-17", 0.34),
    ("2024-10-01", "2024-10-07", 0.58),
    ("2025-01-28", "2025-02-04", 0.34),
    ("2025-10-01", "2025-10-07", 0.58),
    ("2026-02-15", "2026-02-23", 0.34),
    ("2026-10-01", "2026-10-07", 0.58),
)
WEEK = (1.04, 1.06, 1.03, 1.02, 1.0, 0.80, 0.55)  # Monday to Sunday

# Share of each hour of the day by profile.
HOURS = {
    "work": (0, 0, 0, 0, 0, 0.1, 0.6, 2.4, 7, 10, 10.5, 7.5, 2.6, 3, 8, 9.5, 8.5, 5, 2.2, 1.4, 1, 0.6, 0.2, 0.1),
    "market": (0, 0, 0, 0, 0.1, 1.5, 5, 9, 10, 8, 6, 4, 2, 1.5, 3, 4.5, 7, 9, 8, 5, 3, 1.5, 0.5, 0.1),
    "evening": (0.6, 0.2, 0.1, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1.6, 1.4, 0.8, 0.8, 1, 1.4, 2.6, 5.5, 9, 11, 9, 5, 2),
    "night": (5, 3.5, 2, 1.4, 1.2, 2, 2.6, 2, 1.4, 1.2, 1, 1.6, 2.6, 1.2, 1, 1, 1.2, 1.4, 2, 3, 5, 9, 10, 8),
    "any": (0.5, 0.4, 0.3, 0.3, 0.4, 0.8, 2, 4, 6, 7, 7, 6, 4.5, 4.5, 6, 6.5, 6.5, 6, 5, 4, 3, 2, 1.2, 0.8),
}


def _days(years: int) -> NDArray[np.datetime64]:
    """Returns the days of so many years up to the last one."""
    return np.arange(FIRST_DAY - 365 * (years - 1), LAST_DAY + 1)


def day_weights(years: int = 1) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Returns the days of the last years and how busy each is.

    >>> days, weights = day_weights()
    >>> len(days), bool(weights[days == np.datetime64("2026-02-17")][0] < 0.5 * weights.mean())
    (365, True)
    """
    days = _days(years)
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    weight = np.array(WEEK)[weekday]
    position = (days - FIRST_DAY).astype(np.int64)
    weight *= 1 + 0.13 * np.sin(2 * np.pi * (position - 110) / 365) + 0.0003 * position
    for start, end, factor in HOLIDAYS:
        weight[(days >= np.datetime64(start)) & (days <= np.datetime64(end))] = factor
    weight[days == STORM_DAY] *= 1.5
    weight[days == DOWNPOUR.astype("datetime64[D]")] *= 1.25
    weight[days == LAST_DAY] *= 0.85
    return days, weight


def draw_seconds(profiles: NDArray[np.object_], random: np.random.Generator) -> NDArray[np.int64]:
    """Draws a second of the day for each matter by its profile of hours."""
    seconds = np.zeros(len(profiles), dtype=np.int64)
    for name, shares in HOURS.items():
        members = np.flatnonzero(profiles == name)
        share = np.array(shares) / sum(shares)
        seconds[members] = random.choice(24, len(members), p=share) * 3600
    return np.asarray(seconds + random.integers(0, 3600, len(profiles)), dtype=np.int64)


def rain_days(random: np.random.Generator, years: int = 1) -> NDArray[np.datetime64]:
    """Draws the days of rain: most of them from June to September, and always the two days of storm."""
    days = _days(years)
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    wet = random.random(len(days)) < np.where((month >= 6) & (month <= 9), 0.32, 0.09)
    return np.asarray(days[wet | (days == STORM_DAY) | (days == DOWNPOUR.astype("datetime64[D]"))])


def to_utc(local: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Turns Asia/Shanghai wall clock into UTC.

    >>> str(to_utc(np.array(["2026-11-20T18:00:00"], dtype="datetime64[s]"))[0])
    '2026-11-20T10:00:00'
    """
    eight = np.full(local.shape, 8 * 3600, dtype="timedelta64[s]")
    return np.asarray(local.astype("datetime64[s]") - eight, dtype="datetime64[s]")
