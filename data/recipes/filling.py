"""From the columns of the files to the fields of a layer, as a recipe says: read, scale, translate, convert to the field's type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data.readers.raw import shown
from data.recipes.codes import Counters, fill_template
from data.recipes.model import Filling
from data.recipes.readings import read_values
from data.report import RowFault
from data.values import convert_column
from layers.model import Attribute

__all__ = ["fill_field", "fill_text"]

TEXT = Attribute.model_validate({"title": {"zh": "文字", "en": "Text"}})


def fill_field(
    key: str, attribute: Attribute, filling: Filling, columns: Mapping[str, Sequence[Any]], count: int, counters: Counters, notes: list[str]
) -> tuple[list[Any], list[RowFault]]:
    """Returns the values of one field in its type, and the faults of those that do not fit; tells of stand-ins in ``notes``."""
    if filling.constant is not None:
        converted, faults = convert_column(key, attribute, [filling.constant])
        return converted * count, faults
    if filling.template is not None:
        values: Sequence[Any] = fill_template(filling.template, columns, count, counters)
    else:
        values = columns[str(filling.column)]
    faults = []
    if filling.read:
        values, faults = read_values(key, filling.read, values)
    if filling.scale is not None:
        values, more = _scaled(key, attribute, filling.scale, values)
        faults += more
    if filling.within is not None:
        values, more = _plausible(key, attribute, filling.within, values)
        faults += more
    broken = {fault.row for fault in faults}
    if filling.values:
        values, more = _translated(key, filling, values, broken, notes)
        faults += more
        broken.update(fault.row for fault in more)
    if filling.missing is not None:
        values = _completed(key, filling.missing, values, broken, notes)
    converted, more = convert_column(key, attribute, values)
    return converted, faults + more


def fill_text(filling: Filling, columns: Mapping[str, Sequence[Any]], count: int, notes: list[str]) -> tuple[list[Any], list[RowFault]]:
    """Returns a text per row that no field of the layer holds, such as the district that a row names."""
    return fill_field("area_name", TEXT, filling, columns, count, {}, notes)


def _scaled(key: str, attribute: Attribute, factor: float, values: Sequence[Any]) -> tuple[list[Any], list[RowFault]]:
    """Multiplies numbers; for a field of whole numbers the product is rounded to one."""
    numbers, faults = convert_column(key, attribute.model_copy(update={"type": "number"}), values)
    finish: Callable[[float], float | int] = round if attribute.type == "integer" else _shortened
    return [None if number is None else finish(number * factor) for number in numbers], faults


def _plausible(key: str, attribute: Attribute, within: tuple[float, float], values: Sequence[Any]) -> tuple[list[Any], list[RowFault]]:
    """Names numbers outside the range that the recipe calls plausible."""
    low, high = within
    numbers, faults = convert_column(key, attribute.model_copy(update={"type": "number"}), values)
    for position, number in enumerate(numbers):
        if number is not None and not low <= number <= high:
            told = shown(values[position])
            zh, en = f"“{told}”不在合理范围 {low:g}–{high:g} 内", f"{told!r} is outside the plausible {low:g} to {high:g}"
            faults.append(RowFault(position + 1, key, told, "implausible", zh, en))
            numbers[position] = None
    return numbers, faults


def _shortened(number: float) -> float:
    """Twelve digits: 22 × 0.01 is 0.22, not 0.22000000000000003."""
    return float(f"{number:.12g}")


def _translated(key: str, filling: Filling, values: Sequence[Any], broken: set[int], notes: list[str]) -> tuple[list[Any], list[RowFault]]:
    found: list[Any] = []
    faults: list[RowFault] = []
    others: Counter[str] = Counter()
    for row, value in enumerate(values, 1):
        text = "" if value is None else str(value).strip()
        if text == "" and "" not in filling.values:
            found.append(None)
        elif text in filling.values:
            found.append(_or_none(filling.values[text]))
        elif filling.keep:
            found.append(value)
        elif filling.otherwise is not None:
            others[text] += 1
            found.append(_or_none(filling.otherwise))
        else:
            told = shown(value)
            listed = "、".join(list(filling.values)[:20])
            if row not in broken:
                zh, en = f"“{told}”不在值对照表中：{listed}", f"{told!r} is not in the table of values: {listed}"
                faults.append(RowFault(row, key, told, "value_map", zh, en))
            found.append(None)
    if others:
        told = "、".join(f"{text}（{number}）" for text, number in others.most_common(12))
        zh, en = (f"记为“{filling.otherwise}”", f"became {filling.otherwise!r}") if filling.otherwise != "" else ("留空", "were left empty")
        notes.append(f"{key}：对照表外的值{zh}：{told} / values outside the table {en}")
    return found, faults


def _or_none(value: Any) -> Any:
    """An empty text in a table of values means no value."""
    return None if value == "" else value


def _completed(key: str, stand_in: Any, values: Sequence[Any], broken: set[int], notes: list[str]) -> list[Any]:
    found = list(values)
    number = 0
    for position, value in enumerate(values):
        if (value is None or (isinstance(value, str) and not value.strip())) and position + 1 not in broken:
            found[position] = stand_in
            number += 1
    if number:
        notes.append(f"{key}：{number} 行没有值，记为“{stand_in}” / {number} rows without a value became {stand_in!r}")
    return found
