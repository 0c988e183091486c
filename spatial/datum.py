"""GCJ-02 and BD-09 to CGCS2000 and back: pure, on whole arrays, degrees in and out.

GCJ-02 is the datum that map services in mainland China publish in (Amap, Tencent); BD-09 is Baidu's, on top of it. Neither
says of itself what it is, so both are converted by declaration only and never stored (design §5). GCJ-02 is published code, not
a standard (standards.md §9): a shift of 100–700 m that is defined inside a box of degrees and is the identity outside. Its
inverse has no closed form and is found by iteration. CGCS2000 and WGS84 are one here: they differ by decimetres at most.

>>> [round(float(value), 6) for value in to_cgcs2000(113.625, 34.746, "gcj02")]
[113.618958, 34.747188]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grid_coding.errors import BilingualError

__all__ = ["Datum", "DatumError", "bd09_of", "datum_of", "gcj02_of", "gcj02_of_bd09", "in_gcj02_box", "to_cgcs2000"]

Datum = Literal["cgcs2000", "gcj02", "bd09"]
Degrees = NDArray[np.float64]
Pair = tuple[Degrees, Degrees]
ALIASES = {"wgs84": "cgcs2000"}

# The box in which the transform is defined, and Krasovsky's ellipsoid as the published code has it (standards.md §9).
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271
SEMI_MAJOR = 6378245.0
ECCENTRICITY2 = 0.00669342162296594323
CENTRE_LON, CENTRE_LAT = 105.0, 35.0
BD_LON, BD_LAT = 0.0065, 0.006
BD_WAVES = np.pi * 3000.0 / 180.0
# Each round gains a factor of about 50 (GCJ-02) or 25 (BD-09): eight leave less than a micrometre of the 700 m.
ROUNDS = 8


class DatumError(BilingualError):
    """A datum is unknown; tells which are known."""

    def __init__(self, value: str) -> None:
        listed = "、".join(get_args(Datum))
        super().__init__(f"未知的基准“{value}”；可用：{listed}", f"unknown datum {value!r}; known: {listed}")
        self.value = value


def datum_of(text: str | None) -> Datum:
    """Returns the datum that a person names; nothing said is CGCS2000, WGS84 is taken for it.

    >>> datum_of("GCJ-02"), datum_of("WGS 84"), datum_of(None)
    ('gcj02', 'cgcs2000', 'cgcs2000')

    Raises:
        DatumError: none of those known.
    """
    plain = re.sub("[^a-z0-9]", "", (text or "cgcs2000").lower())
    plain = ALIASES.get(plain, plain)
    for known in get_args(Datum):
        if plain == known:
            return known  # type: ignore[no-any-return]
    raise DatumError(text or "")


def to_cgcs2000(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> Pair:
    """Returns longitudes and latitudes in CGCS2000 (EPSG:4490).

    Back and forth agrees within 0.1 m wherever a place and its image both lie in the box (tested: within a millimetre). NaN and
    infinite values come back as they are: they are the geometry gate's to tell.

    Args:
        lon, lat: degrees in the given datum, of one shape.
    """
    east, north = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    if datum == "bd09":
        east, north = gcj02_of_bd09(east, north)
    if datum == "cgcs2000":
        return east, north
    inside = in_gcj02_box(east, north)
    found = _inverse(_shifted, east, north)
    return np.where(inside, found[0], east), np.where(inside, found[1], north)


def gcj02_of(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Returns the GCJ-02 degrees of CGCS2000 degrees; outside the box they are the same.

    >>> [round(float(value), 6) for value in gcj02_of(2.3, 48.9)]
    [2.3, 48.9]
    """
    east, north = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    inside = in_gcj02_box(east, north)
    moved = _shifted(east, north)
    return np.where(inside, moved[0], east), np.where(inside, moved[1], north)


def bd09_of(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Returns the BD-09 degrees of GCJ-02 degrees."""
    return _baidu(np.asarray(lon, np.float64), np.asarray(lat, np.float64))


def gcj02_of_bd09(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Returns the GCJ-02 degrees of BD-09 degrees, by iteration (the usual one-step inverse is decimetres off)."""
    return _inverse(_baidu, np.asarray(lon, np.float64), np.asarray(lat, np.float64))


def in_gcj02_box(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Tells where the transform is defined; False for NaN."""
    east, north = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    return (east >= WEST) & (east <= EAST) & (north >= SOUTH) & (north <= NORTH)


def _inverse(forward: Callable[[Degrees, Degrees], Pair], lon: Degrees, lat: Degrees) -> Pair:
    """Finds what ``forward`` sends to the given degrees: the guess is corrected by what it misses."""
    with np.errstate(invalid="ignore", over="ignore"):
        east, north = lon, lat
        for _ in range(ROUNDS):
            there = forward(east, north)
            east, north = east - (there[0] - lon), north - (there[1] - lat)
    known = np.isfinite(east) & np.isfinite(north)
    return np.where(known, east, lon), np.where(known, north, lat)


def _shifted(lon: Degrees, lat: Degrees) -> Pair:
    """The published shift, wherever it is asked: metres by two polynomials with waves, then degrees on Krasovsky's ellipsoid."""
    with np.errstate(invalid="ignore", over="ignore"):
        x, y = lon - CENTRE_LON, lat - CENTRE_LAT
        waves = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
        east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x))
        east = east + (waves + _waves(x, 20.0, 40.0, 150.0, 300.0)) * 2.0 / 3.0
        north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x))
        north = north + (waves + _waves(y, 20.0, 40.0, 160.0, 320.0)) * 2.0 / 3.0
        angle = np.radians(lat)
        bend = 1.0 - ECCENTRICITY2 * np.sin(angle) ** 2
        per_lon = np.radians(SEMI_MAJOR / np.sqrt(bend) * np.cos(angle))
        per_lat = np.radians(SEMI_MAJOR * (1.0 - ECCENTRICITY2) / bend**1.5)
        return lon + east / per_lon, lat + north / per_lat


def _waves(value: Degrees, first: float, second: float, third: float, fourth: float) -> Degrees:
    """Four sine waves of 2, 6, 24 and 60 degrees' length."""
    turn = np.pi * value
    return first * np.sin(turn) + second * np.sin(turn / 3.0) + third * np.sin(turn / 12.0) + fourth * np.sin(turn / 30.0)


def _baidu(lon: Degrees, lat: Degrees) -> Pair:
    """Baidu's turn and stretch about the origin of degrees."""
    with np.errstate(invalid="ignore", over="ignore"):
        radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * BD_WAVES)
        angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * BD_WAVES)
        return radius * np.cos(angle) + BD_LON, radius * np.sin(angle) + BD_LAT
