"""The heads of the chain outside the database: one line a sealed batch in a file that is only ever appended to.

Without it somebody who owns the database could cut the end of the log, seals and rows together, and nothing would tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grid_coding.errors import BilingualError
from spatial.place import give_to_owner, state_folder
from spatial.settings import Settings

__all__ = ["Head", "HeadFileUnusable", "append", "head_files", "last_head", "read_heads"]

FILE_NAME = "audit-heads.log"
MARK = "wanmi-audit-1"
TAIL_BYTES = 4096  # a line has 150


class HeadFileUnusable(BilingualError):
    """A file of heads cannot be read or written; ``zh`` and ``en`` say why."""


@dataclass(frozen=True, slots=True)
class Head:
    """One sealed batch: which log, which era and number, rows sealed so far, when, and the hash at its end (hexadecimal)."""

    chain: str
    era: int
    number: int
    total: int
    at: datetime
    head: str

    def line(self) -> str:
        """Returns the line of a file.

        >>> Head("c", 1, 7, 90, datetime(2026, 11, 21, 9, 30, tzinfo=UTC), "ab").line()
        'wanmi-audit-1 c 1 7 90 2026-11-21T09:30:00+00:00 ab'
        """
        return f"{MARK} {self.chain} {self.era} {self.number} {self.total} {self.at.astimezone(UTC).isoformat()} {self.head}"

    @classmethod
    def of_line(cls, line: str) -> Head | None:
        """Reads a line; None when it is torn or none of ours.

        >>> Head.of_line("wanmi-audit-1 c 1 7 90 2026-11-21T09:30:00+00:00 " + 64 * "a").number
        7
        >>> Head.of_line("wanmi-audit-1 c 1 7 90 2026-11-21T09:30:00+00:00 a") is None
        True
        """
        parts = line.split()
        if len(parts) != 7 or parts[0] != MARK or len(parts[6]) != 64:
            return None
        try:
            return cls(parts[1], int(parts[2]), int(parts[3]), int(parts[4]), datetime.fromisoformat(parts[5]), parts[6])
        except ValueError:
            return None


def head_files(settings: Settings) -> tuple[Path, ...]:
    """Returns the files that take the heads: one in the state folder and, where set, one elsewhere (another disk or machine)."""
    own = state_folder(settings.state_dir) / FILE_NAME
    other = settings.audit_head_file
    return (own,) if other is None else (own, other.absolute())


def append(path: Path, heads: Iterable[Head]) -> None:
    """Appends lines and brings them to the disk; a torn last line of a crash is left standing and ended.

    Raises:
        HeadFileUnusable: with the reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            give_to_owner(descriptor, path.parent)
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = ("\n" if torn else "") + "".join(f"{head.line()}\n" for head in heads)
            os.write(descriptor, data.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            _sync(path.parent)
    except OSError as error:
        raise _unusable(path, error) from None


def read_heads(path: Path) -> Iterator[tuple[int, Head | None]]:
    """Yields (line number, head) of a file, None for a line that cannot be read.

    Raises:
        HeadFileUnusable: the file is not there or cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, Head.of_line(line)
    except OSError as error:
        raise _unusable(path, error) from None


def last_head(path: Path, chain: str) -> Head | None:
    """Returns the last head of this log that a file holds; None when there is no file, or none of this log.

    Raises:
        HeadFileUnusable: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from None
    for line in reversed(lines):
        found = Head.of_line(line)
        if found is not None and found.chain == chain:
            return found
    last = None
    for _number, head in read_heads(path):
        if head is not None and head.chain == chain:
            last = head
    return last


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> HeadFileUnusable:
    reason = error.strerror or str(error)
    return HeadFileUnusable(f"链头文件 {path} 不可用：{reason}", f"the file of heads {path} cannot be used: {reason}")
