"""What an import says of itself: rows read, written, refused and set aside, and each fault with its place."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grid_coding.errors import BilingualError

__all__ = ["FileFault", "ImportReport", "RowFault"]

# A file of a million bad rows must not make a report of a million lines; the totals stay exact.
MOST_ROWS = 1000


class FileFault(BilingualError):
    """The file as a whole cannot be taken (encoding, coordinate system, layout); nothing was read into the database.

    ``row`` counts from 1; 0 = no single row is to blame.
    """

    def __init__(self, rule: str, zh: str, en: str, field: str | None = None, value: str | None = None, row: int = 0) -> None:
        super().__init__(zh, en)
        self.rule = rule
        self.field = field
        self.value = value
        self.row = row


@dataclass(frozen=True, slots=True)
class RowFault:
    """One broken rule of one row; ``row`` counts records from 1."""

    row: int
    field: str
    value: str
    rule: str
    zh: str
    en: str


@dataclass
class ImportReport:
    """The outcome of one import; ``rows`` holds at most MOST_ROWS faults, ``faults`` counts them all.

    ``refused`` and ``set_aside`` count rows. ``failed``: the file as a whole could not be taken, ``rows`` says why.
    """

    file: str
    layer: str
    city: str
    read: int = 0
    written: int = 0
    refused: int = 0
    set_aside: int = 0
    faults: int = 0
    failed: bool = False
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    rows: list[RowFault] = field(default_factory=list)

    def add(self, faults: list[RowFault]) -> None:
        """Takes faults in; those beyond MOST_ROWS are only counted."""
        self.faults += len(faults)
        self.rows.extend(faults[: max(0, MOST_ROWS - len(self.rows))])

    def fail(self, fault: FileFault) -> None:
        """Takes in why the file as a whole cannot be taken."""
        self.failed = True
        self.add([RowFault(fault.row, fault.field or "", fault.value or "", fault.rule, fault.zh, fault.en)])

    @property
    def exit_code(self) -> int:
        """0 = all written, 1 = rows refused or set aside, 2 = could not be run (design §4)."""
        if self.failed:
            return 2
        return 1 if self.refused or self.set_aside else 0

    def write(self, path: Path) -> None:
        """Writes the report as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", "utf-8", "backslashreplace")
