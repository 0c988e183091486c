"""The vocabulary of the right: actions, reaches, and what one account holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from layers.model import Attribute, Layer
from layers.stream import Stream

__all__ = ["ACTIONS", "REACHES", "Right", "Scope"]

ACTIONS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "read": ("查看", "read"),
    "export": ("导出", "export"),
    "edit": ("编辑", "edit"),
    "propose": ("提议修改", "propose"),
    "unmask": ("说明理由后查看脱敏字段", "unmask with a reason"),
    "clear_internal": ("内部字段", "internal fields"),
    "clear_restricted": ("受限字段", "restricted fields"),
    "clear_personal": ("个人信息字段", "personal fields"),
})  # fmt: skip
REACHES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "none": ("无", "nothing"),
    "own": ("本单位", "own organisation's"),
    "area": ("授权区域", "granted area"),
    "city": ("全市", "whole city"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an action is allowed on a layer: in areas that match LIKE patterns, or on rows of one's own organisation."""

    areas: tuple[str, ...] = ()
    own: bool = False

    def holds(self, prefix: str) -> bool:
        """True when every row whose area begins with the prefix is within the scope.

        >>> Scope(("9901%",)).holds("990101"), Scope(("990101%",)).holds("9901"), Scope(own=True).holds("9901")
        (True, False, False)
        """
        return any(prefix.startswith(pattern.removesuffix("%")) for pattern in self.areas)


@dataclass(frozen=True, slots=True)
class Right:
    """What an account holds, by (layer or stream id, action); the database enforces the same from the same rows."""

    account: int
    scopes: Mapping[tuple[str, str], Scope] = field(default_factory=dict)

    def may(self, action: str, layer: Layer | Stream) -> bool:
        """True when the action is allowed somewhere on the layer."""
        return (layer.id, action) in self.scopes

    def scope(self, action: str, layer: Layer | Stream) -> Scope:
        """Returns where the action is allowed; nowhere, when it is not."""
        return self.scopes.get((layer.id, action), Scope())

    def masked(self, layer: Layer | Stream, attribute: Attribute) -> bool:
        """True when a field is shown to this account nowhere in clear."""
        return attribute.clearance is not None and not self.may(attribute.clearance, layer)

    def whole(self, layer: Layer | Stream, prefix: str = "") -> bool:
        """True when every row of the layer under an area prefix may be read, so that estimates over all rows tell nothing new.

        >>> from layers.catalogue import load
        >>> case = load().by_role("case")
        >>> right = Right(7, {(case.id, "read"): Scope(("9901%",))})
        >>> right.whole(case, "990101"), right.whole(case)
        (True, False)
        """
        return self.scope("read", layer).holds(prefix)
