"""Fields as a recipe fills them: odd values by named rules, translations, stand-ins, running numbers; misfits are named."""

from __future__ import annotations

from typing import Any

import pytest

from data.recipes.codes import Counters, fill_template
from data.recipes.filling import fill_field
from data.recipes.model import Filling
from layers.model import Attribute

TITLE = {"zh": "甲", "en": "A"}


def filled(given: list[Any], kind: str = "text", **rules: Any) -> tuple[list[Any], list[tuple[int, str, str]], list[str]]:
    notes: list[str] = []
    attribute = Attribute.model_validate({"title": TITLE, "type": kind})
    filling = Filling.model_validate({"column": "c", **rules})
    found, faults = fill_field("f", attribute, filling, {"c": given}, len(given), {}, notes)
    return found, [(fault.row, fault.value, fault.rule) for fault in faults], notes


@pytest.mark.parametrize(
    ("rule", "kind", "values", "read", "broken"),
    [
        ("roc_date", "date", ["112/5/3", "73.12.05", "0990230", "112/13/1"], ["2023-05-03", "1984-12-05", None, None], [3, 4]),
        ("roc_year", "text", ["85", "民國102年", "2005", "90~95"], ["1996", "2013", None, None], [3, 4]),
        ("date_hhmmss", "text", ["20230117 90500", "20230117 240000"], ["2023-01-17T09:05:00", None], [2]),
        ("twitter_time", "text", ["Thu Jul 22 08:51:39 +0800 2021", "2021-07-22"], ["2021-07-22T08:51:39+08:00", None], [2]),
        ("us_date", "date", ["7/24/2007 0:00:00", "24/7/2007"], ["2007-07-24", None], [2]),
        ("epoch_ms", "text", ["1626944400000", "yesterday"], ["2021-07-22T09:00:00+00:00", None], [2]),
        ("strip_unit", "number", ["12.5 m", "1,080㎡", "about 3"], [12.5, 1080.0, None], [3]),
        ("zero_is_missing", "number", ["0", "0.0", "3"], [None, None, 3.0], []),
        ("whole_number", "text", ["6025.0", "60.5"], ["6025", None], [2]),
        ("first_day_is_missing", "date", ["1899-12-30", "2023-05-13"], [None, "2023-05-13"], []),
        ("up_to_district", "text", ["中山區臺北市中山區正義里", "三重里12號"], ["中山區", None], [2]),
        ("half_width", "text", ["８５巷"], ["85巷"], []),
        ("code_text", "text", ["SMH 12/3"], ["SMH-12-3"], []),
        (
            "section_size",
            "text",
            ["BOX 750×365", " 300×0", "300×", "×300", "BOX ×0", "wide"],
            ["BOX 750×365", None, None, "?×300", "BOX", None],
            [6],
        ),
        ("round_size", "integer", [" 300×0", "300×300", "450×525", "BOX 750×750", "×300", "300"], [300, 300, None, None, None, None], [6]),
    ],
)
def test_odd_values(rule: str, kind: str, values: list[Any], read: list[Any], broken: list[int]) -> None:
    found, faults, _ = filled(values, kind, read=rule)
    assert [None if value is None else str(value) if kind == "date" else value for value in found] == read
    assert [(row, told) for row, _, told in faults] == [(row, rule) for row in broken]
    assert [value for _, value, _ in faults] == [values[row - 1] for row in broken]


def test_rules_run_in_order() -> None:
    assert filled(["27302400000"], "date", read=["epoch_ms", "day_of_time"])[0][0].isoformat() == "1970-11-13"


def test_thousand_commas_need_no_rule() -> None:
    assert filled(["76,180", "7,61"], "number")[:2] == ([76180.0, None], [(2, "7,61", "number")])


def test_values_are_translated_and_strangers_named() -> None:
    values = {"正常": "完好", "1": "破损"}
    found, faults, _ = filled(["正常", 1, "", None, "怪"], values=values)
    assert found == ["完好", "破损", None, None, None]
    assert faults == [(5, "怪", "value_map")]
    found, faults, notes = filled(["正常", "怪", "怪"], values=values, otherwise="废弃")
    assert (found, faults) == (["完好", "废弃", "废弃"], [])
    assert "怪（2）" in notes[0]


def test_an_empty_text_in_the_table_of_values_is_no_value() -> None:
    values = {"UNK": "", "pvc": "PVC"}
    assert filled(["UNK", "pvc", "AC"], values=values, keep=True)[:2] == ([None, "PVC", "AC"], [])
    assert filled([7, 1], "integer", values={"1": ""}, keep=True)[:2] == ([7, None], [])
    found, faults, notes = filled(["pvc", "AC"], values=values, otherwise="")
    assert (found, faults) == (["PVC", None], []) and "留空：AC（1）" in notes[0]
    assert filled(["UNK"], values=values, missing="PE")[0] == ["PE"]


def test_a_stand_in_is_told_and_hides_no_fault() -> None:
    found, faults, notes = filled(["", "x", None], "integer", missing=7)
    assert (found, faults) == ([7, None, 7], [(2, "x", "integer")])
    assert "2 行" in notes[0]
    found, faults, _ = filled(["怪"], values={"a": "b"}, missing="b")
    assert (found, faults) == ([None], [(1, "怪", "value_map")])


def test_scale_and_plausible_range() -> None:
    assert filled([22, "0.5"], "number", scale=0.01)[0] == [0.22, 0.005]
    assert filled([12, "x"], "integer", scale=25.4)[:2] == ([305, None], [(2, "x", "number")])
    assert filled([281.2, 958, 0], "number", read="zero_is_missing", within=[200, 420])[:2] == (
        [281.2, None, None],
        [(2, "958", "implausible")],
    )


def test_running_numbers_belong_to_their_stem_and_go_on_from_source_to_source() -> None:
    counters: Counters = {}
    columns = {"日": ["0501", "0502", "0501", None], "区": ["A", "B", "A", "C"]}
    assert fill_template("{日}-{#3}", columns, 4, counters) == ["0501-001", "0502-001", "0501-002", None]
    assert fill_template("{日}-{#3}", {"日": ["0501"]}, 1, counters) == ["0501-003"]
    assert fill_template("K{#2}{区}", columns, 4, {}) == ["K01A", "K02B", "K03A", "K04C"]
    assert fill_template("P{x}", {"x": [7.0, 7.5]}, 2, {}) == ["P7", "P7.5"]
