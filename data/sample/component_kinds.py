"""Kinds of components and where each stands: along streets of some grades, at crossings, in parks, in estates.

Codes are those of CJ/T 214-2007 and GB/T 47678.5-2026. The minor lists of GB/T 30428.2-2013 are not public: for that
edition the codes are LOCAL (majors 01-04 as in 2007, the former majors 05 and 06 in its 05); only the major is checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["AGENCIES", "KINDS", "Agency", "Along", "Kind"]


@dataclass(frozen=True, slots=True)
class Agency:
    """Who answers for a kind: competent department, owner, maintainer."""

    department: str
    owner: str
    maintainer: str


AGENCIES = {
    "road": Agency("市城市管理局", "市政设施管理处", "市政设施养护中心"),
    "light": Agency("市城市管理局", "市城市照明管理处", "照明设施维护队"),
    "storm": Agency("市城市管理局", "市政设施管理处", "排水设施养护中心"),
    "sewage": Agency("市住房和城乡建设局", "市排水公司", "排水管网运维中心"),
    "water": Agency("市水利局", "市自来水公司", "自来水管网维修所"),
    "gas": Agency("市住房和城乡建设局", "市燃气公司", "燃气管网抢修队"),
    "heat": Agency("市住房和城乡建设局", "市热力公司", "热力管网维修所"),
    "power": Agency("市发展和改革委员会", "市供电公司", "供电公司配电运检室"),
    "telecom": Agency("市工业和信息化局", "中国电信示范分公司", "通信线路维护中心"),
    "fire": Agency("市消防救援支队", "市消防救援支队", "自来水管网维修所"),
    "police": Agency("市公安局", "市公安局交通警察支队", "交通设施维护队"),
    "camera": Agency("市公安局", "市公安局", "技防设施维护中心"),
    "bus": Agency("市交通运输局", "市公共交通总公司", "公交站务管理中心"),
    "clean": Agency("市城市管理局", "市环境卫生管理处", "环卫作业一公司"),
    "green": Agency("市园林绿化局", "市园林绿化管理处", "绿化养护中心"),
    "advert": Agency("市城市管理局", "户外广告业主单位", "户外广告业主单位"),
    "sport": Agency("市体育局", "社区居民委员会", "健身器材维护站"),
    "post": Agency("市邮政管理局", "中国邮政示范分公司", "邮政设施维护班"),
}


@dataclass(frozen=True, slots=True)
class Along:
    """A row along streets of one grade: spacing, how many sides, probability that a street has it."""

    spacing: float
    sides: int = 1
    streets: float = 1.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of component.

    ``lateral`` is the distance from the kerb in metres (positive: on the pavement); ``lane`` > 0 puts it on the
    carriageway at this share of its half width instead. ``over_water`` tells that it also stands on bridges.
    """

    id: str
    code_2005: str
    code_2026: str
    code_2013: str
    agency: str
    lateral: float = 0.8
    lane: float = 0.0
    along: dict[str, Along] = field(default_factory=dict)
    over_water: bool = False
    crossing: float = 0.0  # at each arm of a crossing of main streets: probability
    park: float = 0.0  # per hectare of park
    estate: float = 0.0  # per hectare of an estate
    loss: float = 1.0  # how prone to damage against the common kind


def _main(art: float, sec: float, sides: int = 2, streets: float = 1.0) -> dict[str, Along]:
    return {"arterial": Along(art, sides, streets), "secondary": Along(sec, sides, streets)}


KINDS = (
    Kind(
        "lamp",
        "0118",
        "01037",
        "0118",
        "light",
        0.7,
        over_water=True,
        park=2.4,
        along={"expressway": Along(32, 2), **_main(31, 32), "branch": Along(32), "lane": Along(30), "inner": Along(42)},
    ),
    Kind("tree", "0402", "04002", "0402", "green", 1.5, loss=0.5, along={**_main(17, 18), "branch": Along(18, 2, 0.10)}),
    Kind(
        "inlet",
        "0104",
        "01004",
        "0104",
        "storm",
        -0.4,
        loss=1.6,
        along={
            "expressway": Along(40, 2),
            **_main(38, 38),
            "branch": Along(40, 2),
            "lane": Along(40),
            "inner": Along(62),
        },
    ),
    Kind("storm_cover", "0103", "01003", "0103", "storm", loss=1.3),
    Kind("sewage_cover", "0102", "01002", "0102", "sewage", loss=1.5),
    Kind("water_cover", "0101", "01001", "0101", "water", lane=0.78, along={**_main(110, 110, 1), "branch": Along(110)}),
    Kind("power_cover", "0105", "01005", "0105", "power", 2.4, along={**_main(85, 85, 1), "branch": Along(110)}),
    Kind("lamp_cover", "0106", "01006", "0106", "light", 1.3, along=_main(130, 130, 1)),
    Kind(
        "telecom_cover",
        "0107",
        "01007",
        "0107",
        "telecom",
        2.0,
        loss=1.4,
        along={**_main(75, 80, 1), "branch": Along(90), "inner": Along(95)},
    ),
    Kind("tv_cover", "0108", "01008", "0108", "telecom", 2.2, along=_main(210, 210, 1)),
    Kind("heat_cover", "0110", "01010", "0110", "heat", lane=0.5, along=_main(150, 150, 1)),
    Kind("gas_cover", "0111", "01011", "0111", "gas", lane=0.62, along={**_main(120, 120, 1), "branch": Along(150)}),
    Kind("hydrant", "0113", "01013", "0113", "fire", 1.0, along={**_main(118, 118, 1), "branch": Along(140)}),
    Kind(
        "telecom_box",
        "0115",
        "01027",
        "0115",
        "telecom",
        2.6,
        along={"secondary": Along(260), "branch": Along(280)},
        estate=0.4,
    ),
    Kind("pole", "0117", "01031", "0117", "telecom", 1.8, along={"branch": Along(60, 1, 0.4), "lane": Along(45, 1, 0.8)}),
    Kind("transformer", "0134", "01048", "0134", "power", 2.6, along={"branch": Along(380)}, estate=0.9, loss=0.6),
    Kind("gas_box", "0135", "01049", "0135", "gas", 2.6, estate=0.45, loss=0.6),
    Kind(
        "camera",
        "0136",
        "01050",
        "0136",
        "camera",
        0.8,
        over_water=True,
        crossing=0.55,
        along={"expressway": Along(400, 2)},
    ),
    Kind("post_box", "0123", "01042", "0123", "post", 2.0, along=_main(1300, 1300, 1)),
    Kind("kiosk", "0121", "01040", "0121", "post", 2.4, along=_main(1100, 1400, 1)),
    Kind("fitness", "0126", "01046", "0126", "sport", park=3.0, estate=0.55, loss=1.6),
    Kind("bus_stop", "0203", "02004", "0203", "bus", 1.9, along=_main(450, 520)),
    Kind(
        "sign",
        "0209",
        "02010",
        "0209",
        "police",
        0.9,
        over_water=True,
        crossing=0.5,
        along={"expressway": Along(260, 2), **_main(230, 300)},
    ),
    Kind("signal", "0210", "02014", "0210", "police", 0.9, crossing=0.9, loss=1.2),
    Kind("bike_rack", "0212", "02027", "0212", "road", 2.4, along={**_main(330, 300, 1), "branch": Along(420)}, loss=1.6),
    Kind("name_plate", "0213", "02012", "0213", "road", 1.2, crossing=0.8),
    Kind("bin", "0305", "03005", "0305", "clean", 1.3, loss=2.2, park=2.2, along={**_main(95, 110), "branch": Along(140)}),
    Kind("advert", "0307", "03006", "0307", "advert", 2.6, loss=1.4, along={**_main(240, 260, 1), "branch": Along(500)}),
    Kind("guard", "0403", "04004", "0403", "green", 1.5, along=_main(330, 400, 1)),
    Kind("flowers", "0404", "04005", "0404", "green", 2.2, along={"arterial": Along(260, 2, 0.6)}, park=1.0),
    Kind("sculpture", "0406", "04006", "0406", "green", park=0.35, loss=0.3),
    Kind("bench", "0407", "04007", "0407", "green", park=6.5, along={"arterial": Along(420, 2)}, lateral=2.6, loss=1.5),
    Kind("board", "0501", "03008", "0501", "clean", 2.4, estate=0.8, along={"branch": Along(520)}, loss=1.3),
)
