"""Coordinate reference systems: which are taken, how they become EPSG:4490, and the metric zone of a place.

Storage is EPSG:4490 (CGCS2000, degrees, x = longitude). EPSG:4326 → 4490 is a stated null shift (design §5): PROJ knows
only a "ballpark" operation there, and the two agree to a few decimetres. Datums that need local parameters
(Beijing 1954, Xi'an 1980) are taken by the best operation that PROJ has and the report says which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjError

from grid_coding.errors import BilingualError
from spatial.tables import STORAGE_SRID

__all__ = ["CrsError", "Source", "metric_srid_for", "metric_title", "source_crs", "to_storage"]

# Geographic systems whose coordinates are taken as 4490 unchanged.
NULL_SHIFT = frozenset({4326, 4490, 4979, 4480})
CENTRAL_MERIDIANS = range(75, 136, 3)


class CrsError(BilingualError):
    """A coordinate system is missing, unknown or of no use here; tells in Chinese and English."""

    def __init__(self, value: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.value = value


@dataclass(frozen=True, slots=True)
class Source:
    """A checked source system: the pyproj object and a short name for reports."""

    crs: CRS
    name: str

    @property
    def null_shift(self) -> bool:
        """True when coordinates are taken unchanged."""
        return self.crs.to_epsg() in NULL_SHIFT or self.name == "OGC:CRS84"


def source_crs(declared: str | None) -> Source:
    """Checks a declared coordinate system.

    Only ``EPSG:n``, ``OGC:CRS84`` and well-known text as files carry it are taken: PROJ strings may name files on
    the server (reliability_security.md T5).

    Raises:
        CrsError: missing, unknown, or not a horizontal system.

    >>> source_crs("EPSG:3826").name
    'EPSG:3826'
    """
    if declared is None or not declared.strip():
        raise CrsError(
            "", "数据没有声明坐标系；请用 --crs 指明，例如 --crs EPSG:4490",
            "the data declares no coordinate system; name it with --crs, e.g. --crs EPSG:4490",
        )  # fmt: skip
    value = declared.strip()
    well_known = value.upper().startswith(
        ("GEOGCS[", "PROJCS[", "GEOGCRS[", "PROJCRS[", "COMPD_CS[", "BOUNDCRS[", "COMPOUNDCRS[", "GEODCRS[")
    )
    if not well_known and not re.fullmatch(r"(?i)(EPSG:\d{4,6}|OGC:CRS84|ESRI:\d{4,6})", value):
        raise CrsError(value, f"坐标系“{value}”不是 EPSG 代码", f"{value!r} is not an EPSG code")
    try:
        crs = CRS.from_user_input(value)
    except ProjError:
        raise CrsError(value[:80], f"没有坐标系“{value[:80]}”", f"there is no coordinate system {value[:80]!r}") from None
    if not (crs.is_geographic or crs.is_projected):
        raise CrsError(value[:80], f"“{crs.name}”不是平面或经纬度坐标系", f"{crs.name!r} is neither geographic nor projected")
    code = crs.to_epsg(min_confidence=70)
    name = value.upper() if not well_known else (f"EPSG:{code}" if code else crs.name)
    return Source(crs, name)


@lru_cache(maxsize=64)
def _transformer(wkt: str, target: int) -> Transformer:
    return Transformer.from_crs(CRS.from_wkt(wkt), target, always_xy=True)


def to_storage(geometry: NDArray[Any], source: Source) -> NDArray[Any]:
    """Returns the geometries in EPSG:4490, two-dimensional; points that PROJ cannot place come back infinite.

    Args:
        geometry: object array of shapely geometries (None allowed), coordinates x, y in the source system.
    """
    flat = shapely.force_2d(geometry)
    if source.null_shift:
        return np.asarray(flat, dtype=object)
    transformer = _transformer(source.crs.to_wkt(), STORAGE_SRID)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(flat, move), dtype=object)


def metric_title(srid: int) -> tuple[str, str]:
    """Returns the name of a metric system in Chinese and English.

    Raises:
        CrsError: unknown, or not a plane system in metres.

    >>> metric_title(4547)
    ('CGCS2000 三度带高斯-克吕格，中央经线 114°E', 'CGCS2000 / 3-degree Gauss-Kruger CM 114E')
    """
    try:
        crs = CRS.from_epsg(srid)
    except ProjError:
        raise CrsError(str(srid), f"没有坐标系 EPSG:{srid}", f"there is no coordinate system EPSG:{srid}") from None
    if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
        raise CrsError(
            str(srid), f"EPSG:{srid}（{crs.name}）不是以米为单位的平面坐标系", f"EPSG:{srid} ({crs.name}) is no plane system in metres"
        )
    meridian = 75 + 3 * (srid - 4534)
    zh = f"CGCS2000 三度带高斯-克吕格，中央经线 {meridian}°E" if 4534 <= srid <= 4554 else crs.name
    return zh, crs.name


def metric_srid_for(lon: float) -> int:
    """Returns the 3-degree CGCS2000 zone (by central meridian, EPSG:4534–4554) that a longitude lies in.

    >>> metric_srid_for(113.6), metric_srid_for(121.56)
    (4547, 4550)
    """
    meridian = min(CENTRAL_MERIDIANS, key=lambda value: (abs(value - lon), value))
    return 4534 + (meridian - 75) // 3
