"""Conversion of values by the written rules, and the mapping of columns to fields."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from data.mapping import match_fields, split_pairs
from data.report import FileFault
from data.values import convert_column
from layers.catalogue import Registry
from layers.model import Attribute, AttributeType

CITY_TIME = ZoneInfo("Asia/Shanghai")


def convert(kind: AttributeType, value: Any) -> Any:
    """The converted value, or the rule that refuses it."""
    field = Attribute.model_validate({"title": {"zh": "字段", "en": "Field"}, "type": kind})
    values, faults = convert_column("key", field, [value])
    assert len(values) == 1
    return faults[0].rule if faults else values[0]


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("integer", "12", 12),
        ("integer", " 76,180 ", 76180),
        ("integer", "12.0", 12),
        ("integer", 12.0, 12),
        ("integer", "-3", -3),
        ("integer", "", None),
        ("integer", None, None),
        ("integer", "7,61", "integer"),
        ("integer", "1,2345", "integer"),
        ("integer", "１２", "integer"),
        ("integer", "12.5", "integer"),
        ("integer", True, "integer"),
        ("integer", "9223372036854775807", 2**63 - 1),
        ("integer", "9223372036854775808", "integer_range"),
        ("integer", "9" * 5000, "integer_range"),
        ("integer", 1e17, "integer_exact"),
        ("integer", "NaN", "finite"),
        ("number", "76,180.5", 76180.5),
        ("number", " 1e3 ", 1000.0),
        ("number", ".5", 0.5),
        ("number", 3, 3.0),
        ("number", "12,5", "number"),
        ("number", "1, 080", "number"),
        ("number", "180平方公尺", "number"),
        ("number", "inf", "finite"),
        ("number", "1e999", "finite"),
        ("number", float("nan"), "finite"),
        ("number", 10**400, "finite"),
        ("number", False, "number"),
        ("boolean", "是", True),
        ("boolean", "否", False),
        ("boolean", "TRUE", True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", "有", "boolean"),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("date", "2024/2/9", date(2024, 2, 9)),
        ("date", "20240209", date(2024, 2, 9)),
        ("date", 20240209, date(2024, 2, 9)),
        ("date", "2024-02-09T00:00:00", date(2024, 2, 9)),
        ("date", "2024-02-09T08:00:00", "date"),
        ("date", "2023-02-29", "date"),
        ("date", "2024-02/09", "date"),
        ("date", "113/02/09", "date"),
        ("datetime", "2026-07-01T08:30:00", datetime(2026, 7, 1, 8, 30, tzinfo=CITY_TIME)),
        ("datetime", "2026/07/01 08:30", datetime(2026, 7, 1, 8, 30, tzinfo=CITY_TIME)),
        ("datetime", "2026/7/1", datetime(2026, 7, 1, tzinfo=CITY_TIME)),
        ("datetime", "2026-07-01T08:30:00Z", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("datetime", "2026-07-01T08:30:00+09:00", datetime(2026, 7, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))),
        ("datetime", "08:30", "datetime"),
        ("datetime", 20260701, "datetime"),
        ("text", "　　公园\n", "公园"),
        ("text", 63000010.0, "63000010"),
        ("text", 12.5, "12.5"),
        ("text", 410106010100000123, "410106010100000123"),
        ("text", "007.0", "007.0"),
        ("text", True, "true"),
        ("text", [1], "text"),
        ("text", "a\x00b", "characters"),
        ("text", "  ", None),
    ],
)
def test_values_follow_the_rules(kind: AttributeType, value: Any, wanted: Any) -> None:
    assert convert(kind, value) == wanted


def test_columns_find_their_fields_by_any_name(registry: Registry) -> None:
    layer = registry.by_role("component")
    columns = ["GLBJMC", "部件标识码", "CLASS_CODE", "Status", "x", "其他"]
    found = match_fields(layer, columns, [], [], used=["x"])
    assert found.sources == {"name": "GLBJMC", "code": "部件标识码", "class_code": "CLASS_CODE", "status": "Status"}
    assert found.unmapped == ("其他",)


def test_the_persons_word_goes_first(registry: Registry) -> None:
    layer = registry.by_role("tree")
    found = match_fields(layer, ["code", "no", "species", "树种", "status"], [("no", "code"), ("树种", "species")], [("status", "保护")])
    assert found.sources == {"code": "no", "species": "树种"}
    assert found.constants == {"status": "保护"}
    assert found.unmapped == ("code", "species", "status")


@pytest.mark.parametrize("text", ["name", "=name", "名称="])
def test_a_pair_needs_two_sides(text: str) -> None:
    with pytest.raises(FileFault) as told:
        split_pairs([text], "--map")
    assert told.value.value == text
