"""The land between the towns of a large city: green belts, with the rivers and the avenues that run on from town to town.

Each town draws its own half of what lies between it and its neighbours; the halves meet on the borders of the lattice, where
neighbours agree: rivers and bends are those of the whole city, and avenues are led to places that both plans know.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

from data.sample.names import numbered
from data.sample.network import WIDTHS
from data.sample.plan import STEP
from data.sample.planar import Geometries
from data.sample.roads import lane_count
from data.sample.rows_land import PAVING
from data.sample.terrain import RIVER_ROAD, Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["belt_rows"]

RUN_OUT = 1.015  # the outline wavers this far beyond half the town's extent
LEAST_BELT = 2_000.0  # m2
ROAD_END = 2.0  # an avenue begins this near to the end of a street of the town, m


def belt_rows(world: World) -> Iterator[LayerTable]:
    """Rivers, avenues and green belts around one town of a city of many; nothing for a small city."""
    if not world.town.mark:
        return
    river = _river(world)
    yield LayerTable("water_body", {"name": [world.waters.names[0]] * len(river), "kind": ["river"] * len(river)}, world.degrees(river))
    avenues, pieces = _avenues(world)
    roads = [world.roads.roads[index] for index in world.roads.piece_road[pieces].tolist()]
    yield LayerTable(
        "road",
        {
            "code": [road.code for road in roads],
            "name": [road.name for road in roads],
            "grade": [road.grade for road in roads],
            "width_m": [road.width for road in roads],
            "lanes": [lane_count(road.grade) for road in roads],
            "pavement": [PAVING[road.grade] for road in roads],
            "finished_on": [road.finished for road in roads],
        },
        world.degrees(avenues),
    )
    ways = shapely.buffer(avenues, np.array([WIDTHS[road.grade] / 2 for road in roads]), cap_style="flat")
    yield _green(world, shapely.difference(_cell(world), shapely.union_all([world.network.outline, *river, *ways])))


def _green(world: World, ground: shapely.Geometry) -> LayerTable:
    parts = shapely.get_parts(ground)
    shape = parts[shapely.area(parts) > LEAST_BELT]
    area = np.round(shapely.area(shape), 0)
    count, random = len(shape), world.random("belts")
    return LayerTable(
        "green_space",
        {
            "code": [f"990100HL{world.town.mark}{number:03d}" for number in range(1, count + 1)],
            "name": numbered([f"{world.town.title}环城绿带"] * count),
            "class_code": ["EG"] * count,
            "state": ["present"] * count,
            "area_m2": area,
            "green_area_m2": np.round(area * random.uniform(0.86, 0.97, count), 0),
            "planned_area_m2": area,
            "park_code": [None] * count,
            "manager_name": ["市林业站"] * count,
            "address": [f"示范市{world.town.title}城郊"] * count,
        },
        world.degrees(shape),
    )


def _ease(along: Floats, start: float, end: float) -> Floats:
    """Goes from 0 at the start to 1 at the end without a corner.

    >>> _ease(np.array([0.0, 5.0, 10.0]), 0.0, 10.0).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip((np.abs(along) - start) / (end - start), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), dtype=float)


def _steps(low: float, high: float) -> Floats:
    return np.linspace(low, high, max(2, int((high - low) / STEP) + 1))


def _on_ground(world: World, east: Floats, north: Floats) -> Floats:
    """Maps places of the lattice, turned north up, to the ground; on the border of two rows neither river's bends show."""
    ground, half = world.ground, world.size.half_height * RUN_OUT
    return ground.place(ground.north_up(np.column_stack([east, north])), _ease(north, half, world.size.pitch[1] / 2))


def _cell(world: World) -> shapely.Polygon:
    """Returns the town's field of the lattice."""
    x, y = world.size.pitch[0] / 2, world.size.pitch[1] / 2
    across, along = _steps(-x, x), _steps(-y, y)
    sides = [(across, np.full_like(across, -y)), (np.full_like(along, x), along), (across[::-1], np.full_like(across, y))]
    sides.append((np.full_like(along, -x), along[::-1]))
    return shapely.Polygon(np.vstack([_on_ground(world, *side)[:-1] for side in sides]))


def _river(world: World) -> Geometries:
    """Returns the river outside the town as far as the field's borders."""
    reach = world.size.pitch[0] / 2
    east = _steps(-reach, reach)
    half = world.ground.half_river(east * world.town.mirror[0])
    bed = shapely.Polygon(np.vstack([_on_ground(world, east, -half), _on_ground(world, east, half)[::-1]]))
    parts = shapely.get_parts(shapely.difference(bed, world.network.outline))
    return np.asarray(parts[shapely.area(parts) > 1.0], dtype=object)


def _avenues(world: World) -> tuple[Geometries, np.ndarray]:
    """Returns the avenues from the town's edge to its neighbours, and the piece of street that each continues."""
    size, town = world.size, world.town
    lines: list[shapely.Geometry] = []
    for axis, (places, own, half) in enumerate(
        (
            ((*size.rows, -RIVER_ROAD, RIVER_ROAD), town.column, size.half_width * RUN_OUT),
            (size.columns, town.row, size.half_height * RUN_OUT),
        )
    ):
        reach = size.pitch[axis] / 2
        for side in (-1, 1):
            if not 0 <= own + side < size.lattice[axis]:
                continue
            along = side * _steps(half * 0.85, reach)
            for place, met in zip(_north_up(places, town.mirror[1 - axis]), _met(places), strict=True):
                across = place + (met - place) * _ease(along, half, reach)
                points = _on_ground(world, *((along, across) if axis == 0 else (across, along)))
                outside = shapely.get_parts(shapely.difference(shapely.LineString(points), world.network.outline))
                lines.append(outside[np.argmax(shapely.length(outside))])
    avenues = np.array(lines, dtype=object)
    main = np.flatnonzero(np.isin(world.roads.of_pieces("grade"), ("arterial", "secondary")))
    ends = shapely.get_point(avenues, 0)
    piece = main[shapely.STRtree(world.roads.pieces[main]).nearest(ends)]
    joined = shapely.distance(world.roads.pieces[piece], ends) < ROAD_END
    return avenues[joined], piece[joined]


def _north_up(places: tuple[float, ...], mirror: int) -> list[float]:
    """Returns the places of main streets as they lie on the ground, from the south or the west."""
    return sorted(mirror * place for place in places)


def _met(places: tuple[float, ...]) -> list[float]:
    """Returns where the streets of two towns meet, whichever way round each lies."""
    return [(a + b) / 2 for a, b in zip(_north_up(places, 1), _north_up(places, -1), strict=True)]
