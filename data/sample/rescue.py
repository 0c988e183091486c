"""Rescue resources: teams by trade with their equipment, stores with their supplies, some of them out of date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.calendar import LAST_MOMENT
from data.sample.names import numbered
from data.sample.planar import Geometries, Integers
from data.sample.world import World
from data.sample.yards import evenly, people_of, phones_of, yard_points
from data.table import LayerTable

__all__ = ["TODAY", "rescue_rows"]

TODAY = LAST_MOMENT.astype("datetime64[D]")
STORES = 7
REPAIR, DEPLOYED = 0.05, 0.04  # shares of equipment
OLDEST = 3_300  # days; nothing in use was made earlier


@dataclass(frozen=True, slots=True)
class Team:
    """A kind of team: trade, name after the place, how many in a town, people, kinds of sites, manager, equipment.

    Equipment and supplies are (item, unit, least, greatest quantity, years of life or 0 for none).
    """

    trade: str
    ending: str
    count: int
    people: tuple[int, int]
    sites: tuple[str, ...]
    manager: str
    equipment: tuple[tuple[str, str, int, int, int], ...]


TEAMS = (
    Team(
        "flood", "排水抢险队", 4, (18, 36), ("factory", "shops"), "市排水管理中心",
        (("移动排水泵车", "台", 1, 3, 0), ("潜水泵", "台", 6, 16, 10), ("冲锋舟", "艘", 1, 3, 12), ("发电机组", "台", 1, 4, 0)),
    ),
    Team(
        "fire", "消防救援站", 5, (24, 45), ("shops", "factory", "public"), "市消防救援支队",
        (("水罐消防车", "辆", 2, 4, 0), ("举高消防车", "辆", 0, 2, 0), ("空气呼吸器", "具", 20, 48, 15), ("破拆工具组", "套", 2, 5, 0)),
    ),
    Team(
        "gas", "燃气抢修队", 3, (10, 20), ("factory", "shops"), "示范燃气有限公司",
        (("燃气抢修车", "辆", 2, 4, 0), ("激光甲烷检测仪", "台", 2, 5, 6), ("不停输封堵设备", "套", 1, 2, 0)),
    ),
    Team(
        "water", "供水抢修队", 3, (12, 26), ("factory", "shops"), "示范市自来水有限公司",
        (("供水抢修车", "辆", 2, 4, 0), ("应急送水车", "辆", 1, 3, 0), ("听漏仪", "台", 2, 4, 0)),
    ),
    Team(
        "power", "电力抢修队", 3, (14, 30), ("factory", "shops"), "示范供电公司",
        (("应急发电车", "辆", 1, 3, 0), ("带电作业车", "辆", 1, 2, 0), ("移动照明灯塔", "台", 2, 6, 0)),
    ),
    Team(
        "road", "市政道路抢险队", 3, (16, 32), ("factory",), "市政设施管理处",
        (("挖掘机", "台", 1, 3, 0), ("装载机", "台", 1, 3, 0), ("道路冷补料车", "辆", 1, 2, 0), ("探地雷达车", "辆", 0, 1, 0)),
    ),
    Team(
        "snow", "除雪队", 2, (20, 40), ("factory",), "市环境卫生管理处",
        (("除雪铲车", "辆", 4, 10, 0), ("融雪剂撒布车", "辆", 2, 6, 0)),
    ),
    Team(
        "medical", "医疗救护队", 4, (8, 16), ("hospital",), "市卫生健康委员会",
        (("救护车", "辆", 2, 6, 0), ("除颤仪", "台", 4, 9, 8), ("负压担架", "副", 1, 4, 10)),
    ),
    Team(
        "relief", "救灾安置队", 2, (20, 60), ("public", "school"), "市应急管理局",
        (("应急指挥车", "辆", 1, 1, 0), ("炊事拖车", "辆", 1, 2, 0)),
    ),
)  # fmt: skip
SUPPLIES = (
    ("flood", "编织袋", "条", 5_000, 40_000, 0),
    ("flood", "吸水膨胀袋", "个", 500, 4_000, 3),
    ("flood", "挡水板", "米", 100, 800, 0),
    ("flood", "救生衣", "件", 100, 800, 5),
    ("flood", "铁锹", "把", 200, 900, 0),
    ("snow", "融雪剂", "吨", 30, 240, 2),
    ("snow", "草垫", "张", 200, 1_500, 0),
    ("relief", "救灾帐篷", "顶", 60, 500, 8),
    ("relief", "折叠床", "张", 200, 1_500, 0),
    ("relief", "棉被", "床", 300, 2_500, 8),
    ("relief", "瓶装饮用水", "箱", 200, 1_600, 1),
    ("relief", "应急食品", "箱", 100, 900, 2),
    ("medical", "急救包", "个", 80, 600, 3),
    ("medical", "一次性防护服", "套", 300, 3_000, 3),
    ("fire", "灭火器", "具", 100, 600, 5),
    ("fire", "泡沫灭火剂", "吨", 2, 12, 4),
    ("power", "应急照明灯", "盏", 60, 400, 5),
    ("road", "道路锥", "个", 200, 1_200, 0),
    ("road", "冷补沥青料", "吨", 5, 30, 1),
)


@dataclass(frozen=True, slots=True)
class _Bases:
    """Teams and stores: kind, trade, name, place, manager, people."""

    kind: list[str]
    trade: list[str]
    name: NDArray[np.object_]
    point: Geometries
    manager: list[str]
    people: list[int | None]
    team: list[int]  # index into TEAMS, or -1 for a store


def _plots_of(world: World, kinds: tuple[str, ...], count: int, number: int, taken: NDArray[np.bool_]) -> Integers:
    """Picks plots of some kinds of sites that are not yet taken, spread evenly over the town."""
    plots = np.flatnonzero(np.isin(world.sites.kind, kinds) & ~taken)
    middle = shapely.get_coordinates(shapely.point_on_surface(world.blocks.plots[plots]))
    chosen = plots[evenly(middle, count, (7 * number) % len(plots))]
    taken[chosen] = True
    return np.asarray(chosen, dtype=np.int64)


def _bases(world: World) -> _Bases:
    """Settles teams and stores in yards of works, offices, hospitals and schools."""
    random, d = world.random("rescue"), world.divisions
    taken = np.zeros(len(world.blocks.plots), dtype=bool)
    lots, team = [], []
    for number, one in enumerate(TEAMS):
        lots.append(_plots_of(world, one.sites, one.count, number, taken))
        team += [number] * len(lots[-1])
    lots.append(_plots_of(world, ("factory", "public", "school"), STORES, len(TEAMS), taken))
    team += [-1] * len(lots[-1])
    plots = np.concatenate(lots)
    point = yard_points(world, world.blocks.plots[plots], "rescue yards")[:, 0]
    cell = world.cell_of(world.degrees(point))
    home = [d.community_name[c].removesuffix("社区") for c in d.cell_community[cell].tolist()]
    street = [d.street_name[d.community_street[c]].removesuffix("街道") for c in d.cell_community[cell].tolist()]
    title = [TEAMS[n].ending if n >= 0 else "应急物资仓库" for n in team]
    place = [s if n < 0 else h for n, s, h in zip(team, street, home, strict=True)]
    people = [int(random.integers(*TEAMS[n].people)) if n >= 0 else None for n in team]
    return _Bases(
        kind=["team" if n >= 0 else "store" for n in team],
        trade=[TEAMS[n].trade if n >= 0 else "relief" for n in team],
        name=numbered(p + t for p, t in zip(place, title, strict=True)),
        point=point,
        manager=[TEAMS[n].manager if n >= 0 else "市应急管理局" for n in team],
        people=people,
        team=team,
    )


@dataclass(frozen=True, slots=True)
class _Things:
    """What lies in stores and with teams: base, kind, trade, item, unit, quantity, made, expires (or not-a-time)."""

    base: Integers
    kind: NDArray[np.object_]
    trade: NDArray[np.object_]
    item: NDArray[np.object_]
    unit: NDArray[np.object_]
    quantity: Integers
    made: NDArray[np.datetime64]
    expires: NDArray[np.datetime64]


def _things(world: World, bases: _Bases) -> _Things:
    """Fills stores and equips teams; what has a life was made up to a fifth of it too long ago."""
    random, listed = world.random("rescue things"), []
    for base, team in enumerate(bases.team):
        if team >= 0:
            listed += [(base, "equipment", TEAMS[team].trade, *item) for item in TEAMS[team].equipment]
        else:
            kept = np.sort(random.choice(len(SUPPLIES), 12, replace=False)).tolist()
            listed += [(base, "supply", *SUPPLIES[index]) for index in kept]
    least, most = np.array([row[5] for row in listed]), np.array([row[6] for row in listed])
    quantity = random.integers(least, most + 1)
    some = quantity > 0
    rows = [row for row, keep in zip(listed, some.tolist(), strict=True) if keep]
    quantity = quantity[some]
    life = np.array([row[7] for row in rows]) * 365
    age = np.floor(random.random(len(rows)) * np.where(life > 0, 1.2 * life, OLDEST)).astype(np.int64)
    made = TODAY - np.maximum(age, 20)
    text = [np.array([row[column] for row in rows], dtype=object) for column in (1, 2, 3, 4)]
    round_to = np.where(quantity > 200, 10, 1)
    expires = np.where(life > 0, made + life, np.datetime64("NaT"))
    return _Things(
        np.array([row[0] for row in rows]), text[0], text[1], text[2], text[3], quantity // round_to * round_to, made, expires
    )  # fmt: skip


def _states(world: World, things: _Things) -> NDArray[np.object_]:
    """Tells the state: expired exactly when the term is over; of the equipment some is in repair or deployed."""
    draw = world.random("rescue states").random(len(things.base))
    state = np.full(len(draw), "ready", dtype=object)
    equipment = things.kind == "equipment"
    state[equipment & (draw < REPAIR)] = "repair"
    state[equipment & (draw > 1 - DEPLOYED)] = "deployed"
    state[things.expires < TODAY] = "expired"
    return state


def rescue_rows(world: World) -> Iterator[LayerTable]:
    """Teams and stores, then what they hold, at the place of who holds it."""
    bases = _bases(world)
    things = _things(world, bases)
    count, base = len(bases.team), things.base.tolist()
    county = world.county(world.cell_of(world.degrees(bases.point)))
    random = world.random("rescue dates")
    founded = TODAY - random.integers(900, 9_000, count)
    codes = [f"{code}YJ{number:04d}" for number, code in enumerate(county.tolist(), 1)]
    own = [f"{codes[b]}-{number:03d}" for number, b in enumerate(base, 1)]
    names, none = bases.name.tolist(), [None] * len(base)
    people, phones = people_of(world, "rescue people", count).tolist(), phones_of(world, "rescue telephones", count).tolist()
    address = world.nearest_address(bases.point)
    made = np.r_[founded, things.made].astype(object)
    expires = np.r_[np.full(count, np.datetime64("NaT"), dtype="datetime64[D]"), things.expires].astype(object)
    yield LayerTable(
        "rescue_resource",
        {
            "code": codes + own,
            "name": [*names, *(f"{names[b]}{item}" for b, item in zip(base, things.item.tolist(), strict=True))],
            "kind": bases.kind + things.kind.tolist(),
            "trade": bases.trade + things.trade.tolist(),
            "item": [None] * count + things.item.tolist(),
            "quantity": [None] * count + things.quantity.tolist(),
            "unit": [None] * count + things.unit.tolist(),
            "people": [*bases.people, *none],
            "store_code": [None] * count + [codes[b] for b in base],
            "state": ["ready"] * count + _states(world, things).tolist(),
            "made_on": made,
            "expires_on": expires,
            "contact_name": people + [people[b] for b in base],
            "contact_phone": phones + [phones[b] for b in base],
            "manager_name": bases.manager + [bases.manager[b] for b in base],
            "address": np.concatenate([address, address[things.base]]),
        },
        world.degrees(np.concatenate([bases.point, bases.point[things.base]])),
    )
