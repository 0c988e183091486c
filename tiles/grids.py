"""Tile grids: morecantile's definitions with our limits; never computed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from morecantile import Tile as MorecantileTile
from morecantile import TileMatrixSet, tms

from grid_coding.errors import BilingualError

__all__ = ["GRIDS", "Tile", "TileError", "checked_tile", "grid", "limits"]

# Grids served so far; the CGCS2000 grids are to follow.
GRIDS = ("WebMercatorQuad",)
MAX_ZOOM = 22


class TileError(BilingualError):
    """A tile address outside its grid."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of WebMercatorQuad: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int


@lru_cache(maxsize=4)
def grid(name: str) -> TileMatrixSet:
    """Returns a tile grid; one instance is kept, as morecantile copies its grids at every call.

    Raises:
        KeyError: the grid is not served.
    """
    if name not in GRIDS:
        raise KeyError(name)
    return tms.get(name)


def checked_tile(z: int, x: int, y: int) -> Tile:
    """Returns the address when it lies inside WebMercatorQuad.

    Raises:
        TileError: outside.

    >>> checked_tile(12, 3346, 1631)
    Tile(z=12, x=3346, y=1631)
    """
    if not 0 <= z <= MAX_ZOOM:
        raise TileError(f"级别 {z} 不在 0–{MAX_ZOOM} 之间", f"zoom {z} is not within 0 to {MAX_ZOOM}")
    size = 1 << z
    if not (0 <= x < size and 0 <= y < size):
        raise TileError(f"瓦片 {z}/{x}/{y} 超出范围（0–{size - 1}）", f"tile {z}/{x}/{y} lies outside the grid (0 to {size - 1})")
    return Tile(z, x, y)


def limits(name: str, bbox: tuple[float, float, float, float], minzoom: int, maxzoom: int) -> list[dict[str, Any]]:
    """Returns the tileMatrixSetLimits of a bounding box in degrees (OGC API - Tiles, requirement class tileset).

    >>> limits("WebMercatorQuad", (113.9, 34.7, 114.1, 34.9), 10, 10)[0]["minTileCol"]
    835
    """
    matrices = grid(name)
    west, south, east, north = bbox
    found = []
    for zoom in range(minzoom, maxzoom + 1):
        first: MorecantileTile = matrices.tile(west, north, zoom)
        last: MorecantileTile = matrices.tile(east, south, zoom)
        found.append({"tileMatrix": str(zoom), "minTileRow": first.y, "maxTileRow": last.y, "minTileCol": first.x, "maxTileCol": last.x})
    return found
