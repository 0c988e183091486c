"""``wanmi db dump`` and ``wanmi db restore`` from outside: on a server that is there already and on the private cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from layers.catalogue import Registry
from spatial.cluster import Cluster
from tests.conftest import ROOT
from tests.support.cluster import Server
from tests.support.dumps import RASTER, contents, furnish


def command(state: Path, *arguments: str, **more: str) -> dict[str, object]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANMI_")}
    names = kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "WANMI_STATE_DIR": str(state), "WANMI_MINIMUM_FREE_MB": "1"} | more
    return {"args": [sys.executable, "-m", "api.cli", *arguments], "env": names, "cwd": state}


def wanmi(state: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command; nobody is there to answer a question."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        **command(state, *arguments, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=180
    )


@pytest.fixture
def empty(server: Server) -> Iterator[str]:
    name = f"wanmi_given_{uuid.uuid4().hex[:8]}"
    server.create(name)
    yield name
    server.drop(name)


def test_an_existing_server(server: Server, database: str, engine: Engine, registry: Registry, empty: str, tmp_path: Path) -> None:
    furnish(engine, registry, tmp_path / "rasters")
    given = {"WANMI_DATABASE_URL": server.owner(database)}
    assert "从未备份" in wanmi(tmp_path, "doctor", **given).stdout
    done = wanmi(tmp_path, "db", "dump", "night", **given)
    assert done.returncode == 0, done.stderr
    assert "从头到尾读一遍" in done.stderr and "MB" in done.stdout
    assert "✓ 备份 dump: 2" in wanmi(tmp_path, "doctor", **given).stdout
    filled = wanmi(tmp_path, "db", "restore", "night", "--yes", **given)
    assert filled.returncode == 2 and "不是空的" in filled.stderr
    done = wanmi(tmp_path, "db", "restore", "night", "--into", empty, **given)
    assert done.returncode == 0, done.stderr
    before, after = contents(server.admin(database)), contents(server.admin(empty))
    for log in ("wanmi.log_era", "audit.entry"):  # the dump and the restore are told of themselves
        assert before.pop(log) != after.pop(log)
    assert after == before
    assert (tmp_path / f"rasters_{empty}" / RASTER).read_bytes() == (tmp_path / "rasters" / RASTER).read_bytes()
    assert server.owner_password not in done.stdout + done.stderr + filled.stderr
    shutil.rmtree(tmp_path / "night")
    assert "现已不在" in wanmi(tmp_path, "doctor", **given).stdout


@pytest.fixture
def state() -> Iterator[Path]:
    """Not in pytest's own folder: that is closed to the database's account when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-"))
    folder.chmod(0o755)
    yield folder
    Cluster(folder).stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


def add_city(state: Path, key: str, prefix: str) -> None:
    done = wanmi(state, "city", "add", key, "--name", key, "--prefix", prefix, "--bbox", "112.7,34.2,114.3,35.0")
    assert done.returncode == 0, done.stderr


def keys(state: Path) -> list[str]:
    return [line.split("\t")[0] for line in wanmi(state, "city", "list").stdout.splitlines()]


@pytest.mark.slow
def test_the_private_cluster_and_a_machine_that_has_nothing_yet(state: Path) -> None:
    """Made, dumped, changed, refused without consent, interrupted, restored; then restored on a bare machine."""
    first = state / "first"
    first.mkdir()
    assert wanmi(first, "db", "upgrade").returncode == 0
    add_city(first, "one", "4101")
    assert wanmi(first, "db", "dump", str(state / "night")).returncode == 0
    add_city(first, "two", "4102")
    asked = wanmi(first, "db", "restore", str(state / "night"))
    assert asked.returncode == 2 and "one" in asked.stdout and "two" in asked.stdout and "--yes" in asked.stderr
    process = subprocess.Popen(  # type: ignore[call-overload]
        **command(first, "db", "restore", str(state / "night"), "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    said = ""
    while "恢复结构" not in said:
        letter = process.stderr.read(1)
        assert letter, said
        said += letter
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert keys(first) == ["one", "two"]
    done = wanmi(first, "db", "restore", str(state / "night"), "--yes")
    assert done.returncode == 0, done.stderr
    assert "DROP DATABASE wanmi_before_" in done.stdout and keys(first) == ["one"]
    bare = state / "bare"
    bare.mkdir()
    done = wanmi(bare, "db", "restore", str(state / "night"))
    assert done.returncode == 0, done.stderr
    assert "wanmi_before_" not in done.stdout and keys(bare) == ["one"]
