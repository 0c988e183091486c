"""Where waste goes: collection points in estates, recycling points, transfer stations, and plants at the town's edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.housing import Homes
from data.sample.names import numbered
from data.sample.planar import Geometries, Integers
from data.sample.terrain import Floats
from data.sample.world import World
from data.sample.yards import evenly, far_apart, yard_points
from data.table import LayerTable

__all__ = ["DAILY_KG", "waste_rows"]

DAILY_KG = 1.05  # household waste of a person in a day
RESERVE = (1.15, 1.5)  # capacity for each ton that comes
LARGE_ESTATE = 2_400  # people for one more collection point
TRANSFER_KM2 = 3.0  # one transfer station for so many km2
RECYCLING_EVERY = 5  # one recycling point for so many estates
SANITARY_GAP = 500.0  # plants stay this far from homes where the town allows, m
# Kind, what its name ends with, capacity (t/d), room left (m3), vehicles, manager.
PLANTS = (
    ("landfill", "生活垃圾卫生填埋场", 620.0, 2_380_000.0, 14, "市环境卫生管理处"),
    ("incinerator", "生活垃圾焚烧发电厂", 800.0, None, 22, "示范环保能源有限公司"),
    ("kitchen", "厨余垃圾处理厂", 120.0, None, 18, "示范环保能源有限公司"),
    ("dump", "建筑垃圾消纳场", 1500.0, 960_000.0, 9, "市建筑垃圾管理中心"),
)


@dataclass(frozen=True, slots=True)
class _Facilities:
    """Facilities of one kind in the town's metres."""

    kind: str
    name: NDArray[np.object_]
    point: Geometries
    capacity: Floats
    remaining: list[float | None]
    served: Floats
    vehicles: Integers
    hours: str
    manager: NDArray[np.object_]


def _of_homes(world: World, homes: Homes, people: Integers) -> tuple[_Facilities, _Facilities]:
    """Collection points in every estate, more in large ones, and recycling points in some."""
    count = 1 + people // LARGE_ESTATE
    most = int(count.max())
    spots = yard_points(world, homes.shape, "collection points", most)
    home = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(home)) - np.repeat(np.cumsum(count) - count, count)
    names = world.sites.name[homes.plot].astype(object)
    waste = people[home] / count[home] * DAILY_KG / 1000
    village = world.sites.kind[homes.plot[home]] == "village"
    area = shapely.area(homes.shape) / 10_000
    keeper = np.where(village, "村民委员会", "物业服务企业").astype(object)
    collection = _Facilities(
        "collection", np.asarray(names[home] + "垃圾分类收集点", dtype=object), spots[home, nth],
        np.round(waste * 1.3 + 0.1, 1), [None] * len(home),
        np.round(area[home] / count[home], 2), np.zeros(len(home), dtype=np.int64), "06:30—09:00，18:00—21:00", keeper,
    )  # fmt: skip
    some = np.arange(2, len(names), RECYCLING_EVERY)
    recycling = _Facilities(
        "recycling", np.asarray(names[some] + "再生资源回收点", dtype=object),
        yard_points(world, homes.shape[some], "recycling points")[:, 0],
        np.round(people[some] * 0.00025 + 0.2, 1), [None] * len(some), np.round(area[some], 2),
        np.ones(len(some), dtype=np.int64), "08:30—18:00", np.full(len(some), "示范再生资源回收有限公司", dtype=object),
    )  # fmt: skip
    return collection, recycling


def _transfer(world: World, people: int) -> _Facilities:
    """Transfer stations on plots of works and shops, each in the middle of a part of the town."""
    blocks, size = world.blocks, shapely.area(world.network.outline) / 1e6
    plots = np.flatnonzero(np.isin(world.sites.kind, ("factory", "shops", "")) & (blocks.park == ""))
    middle = shapely.get_coordinates(shapely.point_on_surface(blocks.plots[plots]))
    count = max(3, round(size / TRANSFER_KM2))
    chosen = plots[evenly(middle, count)]
    point = yard_points(world, blocks.plots[chosen], "transfer stations")[:, 0]
    d = world.divisions
    community = d.cell_community[world.cell_of(world.degrees(point))]
    names = numbered(d.community_name[c].removesuffix("社区") + "生活垃圾转运站" for c in community.tolist())
    load = people * DAILY_KG / 1000 / count
    capacity = np.round(load * world.random("transfer capacity").uniform(*RESERVE, count) / 5) * 5
    vehicles = np.ceil(capacity / 18).astype(np.int64)
    served = np.full(count, np.round(size * 100 / count, 1))
    manager = np.full(count, "市环境卫生管理处", dtype=object)
    return _Facilities("transfer", names, point, capacity, [None] * count, served, vehicles, "05:00—22:00", manager)


def _plants(world: World, homes: Homes) -> list[_Facilities]:
    """The plants at the edge, each on the free plot that lies farthest from homes; in a city of towns each town has one."""
    blocks, town = world.blocks, world.town
    plots = np.flatnonzero((blocks.quarter == "edge") & (blocks.park == "") & np.isin(world.sites.kind, ("", "factory", "village")))
    clear = shapely.difference(blocks.plots[plots], shapely.union_all(shapely.buffer(homes.shape, 1.0)))
    home = shapely.STRtree(homes.shape)
    spots = yard_points(world, np.where(shapely.is_empty(clear), blocks.plots[plots], clear), "waste plants", 4).ravel()
    gap = shapely.distance(homes.shape[home.nearest(spots)], spots)
    wished = PLANTS if not town.mark else (PLANTS[town.number % len(PLANTS)],)
    title = "示范市" + town.title
    order = np.argsort(-np.minimum(gap, SANITARY_GAP), kind="stable")[: 4 * len(wished)]
    chosen = spots[order[far_apart(shapely.get_coordinates(spots[order]), len(wished))]]
    served = np.round(shapely.area(world.network.outline) / 10_000, 1)
    return [
        _Facilities(
            kind, np.array([title + name], dtype=object), chosen[[k]], np.array([capacity]), [left], np.array([served]),
            np.array([vehicles]), "00:00—24:00", np.array([manager], dtype=object),
        )
        for k, (kind, name, capacity, left, vehicles, manager) in enumerate(wished)
    ]  # fmt: skip


def waste_rows(world: World, homes: Homes, land: LayerTable) -> Iterator[LayerTable]:
    """All waste facilities of a town; ``land`` tells the people of each piece of residential land."""
    people = np.asarray(land.columns["people"], dtype=np.int64)
    groups = [*_of_homes(world, homes, people), _transfer(world, int(people.sum())), *_plants(world, homes)]
    point = np.concatenate([group.point for group in groups])
    random, count = world.random("waste facilities"), len(point)
    county = world.county(world.cell_of(world.degrees(point)))
    sizes = [len(group.point) for group in groups]
    kind = np.repeat(np.array([group.kind for group in groups], dtype=object), sizes)
    year, month = random.integers(2008, 2025, count).tolist(), random.integers(1, 13, count).tolist()
    yield LayerTable(
        "waste_facility",
        {
            "code": [f"{code}HW{number:04d}" for number, code in enumerate(county.tolist(), 1)],
            "name": numbered(np.concatenate([group.name for group in groups])),
            "kind": kind,
            "capacity_td": np.concatenate([group.capacity for group in groups]),
            "remaining_m3": [value for group in groups for value in group.remaining],
            "served_area_ha": np.concatenate([group.served for group in groups]),
            "vehicles": np.concatenate([group.vehicles for group in groups]),
            "open_hours": np.repeat(np.array([group.hours for group in groups], dtype=object), sizes),
            "sorted": (np.isin(kind, ("recycling", "kitchen")) | ((kind == "collection") & (random.random(count) < 0.88))).tolist(),
            "built_on": [date(y, m, 1) for y, m in zip(year, month, strict=True)],
            "manager_name": np.concatenate([group.manager for group in groups]),
            "address": world.nearest_address(point),
        },
        world.degrees(point),
    )
