"""Duty grids: the beats of the collectors, each a few neighbouring unit grids of one community."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import shapely

from data.sample.divisions import regions, union_by
from data.sample.names import ordinal, words
from data.sample.planar import RASTER, Geometries, Integers
from data.sample.world import World
from data.table import LayerTable

__all__ = ["beside_each_other", "duty_of_cells", "duty_rows"]

WISHED = 12.5  # unit grids of a duty grid
FEWEST, MOST = 10, 15
ENLISTED = date(2024, 7, 1)
BUSY_SHARE = 0.18  # duty grids with two collectors outside the old town
SURNAMES = words("王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 马 朱 胡 郭 何 高 林 罗 郑 梁 宋 谢 唐 韩 曹 许 邓 冯")
GIVEN = words(
    "建国 秀英 桂兰 志强 丽娟 海燕 小军 文静 晓东 玉梅 国庆 雪梅 红霞 永刚 春华 明亮 淑芬 俊杰 卫东 彩云 "
    "金凤 长江 素珍 立新 慧敏 新民 爱华 学军 凤英 保国 晓红 振华 亚男 东升 翠萍 少华 美玲 庆丰 云鹏 佳慧"
)


def beside_each_other(cells: Geometries) -> tuple[Integers, Integers]:
    """Returns the pairs of cells with a stretch of boundary in common, both ways; the cells share their vertices.

    >>> squares = np.array([shapely.box(x, 0, x + 1, 1) for x in (0, 1, 2)], dtype=object)
    >>> [side.tolist() for side in beside_each_other(squares)]
    [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    points, owner = shapely.get_coordinates(shapely.boundary(cells), return_index=True)
    whole = np.round(points / RASTER).astype(np.int64)
    _, vertex = np.unique(whole, axis=0, return_inverse=True)
    vertex = vertex.reshape(-1)
    same = (owner[1:] == owner[:-1]) & (vertex[1:] != vertex[:-1])
    ends = np.sort(np.column_stack([vertex[:-1], vertex[1:]])[same], axis=1)
    cell = owner[:-1][same]
    order = np.lexsort((cell, ends[:, 1], ends[:, 0]))
    ends, cell = ends[order], cell[order]
    twice = (ends[1:] == ends[:-1]).all(axis=1) & (cell[1:] != cell[:-1])
    pairs = np.column_stack([cell[:-1][twice], cell[1:][twice]])
    both = np.unique(np.vstack([pairs, pairs[:, ::-1]]), axis=0)
    return both[:, 0], both[:, 1]


def duty_of_cells(world: World) -> tuple[Integers, Integers]:
    """Returns the duty grid of each unit grid and the community of each duty grid."""
    d = world.divisions
    pairs = beside_each_other(d.cells)
    duty = np.full(len(d.cells), -1, dtype=np.int64)
    owner: list[int] = []
    for community in range(len(d.communities)):
        members = np.flatnonzero(d.cell_community == community)
        near = round(len(members) / WISHED)
        tries = [regions(d.cells, pairs, members, count) for count in range(max(1, near - 1), near + 2)]
        best = min(tries, key=_strain)
        duty[members] = best + len(owner)
        owner += [community] * (int(best.max()) + 1)
    return duty, np.array(owner)


def _strain(region: Integers) -> float:
    """Tells how far the regions are from 10 to 15 unit grids each."""
    count = np.bincount(region)
    outside = np.maximum(FEWEST - count, 0) + np.maximum(count - MOST, 0)
    return float((outside**2).sum() + 0.01 * np.abs(count - WISHED).sum())


def _collectors(world: World, busy: np.ndarray) -> list[list[str]]:
    """Names one or two collectors for each duty grid, nobody twice."""
    random = world.random("collectors")
    people = random.permutation(len(SURNAMES) * len(GIVEN))
    two = busy | (random.random(len(busy)) < BUSY_SHARE)
    last = np.cumsum(1 + two)
    names = [SURNAMES[p % len(SURNAMES)] + GIVEN[p // len(SURNAMES)] for p in people[: int(last[-1])].tolist()]
    return [names[end - 1 - int(more) : end] for end, more in zip(last.tolist(), two.tolist(), strict=True)]


def duty_rows(world: World) -> Iterator[LayerTable]:
    """Duty grids with their unit grids and collectors."""
    d = world.divisions
    duty, community = duty_of_cells(world)
    shapes = union_by(world.cells, duty)
    area = np.bincount(duty, weights=shapely.area(d.cells))
    first = np.searchsorted(community, community)
    number = (np.arange(len(community)) - first + 1).tolist()
    codes = [", ".join(sorted(d.cell_code[duty == index].tolist())) for index in range(len(community))]
    quarter = world.blocks.quarter[shapely.STRtree(world.blocks.plots).nearest(shapely.centroid(union_by(d.cells, duty)))]
    staff = _collectors(world, quarter == "old")
    home = community.tolist()
    yield LayerTable(
        "duty_grid",
        {
            "code": [f"{d.community_code[c]}ZR{n:02d}" for c, n in zip(home, number, strict=True)],
            "name": [f"{d.community_name[c]}第{ordinal(n)}责任网格" for c, n in zip(home, number, strict=True)],
            "collectors": ["、".join(names) for names in staff],
            "collector_count": [len(names) for names in staff],
            "community_code": [d.community_code[c] for c in home],
            "community_name": [d.community_name[c] for c in home],
            "grid_codes": codes,
            "grid_count": np.bincount(duty),
            "area_m2": np.round(area, 1),
            "started_on": [ENLISTED] * len(home),
        },
        shapes,
    )
