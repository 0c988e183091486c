"""``wanmi serve`` brings a worker along: it does jobs, comes back when it falls, and ends with the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.work import work_of
from spatial.settings import load_settings
from spatial.supervision import end_group
from tests.conftest import ROOT
from tests.support.cluster import Server
from tests.support.jobs import Works, works
from tests.support.town import Town

SECONDS = 40


def until(reached: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def children(parent: int) -> list[int]:
    """Workers that a process has started and that live."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if (
                entry.name.isdigit()
                and fields[0] not in "ZX"
                and int(fields[1]) == parent
                and b"worker" in (entry / "cmdline").read_bytes()
            ):
                found.append(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


@pytest.fixture
def served(server: Server, database: str, town: Town, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("WANMI_")}, "PYTHONPATH": str(ROOT),
        "WANMI_DATABASE_URL": server.owner(database), "WANMI_APP_DATABASE_URL": server.app(database), "WANMI_STATE_DIR": str(tmp_path),
    }  # fmt: skip
    command = [sys.executable, "-P", "-m", "api.cli", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, start_new_session=True)
    try:
        yield process
    finally:
        end_group(process.pid)
        process.wait()


def order(house: Works, folder: Path) -> int:
    """An import as the browser would have left it."""
    work = work_of(load_settings({}, state_dir=folder))
    name = work.uploads.name_for(os.urandom(16).hex(), "树.csv")
    work.uploads.path(name).parent.mkdir(parents=True)
    work.uploads.path(name).write_text("code,species,x,y\nT1,银杏,114.01,34.81\n", "utf-8")
    parameters = {"layer": "ancient_tree", "city": "town", "crs": "EPSG:4490", "file": "树.csv", "upload": name, "dry_run": True}
    return house.order("import", parameters, kinds=work.kinds).id


def test_a_worker_comes_with_the_server_and_goes_with_it(
    engine: Engine, server: Server, database: str, served: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    house = works(engine, server.owner(database), tmp_path)
    assert house.ended(order(house, tmp_path)).state == "succeeded"
    until(lambda: not list((tmp_path / "uploads").iterdir()))
    (first,) = children(served.pid)
    os.kill(first, signal.SIGKILL)
    until(lambda: children(served.pid) not in ([], [first]))
    (second,) = children(served.pid)
    assert house.ended(order(house, tmp_path)).state == "succeeded"
    until(lambda: not list((tmp_path / "uploads").iterdir()) and not list((tmp_path / "jobs").iterdir()))
    served.terminate()
    served.wait(SECONDS)
    until(lambda: not Path(f"/proc/{second}/cmdline").exists() or not Path(f"/proc/{second}/cmdline").read_bytes())
