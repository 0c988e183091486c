"""How large a sample city is: every figure that depends on the size stands here.

A city is a mosaic of towns on a lattice, as wide Chinese cities are (组团式城市): each town has its own ring road, old core,
centre and districts, green belts lie between them. A small city is one town.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from data.sample.names import MOST_TOWNS, town_title
from data.sample.place import Town
from grid_coding.errors import BilingualError

__all__ = ["SIZES", "CitySize", "SampleSizeError", "city_size", "towns_of"]


class SampleSizeError(BilingualError):
    """There is no sample city of this size; tells so in both languages."""

    def __init__(self, value: str) -> None:
        known = "、".join(name for name, size in SIZES.items() if not size.hidden)
        super().__init__(f"没有规模为“{value}”的示范市；可用：{known}", f"no sample city of size {value!r}; known: {known}")
        self.value = value


@dataclass(frozen=True, slots=True)
class CitySize:
    """Extent and densities of a sample city; lengths in metres, in the plan before it is bent; figures are for each town.

    Attributes:
        id: what people call the size.
        lattice: columns and rows of towns.
        pitch: distance of the towns' middles, east and north.
        half_width: half the extent of a town, as ``half_height``; the ring road lies at ``ring_width`` and ``ring_height``.
        columns: places of the north-south arterials, as ``rows`` of the east-west ones; the river runs along row 0.
        grid_area_m2: wished area of a unit grid.
        cases: cases of all years together.
        case_years: how many years up to the last moment the cases span.
        on_streets: factor on the components along streets and at crossings.
        on_plots: factor on the components in parks and estates.
        rooms: share of the residential plots whose addresses are known by building, unit and room (楼号-单元-室); without any
            there are door plates only.
        manhole_step: distance of manholes.
        joint_step: distance of joints and chambers on pressure pipes and ducts (0: as each trade is wont).
        hidden: for tests, not shown to people.
    """

    id: str
    half_width: float
    half_height: float
    ring_width: float
    ring_height: float
    columns: tuple[float, ...]
    rows: tuple[float, ...]
    streets_per_district: int
    community_area_m2: float
    grid_area_m2: float
    cases: int
    emergencies: int
    lattice: tuple[int, int] = (1, 1)
    pitch: tuple[float, float] = (6000.0, 5800.0)
    case_years: int = 1
    on_streets: float = 1.0
    on_plots: float = 1.0
    rooms: float = 0.0
    manhole_step: float = 42.0
    joint_step: float = 0.0
    hidden: bool = False


S = CitySize(
    id="S",
    half_width=2680.0,
    half_height=2590.0,
    ring_width=2160.0,
    ring_height=2090.0,
    columns=(-1720.0, -880.0, -20.0, 830.0, 1690.0),
    rows=(-1640.0, -850.0, 870.0, 1650.0),
    streets_per_district=4,
    community_area_m2=410_000.0,
    grid_area_m2=10_000.0,
    cases=30_000,
    emergencies=60,
)
SIZES = {
    "S": S,
    "M": replace(
        S, id="M", lattice=(5, 4), grid_area_m2=9_600.0, cases=304_000, case_years=3, on_streets=2.05, on_plots=5.5, rooms=0.25,
    ),
    "L": replace(
        S, id="L", lattice=(7, 7), cases=124_000, case_years=3, on_streets=3.25, on_plots=18.0, rooms=0.7,
        manhole_step=21.0, joint_step=28.0,
    ),
    "T": replace(
        S, id="T", lattice=(2, 1), grid_area_m2=32_000.0, cases=1_500, case_years=2, on_streets=0.3, on_plots=0.3,
        rooms=0.002, joint_step=60.0, hidden=True,
    ),
}  # fmt: skip


def city_size(size: str) -> CitySize:
    """Returns the figures of a size.

    >>> city_size("S").cases
    30000

    Raises:
        SampleSizeError: the size is not built.
    """
    found = SIZES.get(size)
    if found is None:
        raise SampleSizeError(size)
    return found


def towns_of(size: CitySize, seed: int) -> Iterator[Town]:
    """Yields the towns of a city, row after row, every other row from the east, so that neighbours follow each other.

    >>> [(town.mark, town.column, town.row) for town in towns_of(city_size("M"), 1)][4:6]
    [('05', 4, 0), ('06', 4, 1)]
    >>> next(towns_of(city_size("S"), 7)) == Town(1, "", 0, 0, (0.0, 0.0), 7, 7)
    True
    """
    columns, rows = size.lattice
    if columns * rows == 1:
        yield Town(1, "", 0, 0, (0.0, 0.0), seed, seed)
        return
    if columns * rows > MOST_TOWNS:
        raise ValueError(f"a city has at most {MOST_TOWNS} towns")
    for index in range(columns * rows):
        row, along = divmod(index, columns)
        column = along if row % 2 == 0 else columns - 1 - along
        own = np.random.default_rng([seed, index])
        yield Town(
            number=index + 1,
            mark=f"{index + 1:02d}",
            column=column,
            row=row,
            offset=((column - (columns - 1) / 2) * size.pitch[0], (row - (rows - 1) / 2) * size.pitch[1]),
            seed=int(own.integers(1, 2**31)),
            land=seed,
            mirror=(int(own.choice([-1, 1])), int(own.choice([-1, 1]))),
            title=town_title(index + 1),
        )
