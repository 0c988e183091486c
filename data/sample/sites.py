"""Who sits on a plot: housing estates, schools, hospitals, markets, factories, parks, with their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.blocks import CENTRE, STATION, Blocks
from data.sample.names import NamePool, ordinal, words
from data.sample.planar import Integers
from data.sample.terrain import CORE

__all__ = ["LANDMARKS", "Sites", "name_sites"]

ESTATES = words("花园 家园 小区 新村 华庭 名苑 佳苑 公馆 新城 雅居 丽景 东方城")
OLD_ESTATES = words("里 家属院 坊 大院 里")
SHOPS = words("购物广场 商场 大厦 商业街 国际中心 百货 商务楼 时代广场")
FACTORIES = words("机械厂 工业园 食品厂 物流园 电子厂 建材厂 包装厂 纺织厂 汽配厂 仓储中心")
SPECIAL_PUBLIC = words("图书馆 博物馆 体育中心 文化宫 青少年宫 法院 会展中心 科技馆 公安局 档案馆 疾控中心 老干部活动中心")
COLLEGES = words("大学 师范学院 中州职业技术学院 医学院 工学院 艺术学校")
VILLAGES = words("家庄 寨 家营 家堂 屯 岗村")
LANDMARKS = ("market", "station", "government", "hospital", "school", "public", "shops")


@dataclass(frozen=True, slots=True)
class Sites:
    """Name and kind of each plot ("" where it has none), and the plots that draw people and cases."""

    name: NDArray[np.str_]
    kind: NDArray[np.str_]
    markets: Integers
    station: int
    city_hall: int


def _nearest(blocks: Blocks, use: str, place: tuple[float, float], least_area: float, free: NDArray[np.bool_]) -> int:
    far = np.hypot(blocks.plan[:, 0] - place[0], blocks.plan[:, 1] - place[1])
    wrong = (blocks.use != use) | (shapely.area(blocks.plots) < least_area) | ~free
    return int(np.argmin(far + 1e6 * wrong))


def name_sites(blocks: Blocks, pool: NamePool, random: np.random.Generator) -> Sites:
    """Gives every plot its occupant: fixed ones first (city hall, station, markets), then by use and quarter."""
    title = pool.town.title
    count = len(blocks.plots)
    name, kind = np.full(count, "", dtype="U24"), np.full(count, "", dtype="U12")
    free = blocks.park == ""

    def settle(plot: int, site_name: str, site_kind: str) -> int:
        name[plot], kind[plot], free[plot] = site_name, site_kind, False
        return plot

    hall = settle(_nearest(blocks, "public", CENTRE, 8000, free), f"{title}区人民政府" if title else "示范市人民政府", "government")
    station = settle(_nearest(blocks, "commercial", STATION, 8000, free), f"示范{title}火车站", "station")
    markets = np.array(
        [
            settle(_nearest(blocks, "commercial", (CORE[0] - 160, CORE[1] + 60), 3000, free), f"{title}老城农贸市场", "market"),
            settle(_nearest(blocks, "commercial", (1250.0, 480.0), 3000, free), f"{title}东苑农贸市场", "market"),
        ]
    )
    _public(blocks, settle, free, title, random)
    for plot in np.flatnonzero(free).tolist():
        use, quarter = str(blocks.use[plot]), str(blocks.quarter[plot])
        if use == "residential":
            if quarter == "edge":
                settle(plot, pool.first_free([pool.stem()[:1] + end for end in VILLAGES]), "village")
            else:
                endings = OLD_ESTATES if quarter == "old" else ESTATES
                settle(plot, pool.stem() + endings[int(random.integers(len(endings)))], "estate")
        elif use == "commercial":
            settle(plot, pool.stem() + SHOPS[int(random.integers(len(SHOPS)))], "shops")
        elif use == "industrial":
            settle(plot, pool.stem() + FACTORIES[int(random.integers(len(FACTORIES)))], "factory")
    return Sites(name, kind, markets, station, hall)


def _public(
    blocks: Blocks, settle: Callable[[int, str, str], int], free: NDArray[np.bool_], title: str, random: np.random.Generator
) -> None:
    """Places schools, hospitals and the rest on public plots: the largest become schools and colleges."""
    area = shapely.area(blocks.plots)
    plots = np.flatnonzero((blocks.use == "public") & free)
    plots = plots[np.argsort(-area[plots], kind="stable")]
    special = [SPECIAL_PUBLIC[i] for i in random.permutation(len(SPECIAL_PUBLIC))]
    counts = {"middle": 0, "primary": 0, "hospital": 0, "college": 0, "kindergarten": 0}
    for rank, plot in enumerate(plots.tolist()):
        if blocks.quarter[plot] == "campus" and counts["college"] < len(COLLEGES):
            counts["college"] += 1
            college = COLLEGES[counts["college"] - 1]
            settle(plot, college if college.startswith("中州") and not title else f"示范{title}{college}", "school")
        elif rank % 5 == 3 and counts["hospital"] < 7:
            counts["hospital"] += 1
            settle(plot, f"示范市{title}第{ordinal(counts['hospital'])}人民医院", "hospital")
        elif rank % 5 == 1 and special:
            settle(plot, f"示范市{title}{special.pop()}", "public")
        elif area[plot] < 6000:
            counts["kindergarten"] += 1
            settle(plot, f"{title}第{ordinal(counts['kindergarten'])}幼儿园", "school")
        elif rank % 2:
            counts["middle"] += 1
            settle(plot, f"示范市{title}第{ordinal(counts['middle'])}中学", "school")
        else:
            counts["primary"] += 1
            settle(plot, f"示范市{title}第{ordinal(counts['primary'])}小学", "school")
