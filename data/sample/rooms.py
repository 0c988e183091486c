"""Addresses inside housing estates: house, unit and room (楼号-单元-室), as a large city's address library knows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.planar import Integers
from data.sample.rows_land import DWELLING, building_names
from data.sample.rows_things import chunked
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["room_rows"]

DOORS_OF_FLOOR = 2  # dwellings on each floor of a unit
ASIDE = 0.4  # rooms of one unit lie this near to its stairs, m


@dataclass(frozen=True, slots=True)
class _Houses:
    """Houses of the estates: building, its name, the words before it, units, storeys, county, road, unit grid; and its long side."""

    building: Integers
    name: NDArray[np.object_]
    before: NDArray[np.object_]
    units: Integers
    storeys: Integers
    county: NDArray[np.object_]
    road: NDArray[np.object_]
    grid: NDArray[np.object_]
    start: Floats
    side: Floats


def _houses(world: World) -> _Houses:
    b = world.buildings
    centre = np.asarray(shapely.centroid(b.shapes), dtype=object)
    names = np.array(building_names(world, shapely.get_coordinates(centre)), dtype=object)
    named = np.array([name is not None for name in names.tolist()])
    of = np.flatnonzero(named & (b.use == "residential") & (world.sites.kind[b.plot] == "estate"))
    dwellings = np.maximum(1, np.floor(shapely.area(b.shapes[of]) * b.storeys[of] / DWELLING["residential"]))
    units = np.maximum(1, np.round(dwellings / (b.storeys[of] * DOORS_OF_FLOOR))).astype(np.int64)
    door = shapely.STRtree(shapely.points(world.doors.point)).nearest(centre[of])
    cell = world.cell_of(world.degrees(centre[of]))
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(b.shapes[of])).reshape(-1, 5, 2)
    first, second = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    long = np.hypot(*first.T) >= np.hypot(*second.T)
    side = np.where(long[:, None], first, second)
    roads = np.array([road.name for road in world.roads.roads], dtype=object)
    return _Houses(
        of, names[of], world.area_name(cell) + world.door_text()[door], units, b.storeys[of].astype(np.int64), world.county(cell),
        roads[world.doors.road[door]], world.divisions.cell_code[cell], shapely.get_coordinates(centre[of]) - side / 2, side,
    )  # fmt: skip


def room_rows(world: World) -> Iterator[LayerTable]:
    """Every house of the estates with its units, and the rooms of the estates that are known so far; none where none is known."""
    if not world.size.rooms:
        return
    houses, random = _houses(world), world.random("rooms")
    count = len(houses.building)
    plots = world.buildings.plot[houses.building]
    known = (random.random(len(world.blocks.plots)) < world.size.rooms)[plots]
    of_unit = np.repeat(np.arange(count), houses.units)
    unit = _counted(houses.units)
    rooms = np.where(known, houses.storeys * DOORS_OF_FLOOR, 0)[of_unit]
    of_room = np.repeat(np.arange(len(of_unit)), rooms)
    nth = _counted(rooms) - 1
    unit_words = np.array([f"{n}单元" for n in range(1, int(houses.units.max()) + 1)], dtype=object)[unit - 1]
    most = int(houses.storeys.max()) * DOORS_OF_FLOOR
    room_words = np.array([f"{n // DOORS_OF_FLOOR + 1}{n % DOORS_OF_FLOOR + 1:02d}室" for n in range(most)], dtype=object)
    house = np.concatenate([np.arange(count), of_unit, of_unit[of_room]])
    within = np.concatenate([np.full(count, "", dtype=object), unit_words, unit_words[of_room] + room_words[nth]])
    share = (unit - 0.5) / houses.units[of_unit]
    at = np.concatenate([np.full(count, 0.5), share, share[of_room]])
    place = houses.start[house] + houses.side[house] * at[:, None]
    place[count + len(of_unit) :] += random.uniform(-ASIDE, ASIDE, (len(of_room), 2))
    number = [f"{county}MH{n:07d}" for n, county in enumerate(houses.county[house].tolist(), 1)]
    yield from chunked(
        LayerTable(
            "address",
            {
                "code": number,
                "name": houses.before[house] + houses.name[house] + within,
                "kind": ["door"] * len(house),
                "road_name": houses.road[house],
                "house_number": _number_words(houses.name[house]) + within,
                "grid_code": houses.grid[house],
            },
            world.points(place),
        )
    )


def _counted(sizes: Integers) -> Integers:
    """Counts from 1 within groups of some sizes.

    >>> _counted(np.array([2, 0, 3])).tolist()
    [1, 2, 1, 2, 3]
    """
    return np.asarray(np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1, dtype=np.int64)


def _number_words(names: NDArray[np.object_]) -> NDArray[np.object_]:
    """Returns the number of a house out of its name.

    >>> _number_words(np.array(["明华花园12号楼"], dtype=object)).tolist()
    ['12号楼']
    """
    known = {name: name[len(name.rstrip("号楼").rstrip("0123456789")) :] for name in set(names.tolist())}
    return np.array([known[name] for name in names.tolist()], dtype=object)
