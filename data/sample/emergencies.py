"""Emergencies of the year, among them the July storm and the late-autumn downpour with water at the low places."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.calendar import DOWNPOUR, FIRST_DAY, LAST_MOMENT, STORM_DAY, to_utc
from data.sample.drainage import LOW_REACH, Drainage
from data.sample.facilities import BROKEN_DIVE, FILLED, filled_depth
from data.sample.storm import STORM, STORM_SPEED
from data.sample.terrain import Floats
from data.sample.where import told
from data.sample.world import World
from data.table import LayerTable

__all__ = ["emergency_rows"]

STORM_SHARE = 0.30
WITHIN = LOW_REACH  # an emergency this near to two roads is told by their crossing, as a hollow is
# The downpour away from the hollows: kind, minutes after its start, hours it lasts (60: still open at the last moment), words.
DOWNPOUR_MATTERS = (
    ("tree_fall", 44, 2.5, "大雨夹阵风刮倒行道树1株，压占非机动车道，园林养护队清理"),
    ("traffic", 52, 1.5, "雨天路滑，三车追尾，占用1条车道，交警到场疏导"),
    ("power_cut", 75, 4.5, "雷雨造成配电线路跳闸，3个小区停电，给水加压泵站短时失压，供电公司抢修"),
    ("tree_fall", 81, 3.5, "大雨后土壤松软，行道树2株倒伏，压占半幅道路"),
    ("tree_fall", 104, 2.0, "雨后行道树枝断落，砸中一辆停放车辆，无人员受伤"),
    ("subsidence", 320, 60.0, "雨后路面塌陷约4平方米，深80厘米，疑为雨水管接口脱节，已围挡，排查地下管线"),
)
# kind, weight, title, description, hours it lasts, people
KINDS = (
    ("traffic", 10, "交通事故", "两车相撞，占用{n}条车道，交警到场疏导", 2.0, 3),
    ("pipe_burst", 7, "自来水管道爆裂", "DN{d}给水管爆裂，路面冒水，周边小区水压下降", 9.0, 600),
    ("fire", 6, "火情", "沿街商铺冒烟起火，消防救援站出动{n}车处置，无人员被困", 3.0, 12),
    ("power_cut", 5, "停电", "配电设备故障，{n}个小区停电，供电公司抢修", 5.0, 1500),
    ("gas_leak", 4, "燃气泄漏", "施工挖破燃气支管，已关阀并疏散周边群众", 6.0, 180),
    ("subsidence", 4, "路面塌陷", "路面塌陷约{n}平方米，深{n}0厘米，已围挡，排查地下管线", 60.0, 0),
    ("tree_fall", 4, "树木倒伏", "大风刮倒行道树{n}株，压占车道", 3.0, 0),
    ("other", 2, "危化品运输车渗漏", "槽车阀门渗漏，现场封控稀释", 4.0, 40),
)


def _storm(world: World, count: int, random: np.random.Generator) -> tuple[Floats, list[str], list[str], NDArray[np.datetime64], Floats]:
    """The storm: water in the hollows and on low streets, some fallen trees, from the afternoon into the night."""
    nodes = world.roads.places
    level = world.ground.level(nodes[:, 0], nodes[:, 1], shapely.distance(shapely.points(nodes), world.waters.river))
    around = shapely.STRtree(shapely.points(nodes)).query(shapely.points(nodes), predicate="dwithin", distance=260)
    mean = np.bincount(around[0], weights=level[around[1]]) / np.bincount(around[0])
    low = np.argsort(level - mean, kind="stable")
    picked: list[int] = []
    for node in low.tolist():
        if all(np.hypot(*(nodes[node] - nodes[other])) > 90 for other in picked):
            picked.append(node)
        if len(picked) == count:
            break
    kinds = ["tree_fall" if n % 7 == 5 else "waterlogging" for n in range(count)]
    words = [
        f"短时强降雨，路面积水最深约{int(c)}厘米，{'已封闭下穿通道，' if n < 5 else ''}排水抢险队到场抽排"
        if kind == "waterlogging"
        else "大风暴雨刮倒行道树，压占半幅道路"
        for n, (kind, c) in enumerate(zip(kinds, random.integers(18, 85, count).tolist(), strict=True))
    ]
    start = STORM_DAY.astype("datetime64[s]") + random.integers(15 * 3600, 21 * 3600, count).astype("timedelta64[s]")
    return nodes[picked], kinds, words, start, np.round(random.gamma(2.0, 2.2, count) + 1.5, 2)


def _downpour(
    world: World, drains: Drainage, random: np.random.Generator
) -> tuple[Floats, list[str], list[str], NDArray[np.datetime64], Floats]:
    """The downpour that the sensors saw: water in the hollows, a closed underpass, trees, a power cut, a subsidence."""
    hollows = len(drains.bowls)
    delay = (drains.low[:, 0] + world.town.offset[0]) / STORM_SPEED
    depths = [100 * filled_depth(bowl, FILLED["downpour"]) for bowl in drains.bowls]
    words = [
        f"{STORM.minutes / 60:.0f}小时降雨约{STORM.depth:.0f}毫米，路面积水最深约{depth:.0f}厘米，排水抢险队到场抽排" for depth in depths
    ]
    minutes = 66 + delay[:hollows] + random.uniform(0, 12, hollows)
    hours = random.uniform(1.7, 2.6, hollows)
    words.append("下穿通道积水约40厘米，2台水泵故障，已封闭通道并绕行，水泵抢修未完，通道仍未开放")
    dive = hollows + BROKEN_DIVE
    minutes, hours = np.r_[minutes, 58 + delay[dive]], np.r_[hours, 60.0]
    grade = world.roads.of_pieces("grade")
    pieces = np.flatnonzero(np.isin(grade, ("arterial", "secondary", "branch")))
    spots = shapely.line_interpolate_point(world.roads.pieces[random.choice(pieces, len(DOWNPOUR_MATTERS))], 0.4, normalized=True)
    other = shapely.get_coordinates(spots)
    late = np.array([matter[1] for matter in DOWNPOUR_MATTERS]) + (other[:, 0] + world.town.offset[0]) / STORM_SPEED
    seconds = np.round(np.r_[minutes, late] * 60).astype(np.int64).astype("timedelta64[s]")
    kinds = ["waterlogging"] * (hollows + 1) + [matter[0] for matter in DOWNPOUR_MATTERS]
    place = np.vstack([drains.low[:hollows], drains.low[dive], other])
    start = DOWNPOUR.astype("datetime64[s]") + seconds
    return place, kinds, words + [matter[3] for matter in DOWNPOUR_MATTERS], start, np.r_[hours, [m[2] for m in DOWNPOUR_MATTERS]]


def _common(world: World, count: int, random: np.random.Generator) -> tuple[Floats, list[str], list[str], NDArray[np.datetime64], Floats]:
    """The ordinary ones, spread over the year and the main streets; the latest are still open."""
    weight = np.array([k[1] for k in KINDS], dtype=float)
    drawn = [KINDS[i] for i in random.choice(len(KINDS), count, p=weight / weight.sum())]
    grade = world.roads.of_pieces("grade")
    pieces = np.flatnonzero(np.isin(grade, ("arterial", "secondary", "branch")))
    spot = shapely.line_interpolate_point(world.roads.pieces[random.choice(pieces, count, replace=False)], 0.5, normalized=True)
    words = [
        k[3].format(n=int(n), d=int(d))
        for k, n, d in zip(drawn, random.integers(2, 6, count), random.choice([200, 300, 400, 600], count), strict=True)
    ]
    span = int((LAST_MOMENT - FIRST_DAY.astype("datetime64[s]")).astype(np.int64))
    when = np.sort(random.integers(0, span - 3 * 86_400, count))
    when[-3:] = span - np.array([16_000, 7_000, 2_400])
    start = FIRST_DAY.astype("datetime64[s]") + when.astype("timedelta64[s]")
    hours = np.array([k[4] for k in drawn]) * random.lognormal(0, 0.4, count)
    hours[-3:] = 30.0
    return shapely.get_coordinates(spot), [k[0] for k in drawn], words, start, hours


def emergency_rows(world: World, drains: Drainage) -> Iterator[LayerTable]:
    """About sixty emergencies with level, state, times and people."""
    random = world.random("emergencies")
    stormy = round(world.size.emergencies * STORM_SHARE)
    rain = _downpour(world, drains, random)
    parts = (_storm(world, stormy, random), rain, _common(world, world.size.emergencies - stormy - len(rain[1]), random))
    place = np.vstack([p[0] for p in parts])
    kind, words = [k for p in parts for k in p[1]], [text for p in parts for text in p[2]]
    start, hours = np.concatenate([p[3] for p in parts]), np.concatenate([p[4] for p in parts])
    order = np.argsort(start, kind="stable")
    place, start, hours = place[order], start[order], hours[order]
    kind, words = [kind[i] for i in order.tolist()], [words[i] for i in order.tolist()]
    end = start + (hours * 3600).astype(np.int64).astype("timedelta64[s]")
    is_open = end > LAST_MOMENT
    end[is_open] = np.datetime64("NaT")
    points = world.points(place)
    area = world.area_name(world.cell_of(points))
    where = told(world, place, WITHIN)
    titles = {k[0]: k[2] for k in KINDS} | {"waterlogging": "积水内涝"}
    base = np.array([{k[0]: k[5] for k in KINDS}.get(name, 120) for name in kind])
    people = np.floor(base * random.lognormal(0, 0.5, len(kind))).astype(np.int64)
    level = np.where(people > 1200, "III", "IV").astype(object)
    stormy_days = np.isin(start.astype("datetime64[D]"), (STORM_DAY, DOWNPOUR.astype("datetime64[D]")))
    level[stormy_days & (random.random(len(kind)) < 0.35)] = "III"
    level[int(np.argmax(start.astype("datetime64[D]") == STORM_DAY))] = "II"
    day = start.astype("datetime64[D]").astype(str)
    yield LayerTable(
        "emergency",
        {
            "number": [f"YJ{d.replace('-', '')}{world.town.mark}{n:04d}" for n, d in enumerate(day.tolist(), 1)],
            "title": [f"{place_name}{titles[k]}" for place_name, k in zip(where, kind, strict=True)],
            "kind": kind,
            "level": level,
            "state": np.where(is_open, "open", "closed").astype(object),
            "started_at": to_utc(start),
            "ended_at": to_utc(end),
            "address": area + np.array(where, dtype=object),
            "description": words,
            "people_affected": people,
        },
        points,
    )
