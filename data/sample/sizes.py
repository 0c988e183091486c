"""How large a sample city is: every figure that depends on the size stands here.

Only S is built today; M and L follow the same path with their own row of this table.
"""

from __future__ import annotations

from dataclasses import dataclass

from grid_coding.errors import BilingualError

__all__ = ["SIZES", "CitySize", "SampleSizeError", "city_size"]


class SampleSizeError(BilingualError):
    """There is no sample city of this size; tells so in both languages."""

    def __init__(self, value: str) -> None:
        known = "、".join(SIZES)
        super().__init__(f"没有规模为“{value}”的示范市；可用：{known}", f"no sample city of size {value!r}; known: {known}")
        self.value = value


@dataclass(frozen=True, slots=True)
class CitySize:
    """Extent and targets of a sample city; lengths in metres, in the plan before it is bent.

    ``columns`` and ``rows`` are the places of the north-south and east-west arterials; the river runs along row 0.
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


SIZES = {
    "S": CitySize(
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
    ),
}


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
