"""Key sites: seats of government, hubs of supply and traffic, hospitals, hazards, crowded places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.names import numbered
from data.sample.planar import Geometries, Integers
from data.sample.world import World
from data.sample.yards import evenly, people_of, phones_of, yard_points
from data.table import LayerTable

__all__ = ["key_site_rows"]

GUARD = {"1": 500.0, "2": 300.0, "3": 100.0}  # guard radius by grade, m
HAZARD_GUARD = 200.0  # around whatever burns or explodes, m
PETROL, PETROL_ROADS = 14, ("arterial", "secondary", "expressway")
FRONT = 45.0  # a petrol station's plot lies this near to a main street, m
SHORE = 900.0  # water works lie this near to the river where there is room, m
SHOPS, LEAST_SQUARE = 8, 15_000.0  # the largest shopping centres; parks and squares that draw crowds, m2
PLANS = {
    "government": "重点目标安全保卫预案",
    "water": "供水突发事件应急预案",
    "gas": "燃气事故应急预案",
    "power": "大面积停电应急预案",
    "telecom": "通信保障应急预案",
    "transport": "大客流疏散应急预案",
    "hospital": "医疗机构突发事件应急预案",
    "hazard": "危险化学品事故应急预案",
    "crowd": "人员密集场所疏散预案",
}
# Hubs of supply: kind, grade, how many in a town, uses of the plots on which they stand, and the name after the place.
HUBS = (
    ("water", "1", 2, ("green", "other", "industrial"), "水厂"),
    ("gas", "1", 1, ("industrial", "other"), "天然气门站"),
    ("gas", "2", 4, ("industrial", "public", "commercial"), "高中压调压站"),
    ("power", "1", 1, ("industrial", "other"), "220kV变电站"),
    ("power", "2", 6, ("industrial", "commercial", "public"), "110kV变电站"),
    ("telecom", "2", 3, ("commercial", "public"), "通信枢纽楼"),
    ("hazard", "2", 3, ("industrial",), "危险化学品仓库"),
)
BURNING = ("gas", "hazard")


@dataclass(frozen=True, slots=True)
class _Sites:
    """Key sites of one kind in the town's metres."""

    kind: str
    grade: list[str]
    name: NDArray[np.object_]
    shape: Geometries


def _whole_plots(world: World) -> list[_Sites]:
    """The sites that fill a plot: city hall, offices, station, hospitals, shops, markets, museums, squares."""
    sites, blocks, parks = world.sites, world.blocks, world.parks
    area = shapely.area(blocks.plots)

    def of(kind: str, plots: Integers, grade: str | list[str]) -> _Sites:
        grades = [grade] * len(plots) if isinstance(grade, str) else grade
        return _Sites(kind, grades, sites.name[plots].astype(object), blocks.plots[plots])

    public = np.flatnonzero(sites.kind == "public")
    offices = np.array([name.endswith(("法院", "公安局", "档案馆", "疾控中心")) for name in sites.name[public].tolist()], dtype=bool)
    hospitals = np.flatnonzero(sites.kind == "hospital")
    shops = np.flatnonzero(sites.kind == "shops")
    shops = shops[np.argsort(-area[shops], kind="stable")][:SHOPS]
    squares = np.flatnonzero((shapely.area(parks.shape) > LEAST_SQUARE) & np.isin(np.array(parks.kind), ("综合", "专类")))
    largest = np.argsort(-area[hospitals], kind="stable").argsort() < 2
    return [
        of("government", np.array([sites.city_hall]), "1"),
        of("government", public[offices], "2"),
        of("transport", np.array([sites.station]), "1"),
        of("hospital", hospitals, np.where(largest, "1", "2").tolist()),
        of("crowd", public[~offices], "2"),
        of("crowd", np.asarray(sites.markets), "2"),
        of("crowd", shops, "3"),
        _Sites("crowd", ["3"] * len(squares), np.array(parks.name, dtype=object)[squares], parks.shape[squares]),
    ]


def _hubs(world: World) -> list[_Sites]:
    """The hubs of supply, each kind spread over the town, in yards of works and offices; they take the name of their community."""
    blocks, d, found = world.blocks, world.divisions, []
    area = shapely.area(blocks.plots)
    middle = shapely.get_coordinates(shapely.point_on_surface(blocks.plots))
    wet = shapely.distance(blocks.plots, world.waters.river)
    free = (blocks.park == "") & (world.sites.kind != "park") & (area > 2_500.0)
    free[[world.sites.city_hall, world.sites.station, *world.sites.markets.tolist()]] = False
    for number, (kind, grade, count, uses, ending) in enumerate(HUBS):
        plots = np.flatnonzero(free & np.isin(blocks.use, uses))
        if kind == "water" and (wet[plots] < SHORE).sum() >= count:
            plots = plots[wet[plots] < SHORE]
        if kind == "gas" and grade == "1":  # the main comes from outside
            plots = plots[np.argsort(-np.hypot(*middle[plots].T), kind="stable")[:count]]
        if not len(plots):
            continue
        chosen = plots[evenly(middle[plots], count, number % len(plots))]
        free[chosen] = False
        point = yard_points(world, blocks.plots[chosen], f"hub {number}")[:, 0]
        home = d.cell_community[world.cell_of(world.degrees(point))].tolist()
        names = np.array([d.community_name[c].removesuffix("社区") + ending for c in home], dtype=object)
        found.append(_Sites(kind, [grade] * len(chosen), names, point))
    return found


def _petrol(world: World) -> _Sites:
    """Petrol stations along main streets, on plots of shops and works, spread over the town."""
    blocks, r = world.blocks, world.roads
    ways = np.flatnonzero(np.isin(r.of_pieces("grade"), PETROL_ROADS))
    plots = np.flatnonzero(np.isin(world.sites.kind, ("shops", "factory")) & (shapely.area(blocks.plots) > 3_000.0))
    way = ways[shapely.STRtree(r.pieces[ways]).nearest(blocks.plots[plots])]
    near = shapely.distance(r.pieces[way], blocks.plots[plots]) < FRONT
    plots, way = plots[near], way[near]
    middle = shapely.get_coordinates(shapely.point_on_surface(blocks.plots[plots]))
    chosen = evenly(middle, PETROL)
    plots, way = plots[chosen], way[chosen]
    front = shapely.intersection(blocks.plots[plots], shapely.buffer(r.pieces[way], FRONT + 10.0))
    front = np.where(shapely.is_empty(front), blocks.plots[plots], front)
    names = np.asarray(r.of_pieces("name")[way] + "加油站", dtype=object)
    return _Sites("hazard", ["3"] * len(plots), names, yard_points(world, front, "petrol stations")[:, 0])


def key_site_rows(world: World) -> Iterator[LayerTable]:
    """Key sites with grade, guard radius and who answers for them; people and telephones are invented."""
    groups = [*_whole_plots(world), *_hubs(world), _petrol(world)]
    shape = np.concatenate([group.shape for group in groups])
    kind = [group.kind for group in groups for _ in group.grade]
    grade = [value for group in groups for value in group.grade]
    names = np.asarray(numbered(np.concatenate([group.name for group in groups])), dtype=object)
    inside = np.asarray(shapely.point_on_surface(shape), dtype=object)
    county = world.county(world.cell_of(world.degrees(inside)))
    guard = [max(GUARD[g], HAZARD_GUARD if k in BURNING else 0.0) for k, g in zip(kind, grade, strict=True)]
    yield LayerTable(
        "key_site",
        {
            "code": [f"{code}YH{number:04d}" for number, code in enumerate(county.tolist(), 1)],
            "name": names,
            "kind": kind,
            "grade": grade,
            "guard_radius_m": guard,
            "contact_name": people_of(world, "key people", len(shape)),
            "contact_phone": phones_of(world, "key telephones", len(shape)),
            "plan_name": [f"{name}{PLANS[k]}" for name, k in zip(names.tolist(), kind, strict=True)],
            "address": world.nearest_address(inside),
        },
        world.degrees(shape),
    )
