"""Rows of the land: districts, streets, communities, unit grids, waters, roads, buildings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.planar import Integers
from data.sample.roads import lane_count
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["building_names", "building_rows", "division_rows", "people_of_communities", "road_rows", "water_rows"]

SURVEYED = date(2024, 6, 1)
DWELLING = {"residential": 108.0}  # gross floor area of a dwelling, m2
PERSONS = 2.62
LEAST_NAMED_HOME, LEAST_NAMED_HALL = 120.0, 300.0  # smaller houses have no name, m2
# First words for the houses of a site, then the ending that follows a number.
HOUSE_WORDS: dict[str, tuple[tuple[str, ...], str]] = {
    "estate": ((), "号楼"),
    "factory": ((), "号车间"),
    "school": (("教学楼", "实验楼", "图书楼", "办公楼"), "号楼"),
    "hospital": (("门诊楼", "住院楼", "医技楼", "行政楼"), "号楼"),
}
USE_OF_GRID = ("residential", "commercial", "public", "industrial", "green", "other")
PAVING = {
    "expressway": "沥青混凝土",
    "arterial": "沥青混凝土",
    "secondary": "沥青混凝土",
    "branch": "沥青混凝土",
    "lane": "水泥混凝土",
}


def people_of_communities(world: World) -> tuple[Integers, Integers]:
    """Returns dwellings and residents of each community, counted from its residential buildings."""
    b = world.buildings
    homes = np.flatnonzero(b.use == "residential")
    dwellings = np.maximum(1, np.floor(shapely.area(b.shapes[homes]) * b.storeys[homes] / DWELLING["residential"]))
    cell = world.cell_of(world.degrees(np.asarray(shapely.centroid(b.shapes[homes]), dtype=object)))
    community = world.divisions.cell_community[cell]
    total = np.bincount(community, weights=dwellings, minlength=len(world.divisions.communities)).astype(np.int64)
    share = world.random("people").uniform(0.88, 1.0, len(total))
    return total, np.floor(total * PERSONS * share).astype(np.int64)


def division_rows(world: World) -> Iterator[LayerTable]:
    """Districts, streets, communities and unit grids with people and areas."""
    d = world.divisions
    dwellings, people = people_of_communities(world)
    street_people = np.bincount(d.community_street, weights=people, minlength=len(d.streets)).astype(np.int64)
    district_people = np.bincount(d.street_district, weights=street_people, minlength=len(d.districts)).astype(np.int64)
    yield LayerTable(
        "district",
        {
            "code": d.district_code,
            "name": d.district_name,
            "population": district_people,
            "area_m2": np.round(shapely.area(d.districts), 1),
        },
        world.degrees(d.districts),
    )
    yield LayerTable(
        "street",
        {
            "code": d.street_code,
            "name": d.street_name,
            "population": street_people,
            "area_m2": np.round(shapely.area(d.streets), 1),
        },
        world.degrees(d.streets),
    )
    yield LayerTable(
        "community",
        {
            "code": d.community_code,
            "name": d.community_name,
            "dwellings": dwellings,
            "population": people,
            "area_m2": np.round(shapely.area(d.communities), 1),
        },
        world.degrees(d.communities),
    )
    yield LayerTable(
        "unit_grid",
        {
            "code": d.cell_code,
            "area_m2": np.round(shapely.area(d.cells), 1),
            "land_use": _grid_use(world),
            "started_on": [SURVEYED] * len(d.cells),
        },
        world.cells,
    )


def _grid_use(world: World) -> NDArray[np.object_]:
    """Names the use that fills most of each grid; water where it covers more than half."""
    cells, blocks = world.divisions.cells, world.blocks
    shares = np.zeros((len(cells), len(USE_OF_GRID)))
    cell, plot = shapely.STRtree(blocks.plots).query(cells, predicate="intersects")
    use = np.array([USE_OF_GRID.index(name) for name in blocks.use.tolist()])
    np.add.at(shares, (cell, use[plot]), shapely.area(shapely.intersection(cells[cell], blocks.plots[plot])))
    area = shapely.area(cells)
    water = shapely.area(shapely.intersection(cells, world.waters.all()))
    named = np.array(USE_OF_GRID, dtype=object)[shares.argmax(axis=1)]
    named[shares.max(axis=1) < 0.22 * area] = "road"
    named[water > 0.5 * area] = "water"
    built = np.zeros(len(cells), dtype=bool)
    built[np.unique(shapely.STRtree(world.buildings.shapes).query(cells, predicate="intersects")[0])] = True
    named[(named == "residential") & ~built] = "other"
    return np.asarray(named, dtype=object)


def water_rows(world: World) -> Iterator[LayerTable]:
    """River, canal and lakes."""
    w = world.waters
    shapes = np.array([w.river, w.canal, *w.lakes], dtype=object)
    kinds = ["river", "canal", *["lake"] * len(w.lakes)]
    yield LayerTable("water_body", {"name": w.names, "kind": kinds}, world.degrees(shapes))


def road_rows(world: World) -> Iterator[LayerTable]:
    """One row for each piece between crossings."""
    r = world.roads
    grade = r.of_pieces("grade")
    yield LayerTable(
        "road",
        {
            "code": r.of_pieces("code"),
            "name": r.of_pieces("name"),
            "grade": grade,
            "width_m": r.of_pieces("width"),
            "lanes": [lane_count(name) for name in grade.tolist()],
            "pavement": [PAVING[name] for name in grade.tolist()],
            "finished_on": r.of_pieces("finished"),
        },
        world.degrees(r.pieces),
    )


def building_rows(world: World) -> Iterator[LayerTable]:
    """Buildings with the names of their estates and the address of the nearest door plate."""
    b = world.buildings
    centre = np.asarray(shapely.centroid(b.shapes), dtype=object)
    door = shapely.STRtree(shapely.points(world.doors.point)).nearest(centre)
    cell = world.cell_of(world.degrees(centre))
    address = world.area_name(cell) + world.door_text()[door]
    year = world.random("years").integers(1986, 2023, len(world.blocks.plots))[b.plot]
    month = world.random("months").integers(1, 13, len(b.plot))
    yield LayerTable(
        "building",
        {
            "name": building_names(world, shapely.get_coordinates(centre)),
            "use": b.use.astype(object),
            "storeys": b.storeys,
            "height_m": b.height,
            "built_on": [date(y, m, 15) for y, m in zip(year.tolist(), month.tolist(), strict=True)],
            "address": address,
        },
        world.degrees(b.shapes),
    )


def building_names(world: World, centre: Floats) -> list[str | None]:
    """Names the houses of each site from the north-west on; cottages and shops along the street stay nameless."""
    b, sites = world.buildings, world.sites
    names: list[str | None] = [None] * len(b.shapes)
    area = shapely.area(b.shapes)
    known = ~b.shop & (area > np.where(b.use == "residential", LEAST_NAMED_HOME, LEAST_NAMED_HALL))
    for plot in np.unique(b.plot[known]).tolist():
        site, kind = str(sites.name[plot]), str(sites.kind[plot])
        if not site or kind == "village":
            continue
        houses = np.flatnonzero(known & (b.plot == plot))
        houses = houses[np.lexsort((centre[houses, 0], -np.round(centre[houses, 1] / 12)))]
        if kind not in HOUSE_WORDS:
            names[int(houses[np.argmax(area[houses])])] = site
            continue
        dormitory = (b.use[houses] == "residential") & (kind != "estate")
        for house, number in _counted(houses[dormitory]):
            names[house] = f"{site}宿舍{number}号楼"
        words, ending = HOUSE_WORDS[kind]
        for house, number in _counted(houses[~dormitory]):
            names[house] = site + (words[number - 1] if number <= len(words) else f"{number}{ending}")
    return names


def _counted(houses: Integers) -> list[tuple[int, int]]:
    """Numbers houses from 1."""
    return [(house, number) for number, house in enumerate(houses.tolist(), 1)]
