"""Processes, ports and signals around the private server (Linux: ``/proc``)."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from spatial.postgres import Account, StartFailed, run_as

__all__ = ["Ended", "clear_stale", "ending_signals", "free_port", "postmaster", "signals_held"]

# Below 32768, where Linux takes the near ends of outgoing connections from.
FIRST_PORT, PORTS = 15432, 1000
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PID_FILE = "postmaster.pid"


class Ended(SystemExit):
    """SIGINT, SIGTERM or SIGHUP asked us to end; passes through every ``finally`` on its way out."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextmanager
def ending_signals() -> Iterator[None]:
    """Turns the first ending signal into ``Ended`` and ignores the rest, so that cleaning up runs once and whole.

    Only the main thread can set handlers; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """Holds ending signals back within the block; the first of them is delivered afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {number: signal.signal(number, lambda got, _frame: held.append(got)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def postmaster(data: Path, account: Account) -> int | None:
    """Returns the process id of the server that runs on the data folder, or None.

    The file alone proves nothing: after a crash or in a new container its number may belong to another
    program, or to a dead process that nobody has collected. The server works inside its data folder.
    """
    try:
        number = int((data / PID_FILE).read_text("utf-8", "replace").split("\n", 1)[0])
        state = Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    if state in "ZX":
        return None
    return number if _works_in(number, data, account) else None


def _works_in(number: int, data: Path, account: Account) -> bool:
    """Tells whether a process has the data folder as its current folder, asking as the account if need be."""
    link = f"/proc/{number}/cwd"
    try:
        place = os.readlink(link)
    except PermissionError:
        place = run_as(account, ["readlink", link], cwd=Path("/")).stdout.rstrip("\n")
    except OSError:
        return False
    return place == str(data.resolve())


def clear_stale(data: Path, account: Account) -> None:
    """Removes a postmaster.pid whose process is not our server, once no backend of it is left.

    PostgreSQL does this itself when the number is free, but refuses when the number lives on in another
    process or in an uncollected one (a container without an init).
    """
    path = data / PID_FILE
    if not path.exists() or postmaster(data, account) is not None:
        return
    end = time.monotonic() + 15
    while any(_works_in(int(entry.name), data, account) for entry in _own_processes(account)):
        if time.monotonic() > end:
            raise StartFailed(f"上一次数据库的残留进程仍在使用 {data}", f"processes of an earlier server still use {data}")
        time.sleep(0.1)
    path.unlink(missing_ok=True)


def _own_processes(account: Account) -> list[Path]:
    """Lists the live processes of the account."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid == account.uid:
                state = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
                if state not in "ZX" and (entry / "comm").read_text("utf-8", "replace").startswith("postgres"):
                    found.append(entry)
        except (OSError, IndexError):
            continue
    return found


def free_port(wanted: int | None, seed: str) -> int:
    """Returns the wanted loopback port when it is free, else a free one of ours, else any.

    The search begins at a place of its own for each seed, so that clusters starting side by side do not meet.
    """
    first = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogateescape")).digest()[:4], "big")
    ours = [FIRST_PORT + (first + step) % PORTS for step in range(PORTS)]
    for port in ([wanted] if wanted else []) + ours + [0]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartFailed("本机没有空闲端口", "no free port on this machine")
