"""Which column of a file fills which field of a layer: by the person's word, else by equal names; the rest is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from data.report import FileFault
from layers.model import Layer

__all__ = ["FieldMap", "match_fields", "split_pairs"]


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The columns to read by field, the constants by field, and the columns that nothing asks for."""

    sources: Mapping[str, str]
    constants: Mapping[str, str]
    unmapped: tuple[str, ...]


def split_pairs(texts: Iterable[str], option: str) -> list[tuple[str, str]]:
    """Splits ``left=right``; for ``--map`` at the last sign (a file's names may hold one), for ``--set`` at the first.

    >>> split_pairs(["a=b=name"], "--map"), split_pairs(["remark=a=b"], "--set")
    ([('a=b', 'name')], [('remark', 'a=b')])

    Raises:
        FileFault: no sign, or an empty side.
    """
    pairs = []
    for text in texts:
        left, sign, right = text.rpartition("=") if option == "--map" else text.partition("=")
        if not sign or not left.strip() or not right.strip():
            zh, en = ("文件列=图层字段", "file_column=layer_field") if option == "--map" else ("图层字段=值", "layer_field=value")
            raise FileFault(
                "option",
                f"{option} 应写成 {zh}，得到“{text}”",
                f"{option} is written {en}, got {text!r}",
                field=option,
                value=text,
            )
        pairs.append((left.strip(), right.strip()))
    return pairs


def match_fields(
    layer: Layer,
    columns: Sequence[str],
    given: Sequence[tuple[str, str]],
    constants: Sequence[tuple[str, str]],
    used: Sequence[str] = (),
) -> FieldMap:
    """Finds a column for each field.

    A column fills a field whose key, Chinese or English title, or standard abbreviation it equals, in either case.

    Args:
        given: (column, field) as the person said; they go before equal names.
        constants: (field, value) that stand in every row.
        used: columns that already serve as coordinates.

    Raises:
        FileFault: an unknown column or field, a field filled twice, or a required field that nothing fills.
    """
    sources: dict[str, str] = {}
    fixed: dict[str, str] = {}
    for column, field in given:
        _known_field(layer, field, "--map")
        if column not in columns:
            listed = "、".join(columns)
            raise FileFault(
                "map_column",
                f"文件没有列“{column}”；有：{listed}",
                f"the file has no column {column!r}; it has: {listed}",
                field=column,
                value=column,
            )
        if field in sources:
            raise _twice(field, sources[field], column)
        sources[field] = column
    for field, value in constants:
        _known_field(layer, field, "--set")
        if field in sources or field in fixed:
            raise _twice(field, sources.get(field, "--set"), "--set")
        fixed[field] = value
    names = _names(layer)
    taken = set(sources.values()) | set(used)
    chosen = set(sources) | set(fixed)
    for column in columns:
        target = names.get(column.strip().casefold())
        if column in taken or target is None or target in chosen:
            continue
        if target in sources:
            raise _twice(target, sources[target], column)
        sources[target] = column
    _require(layer, columns, sources, fixed)
    left = [column for column in columns if column not in set(sources.values()) | set(used)]
    return FieldMap(sources, fixed, tuple(left))


def _names(layer: Layer) -> dict[str, str]:
    """Every name that a field goes by, in lower case; keys go before titles."""
    found: dict[str, str] = {}
    for key, field in layer.fields.items():
        for name in (field.abbreviation, field.title.en, field.title.zh):
            if name:
                found.setdefault(name.casefold(), key)
    return found | {key: key for key in layer.fields}


def _known_field(layer: Layer, field: str, option: str) -> None:
    if field not in layer.fields:
        listed = "、".join(f"{key}（{item.title.zh}）" for key, item in layer.fields.items())
        raise FileFault(
            "map_field",
            f"图层“{layer.title.zh}”没有字段“{field}”（{option}）；有：{listed}",
            f"layer {layer.id!r} has no field {field!r} ({option}); it has: {', '.join(layer.fields)}",
            field=field,
            value=field,
        )


def _twice(field: str, first: str, second: str) -> FileFault:
    return FileFault(
        "map_twice",
        f"字段“{field}”有两个来源：“{first}”和“{second}”；请用 --map 指明一个",
        f"field {field!r} would be filled twice, from {first!r} and {second!r}; name one with --map",
        field=field,
        value=second,
    )


def _require(layer: Layer, columns: Sequence[str], sources: Mapping[str, str], fixed: Mapping[str, str]) -> None:
    for key, field in layer.fields.items():
        if field.required and key not in sources and key not in fixed:
            listed = "、".join(columns) or "（无）"
            raise FileFault(
                "required",
                f"没有列对应必填字段“{key}”（{field.title.zh}）；请用 --map 列={key}。文件有：{listed}",
                f"no column fills the required field {key!r}; say --map COLUMN={key}. The file has: {listed}",
                field=key,
            )
