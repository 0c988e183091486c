"""Conversions of the kind of a geometry, by name and only where a recipe says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["SHAPINGS", "reshape"]

Shapes = NDArray[Any]


def _on(shapes: Shapes, dimensions: tuple[int, ...], convert: Callable[[Shapes], Any]) -> Shapes:
    """Converts the geometries of some dimensions; the others stay what they are (the gate tells of them)."""
    found = np.array(shapes, dtype=object)
    wanted = np.isin(shapely.get_dimensions(found), dimensions) & ~shapely.is_empty(found)
    if wanted.any():
        found[wanted] = convert(found[wanted])
    return found


def point_on_surface(shapes: Shapes) -> Shapes:
    """A point inside the area or on the line.

    >>> reshape("point_on_surface", np.array([shapely.box(0, 0, 2, 2), shapely.Point(5, 5)], dtype=object)).tolist()
    [<POINT (1 1)>, <POINT (5 5)>]
    """
    return _on(shapes, (1, 2), shapely.point_on_surface)


def polygon_of_line(shapes: Shapes) -> Shapes:
    """The area inside a closed line; lines that do not close stay lines.

    >>> line = shapely.LineString([(0, 0), (2, 0), (2, 2), (0, 0)])
    >>> reshape("polygon_of_line", np.array([line, shapely.LineString([(0, 0), (1, 1)])], dtype=object)).tolist()
    [<POLYGON ((0 0, 2 0, 2 2, 0 0))>, <LINESTRING (0 0, 1 1)>]
    """
    found = np.array(shapes, dtype=object)
    closed = (shapely.get_type_id(found) == 1) & shapely.is_closed(found) & (shapely.get_num_coordinates(found) >= 4)
    if closed.any():
        found[closed] = [shapely.Polygon(line.coords) for line in found[closed]]
    return found


def line_of_polygon(shapes: Shapes) -> Shapes:
    """The outline of an area.

    >>> reshape("line_of_polygon", np.array([shapely.box(0, 0, 1, 1)], dtype=object))[0].geom_type
    'LineString'
    """
    return _on(shapes, (2,), shapely.boundary)


def no_place(shapes: Shapes) -> Shapes:
    """No geometry: the file's places are not those of its rows.

    >>> reshape("no_place", np.array([shapely.Point(0, 0)], dtype=object)).tolist()
    [None]
    """
    return np.full(len(shapes), None, dtype=object)


def reshape(name: str | None, shapes: Shapes) -> Shapes:
    """Applies a conversion; None changes nothing."""
    return shapes if name is None else SHAPINGS[name](shapes)


SHAPINGS: Mapping[str, Callable[[Shapes], Shapes]] = {
    "point_on_surface": point_on_surface,
    "polygon_of_line": polygon_of_line,
    "line_of_polygon": line_of_polygon,
    "no_place": no_place,
}
