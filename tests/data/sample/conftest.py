"""The sample city, made once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from data.sample.city import make
from data.table import LayerTable


@dataclass(frozen=True)
class Made:
    """All rows of one layer, the tables joined."""

    columns: Mapping[str, np.ndarray]
    geometry: np.ndarray

    def __len__(self) -> int:
        return len(self.geometry)


def joined(tables: Sequence[LayerTable]) -> dict[str, Made]:
    """Joins the tables of each layer, in the order in which the layers came."""
    layers: dict[str, list[LayerTable]] = {}
    for table in tables:
        layers.setdefault(table.layer, []).append(table)
    return {
        layer: Made(
            {key: np.concatenate([column(part.columns[key]) for part in parts]) for key in parts[0].columns},
            np.concatenate([part.geometry for part in parts]),
        )
        for layer, parts in layers.items()
    }


def column(values: Any) -> np.ndarray:
    """Returns a column as an array; lists become arrays of objects."""
    if isinstance(values, np.ndarray):
        return values
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.fixture(scope="session")
def tables() -> list[LayerTable]:
    return list(make(profile="2005"))


@pytest.fixture(scope="session")
def city(tables: list[LayerTable]) -> dict[str, Made]:
    return joined(tables)


@pytest.fixture(scope="session")
def other_tables() -> list[LayerTable]:
    """The same city by the codes of 2026."""
    return list(make(profile="2026"))
