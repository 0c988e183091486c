"""Population parcels: residential land cut by its lanes, with people by age and register; working ground with jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.housing import Homes
from data.sample.planar import RASTER, Geometries, Integers
from data.sample.rows_land import DWELLING
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable

__all__ = ["DENSITY_BREAKS", "population_rows", "shared_out"]

COUNTED = date(2025, 11, 1)
SOURCE = "示范市2025年人口抽样调查，按住宅建筑面积分摊到地块"
DENSITY_BREAKS = (50.0, 150.0, 300.0, 600.0)  # people per hectare, the classes of the layer
LEAST_PARCEL = 900.0  # land with a piece smaller than this between its lanes stays whole, m2
LIVED_IN = 0.94  # households for each dwelling
# By kind of land: least and greatest share of children, of the elderly, and of people with a local register.
AGES = {
    "old": ((0.08, 0.13), (0.24, 0.34), (0.62, 0.82)),
    "estate": ((0.13, 0.20), (0.13, 0.22), (0.58, 0.84)),
    "village": ((0.12, 0.18), (0.20, 0.30), (0.45, 0.78)),
}
FLOOR_PER_JOB = {"commercial": 38.0, "office": 24.0, "public": 46.0, "industrial": 62.0, "residential": 0.0}  # m2, gross


def shared_out(total: Integers, weight: Floats, owner: Integers) -> Integers:
    """Shares whole numbers out over the parts of each owner by weight; the largest remainders get what is left.

    >>> shared_out(np.array([10, 3]), np.array([1.0, 1.0, 1.0, 5.0]), np.array([0, 0, 0, 1])).tolist()
    [4, 3, 3, 3]
    """
    sum_of = np.bincount(owner, weights=weight, minlength=len(total))
    size = np.bincount(owner, minlength=len(total))
    share = np.where(sum_of[owner] > 0, weight / np.maximum(sum_of, 1e-9)[owner], 1 / size[owner]) * total[owner]
    whole = np.floor(share + 1e-9).astype(np.int64)
    left = total - np.bincount(owner, weights=whole, minlength=len(total)).astype(np.int64)
    order = np.lexsort((np.arange(len(owner)), whole - share, owner))
    rank = np.arange(len(owner)) - np.searchsorted(owner[order], owner[order])
    whole[order[rank < left[owner[order]]]] += 1
    return np.asarray(whole, dtype=np.int64)


def _cut_by_lanes(world: World, shape: Geometries) -> tuple[Geometries, Integers]:
    """Cuts each piece of land along the lanes that run through it; returns the parcels and the land of each."""
    r = world.roads
    lanes = r.pieces[np.array([name is None for name in r.of_pieces("name")])]
    land, lane = shapely.STRtree(lanes).query(shape, predicate="intersects")
    order = np.argsort(land, kind="stable")
    land, lane = land[order], lane[order]
    inside = shapely.intersection(lanes[lane], shape[land])
    parts, owner = [shape[np.setdiff1d(np.arange(len(shape)), land)]], [np.setdiff1d(np.arange(len(shape)), land)]
    for index, group in zip(np.unique(land).tolist(), np.split(inside, np.flatnonzero(np.diff(land)) + 1), strict=True):
        lines = shapely.union_all([shapely.boundary(shape[index]), *group], grid_size=RASTER)
        faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
        held = faces[shapely.contains(shape[index], shapely.point_on_surface(faces))]
        whole = shapely.area(held) > LEAST_PARCEL
        keep = held if whole.all() and len(held) else np.array([shape[index]], dtype=object)
        parts.append(keep)
        owner.append(np.full(len(keep), index))
    parcels, of = np.concatenate(parts), np.concatenate(owner)
    order = np.argsort(of, kind="stable")
    return parcels[order], of[order]


def _dwellings(world: World, homes: Homes, parcels: Geometries, land: Integers) -> Integers:
    """Counts the dwellings of the houses on each parcel, as ``make_homes`` counts those of its land."""
    b = world.buildings
    of_plot = np.full(len(world.blocks.plots), -1)
    of_plot[homes.plot] = np.arange(len(homes.plot))
    mine = np.flatnonzero((b.use == "residential") & (of_plot[b.plot] >= 0))
    flats = np.maximum(1, np.floor(shapely.area(b.shapes[mine]) * b.storeys[mine] / DWELLING["residential"]))
    middle = np.asarray(shapely.point_on_surface(b.shapes[mine]), dtype=object)
    house, parcel = shapely.STRtree(parcels).query(middle, predicate="dwithin", distance=60.0)
    own = land[parcel] == of_plot[b.plot[mine[house]]]
    house, parcel = house[own], parcel[own]
    gap = shapely.distance(middle[house], parcels[parcel])
    order = np.lexsort((parcel, gap, house))
    first = order[np.r_[True, np.diff(house[order]) != 0]]
    return np.bincount(parcel[first], weights=flats[house[first]], minlength=len(parcels)).astype(np.int64)


def density_class(people: Integers, area: Floats) -> NDArray[np.object_]:
    """Returns the class of density of each parcel.

    >>> density_class(np.array([10, 50, 700]), np.array([1e4, 1e4, 1e4])).tolist()
    ['1', '2', '5']
    """
    density = people / np.maximum(area, 1.0) * 10_000
    return np.asarray((np.searchsorted(DENSITY_BREAKS, density, side="right") + 1).astype(str), dtype=object)


def _working(world: World) -> tuple[Geometries, Integers]:
    """Returns plots with shops, offices, public houses or works, and the jobs on each by its floors."""
    b, blocks = world.buildings, world.blocks
    floor = shapely.area(b.shapes) * b.storeys
    per = np.array([FLOOR_PER_JOB[use] for use in b.use.tolist()])
    jobs = np.bincount(b.plot, weights=np.where(per > 0, floor / np.maximum(per, 1.0), 0.0), minlength=len(blocks.plots))
    jobs = np.floor(jobs * world.random("jobs").uniform(0.45, 0.7, len(jobs))).astype(np.int64)
    plots = np.flatnonzero(np.isin(blocks.use, ("commercial", "public", "industrial")) & (jobs > 0))
    return blocks.plots[plots], jobs[plots]


def population_rows(world: World, homes: Homes, land: LayerTable) -> Iterator[LayerTable]:
    """Parcels of residential land, whose people add up to those that the land states, then plots with jobs only."""
    random, d = world.random("population"), world.divisions
    parcels, of = _cut_by_lanes(world, homes.shape)
    flats = _dwellings(world, homes, parcels, of)
    people = shared_out(np.asarray(land.columns["people"], dtype=np.int64), flats.astype(float), of)
    plots, jobs = _working(world)
    shape, idle = np.concatenate([parcels, plots]), np.zeros(len(plots), dtype=np.int64)
    kind = np.asarray(land.columns["kind"], dtype=object)[of]
    share = np.array([AGES[name] for name in kind.tolist()])
    drawn = share[:, :, 0] + (share[:, :, 1] - share[:, :, 0]) * random.random(share.shape[:2])
    children, elderly, registered = (np.floor(people * drawn[:, k]).astype(np.int64) for k in range(3))
    households = np.minimum(np.floor(flats * LIVED_IN).astype(np.int64), people)
    home = [land.columns["community_code"][index] for index in of.tolist()]
    cell = world.cell_of(world.degrees(np.asarray(shapely.point_on_surface(plots), dtype=object)))
    area = np.round(shapely.area(shape), 1)
    people = np.r_[people, idle]
    yield LayerTable(
        "population_parcel",
        {
            "code": [f"990100RK{world.town.mark}{number:05d}" for number in range(1, len(shape) + 1)],
            "people": people,
            "registered": np.r_[registered, idle],
            "floating": people - np.r_[registered, idle],
            "workers": np.r_[np.zeros(len(parcels), dtype=np.int64), jobs],
            "children": np.r_[children, idle],
            "elderly": np.r_[elderly, idle],
            "households": np.r_[households, idle],
            "density": density_class(people, area),
            "area_m2": area,
            "counted_on": [COUNTED] * len(shape),
            "community_code": [*home, *(d.community_code[c] for c in d.cell_community[cell].tolist())],
            "source_name": [SOURCE] * len(shape),
        },
        world.degrees(shape),
    )
