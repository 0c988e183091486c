"""What a stream file may say: a layer file with ``kind = "stream"`` (design §1.2, §5).

A stream is not a layer: sensor values and patrol tracks are append-only, partitioned by month, without log and without
editing. So it has no feature ids, tiles or collection; it belongs to a layer (a sensor, a duty grid) by that layer's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from layers.model import Attribute, Domain, Identifier, Sensitivity, Strict, Title

__all__ = ["STREAM_COLUMNS", "Stream"]

# Columns that every stream table has; a field may not take their names.
STREAM_COLUMNS = frozenset({"city", "area", "geom", "received_at"})


class Stream(Strict):
    """One stream file.

    ``time`` is the moment of a reading and decides its partition; ``series`` tells readings of one device apart, together
    they are the order in which a stream is read. ``of`` is the role of the layer whose code ``series`` holds.
    """

    kind: Literal["stream"]
    id: Identifier
    role: Identifier | None = None
    title: Title
    description: Title | None = None
    standard: str | None = None
    geometry: Literal["Point"] | None = None
    time: Identifier
    series: Identifier
    of: Identifier | None = None
    sensitivity: Sensitivity = "internal"
    fields: Mapping[Identifier, Attribute]
    domains: Mapping[Identifier, Domain] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _refers_to_known_names(self) -> Self:
        taken = STREAM_COLUMNS & set(self.fields)
        if taken:
            raise ValueError(f"fields.{min(taken)}: this name belongs to the system")
        for key, field in {"time": self.time, "series": self.series}.items():
            if field not in self.fields:
                raise ValueError(f"{key}: there is no field {field!r}")
            if not self.fields[field].required:
                raise ValueError(f"{key}: field {field!r} must be required")
        if self.fields[self.time].type != "datetime":
            raise ValueError(f"time: field {self.time!r} is no datetime")
        for key, attribute in self.fields.items():
            if attribute.domain is not None and attribute.domain not in self.domains:
                raise ValueError(f"fields.{key}.domain: there is no domain {attribute.domain!r}")
            if attribute.unique or attribute.search or attribute.tile_zoom is not None:
                raise ValueError(f"fields.{key}: unique, search and tile_zoom are for layers")
            if attribute.party:
                raise ValueError(f"fields.{key}: party is for layers")
        return self

    @property
    def parties(self) -> tuple[str, ...]:
        """A stream's readings are nobody's own."""
        return ()

    def domain_of(self, field: str) -> Domain | None:
        """Returns the domain of a field, if it has one."""
        name = self.fields[field].domain
        return self.domains[name] if name is not None else None
