"""The bash entry, run for real in a copy of the checkout whose packages are none and whose CLI is a stub."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import as_nobody, root_only

ROOT = Path(__file__).resolve().parents[1]
STUB = """import json, os, sys
from spatial.place import state_folder
if len(sys.argv) > 1 and sys.argv[1] == "fail":
    sys.exit(7)
told = {"args": sys.argv[1:], "cwd": os.getcwd(), "state": str(state_folder()), "utf8": sys.flags.utf8_mode}
print(json.dumps(told | {"python": sys.executable}, ensure_ascii=False))
"""
SAY = "import os, sys\nprint('{name}', sys.argv[1:])\nsys.exit({name!r} == os.environ.get('BREAK'))\n"


def checkout(folder: Path) -> Path:
    """Makes a checkout that needs no package: empty locks, a CLI that tells what it was given."""
    (folder / "api" / "cli").mkdir(parents=True)
    (folder / "spatial").mkdir()
    for name in ("api/__init__.py", "api/cli/__init__.py", "spatial/__init__.py"):
        (folder / name).write_text("")
    (folder / "api/cli/__main__.py").write_text(STUB, "utf-8")
    for name in ("wanmi", "spatial/place.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (folder / name).write_text("# none\n")
    for name in ("pytest", "ruff", "mypy"):
        (folder / f"{name}.py").write_text(SAY.format(name=name))
    return folder


@pytest.fixture(scope="module")
def ground() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wanmi-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def house(ground: Path) -> Path:
    return checkout(ground / "城市 管理" / "it's a 万米 checkout")


@pytest.fixture(scope="module")
def tools(ground: Path) -> Path:
    """Stands for the programs that tests want, so that nothing is installed; apt-get and sudo refuse."""
    folder = ground / "tools"
    folder.mkdir()
    for name in ("chromium", "ogrinfo", "node", "shellcheck"):
        (folder / name).write_text("#!/bin/sh\nexit 0\n")
    for name in ("apt-get", "sudo"):
        (folder / name).write_text("#!/bin/sh\necho refused >&2\nexit 1\n")
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder


def wanmi(house: Path, *arguments: str, cwd: Path = Path("/"), **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANMI_")} | more
    command = ["bash", str(house / "wanmi"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def steps(done: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r"^\[(\d/\d)\] .* … \d+ s$", done.stderr, re.MULTILINE)


def test_first_start_sets_up_and_the_second_is_quiet(house: Path, ground: Path) -> None:
    first = wanmi(house, "import", "a b.csv", "--map", "名称=name", cwd=ground)
    assert first.returncode == 0, first.stderr
    assert steps(first) == ["1/2", "2/2"]
    assert '"args": ["import", "a b.csv", "--map"' in first.stdout and '"utf8": 1' in first.stdout
    assert f'"cwd": "{ground}"' in first.stdout, "files are named from where the user stands"
    second = wanmi(house, "--help")
    assert (second.returncode, second.stderr) == (0, "")
    assert wanmi(house, "fail").returncode == 7


def test_a_symbolic_link_finds_the_checkout(house: Path, ground: Path) -> None:
    link = ground / "wanmi-link"
    link.symlink_to(house / "wanmi")
    done = subprocess.run([str(link), "serve"], capture_output=True, text=True, cwd="/", timeout=120)
    assert '"args": ["serve"]' in done.stdout


def test_a_half_made_environment_heals(house: Path) -> None:
    (house / "var/venv/.wanmi-requirements").unlink()
    shutil.rmtree(next((house / "var/venv/lib").glob("python3*")) / "site-packages")
    done = wanmi(house, "--help")
    assert done.returncode == 0, done.stderr
    assert steps(done) == ["1/2", "2/2"]
    assert wanmi(house, "--help").stderr == ""


def test_a_changed_lock_is_installed_into_the_same_environment(house: Path) -> None:
    mark = house / "var/venv/kept"
    mark.write_text("")
    (house / "requirements.lock").write_text("# none either\n")
    done = wanmi(house, "--help")
    assert steps(done) == ["1/1"] and mark.exists()


def wheel(folder: Path) -> Path:
    """Makes the smallest package there is."""
    path = folder / "wanmi_stub-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("wanmi_stub.py", "")
        file.writestr("wanmi_stub-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: wanmi-stub\nVersion: 1.0\n")
        file.writestr("wanmi_stub-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("wanmi_stub-1.0.dist-info/RECORD", "")
    return path


def test_a_package_is_taken_only_with_its_hash(house: Path, ground: Path) -> None:
    package = wheel(ground)
    line = f"wanmi-stub @ {package.as_uri()}"
    good = f"{line} --hash=sha256:{hashlib.sha256(package.read_bytes()).hexdigest()}\n"
    (house / "requirements.lock").write_text(good.replace("sha256:", "sha256:0")[:-2] + "\n")
    forged = wanmi(house, "--help")
    assert forged.returncode == 2
    assert "hash" in forged.stderr.lower() and "错误" in forged.stderr and "error:" in forged.stderr
    (house / "requirements.lock").write_text(good)
    assert wanmi(house, "--help").returncode == 0
    assert list((house / "var/venv/lib").glob("python3*/site-packages/wanmi_stub.py"))


def test_too_little_disk_is_said_first(house: Path, ground: Path) -> None:
    done = wanmi(house, "up", WANMI_STATE_DIR=str(ground / "elsewhere"), WANMI_MINIMUM_FREE_MB="999999999")
    assert done.returncode == 2 and steps(done) == []
    assert "999999999 MB" in done.stderr and "磁盘空间不足" in done.stderr


def test_a_state_folder_that_cannot_be_made_is_said(house: Path, ground: Path) -> None:
    (ground / "file").write_text("")
    done = wanmi(house, "up", WANMI_STATE_DIR=str(ground / "file" / "var"))
    assert done.returncode == 2 and "WANMI_STATE_DIR" in done.stderr


def test_somebody_elses_folder_is_not_emptied(house: Path, ground: Path) -> None:
    precious = ground / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("x")
    done = wanmi(house, "up", WANMI_VENV=str(precious))
    assert done.returncode == 2 and (precious / "thesis.txt").exists()


def test_test_runs_every_checker_and_arguments_go_to_pytest_alone(house: Path, tools: Path) -> None:
    path = f"{tools}:{os.environ['PATH']}"
    whole = wanmi(house, "test", PATH=path)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert re.findall(r"^== (.*)$", whole.stdout, re.MULTILINE) == [
        "ruff check",
        "ruff format --check",
        "mypy --strict",
        "pytest",
    ]
    broken = wanmi(house, "test", PATH=path, BREAK="mypy")
    assert broken.returncode == 1 and "FAILED  mypy --strict" in broken.stdout and "ok      pytest" in broken.stdout
    some = wanmi(house, "test", "-k", "a or b", PATH=path)
    assert "'-k', 'a or b'" in some.stdout and "==" not in some.stdout


@root_only
def test_an_unreadable_checkout_keeps_its_state_in_the_system(house: Path, ground: Path) -> None:
    closed = ground / "closed"
    closed.mkdir(mode=0o700)
    fresh = checkout(closed / "万米")
    done = wanmi(fresh, "--help", WANMI_VENV=str(house / "var/venv"))
    match = re.search(r'"state": "(/var/lib/wanmi/[0-9a-f]{12})"', done.stdout)
    assert match, done.stdout + done.stderr
    assert not (fresh / "var").exists()
    shutil.rmtree(match[1])


@root_only
def test_an_ordinary_user_with_a_read_only_checkout(house: Path, ground: Path) -> None:
    home = ground / "家"
    home.mkdir()
    os.chown(home, 65534, 65534)
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    probe = ["python3", "-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"]
    if as_nobody(probe, env=environment, cwd="/").returncode:
        pytest.skip("the account nobody has no Python with venv here")
    fresh = checkout(ground / "read only")
    done = as_nobody(["bash", str(fresh / "wanmi"), "--help"], env=environment, cwd="/")
    assert done.returncode == 0, done.stderr
    assert f'"python": "{home}/.local/state/wanmi/' in done.stdout
    assert not (fresh / "var").exists()


@root_only
def test_what_must_be_asked_for_is_one_line(house: Path, ground: Path) -> None:
    """Hides PostgreSQL in a mount namespace and asks as somebody who may not install."""
    hide = 'mount -t tmpfs tmpfs /usr/lib/postgresql && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    probe = subprocess.run(["unshare", "-m", "bash", "-c", hide, "-", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no mount namespace, or no PostgreSQL to hide")
    command = ["unshare", "-m", "bash", "-c", hide, "-", "bash", str(house / "wanmi"), "up"]
    environment = {"HOME": str(ground), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, cwd="/")
    assert done.returncode == 2
    assert re.search(r"请管理员执行：apt-get install .*postgresql-(\d+|NN)-postgis-3", done.stderr), done.stderr
    assert "administrator" in done.stderr


def test_continuous_integration_calls_the_same_command() -> None:
    text = (ROOT / ".ci/run").read_text("utf-8")
    assert "./wanmi test" in text
    assert os.access(ROOT / ".ci/run", os.X_OK) and os.access(ROOT / "wanmi", os.X_OK)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck")
def test_the_scripts_are_shellcheck_clean() -> None:
    done = subprocess.run(["shellcheck", "wanmi", ".ci/run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_locks_name_hashes_and_no_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text("utf-8")
        pinned = re.findall(r"^[a-z][\w.-]*(?:\[[\w,]+\])?==", text, re.MULTILINE)
        assert len(pinned) > 40 and text.count("--hash=sha256:") > len(pinned)
        body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        assert not re.search(r"https?://|index-url|find-links|^/", body, re.MULTILINE)
