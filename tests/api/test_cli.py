"""The command line from outside: cities, sample city, database, and ``up`` from nothing to a served map and back."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Engine, text

from tests.conftest import ROOT
from tests.support.cluster import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
ONE_TIME = re.compile(r"  (\w+)\s.*\t([A-Za-z0-9-]{16,})$")
READY = re.compile(r"http://127\.0\.0\.1:\d+")


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANMI_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | more


@pytest.fixture
def wanmi(server: Server, database: str, tmp_path: Path) -> Run:
    """Runs a command on the module's database."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        names = environment(**({"WANMI_DATABASE_URL": server.owner(database), "WANMI_STATE_DIR": str(tmp_path)} | more))
        command = [sys.executable, "-m", "api.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=names, cwd=tmp_path, timeout=120)

    return run


def test_a_city_is_added_listed_and_removed(wanmi: Run, engine: Engine) -> None:
    added = wanmi("city", "add", "zz", "--name", "郑州", "--prefix", "4101", "--bbox", "112.7,34.2,114.3,35.0", "--profile", "2013")
    assert added.returncode == 0, added.stderr
    assert "EPSG:4547" in added.stdout
    assert "zz\t郑州\t4101\t2013\tEPSG:4547" in wanmi("city", "list").stdout
    again = wanmi("city", "add", "zz", "--name", "郑州", "--prefix", "4101", "--bbox", "112.7,34.2,114.3,35.0")
    assert again.returncode == 2 and "已有城市" in again.stderr and "error:" in again.stderr
    assert wanmi("city", "remove", "zz", "--yes").returncode == 0
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM wanmi.city")) == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--prefix", "41", "--bbox", "1,2,3"), "bbox"),
        (("--prefix", "41", "--bbox", "3,2,1,4"), "范围"),
        (("--prefix", "4-1", "--bbox", "1,2,3,4"), "前缀"),
        (("--prefix", "41", "--bbox", "1,2,3,4", "--profile", "1999"), "1999"),
        (("--prefix", "41", "--bbox", "1,2,3,4", "--metric", "4490"), "4490"),
        (("--prefix", "41", "--bbox", "1,2,3,4", "--metric", "99999"), "99999"),
    ],
)
def test_a_wrong_city_is_refused(wanmi: Run, arguments: tuple[str, ...], word: str) -> None:
    done = wanmi("city", "add", "wrong", "--name", "错", *arguments)
    assert done.returncode == 2
    assert word in done.stderr and "Traceback" not in done.stderr


def test_unknown_settings_cities_sizes_and_databases_are_sentences(wanmi: Run) -> None:
    for done, word in (
        (wanmi("city", "list", WANMI_PROT="1"), "WANMI_PROT"),
        (wanmi("city", "remove", "nowhere", "--yes"), "nowhere"),
        (wanmi("sample", "make", "--size", "XXL"), "XXL"),
        (wanmi("sample", "make", "--profile", "local"), "local"),
        (wanmi("sample", "remove"), "sample"),
        (wanmi("city", "list", WANMI_DATABASE_URL="postgresql://x@127.0.0.1:9/x"), "127.0.0.1:9"),
        (wanmi("serve", "--host", "0.0.0.0"), "WANMI_APP_DATABASE_URL"),
        (wanmi("up", "--host", "::"), "WANMI_APP_DATABASE_URL"),
        (wanmi("serve", "--host", "0.0.0.0", "--port", "0", WANMI_APP_DATABASE_URL="postgresql://x@127.0.0.1:9/x"), "user first"),
        (wanmi("serve", "--host", "203.0.113.77", WANMI_APP_DATABASE_URL="postgresql://x@127.0.0.1:9/x"), "203.0.113.77"),
        (wanmi("up", "--empty", WANMI_ADMIN_PASSWORD="short"), "口令至少"),
    ):
        assert done.returncode == 2, done.stdout
        assert word in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_upgrade_prepare_and_url(wanmi: Run, server: Server, database: str) -> None:
    assert "0 处改动" in wanmi("db", "upgrade").stdout
    printed = wanmi("db", "prepare", "--print").stdout
    assert "CREATE EXTENSION" in printed and "LEAKPROOF" in printed and "wanmi_app" in printed
    assert wanmi("db", "url").stdout.strip() == server.owner(database)
    doctor = wanmi("doctor")
    assert "与图层文件一致" in doctor.stdout


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that the database's account can enter."""
    folder = Path("/tmp") / f"wanmi-up-{uuid.uuid4().hex[:8]}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def up(state: Path, *arguments: str) -> subprocess.Popen[str]:
    names = environment(WANMI_STATE_DIR=str(state), WANMI_MINIMUM_FREE_MB="200")
    command = [sys.executable, "-m", "api.cli", "up", "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=names, cwd=ROOT)


def told_by(process: subprocess.Popen[str]) -> tuple[str, dict[str, str]]:
    """Returns the address and the one-time passwords that ``up`` prints."""
    assert process.stdout is not None and process.stderr is not None
    passwords = {}
    for line in process.stdout:
        found = READY.search(line)
        if found:
            return found[0], passwords
        made = ONE_TIME.match(line)
        if made:
            passwords[made[1]] = made[2]
    raise AssertionError(process.stderr.read())


def address_of(process: subprocess.Popen[str]) -> str:
    return told_by(process)[0]


def log_in(address: str, name: str, password: str) -> dict[str, Any]:
    body = json.dumps({"username": name, "password": password}).encode()
    with urlopen(Request(f"{address}/api/login", body, {"Content-Type": "application/json"})) as answer:
        me: dict[str, Any] = json.load(answer)
        return me


def database_runs(state: Path) -> bool:
    pid = state / "postgres" / "postmaster.pid"
    return pid.exists() and Path(f"/proc/{pid.read_text('ascii').split()[0]}").exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_and_ends_with_its_database(state: Path, ending: signal.Signals) -> None:
    process = up(state, "--empty")
    address, passwords = told_by(process)
    with urlopen(f"{address}/readyz") as answer:
        assert json.load(answer)["status"] == "ready"
    assert set(passwords) == {"sysadmin", "secadmin", "auditor"}
    me = log_in(address, "auditor", passwords["auditor"])
    assert (me["name"], me["must_change"]) == ("auditor", True)
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"{address}/api/cities")
    assert database_runs(state)
    process.send_signal(ending)
    assert process.wait(30) in (0, 128 + ending)
    assert not database_runs(state)


def test_a_killed_up_is_healed_by_the_next(state: Path) -> None:
    first = up(state, "--empty")
    address_of(first)
    first.kill()
    first.wait(10)
    second = up(state, "--empty")
    address, passwords = told_by(second)
    assert passwords == {}, "shown once"
    with urlopen(f"{address}/readyz") as answer:
        assert answer.status == 200
    second.send_signal(signal.SIGTERM)
    second.wait(30)
    assert not database_runs(state)


def test_a_taken_port_is_said_before_anything_else(state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        names = environment(WANMI_STATE_DIR=str(state))
        command = [sys.executable, "-m", "api.cli", "up", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, env=names, cwd=ROOT, check=False)
        assert done.returncode == 2 and str(port) in done.stderr and "占用" in done.stderr
        assert not state.exists()
