"""A file whose every place lies outside the city says something wrong of itself: which other reading would bring it in.

Only told, never applied. Tried are the axes swapped, degrees taken for metres and the other way, and the systems that a file
of this city may be in: the 3° and 6° zones of CGCS2000, Xi'an 1980 and Beijing 1954 with and without the zone number in front
of the easting (standards.md §9), UTM, TWD97 and web mercator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjError

from data.report import RowFault
from spatial.cities import City
from spatial.crs import Source, metric_srid_for

__all__ = ["suspicion"]

SAMPLE = 500
PROVEN = 0.9  # share of the places that another reading must bring into the city
TOLD = 3
BY_ZONE = ((4513, 25, 3), (2349, 25, 3), (2401, 25, 3), (4491, 13, 6), (2327, 13, 6), (21413, 13, 6))
BY_MERIDIAN = ((4534, 3), (2370, 3), (2422, 3))
SPREAD = 2  # zones on each side of the city's own
OTHERS = (3826, 3825, 3857, 4490)
Degrees = NDArray[np.float64]


def suspicion(shapes: NDArray[Any], placed: NDArray[Any], system: Source | None, city: City) -> RowFault | None:
    """Returns one fault of the file as a whole (row 0) when no place lies in the city and another reading brings them in.

    Args:
        shapes: geometries as the file has them; ``placed``: the same in EPSG:4490.
    """
    usable = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if system is None or not usable.any() or _inside(_middles(placed[usable]), city).any():
        return None
    points = _middles(shapes[usable])[:SAMPLE]
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    found: list[tuple[str, str]] = []
    for share, zh, en in sorted(_readings(points, system, city), key=lambda item: -item[0]):
        if share >= PROVEN and len(found) < TOLD:
            found.append((zh, en))
    if not found:
        return None
    number = int(usable.sum())
    zh = f"全部 {number} 个位置都不在城市范围内；下列读法能使其落入：{'；'.join(pair[0] for pair in found)}。未作任何更改"
    en = f"none of {number} places lies in the city; they would if: {'; '.join(pair[1] for pair in found)}. Nothing was changed"
    return RowFault(0, "crs", system.name, "crs_suspect", zh, en)


def _middles(shapes: NDArray[Any]) -> Degrees:
    bounds = shapely.bounds(shapes)
    return np.asarray((bounds[:, :2] + bounds[:, 2:]) / 2)


def _inside(points: Degrees, city: City) -> NDArray[np.bool_]:
    west, south, east, north = city.bbox
    x, y = points[:, 0], points[:, 1]
    return np.asarray((x >= west) & (x <= east) & (y >= south) & (y <= north))


def _readings(points: Degrees, system: Source, city: City) -> list[tuple[float, str, str]]:
    """Returns (share of places inside, what it would be in zh, en) of every other reading."""
    found = []
    own = system.crs.to_epsg()
    for srid in dict.fromkeys([*([own] if own else []), *_candidates(points, city)]):
        for swapped in (False, True):
            if (srid == own or (srid == 4490 and system.null_shift)) and not swapped:
                continue
            moved = _moved(points[:, ::-1] if swapped else points, srid)
            if moved is None:
                continue
            share = float(_inside(moved, city).mean())
            same = srid == own or (srid == 4490 and system.null_shift)
            zh, en = (
                ("坐标系不变", "the same system") if same else (f"坐标系为 EPSG:{srid}（{_title(srid)}）", f"the system is EPSG:{srid}")
            )
            found.append((share, zh + ("，两轴互换" if swapped else ""), en + (", axes swapped" if swapped else "")))
    return found


def _candidates(points: Degrees, city: City) -> list[int]:
    middle = (city.bbox[0] + city.bbox[2]) / 2
    meridian = 75 + 3 * (metric_srid_for(middle) - 4534)
    largest = np.abs(points).max()
    found = list(OTHERS)
    utm = int((middle + 180) // 6) + 1
    found += [base + zone for base in (32600, 32700) for zone in (utm - 1, utm, utm + 1) if 1 <= zone <= 60]
    if largest >= 1e7:  # the zone number stands in front of the easting
        for first, zone_of_first, width in BY_ZONE:
            zone = round(meridian / 3) if width == 3 else int(middle // 6) + 1
            found += [first + step for step in range(zone - zone_of_first - SPREAD, zone - zone_of_first + SPREAD + 1)]
    else:
        for first, width in BY_MERIDIAN:
            step = round((meridian - 75) / width)
            found += [first + other for other in range(max(0, step - SPREAD), min(20, step + SPREAD) + 1)]
    return found


def _moved(points: Degrees, srid: int) -> Degrees | None:
    if srid == 4490:
        return points
    try:
        transformer = Transformer.from_crs(srid, 4490, always_xy=True)
    except ProjError:
        return None
    moved = np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    return np.asarray(np.where(np.isfinite(moved), moved, 1e9))


def _title(srid: int) -> str:
    return "经纬度" if srid == 4490 else CRS.from_epsg(srid).name
