"""The one form in which rows come to the loader: columns side by side with their geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerTable"]


@dataclass(frozen=True, slots=True)
class LayerTable:
    """Some rows of one layer.

    Attributes:
        layer: the layer's id.
        columns: values by field; None is null; dates are ``datetime.date``, times are aware ``datetime`` or
            ``datetime64[s]`` in UTC.
        geometry: shapely geometries in EPSG:4490 (longitude, latitude); None where the layer's geometry is optional.
        area_names: name of the district, street or community that a row tells; it gives unplaced rows their area.
        area: administrative codes of the rows where whoever made them knows; None = the loader finds them by place.
    """

    layer: str
    columns: Mapping[str, Sequence[Any] | NDArray[Any]]
    geometry: NDArray[np.object_]
    area_names: Sequence[str | None] | None = None
    area: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.geometry)
