"""File locks of the state folder; the kernel lets go of them when a process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spatial.place import give_to_owner
from spatial.postgres import StateUnusable

__all__ = ["Usage", "locked", "shared_use"]

WAIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Usage:
    """One user's share in something that several processes use."""

    descriptor: int

    def last(self) -> bool:
        """Tells whether nobody else uses it any more; gives up the own share otherwise."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        give_to_owner(descriptor, path.parent)
        return descriptor
    except OSError as error:
        raise StateUnusable(
            f"无法打开 {path}（{error.strerror}）；状态目录由另一账户建立？",
            f"cannot open {path} ({error.strerror}); was the state folder made by another account?",
        ) from None


def _take(descriptor: int, kind: int, path: Path) -> None:
    """Waits for a lock in small steps, so that a signal ends the wait."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise StateUnusable(f"另一个进程长时间占用 {path}", f"another process has been holding {path} for too long") from None
            time.sleep(0.05)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file's exclusive lock within the block."""
    descriptor = _open(path)
    try:
        _take(descriptor, fcntl.LOCK_EX, path)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared_use(path: Path) -> Iterator[Usage]:
    """Holds a share of the file's lock within the block."""
    descriptor = _open(path)
    try:
        _take(descriptor, fcntl.LOCK_SH, path)
        yield Usage(descriptor)
    finally:
        os.close(descriptor)
