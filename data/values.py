"""From a file's values to the types of a layer's fields, by written rules; what does not fit is named, never bent.

integer   ``12``, ``-3``, ``76,180`` (commas every three digits), ``12.0``
number    ``1.5``, ``1e3``, ``76,180.5``; full-width digits, units and decimal commas are faults
boolean   是 否, true false, 1 0
date      2026-07-01, 2026/7/1, 20260701
datetime  ISO 8601, also with ``/``; without an offset it is Asia/Shanghai
text      blanks at both ends go; a whole number held as a decimal keeps no ``.0`` (a code 63000010.0 is ``63000010``)
An empty text is null in every type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from data.readers.raw import shown
from data.report import RowFault
from layers.model import Attribute, AttributeType

__all__ = ["convert_column"]

CITY_TIME = "Asia/Shanghai"
GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"(?i)[+-]?(nan|inf|infinity)")
DATE = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
INTEGER_RANGE = 1 << 63
LONGEST = 40
EXACT = 1 << 53  # above it a double no longer holds every integer
TRUTH = {"是": True, "否": False, "true": True, "false": False, "1": True, "0": False}
# rule -> (zh, en)
SENTENCES = {
    "integer": ("不是整数", "is not an integer"),
    "integer_range": ("整数超出 64 位范围", "is beyond 64 bits"),
    "integer_exact": (
        "整数以小数形式保存且超过 2^53，末位已不可靠",
        "is a decimal beyond 2^53: its last digits are lost",
    ),
    "number": ("不是数", "is not a number"),
    "finite": ("不是有限数", "is not finite"),
    "boolean": ("不是 是/否、true/false 或 1/0", "is none of 是/否, true/false, 1/0"),
    "date": ("不是日期（2026-07-01、2026/7/1 或 20260701）", "is not a date (2026-07-01, 2026/7/1 or 20260701)"),
    "datetime": ("不是时间（如 2026-07-01T08:30:00+08:00）", "is not a time (e.g. 2026-07-01T08:30:00+08:00)"),
    "text": ("不是文字", "is not a text"),
    "characters": ("含有数据库不能保存的空字符（NUL）", "holds the character NUL"),
}


class _Misfit(ValueError):
    """A value does not fit; ``rule`` is a key of SENTENCES."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def convert_column(key: str, field: Attribute, values: Sequence[Any]) -> tuple[list[Any], list[RowFault]]:
    """Returns the values in the field's type and a fault for each that does not fit (None stands in its place).

    >>> from layers.model import Attribute
    >>> field = Attribute(title={"zh": "面积", "en": "Area"}, type="number")
    >>> convert_column("area", field, [" 76,180 ", "", 3])
    ([76180.0, None, 3.0], [])
    >>> convert_column("area", field, ["12,5"])[1][0].en
    "'12,5' is not a number"
    """
    convert = CONVERTERS[field.type]
    converted: list[Any] = []
    faults: list[RowFault] = []
    for row, given in enumerate(values, 1):
        value = given.strip() if isinstance(given, str) else given
        if value is None or value == "":
            converted.append(None)
            continue
        try:
            converted.append(convert(value))
        except _Misfit as misfit:
            zh, en = SENTENCES[misfit.rule]
            text = shown(value)
            faults.append(RowFault(row, key, text, misfit.rule, f"“{text}”{zh}", f"{text!r} {en}"))
            converted.append(None)
    return converted, faults


def _integer(value: Any) -> int:
    if isinstance(value, str):
        if GROUPED.fullmatch(value):
            value = value.replace(",", "")
        if not INTEGER.fullmatch(value):
            raise _Misfit("finite" if NOT_FINITE.fullmatch(value) else "integer")
        if len(value) > LONGEST:
            raise _Misfit("integer_range")
        value = int(value.split(".")[0])
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Misfit("finite")
        if not value.is_integer():
            raise _Misfit("integer")
        if abs(value) > EXACT:
            raise _Misfit("integer_exact")
        value = int(value)
    elif not isinstance(value, int) or isinstance(value, bool):
        raise _Misfit("integer")
    if not -INTEGER_RANGE <= value < INTEGER_RANGE:
        raise _Misfit("integer_range")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        if GROUPED.fullmatch(value):
            value = value.replace(",", "")
        if not NUMBER.fullmatch(value):
            raise _Misfit("finite" if NOT_FINITE.fullmatch(value) else "number")
    elif not isinstance(value, int | float) or isinstance(value, bool):
        raise _Misfit("number")
    try:
        number = float(value)
    except OverflowError:
        raise _Misfit("finite") from None
    if not math.isfinite(number):
        raise _Misfit("finite")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = TRUTH.get(str(value).lower())
    if found is None:
        raise _Misfit("boolean")
    return found


def _date(value: Any) -> date:
    text = str(value) if isinstance(value, str | int) else ""
    match = DATE.fullmatch(text) or COMPACT_DATE.fullmatch(text)
    if match is None:
        raise _Misfit("date")
    year, month, day = (int(part) for part in match.groups() if part not in ("-", "/"))
    try:
        return date(year, month, day)
    except ValueError:
        raise _Misfit("date") from None


def _datetime(value: Any) -> datetime:
    if not isinstance(value, str):
        raise _Misfit("datetime")
    try:
        found = datetime.fromisoformat(value.replace("/", "-"))
    except ValueError:
        try:
            found = datetime.combine(_date(value), time())
        except _Misfit:
            raise _Misfit("datetime") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(CITY_TIME))


def _text(value: Any) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Misfit("finite")
        value = int(value) if value.is_integer() and abs(value) <= EXACT else repr(value)
    elif isinstance(value, bool):
        value = "true" if value else "false"
    elif not isinstance(value, str | int):
        raise _Misfit("text")
    text = str(value)
    if "\x00" in text:
        raise _Misfit("characters")
    return text


CONVERTERS: dict[AttributeType, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "text": _text,
}
