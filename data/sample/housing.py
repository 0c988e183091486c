"""Residential land: estates, old courts and villages with the dwellings and people of their houses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from data.sample.planar import Geometries, Integers
from data.sample.rows_land import DWELLING, people_of_communities
from data.sample.world import World
from data.table import LayerTable

__all__ = ["Homes", "make_homes", "residential_rows"]

VILLAGE_REACH, VILLAGE_YARD = 32.0, 10.0  # houses nearer than twice the reach are one village; ground left around them, m
LEAST_LAND = 600.0


@dataclass(frozen=True, slots=True)
class Homes:
    """Residential land in the city's metres: plot, shape, dwellings and residential buildings."""

    plot: Integers
    shape: Geometries
    dwellings: Integers
    buildings: Integers


def make_homes(world: World) -> Homes:
    """Takes the residential plots with homes on them; of a village's fields only the ground about its houses."""
    b, blocks = world.buildings, world.blocks
    homes = (b.use == "residential") & (blocks.use[b.plot] == "residential")
    flats = np.maximum(1, np.floor(shapely.area(b.shapes) * b.storeys / DWELLING["residential"])) * homes
    dwellings = np.bincount(b.plot, weights=flats, minlength=len(blocks.plots)).astype(np.int64)
    houses = np.bincount(b.plot[homes], minlength=len(blocks.plots))
    plot = np.flatnonzero(houses)
    shape = blocks.plots.copy()
    village = plot[blocks.quarter[plot] == "edge"]
    mine = homes & np.isin(b.plot, village)
    wide = shapely.buffer(b.shapes[mine], VILLAGE_REACH, quad_segs=2)
    owner = b.plot[mine]
    order = np.argsort(owner, kind="stable")
    groups = np.split(wide[order], np.flatnonzero(np.diff(owner[order])) + 1)
    cores = shapely.buffer(np.array([shapely.union_all(group) for group in groups]), VILLAGE_YARD - VILLAGE_REACH, quad_segs=2)
    shape[village] = shapely.simplify(shapely.intersection(shape[village], cores), 0.5)
    keep = shapely.area(shape[plot]) > LEAST_LAND
    plot = plot[keep]
    return Homes(plot, shape[plot], dwellings[plot], houses[plot])


def residential_rows(world: World, homes: Homes) -> Iterator[LayerTable]:
    """Residential land with people in proportion to the residents of its community."""
    d, plot = world.divisions, homes.plot
    middle = np.asarray(shapely.point_on_surface(homes.shape), dtype=object)
    community = d.cell_community[world.cell_of(world.degrees(middle))]
    dwellings, people = people_of_communities(world)
    share = people / np.maximum(dwellings, 1)
    old = world.blocks.quarter[plot] == "old"
    kind = np.where(world.sites.kind[plot] == "village", "village", np.where(old, "old", "estate")).astype(object)
    yield LayerTable(
        "residential_land",
        {
            "code": [f"990100JZ{world.town.mark}{number:05d}" for number in range(1, len(plot) + 1)],
            "name": world.sites.name[plot].astype(object),
            "kind": kind,
            "people": np.floor(homes.dwellings * share[community]).astype(np.int64),
            "dwellings": homes.dwellings,
            "buildings": homes.buildings,
            "area_m2": np.round(shapely.area(homes.shape), 1),
            "community_code": [d.community_code[c] for c in community.tolist()],
            "community_name": [d.community_name[c] for c in community.tolist()],
            "address": world.nearest_address(middle),
        },
        world.degrees(homes.shape),
    )
