"""Templates and running numbers: a text from several columns, a code from a stem and a number.

A running number belongs to its stem, the text before it: rows with the same stem are counted in the order of the files, over
all sources of a recipe that fill the same field of the same layer. So the same files always give the same codes, a row set
aside keeps the number it would have had, and a refused import uses up none: nothing is counted outside the files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["PLACES", "RUNNING", "Counters", "fill_template", "template_columns"]

RUNNING = re.compile(r"\{#(\d{1,2})\}")
PLACES = re.compile(r"\{([^{}#][^{}]*)\}")
Counters = dict[str, int]


def template_columns(template: str) -> list[str]:
    """Returns the columns that a template names.

    >>> template_columns("{行政區}{路}-{#6}")
    ['行政區', '路']
    """
    return PLACES.findall(template)


def fill_template(template: str, columns: Mapping[str, Sequence[Any]], count: int, counters: Counters) -> list[str | None]:
    """Returns the text of every row; None where all its columns are empty.

    >>> fill_template("P{区}{#3}", {"区": ["A", "B", "A", None]}, 4, {})
    ['PA001', 'PB001', 'PA002', None]

    Args:
        count: rows, for a template without columns.
        counters: last number by stem; kept from source to source.
    """
    named = template_columns(template)
    pieces = PLACES.split(template)  # text, column, text, …
    texts: list[str | None] = []
    for row in range(count):
        cells = {name: _plain(columns[name][row]) for name in named}
        if named and not any(cells.values()):
            texts.append(None)
            continue
        text = "".join(cells[piece] if position % 2 else piece for position, piece in enumerate(pieces))
        texts.append(_numbered(text, counters))
    return texts


def _numbered(text: str, counters: Counters) -> str:
    match = RUNNING.search(text)
    if match is None:
        return text
    stem = text[: match.start()]
    counters[stem] = counters.get(stem, 0) + 1
    return f"{stem}{counters[stem]:0{int(match[1])}d}{text[match.end() :]}"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
