"""The faults of one import, gathered from stage to stage: what is wrong first is told, a consequence is not told again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from data.report import RowFault

__all__ = ["FaultBook"]


class FaultBook:
    """Faults by row and field. A cell that could not be read is not told again as missing; a lost row only once."""

    def __init__(self, first: Sequence[RowFault], targets: Mapping[str, Sequence[str]]) -> None:
        """Begins with the reader's faults.

        Args:
            targets: fields of the layer by the column of the file that fills them.
        """
        self.faults: list[RowFault] = list(first)
        self.told: set[tuple[int, str]] = set()
        self.lost = {fault.row for fault in first if not fault.field}
        for fault in first:
            self.told.update((fault.row, target) for target in [fault.field, *targets.get(fault.field, [])])
            if fault.rule.startswith(("geometry_", "coordinate")):
                self.told.add((fault.row, "geometry"))

    def add(self, faults: Iterable[RowFault]) -> None:
        """Takes the faults of one stage, without those of cells already told."""
        fresh = [fault for fault in faults if (fault.row, fault.field) not in self.told and fault.row not in self.lost]
        self.faults += fresh
        self.told.update((fault.row, fault.field) for fault in fresh)

    def forgive(self, repaired: Iterable[RowFault]) -> None:
        """Takes away the faults that were repaired; the cell counts as told, so an emptied value is not told as missing."""
        gone = {(fault.row, fault.field) for fault in repaired}
        self.faults = [fault for fault in self.faults if (fault.row, fault.field) not in gone]

    @property
    def rows(self) -> list[int]:
        """Rows with a fault, in order."""
        return sorted({fault.row for fault in self.faults})
