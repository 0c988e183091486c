"""Child processes that live as long as their parent: started, started again when they fall, ended with it.

The parent holds a pipe to the child's stdin and never closes it before it ends; the kernel closes it however the parent ends
(kill -9 too), and the child, which waits for that in a thread, ends itself. What a child must know and nobody else may see (a
connection string) is the first line of that pipe: neither an argument nor an environment variable.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Supervised", "end_group", "end_with_parent", "given_by_parent", "python", "supervised", "when_parent_ends"]

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
# A child that lived this long had no trouble starting: the next wait is short again.
SETTLED_SECONDS = 30
GRACE_SECONDS = 8
ROOT = Path(__file__).resolve().parents[1]
log = logging.getLogger("wanmi.supervision")


def python(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Returns command and environment that run a module of ours, wherever the parent was started."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return [sys.executable, "-P", "-m", module, *arguments], {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"}


class Supervised:
    """One child that is started again whenever it ends by itself: at once the first time, then every few seconds."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], given: str = "") -> None:
        """Says what to run; ``given`` is the first line on its stdin."""
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._given = given
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"supervises {name}", daemon=True)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child that runs now."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Starts the child."""
        self._thread.start()

    def end(self) -> None:
        """Asks the child to end, and ends it when it does not within the grace."""
        self._ending.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
        self._thread.join(GRACE_SECONDS)
        if self._thread.is_alive() and self._child is not None:
            end_group(self._child.pid)
            self._thread.join()

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while not self._ending.is_set():
            began = time.monotonic()
            code = self._run_once()
            if self._ending.is_set():
                return
            wait = FIRST_WAIT if time.monotonic() - began > SETTLED_SECONDS else min(wait * 2, LONGEST_WAIT)
            log.warning("%s ended with %s; started again in %.1f s", self.name, code, wait)
            self._ending.wait(wait)

    def _run_once(self) -> int:
        # a session of its own: Ctrl-C goes to the parent, which ends its children in its own order
        child = subprocess.Popen(self._command, stdin=subprocess.PIPE, env=self._environment, start_new_session=True)
        self._child = child
        if self._ending.is_set():  # asked while it was being started
            child.terminate()
        pipe = child.stdin
        if pipe is None:
            raise RuntimeError("no pipe to the child")
        with contextlib.suppress(BrokenPipeError):
            pipe.write(self._given.encode() + b"\n")
            pipe.flush()
        try:
            return child.wait()
        finally:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextmanager
def supervised(name: str, command: Sequence[str], environment: Mapping[str, str], given: str = "") -> Iterator[Supervised]:
    """Keeps a child running within the block."""
    child = Supervised(name, command, environment, given)
    child.start()
    try:
        yield child
    finally:
        child.end()


def end_group(leader: int) -> None:
    """Kills a process that leads a group, and the group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def given_by_parent() -> str:
    """Returns the first line that the parent has written to our stdin.

    Read byte by byte: what a buffer would take in beyond it is what ``when_parent_ends`` waits on.

    Raises:
        SystemExit: the parent has ended before it could say anything.
    """
    line = bytearray()
    while (byte := os.read(0, 1)) != b"\n":
        if not byte:
            raise SystemExit(0)
        line += byte
    return line.decode()


def when_parent_ends(act: Callable[[], None]) -> None:
    """Does something, in a thread, as soon as the parent has ended."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        act()

    threading.Thread(target=watch, name="watches the parent", daemon=True).start()


def end_with_parent() -> None:
    """Has this process end as soon as the parent has: by its own handler of SIGTERM, and if that takes too long without it."""

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    when_parent_ends(end)
