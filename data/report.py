"""What an import says of itself: rows read, written, refused and set aside, and each fault with its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grid_coding.errors import BilingualError

__all__ = ["FileFault", "ImportReport", "RecipeReport", "RowFault"]

# A file of a million bad rows must not make a report of a million lines; the totals stay exact.
MOST_ROWS = 1000
SUMS = ("read", "written", "refused", "set_aside", "repaired", "passed_over", "faults")


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
    """One broken rule of one row; ``row`` counts records from 1.

    ``file`` is told where an import has several; ``repair`` is the named rule by which the row was repaired, else empty.
    """

    row: int
    field: str
    value: str
    rule: str
    zh: str
    en: str
    file: str = ""
    repair: str = ""


@dataclass
class ImportReport:
    """The outcome of one import; ``rows`` holds at most MOST_ROWS faults, ``faults`` counts them all, ``rules`` by rule.

    ``refused``, ``set_aside``, ``repaired`` and ``passed_over`` (not asked for by the recipe's condition) count rows.
    ``failed``: the file as a whole could not be taken, ``rows`` says why.
    """

    file: str
    layer: str
    city: str
    read: int = 0
    written: int = 0
    refused: int = 0
    set_aside: int = 0
    repaired: int = 0
    passed_over: int = 0
    faults: int = 0
    failed: bool = False
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    rules: dict[str, int] = field(default_factory=dict)
    rows: list[RowFault] = field(default_factory=list)

    def add(self, faults: Sequence[RowFault]) -> None:
        """Takes faults in; those beyond MOST_ROWS are only counted."""
        self.faults += sum(not fault.repair for fault in faults)
        for rule, number in Counter(fault.repair or fault.rule for fault in faults).items():
            self.rules[rule] = self.rules.get(rule, 0) + number
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
        write_json(path, asdict(self))

    def as_text(self) -> str:
        """Returns the report as the JSON that ``write`` writes."""
        return json_text(asdict(self))


@dataclass
class RecipeReport:
    """The outcome of a recipe: one report per source in the order of the recipe, and their sums.

    ``failed``: the recipe could not be run; the source that stopped it says why, or ``rows`` where none is to blame.
    """

    recipe: str
    city: str
    failed: bool = False
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    rows: list[RowFault] = field(default_factory=list)
    sources: dict[str, ImportReport] = field(default_factory=dict)

    def fail(self, fault: FileFault) -> None:
        """Takes in why the recipe cannot be run."""
        self.failed = True
        self.rows.append(RowFault(fault.row, fault.field or "", fault.value or "", fault.rule, fault.zh, fault.en))

    def total(self, name: str) -> int:
        """Returns the sum of ``read``, ``written``, ``refused``, … over all sources."""
        return sum(getattr(source, name) for source in self.sources.values())

    @property
    def exit_code(self) -> int:
        """0 = all written, 1 = rows refused or set aside, 2 = could not be run (design §4)."""
        if self.failed or any(source.failed for source in self.sources.values()):
            return 2
        return 1 if self.total("refused") or self.total("set_aside") else 0

    def write(self, path: Path) -> None:
        """Writes the report as JSON: sums first, then every source with its rows."""
        write_json(path, {"recipe": self.recipe, "city": self.city, **{name: self.total(name) for name in SUMS}, **asdict(self)})


def write_json(path: Path, document: dict[str, object]) -> None:
    """Writes a report."""
    path.write_text(json_text(document), "utf-8")


def json_text(document: dict[str, object]) -> str:
    """Returns a report as JSON; what cannot be written as UTF-8 stands escaped."""
    written = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    return written.encode("utf-8", "backslashreplace").decode("utf-8")
