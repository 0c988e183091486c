"""Checks of the columns of a table against its layer: required, length, range, domain, code. Pure; geometry is the gate's.

Each check works on a whole column; only the rows that break it are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.report import RowFault
from data.table import LayerTable
from grid_coding import classes as class_tables
from grid_coding.errors import CodeError
from grid_coding.profiles import AreaLevel, check, check_area
from layers.model import Attribute, CodeRule, Layer
from spatial.cities import City

__all__ = ["check_columns"]

LEVEL_OF_ROLE: dict[str, AreaLevel] = {"district": "county", "street": "street", "community": "community"}
SHOWN = 80
Sentence = tuple[str, str]


def check_columns(layer: Layer, city: City, table: LayerTable) -> list[RowFault]:
    """Returns every broken rule of the columns, in the order of fields; rows count from 1."""
    faults: list[RowFault] = []
    for key, field in layer.fields.items():
        values = table.columns.get(key)
        if values is None:
            if field.required:
                faults.extend(
                    RowFault(row + 1, key, "", "required", f"缺少必填字段“{field.title.zh}”", f"required field {key!r} is missing")
                    for row in range(len(table.geometry))
                )
            continue
        faults.extend(_check_field(layer, city, key, field, values))
    return faults


def _check_field(layer: Layer, city: City, key: str, field: Attribute, values: Sequence[Any] | NDArray[Any]) -> Iterator[RowFault]:
    column = pd.Series(values, dtype=object) if not isinstance(values, np.ndarray) else pd.Series(values)
    missing = column.isna().to_numpy()
    if field.required:
        for row in np.flatnonzero(missing):
            yield RowFault(int(row) + 1, key, "", "required", f"“{field.title.zh}”不能为空", f"{key!r} must have a value")
    present = column[~missing]
    if field.type == "text":
        yield from _check_text(layer, city, key, field, present)
    if field.type in ("integer", "number"):
        numbers = present.astype(float)
        infinite = ~np.isfinite(numbers)
        yield from _rows(numbers[infinite], key, "finite", lambda value: (f"“{value}”不是有限数", f"{value!r} is not finite"))
        unit = field.unit or ""
        if field.minimum is not None:
            low = f"{field.minimum:g} {unit}".strip()
            yield from _rows(numbers[numbers < field.minimum], key, "minimum", lambda value: (f"小于最小值 {low}", f"below {low}"))
        if field.maximum is not None:
            high = f"{field.maximum:g} {unit}".strip()
            yield from _rows(numbers[numbers > field.maximum], key, "maximum", lambda value: (f"大于最大值 {high}", f"above {high}"))


def _check_text(layer: Layer, city: City, key: str, field: Attribute, present: pd.Series[Any]) -> Iterator[RowFault]:
    if field.length is not None:
        too_long = present[present.str.len() > field.length]
        yield from _rows(
            too_long, key, "length",
            lambda value: (f"长度 {len(value)} 超过 {field.length}", f"{len(value)} characters, at most {field.length}"),
        )  # fmt: skip
    domain = layer.domain_of(key)
    if domain is not None and domain.values:
        allowed = {item.value for item in domain.values}
        listed = "、".join(item.value for item in domain.values)
        yield from _rows(
            present[~present.isin(allowed)], key, "domain",
            lambda value: (f"“{value}”不在值域内：{listed}", f"{value!r} is not one of: {listed}"),
        )  # fmt: skip
    if domain is not None and domain.class_table is not None:
        table = domain.class_table
        yield from _code_faults(present, key, lambda code: class_tables.class_of(city.profile, table, code))
    if field.code is not None:
        yield from _code_faults(present, key, _code_check(layer, city, field.code))


def _code_check(layer: Layer, city: City, rule: CodeRule) -> Callable[[str], object]:
    if rule.kind != "area":
        kind = rule.kind
        return lambda code: check(city.profile, kind, code)
    level = LEVEL_OF_ROLE.get(layer.role or "", "community")

    def checked(code: str) -> str:
        check_area(city.profile, level, code)
        if not code.startswith(city.prefix):
            raise CodeError(
                "code_city", code,
                f"代码“{code}”不以本市前缀 {city.prefix} 开头", f"code {code!r} does not start with the city's prefix {city.prefix}",
            )  # fmt: skip
        return code

    return checked


def _code_faults(present: pd.Series[Any], key: str, accept: Callable[[str], object]) -> Iterator[RowFault]:
    """Asks every distinct code once: a class column of a million rows has a hundred values."""
    broken: dict[str, CodeError] = {}
    for code in present.unique():
        try:
            accept(code)
        except CodeError as error:
            broken[code] = error
    if broken:
        wrong = present[present.isin(set(broken))]
        for row, code in zip(wrong.index.tolist(), wrong.tolist(), strict=True):
            told = broken[code]
            yield RowFault(row + 1, key, code[:SHOWN], told.rule, told.zh, told.en)


def _rows(column: pd.Series[Any], key: str, rule: str, sentence: Callable[[Any], Sentence]) -> Iterator[RowFault]:
    for row, value in zip(column.index.tolist(), column.tolist(), strict=True):
        zh, en = sentence(value)
        yield RowFault(row + 1, key, str(value)[:SHOWN], rule, zh, en)
