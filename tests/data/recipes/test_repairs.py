"""Named repairs and conversions: what they mend is told with the old value, what they do not know stays as it is."""

from __future__ import annotations

import numpy as np
import shapely

from data.recipes.repairs import repair_shapes
from data.recipes.reshaping import SHAPINGS, reshape
from layers.catalogue import Registry
from spatial.cities import City

CITY = City("c", "城", "C", "99", (113.2, 34.7, 113.4, 34.9), profile="local")
BOW = shapely.Polygon([(113.3, 34.8), (113.31, 34.81), (113.31, 34.8), (113.3, 34.81)])
SQUARE = shapely.box(113.3, 34.8, 113.31, 34.81)


def shapes(*items: object) -> np.ndarray:
    found = np.empty(len(items), dtype=object)
    found[:] = items
    return found


def test_crossing_areas_become_what_their_rings_enclose(registry: Registry) -> None:
    layer = registry.by_role("district")
    mended, told = repair_shapes(("make_valid_polygons",), layer, CITY, shapes(SQUARE, BOW, None, shapely.Point(1, 1)))
    assert mended[0] is SQUARE and mended[2] is None and mended[3] == shapely.Point(1, 1)
    assert mended[1].is_valid and shapely.get_dimensions(mended[1]) == 2
    assert abs(mended[1].area - SQUARE.area / 2) < 1e-12
    (fault,) = told
    assert (fault.row, fault.field, fault.rule, fault.repair) == (2, "geometry", "geometry_valid", "make_valid_polygons")
    assert fault.value.startswith("POLYGON ((113.3 34.8") and "Self-intersection" in fault.en


def test_swapped_places_are_turned_only_where_that_brings_them_in(registry: Registry) -> None:
    layer = registry.by_role("tree")
    given = shapes(shapely.Point(113.3, 34.8), shapely.Point(34.8, 113.3), shapely.Point(121.5, 31.2), None)
    mended, told = repair_shapes(("swap_lat_lon",), layer, CITY, given)
    assert [None if shape is None else (shape.x, shape.y) for shape in mended] == [(113.3, 34.8), (113.3, 34.8), (121.5, 31.2), None]
    assert [(fault.row, fault.rule, fault.value) for fault in told] == [(2, "geometry_envelope", "POINT (34.8 113.3)")]


def test_the_largest_part_is_taken_only_where_the_layer_takes_one(registry: Registry) -> None:
    pair = shapely.MultiPoint([(113.3, 34.8), (113.31, 34.8)])
    mended, told = repair_shapes(("take_largest_part",), registry.by_role("tree"), CITY, shapes(pair))
    assert mended[0].geom_type == "Point" and told[0].rule == "geometry_type" and "MultiPoint × 2" in told[0].en
    both = shapely.MultiPolygon([SQUARE, shapely.box(113.32, 34.8, 113.35, 34.83)])
    kept, told = repair_shapes(("take_largest_part",), registry.by_role("district"), CITY, shapes(both))
    assert kept[0] is both and told == []


def test_points_twice_in_a_row_go_only_where_they_break_the_geometry(registry: Registry) -> None:
    layer = registry.by_role("road")
    fine = shapely.LineString([(113.3, 34.8), (113.3, 34.8), (113.31, 34.8)])
    mended, told = repair_shapes(("drop_repeated_points",), layer, CITY, shapes(fine))
    assert mended[0] is fine and told == []


def test_nothing_is_repaired_that_was_not_asked_for(registry: Registry) -> None:
    given = shapes(BOW)
    mended, told = repair_shapes((), registry.by_role("district"), CITY, given)
    assert mended[0] is BOW and told == []


def test_conversions_leave_other_kinds_to_the_gate() -> None:
    given = shapes(SQUARE, shapely.Point(1, 1), None, shapely.Polygon())
    kinds = [None if shape is None else shape.geom_type for shape in reshape("point_on_surface", given)]
    assert kinds == ["Point", "Point", None, "Polygon"]
    assert reshape(None, given) is given
    assert set(SHAPINGS) == {"point_on_surface", "polygon_of_line", "line_of_polygon", "no_place"}
