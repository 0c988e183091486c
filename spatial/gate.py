"""What the geometry gate's rules say to people; the rules themselves are SQL (``sql/gate.sql``), one function for all."""

from __future__ import annotations

from dataclasses import dataclass

from layers.model import Layer

__all__ = ["GeometryFault", "fault_from_gate", "gate_types"]

# rule -> (zh, en); {detail} is what the gate found, {types} what the layer takes.
SENTENCES: dict[str, tuple[str, str]] = {
    "geometry_missing": ("缺少几何", "the geometry is missing"),
    "geometry_unreadable": ("几何无法解析：{detail}", "the geometry cannot be read: {detail}"),
    "geometry_type": ("几何类型为 {detail}，本图层只接受 {types}", "the geometry is a {detail}; this layer takes {types}"),
    "geometry_empty": ("几何为空（{detail}）", "the geometry is empty ({detail})"),
    "geometry_srid": ("几何坐标系为 {detail}，应为 4490", "the geometry has SRID {detail}, not 4490"),
    "geometry_dimension": ("几何为 {detail} 维，应为二维", "the geometry has {detail} dimensions, not 2"),
    "geometry_vertices": ("几何有 {detail} 个顶点，超过 100000", "the geometry has {detail} vertices, more than 100000"),
    "geometry_finite": ("坐标不是有限数（{detail}）", "a coordinate is not a finite number ({detail})"),
    "geometry_range": ("坐标超出经纬度范围：{detail}", "a coordinate is out of the range of degrees: {detail}"),
    "geometry_envelope": ("位置不在城市范围内：{detail}", "the place lies outside the city's envelope: {detail}"),
    "geometry_closed": ("多边形的环没有闭合", "a ring of the polygon is not closed"),
    "geometry_valid": ("几何无效：{detail}", "the geometry is invalid: {detail}"),
}
REASONS_ZH: dict[str, str] = {
    "Self-intersection": "自相交",
    "Ring Self-intersection": "环自相交",
    "Hole lies outside shell": "洞在外环之外",
    "Holes are nested": "洞互相嵌套",
    "Nested shells": "外环互相嵌套",
    "Duplicate Rings": "环重复",
    "Too few points in geometry component": "点数太少",
    "Interior is disconnected": "内部不连通",
}


@dataclass(frozen=True, slots=True)
class GeometryFault:
    """One broken rule of the gate, in both languages."""

    rule: str
    detail: str
    zh: str
    en: str


def gate_types(layer: Layer) -> list[str]:
    """Returns the geometry types of a layer as PostGIS spells them.

    >>> from layers.catalogue import load
    >>> gate_types(load().by_role("park"))
    ['POLYGON', 'MULTIPOLYGON', 'POINT']
    """
    return [kind.upper() for kind in layer.geometry]


def fault_from_gate(layer: Layer, answer: str) -> GeometryFault:
    """Turns the gate's "rule: detail" into sentences.

    >>> from layers.catalogue import load
    >>> fault_from_gate(load().by_role("district"), "geometry_valid: Self-intersection POINT(1 2)").zh
    '几何无效：自相交 POINT(1 2)'
    """
    rule, _, detail = answer.partition(": ")
    zh, en = SENTENCES[rule]
    types = "、".join(layer.geometry)
    detail_zh = detail
    for english, chinese in REASONS_ZH.items():
        if detail.startswith(english + " "):
            detail_zh = chinese + detail[len(english) :]
    return GeometryFault(rule, detail, zh.format(detail=detail_zh, types=types), en.format(detail=detail, types=types.replace("、", ", ")))
