"""Named repairs of rows that break a rule: done only where a recipe says so, each told with the old value and the reason.

Geometry is repaired in EPSG:4490 before the gate looks at it; what a repair leaves broken stays a fault. Values are emptied,
never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from data.report import RowFault
from layers.model import Layer
from spatial.cities import City

__all__ = [
    "CLEAR_VALUE", "CLOSE_RINGS", "EQUAL_ROW", "FIRST_OF_DUPLICATES", "FIRST_OF_EQUAL_ROWS", "REPAIRS", "equal_rows", "repair_shapes",
]  # fmt: skip

Shapes = NDArray[Any]
CLOSE_RINGS = "close_rings"
CLEAR_VALUE = "clear_value"
FIRST_OF_DUPLICATES = "first_of_duplicates"
FIRST_OF_EQUAL_ROWS = "first_of_equal_rows"
EQUAL_ROW = "equal_row"
WKT = 80
AREAS = (3, 6)  # shapely's numbers of Polygon and MultiPolygon
COLLECTION = 7


class Repaired(NamedTuple):
    """What one repair did: the shapes afterwards, where it changed one, and the broken rule with its reason per place."""

    shapes: Shapes
    changed: NDArray[np.bool_]
    rule: str
    reasons: NDArray[Any]


def repair_shapes(names: tuple[str, ...], layer: Layer, city: City, shapes: Shapes) -> tuple[Shapes, list[RowFault]]:
    """Applies the named repairs of geometry in order; returns the shapes and one told fault per repaired row and repair.

    Args:
        shapes: in EPSG:4490, None allowed.
    """
    told: list[RowFault] = []
    for name in names:
        mend = SHAPE_REPAIRS.get(name)
        if mend is None:
            continue
        before, done = shapes, mend(layer, city, shapes)
        shapes = done.shapes
        for position in np.flatnonzero(done.changed):
            old = shapely.to_wkt(before[position], rounding_precision=7)[:WKT]
            reason = str(done.reasons[position])
            told.append(
                RowFault(
                    int(position) + 1,
                    "geometry",
                    old,
                    done.rule,
                    f"已按 {name} 修复：{reason}",
                    f"repaired by {name}: {reason}",
                    repair=name,
                )
            )
    return shapes, told


def _usable(shapes: Shapes) -> NDArray[np.bool_]:
    return np.asarray(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))


def make_valid_polygons(layer: Layer, city: City, shapes: Shapes) -> Repaired:
    """Areas that cross themselves: the area that their rings enclose, by the structure of the rings; nothing but areas is kept."""
    wrong = _usable(shapes) & np.isin(shapely.get_type_id(shapes), AREAS) & ~shapely.is_valid(shapes)
    wrong &= np.isfinite(shapely.bounds(shapes)).all(axis=1)
    reasons = np.full(len(shapes), "", dtype=object)
    found = np.array(shapes, dtype=object)
    if wrong.any():
        reasons[wrong] = shapely.is_valid_reason(shapes[wrong])
        mended = shapely.make_valid(shapes[wrong], method="structure", keep_collapsed=False)
        found[wrong] = [_areas_only(shape) for shape in mended]
    return Repaired(found, wrong, "geometry_valid", reasons)


def _areas_only(shape: Any) -> Any:
    if shapely.get_type_id(shape) != COLLECTION:
        return shape
    parts = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]
    return shapely.union_all(parts) if parts else shape


def drop_repeated_points(layer: Layer, city: City, shapes: Shapes) -> Repaired:
    """Lines and rings with the same point twice in a row: once, where that makes the geometry valid."""
    wrong = _usable(shapes) & (shapely.get_dimensions(shapes) > 0) & ~shapely.is_valid(shapes)
    reasons = np.full(len(shapes), "", dtype=object)
    found = np.array(shapes, dtype=object)
    if wrong.any():
        reasons[wrong] = shapely.is_valid_reason(shapes[wrong])
        mended = shapely.remove_repeated_points(shapes[wrong])
        good = shapely.is_valid(mended)
        wrong[wrong] = good
        found[wrong] = mended[good]
    return Repaired(found, wrong, "geometry_valid", reasons)


def take_largest_part(layer: Layer, city: City, shapes: Shapes) -> Repaired:
    """Several parts where the layer takes one: the longest line or largest area, measured in degrees."""
    names = np.array(["" if shape is None else shape.geom_type for shape in shapes], dtype=object)
    wrong = _usable(shapes) & np.array([name.startswith("Multi") and name not in layer.geometry for name in names], dtype=bool)
    reasons = np.full(len(shapes), "", dtype=object)
    found = np.array(shapes, dtype=object)
    for position in np.flatnonzero(wrong):
        parts = shapely.get_parts(shapes[position])
        sizes = shapely.area(parts) if shapely.get_dimensions(parts[0]) == 2 else shapely.length(parts)
        found[position] = parts[int(np.argmax(sizes))]
        reasons[position] = f"{names[position]} × {len(parts)}"
    return Repaired(found, wrong, "geometry_type", reasons)


def swap_lat_lon(layer: Layer, city: City, shapes: Shapes) -> Repaired:
    """Places outside the city that lie inside it with latitude and longitude swapped."""
    west, south, east, north = city.bbox
    usable = _usable(shapes)

    def outside(bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            return ~((bounds[:, 0] >= west) & (bounds[:, 1] >= south) & (bounds[:, 2] <= east) & (bounds[:, 3] <= north))

    swapped = np.asarray(shapely.transform(np.array(shapes, dtype=object), lambda xy: xy[:, ::-1]), dtype=object)
    wrong = usable & outside(shapely.bounds(shapes)) & ~outside(shapely.bounds(swapped))
    return Repaired(np.where(wrong, swapped, shapes), wrong, "geometry_envelope", np.full(len(shapes), "x ⇄ y", dtype=object))


def equal_rows(columns: Mapping[str, Sequence[Any]], shapes: Shapes) -> list[RowFault]:
    """Names the rows that repeat an earlier one in every column of the file and in their place.

    >>> [fault.row for fault in equal_rows({"a": [1, 1, 2]}, np.array([None, None, None], dtype=object))]
    [2]
    """
    places = shapely.to_wkb(shapes)
    first: dict[str, int] = {}
    faults = []
    for row, cells in enumerate(zip(places, *columns.values(), strict=True), 1):
        earlier = first.setdefault(repr(cells), row)
        if earlier != row:
            zh, en = f"与第 {earlier} 行完全相同", f"equals row {earlier} in everything"
            faults.append(RowFault(row, "", "", EQUAL_ROW, zh, en))
    return faults


SHAPE_REPAIRS: Mapping[str, Callable[[Layer, City, Shapes], Repaired]] = {
    "make_valid_polygons": make_valid_polygons,
    "drop_repeated_points": drop_repeated_points,
    "take_largest_part": take_largest_part,
    "swap_lat_lon": swap_lat_lon,
}
# name -> what it does (zh, en); docs/recipes.md lists the same.
REPAIRS: Mapping[str, tuple[str, str]] = {
    CLOSE_RINGS: ("闭合没有闭合的环", "closes rings that are open"),
    "make_valid_polygons": ("把自相交的面改为其环围成的面", "turns areas that cross themselves into what their rings enclose"),
    "drop_repeated_points": (
        "去掉连续重复、致使几何无效的点",
        "drops points that stand twice in a row where they make the geometry invalid",
    ),
    "take_largest_part": ("图层只接受单部件时取最大的一部分", "takes the largest part where the layer takes one"),
    "swap_lat_lon": ("交换经纬度后落入城市范围的位置", "swaps latitude and longitude where that brings the place into the city"),
    CLEAR_VALUE: ("清空不合规则的非必填值", "empties values that break a rule where the field is not required"),
    FIRST_OF_DUPLICATES: ("编码重复时留第一条，其余放在一边", "keeps the first of rows with the same unique value, sets the others aside"),
    FIRST_OF_EQUAL_ROWS: (
        "所有列与位置都相同的行留第一条，其余放在一边",
        "keeps the first of rows that equal one another in every column and in place, sets the others aside",
    ),
}
