"""Children that live as long as their parent: told in secret, started again, ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from spatial.supervision import python, supervised

# Says who it is and what it was told, then waits for its parent.
CHILD = """
import os, sys, threading
from pathlib import Path
from spatial.supervision import given_by_parent, when_parent_ends
told = given_by_parent()
with Path(sys.argv[1]).open("a") as file:
    file.write(f"{os.getpid()} {told}\\n")
done = threading.Event()
when_parent_ends(done.set)
done.wait()
"""
PARENT = """
import sys, time
from spatial.supervision import python, supervised
with supervised("child", [sys.executable, "-c", sys.argv[1], sys.argv[2]], python("x")[1], "secret"):
    time.sleep(600)
"""


def until(reached: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def lines(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def alive(number: int) -> bool:
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def test_a_child_that_falls_is_started_again_and_ends_with_the_block(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", CHILD, str(log)]
    with supervised("child", command, python("x")[1], "a secret 树") as child:
        until(lambda: len(lines(log)) == 1)
        first = int(lines(log)[0][0])
        assert child.pid == first and "secret" not in Path(f"/proc/{first}/cmdline").read_text()
        assert b"secret" not in Path(f"/proc/{first}/environ").read_bytes()
        os.kill(first, signal.SIGKILL)
        until(lambda: len(lines(log)) == 2)
        second = int(lines(log)[1][0])
    assert [line[1:] for line in lines(log)] == [["a", "secret", "树"]] * 2
    assert not alive(first) and not alive(second)


def test_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _, environment = python("x")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(log)], env=environment)
    until(lambda: lines(log))
    parent.kill()
    parent.wait()
    number = int(lines(log)[0][0])
    until(lambda: not alive(number))
    assert len(lines(log)) == 1, "nobody is left who would start another"


def test_a_child_that_never_starts_stops_nobody() -> None:
    with supervised("broken", [sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ)) as child:
        first = None
        until(lambda: child.pid)
        first = child.pid
        until(lambda: child.pid != first)
