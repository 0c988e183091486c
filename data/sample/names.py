"""Names for streets, quarters, schools, parks and communities, never the same twice in a town and rarely in a city."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from data.sample.place import Town

__all__ = [
    "COMMUNITY_STEMS", "MOST_TOWNS", "NamePool", "avenue_stems", "bank_road", "district_names", "numbered", "ordinal", "river_name",
    "street_stems", "town_title", "words",
]  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """Splits a list written as one text.

    >>> words("人民 中山")
    ('人民', '中山')
    """
    return tuple(text.split())


def numbered(names: Iterable[str]) -> NDArray[np.object_]:
    """Numbers names from their second appearance on, so that none stands twice.

    >>> numbered(["东门", "南门", "东门"]).tolist()
    ['东门', '南门', '东门2号']
    """
    count: dict[str, int] = {}
    told = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        told.append(name if count[name] == 1 else f"{name}{count[name]}号")
    return np.array(told, dtype=object)


# Names that nearly every Chinese city has; the first are for the widest roads.
EAST_WEST = words("人民 中山 解放 建设 和平 文化 新华 黄河 长江 迎宾 淮海 北京 友谊 珠江")
NORTH_SOUTH = words("中州 大学 嵩山 花园 经三 文昌 桐柏 工人 紫荆 航海 朝阳 百花 太行 学苑")
STEM_HEADS = words(
    "兴 永 金 华 文 康 安 福 德 荣 春 明 新 丰 清 景 龙 凤 玉 瑞 祥 泰 富 育 振 锦 惠 嘉 宏 仁 青 天 银 紫 东 南 西 北 康 光"
)
STEM_TAILS = words(
    "华 宁 安 康 乐 泽 和 平 昌 盛 园 源 林 湖 山 泉 阳 城 桥 才 兴 发 民 达 通 远 新 光 明 顺 庆 裕 秀 苑 河 峰 台 岭 溪 茂"
)
LANE_STEMS = words(
    "槐树 井台 油坊 豆腐 灯笼 铜匠 马市 米市 盐店 书院 文庙 城隍庙 鼓楼 钟楼 财神庙 东关 西关 南关 北关 "
    "老县衙 状元 进士 石桥 柳荫 棉花 估衣 铁匠 剪子 竹竿 水车 磨坊 果子 双井 前营 后营 草料 炮楼 仓房 学门 "
    "府后 塔湾 砖桥 葱市 鱼市 骡马 三眼井 四方 五福 六合 七星 八角 九曲 扁担 葫芦 石榴 枣树 皂角 银杏 梧桐 "
    "杏花 桃园 菜园 布市 花市 纸坊 染坊 瓦窑 茶亭 戏楼 义仓 粮行 驿站 吉庆 万寿 三圣 关帝庙 观音寺 清真寺 "
    "旗杆 辘轳"
)
COMMUNITY_STEMS = words(
    "向阳 光明 幸福 团结 胜利 前进 红旗 东风 朝阳 春晖 金桥 银河 翠竹 梧桐 桂苑 丁香 海棠 紫薇 芙蓉 牡丹 "
    "玉兰 月季 松林 柳林 杏林 桃李 文苑 书香 学府 育才 世纪 康宁 安居 祥和 福源 同心 双桥 三里 五里堡 七里岗 "
    "八里庙 十里铺 陈寨 王庄 李庄 张庄 刘庄 赵庄 孙庄 周庄 徐庄 宋庄 铁东 铁西 车站 水厂 电厂 棉纺 油脂 机械 "
    "化工 轴承 纺织 印染 东关 西关 南关 北关 钟鼓楼 文庙 塔湾 石桥 河湾 柳堤 荷塘 湖滨 望江 临河 观澜 碧波 "
    "新城 新村 新苑 锦绣 阳光 华庭 枫林 香樟 云锦 明珠 未来 创业 科苑 软件园 高新 会展"
)


CHINESE = "一二三四五六七八九十"
# Names of a city of many towns.
MOST_TOWNS = 49
TOWN_HEADS, TOWN_TAILS = "青龙凤金玉紫云", "山湖泉桥台岭川"
DISTRICT_HEADS, DISTRICT_TAILS = "永长安宁和昌新景兴广德文武清泰", "宁安平丰泰阳和"
RIVERS = words("清漪 澄江 沁水 洛溪 涟川 颍清 淇澜")
MORE_HEADS = words(
    "松 竹 梅 兰 桂 柳 枫 桐 荷 莲 菊 樱 棠 云 霞 虹 霁 晴 朗 晓 晨 曙 旭 明 昭 辉 耀 灿 彩 碧 翠 黛 丹 朱 白 素 苍 "
    "江 湖 海 河 溪 泉 沧 澄 沁 润 泽 浩 涵 汇 漪 澜 岚 峻 崇 嵩 岳 峰 林 森 茂 荣 芳 芝 菁 蕙 若 茗 "
    "贤 良 敏 惠 信 义 礼 智 忠 孝 诚 敬 谦 恭 勤 俭 志 鸿 鹏 鹤 鹭 燕 雁 麟 骏 星 月 辰 宇 寰 "
    "诗 书 琴 画 墨 弘 博 雅 乐 歌 舞 尚 致 启 创 腾 越 迎 望 观 揽 聚 集 会 同 合"
)
MORE_TAILS = words(
    "松 竹 梅 兰 桂 柳 枫 桐 荷 莲 菊 棠 云 霞 虹 晴 晖 辉 霖 露 雪 月 星 辰 江 海 洲 浦 渡 津 湾 港 塘 池 潭 渠 堤 滩 "
    "畔 屿 岸 汀 冈 坪 谷 坡 坞 野 原 田 圃 亭 阁 楼 轩 榭 塔 门 关 里 坊 村 寨 庄 营 屯 铺 集 市 廊 苑 圃 庭 "
    "贤 良 义 礼 智 信 仁 孝 诚 敬 志 业 学 文 武 杰 英 才 俊 翔 腾 跃 飞 鹏 鹤 凯 捷 胜 旺 隆 盈 茂 芳 荣 馨 怡 悦 欣 祥"
)
LANE_HEADS = words("前 后 大 小 上 下 老 新 里 外 中 东 西 南 北")
AVENUES = 140  # stems kept for the roads that run from town to town


def town_title(number: int) -> str:
    """Names a town of a city of many.

    >>> town_title(1), town_title(49)
    ('青山', '云川')
    """
    head, tail = divmod(number - 1, len(TOWN_TAILS))
    return TOWN_HEADS[head] + TOWN_TAILS[tail]


def district_names(number: int) -> tuple[str, str]:
    """Names the districts north and south of the river in a town of a city of many.

    >>> district_names(1), district_names(2)
    (('永宁区', '永安区'), ('永平区', '永丰区'))
    """
    names = [f"{head}{tail}区" for head, tail in product(DISTRICT_HEADS, DISTRICT_TAILS) if head != tail]
    return names[2 * number - 2], names[2 * number - 1]


def river_name(row: int) -> str:
    """Names the river of a row of towns.

    >>> river_name(0)
    '清漪'
    """
    return RIVERS[row % len(RIVERS)]


@lru_cache(maxsize=2)
def _city_stems(seed: int) -> tuple[str, ...]:
    """All stems of a city of many towns, in the order of its seed."""
    heads, tails = sorted({*STEM_HEADS, *MORE_HEADS}), sorted({*STEM_TAILS, *MORE_TAILS})
    stems = [a + b for a, b in product(heads, tails) if a != b]
    return tuple(stems[i] for i in np.random.default_rng([seed, *b"stems"]).permutation(len(stems)))


def avenue_stems(town: Town) -> tuple[list[str], list[str]]:
    """Returns the stems of the roads that run from town to town: east-west for all rows, north-south for all columns."""
    kept = _city_stems(town.land)[:AVENUES]
    half = AVENUES // 2
    return [*EAST_WEST, *kept[:half]], [*NORTH_SOUTH, *kept[half:]]


def street_stems() -> tuple[Iterator[str], Iterator[str]]:
    """Returns the stems of the main east-west and north-south roads, the widest first."""
    return iter(EAST_WEST), iter(NORTH_SOUTH)


def ordinal(number: int) -> str:
    """Writes a number up to 99 in Chinese.

    >>> ordinal(3), ordinal(10), ordinal(21)
    ('三', '十', '二十一')
    """
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else ("十" if tens == 1 else CHINESE[tens - 1] + "十")
    return head + (CHINESE[ones - 1] if ones else "")


def bank_road(town: Town, side: str) -> str:
    """Names the road along the river, ``side`` being 北 or 南.

    >>> bank_road(Town(1, "", 0, 0, (0.0, 0.0), 1, 1), "北")
    '滨河北路'
    """
    return f"{river_name(town.row)}{side}路{ordinal(town.column + 1)}段" if town.mark else f"滨河{side}路"


class NamePool:
    """Hands out names in a random order, each once; towns of one city share no names of streets and communities."""

    def __init__(self, random: np.random.Generator, town: Town) -> None:
        self.town = town
        self._random = random
        self._taken: set[str] = set()
        stems = sorted({a + b for a, b in product(STEM_HEADS, STEM_TAILS) if a != b})
        self._stems = [stems[i] for i in random.permutation(len(stems))]
        self._lanes = [LANE_STEMS[i] for i in random.permutation(len(LANE_STEMS))]
        self._ways = self._stems
        if town.mark:
            self._ways = list(_city_stems(town.land)[AVENUES + town.number - 1 :: MOST_TOWNS])
            lanes = [head + lane for head, lane in product(LANE_HEADS, LANE_STEMS)]
            order = np.random.default_rng([town.land, *b"lanes"]).permutation(len(lanes))
            self._lanes = [lanes[i] for i in order[town.number - 1 :: MOST_TOWNS]]

    def take(self, name: str) -> bool:
        """Takes a name if nobody has it."""
        if name in self._taken:
            return False
        self._taken.add(name)
        return True

    def stem(self) -> str:
        """Returns a fresh stem of two characters, for streets and quarters alike."""
        stem: str = self._stems.pop()
        return stem

    def way(self) -> str:
        """Returns a fresh stem for a street or a community, which no other town has."""
        return self._ways.pop() if self._ways else self.stem()

    def lane(self) -> str:
        """Returns a fresh name of a lane in the old town."""
        suffix = ("巷", "胡同", "巷", "街")[int(self._random.integers(4))]
        stem = self._lanes.pop() if self._lanes else self.way()
        return stem + suffix

    def first_free(self, candidates: Iterable[str]) -> str:
        """Returns the first candidate that nobody has, or a name made of a fresh stem and its ending."""
        last = ""
        for last in candidates:
            if self.take(last):
                return last
        return self.stem() + last[2:]
