"""Names for streets, quarters, schools, parks and communities, never the same twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMMUNITY_STEMS", "NamePool", "numbered", "street_stems", "words"]


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


def street_stems() -> tuple[Iterator[str], Iterator[str]]:
    """Returns the stems of the main east-west and north-south roads, the widest first."""
    return iter(EAST_WEST), iter(NORTH_SOUTH)


class NamePool:
    """Hands out names in a random order, each once."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._taken: set[str] = set()
        stems = sorted({a + b for a, b in product(STEM_HEADS, STEM_TAILS) if a != b})
        self._stems = [stems[i] for i in random.permutation(len(stems))]
        self._lanes = [LANE_STEMS[i] for i in random.permutation(len(LANE_STEMS))]

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

    def lane(self) -> str:
        """Returns a fresh name of a lane in the old town."""
        suffix = ("巷", "胡同", "巷", "街")[int(self._random.integers(4))]
        stem = self._lanes.pop() if self._lanes else self.stem()
        return stem + suffix

    def first_free(self, candidates: Iterable[str]) -> str:
        """Returns the first candidate that nobody has, or a name made of a fresh stem and its ending."""
        last = ""
        for last in candidates:
            if self.take(last):
                return last
        return self.stem() + last[2:]
