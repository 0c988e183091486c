"""Kinds of matters that fill the year: class codes, how often, where, when, how soon, by whom, and in whose words.

Codes are those of CJ/T 214-2007 and GB/T 47678.5-2026; for GB/T 30428.2-2013, whose minor list is not public, the codes
of 2007 stand as LOCAL ones (its majors 01-05 are the same). Limits are in hours, of the order of published local rules.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMPONENT_WORDS", "MATTERS", "Matter"]


@dataclass(frozen=True, slots=True)
class Matter:
    """One class of matter: weight in the city, factor at the hot spots, day profile, limit, department, words."""

    code_2005: str
    code_2026: str
    weight: float
    hot: float
    hours: str
    limit: float
    department: str
    words: tuple[str, ...]


CITY, CLEAN, ROAD, GREEN, BUILD = (
    "综合行政执法大队",
    "环境卫生管理处",
    "市政设施管理处",
    "园林绿化管理处",
    "住房和城乡建设局",
)
TRAFFIC, WATER = "交通警察支队", "排水管理中心"

MATTERS = (
    Matter(
        "0506",
        "09010",
        13.0,
        1.6,
        "work",
        4,
        CITY,
        (
            "{place}非机动车乱停放，占压盲道",
            "{place}人行道上共享单车乱停乱放，约{n}辆",
            "{place}电动车停成两排，行人只能走机动车道",
        ),
    ),
    Matter(
        "0505",
        "09009",
        10.0,
        1.4,
        "work",
        4,
        TRAFFIC,
        ("{place}人行道上违停小轿车{m}辆", "{place}机动车乱停放，堵住小区出入口", "{place}长期有车辆占用人行道停放"),
    ),
    Matter(
        "0504",
        "09005",
        9.0,
        3.2,
        "work",
        4,
        CITY,
        ("{place}商户店外经营，货物摆到人行道", "{place}水果店出店经营，占道约{m}平方米", "{place}饭店把桌椅摆在门外"),
    ),
    Matter(
        "0501",
        "09001",
        9.0,
        4.2,
        "market",
        2,
        CITY,
        (
            "{place}有流动摊贩{m}处，影响通行",
            "{place}早市收市后仍有摊贩占道",
            "{place}三轮车卖菜，堵塞非机动车道",
            "{place}无照游商聚集，地面遗留菜叶",
        ),
    ),
    Matter(
        "0102",
        "06010",
        9.5,
        1.5,
        "work",
        4,
        CLEAN,
        ("{place}有暴露垃圾约{m}平方米", "{place}路边堆放装袋垃圾无人清运", "{place}绿化带旁倾倒生活垃圾"),
    ),
    Matter(
        "0104",
        "06012",
        7.0,
        1.2,
        "work",
        2,
        CLEAN,
        ("{place}路面不洁，有落叶和纸屑", "{place}路面有油污约{m}平方米", "{place}泥浆带到路面，长约{n}米"),
    ),
    Matter(
        "0201",
        "07001",
        8.5,
        1.8,
        "work",
        12,
        CITY,
        ("{place}墙面有非法小广告{n}处", "{place}电杆上张贴小广告", "{place}地面喷涂办证广告{m}处"),
    ),
    Matter("0103", "06011", 4.0, 0.6, "work", 12, CLEAN, ("{place}积存渣土约{m}立方米", "{place}装修垃圾堆放多日未清")),
    Matter(
        "0110",
        "06013",
        4.2,
        0.5,
        "work",
        72,
        ROAD,
        ("{place}路面破损，坑槽约{m}平方米", "{place}人行道地砖松动、缺失{n}块", "{place}路面裂缝、翻浆，车辆颠簸"),
    ),
    Matter(
        "0507",
        "06036",
        4.5,
        1.3,
        "work",
        8,
        CITY,
        ("{place}乱堆物料，占用人行道", "{place}沿街堆放建材约{m}平方米", "{place}楼道口堆放旧家具"),
    ),
    Matter("0106", "06017", 3.2, 0.5, "work", 12, GREEN, ("{place}绿地内有垃圾、枯枝", "{place}绿化带脏乱，杂草丛生")),
    Matter("0101", "06001", 2.0, 0.5, "work", 360, CITY, ("{place}有人私搭乱建，面积约{n}平方米", "{place}楼顶搭建彩钢房")),
    Matter(
        "0508",
        "06028",
        2.6,
        2.0,
        "evening",
        2,
        CITY,
        ("{place}商户用音响招揽顾客，噪音扰民", "{place}广场舞音响声音过大"),
    ),
    Matter("0510", "06029", 2.2, 1.8, "evening", 2, CITY, ("{place}露天烧烤，油烟呛人", "{place}夜市烧烤摊占道，烟气扰民")),
    Matter("0116", "06027", 1.6, 1.4, "evening", 48, CITY, ("{place}饭店油烟直排，居民不敢开窗",)),
    Matter("0202", "07003", 2.0, 1.0, "work", 24, CITY, ("{place}违规悬挂横幅{m}条", "{place}擅自设置广告牌")),
    Matter("0205", "07008", 1.0, 0.8, "work", 24, CITY, ("{place}广告牌破损，有脱落危险", "{place}公益广告画面破损褪色")),
    Matter(
        "0301",
        "08001",
        2.4,
        0.4,
        "night",
        2,
        BUILD,
        ("{place}工地夜间施工噪音大，孩子睡不着", "{place}工地凌晨仍在浇筑，请求制止"),
    ),
    Matter("0302", "08004", 1.6, 0.3, "work", 8, BUILD, ("{place}工地裸土未覆盖，扬尘严重", "{place}拆迁工地没有喷淋降尘")),
    Matter(
        "0304",
        "08002",
        1.8,
        0.6,
        "work",
        12,
        BUILD,
        ("{place}施工围挡占道，未见审批公示", "{place}管线施工占用半幅道路"),
    ),
    Matter("0305", "08003", 0.6, 0.4, "work", 12, ROAD, ("{place}有人擅自开挖路面，长约{n}米",)),
    Matter("0105", "06025", 1.2, 0.2, "work", 24, WATER, ("{place}河面有漂浮物", "{place}水面有油花，有异味")),
    Matter(
        "0406",
        "01004",
        2.4,
        0.5,
        "any",
        4,
        WATER,
        ("{place}路面积水约{n}平方米，深{k}厘米", "{place}一下雨就积水，车过水花四溅"),
    ),
    Matter("0404", "01002", 2.0, 1.2, "any", 8, WATER, ("{place}污水外溢，气味难闻", "{place}下水道堵塞返水")),
    Matter("0107", "06034", 0.8, 0.5, "work", 168, TRAFFIC, ("{place}有废弃僵尸车，轮胎已瘪",)),
    Matter("0511", "06007", 1.4, 0.9, "work", 4, CITY, ("{place}沿街晾挂衣物", "{place}居民在行道树上拉绳晒被子")),
    Matter("0117", "06037", 0.5, 0.5, "any", 2, CLEAN, ("{place}路中有动物尸体",)),
    Matter("0112", "06014", 1.2, 0.4, "work", 2, CLEAN, ("{place}渣土车遗撒，长约{n}米",)),
)

# What is told of a component, by the ending of its kind; the first that fits.
COMPONENT_WORDS: tuple[tuple[tuple[str, ...], float, tuple[str, ...]], ...] = (
    (
        ("_cover",),
        6,
        (
            "{place}{name}破损，边缘开裂",
            "{place}{name}移位，车辆经过异响",
            "{place}{name}下沉约{k}厘米",
            "{place}{name}缺失，急需围挡",
        ),
    ),
    (("inlet",), 8, ("{place}雨水箅子破损", "{place}雨水箅子堵塞，落叶淤积", "{place}雨水箅子丢失")),
    (
        ("lamp",),
        24,
        ("{place}路灯不亮", "{place}路灯白天常亮", "{place}路灯杆倾斜", "{place}连续{m}盏路灯不亮，夜里很黑"),
    ),
    (
        ("tree", "guard", "flowers"),
        48,
        ("{place}行道树枯死", "{place}树枝遮挡信号灯，请求修剪", "{place}树穴缺土、地砖松动"),
    ),
    (("signal",), 4, ("{place}信号灯不亮", "{place}信号灯倒计时不显示")),
    (("sign", "name_plate"), 48, ("{place}标志牌歪斜", "{place}标志牌被遮挡，看不清")),
    (("bin",), 12, ("{place}垃圾箱破损", "{place}垃圾箱满溢未清", "{place}垃圾箱门丢失")),
    (("bus_stop",), 48, ("{place}公交站亭玻璃破碎", "{place}公交站亭座椅损坏")),
    (("fitness", "bench"), 72, ("{place}健身器材损坏，有安全隐患", "{place}座椅木条断裂")),
    (("",), 48, ("{place}{name}损坏", "{place}{name}倾斜，存在安全隐患", "{place}{name}锈蚀、缺件")),
)
