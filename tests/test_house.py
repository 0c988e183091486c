"""The architecture tested: floors, sizes, no layer named above the registry, documents in step with the code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from layers.catalogue import Registry
from spatial.settings import PREFIX, Settings, SettingsError, load_settings

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"grid_coding": 0, "layers": 1, "spatial": 2, "tiles": 3, "data": 3, "cases": 3, "api": 4}
FILE_LINES, FUNCTION_LINES = 400, 60


def sources(*folders: str, ending: str = ".py") -> Iterator[Path]:
    for name in folders:
        for path in sorted((ROOT / name).rglob(f"*{ending}")):
            if "vendor" not in path.parts:
                yield path


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", FLOORS)
def test_imports_point_only_downward(folder: str) -> None:
    for path in sources(folder):
        for name in imported(ast.parse(path.read_text("utf-8"))):
            if name in FLOORS and name != folder:
                assert FLOORS[name] < FLOORS[folder], f"{path.relative_to(ROOT)} imports {name}"


def test_the_lowest_floors_know_neither_database_nor_http() -> None:
    forbidden = {
        "grid_coding": {"sqlalchemy", "psycopg", "psycopg2", "fastapi", "pydantic"},
        "layers": {"sqlalchemy", "psycopg", "psycopg2", "fastapi"},
    }
    forbidden |= {"spatial": {"fastapi", "starlette", "uvicorn"}, "tiles": {"fastapi", "starlette"}, "data": {"fastapi", "starlette"}}
    for folder, names in forbidden.items():
        for path in sources(folder):
            assert not names & set(imported(ast.parse(path.read_text("utf-8")))), path.relative_to(ROOT)


def test_files_and_functions_stay_small() -> None:
    for path in [*sources(*FLOORS, "tests", "bench"), *sources("web", ending=".js"), *sources("web", ending=".css")]:
        text = path.read_text("utf-8")
        assert text.count("\n") <= FILE_LINES, f"{path.relative_to(ROOT)} is too long"
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= FUNCTION_LINES, f"{path.relative_to(ROOT)}: {node.name} has {lines} lines"


def test_no_layer_is_named_above_the_registry(registry: Registry) -> None:
    """Code asks by role; a literal equal to a layer's id is taken for one unless it follows ``by_role`` or ``has_role``."""
    ids = set(registry.layers)
    for path in sources("tiles", "api"):
        tree = ast.parse(path.read_text("utf-8"))
        asked = {
            id(argument)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("by_role", "has_role")
            for argument in node.args
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node.value in ids and id(node) not in asked:
                raise AssertionError(f"{path.relative_to(ROOT)}:{node.lineno} names layer {node.value!r}")
    quoted = re.compile(r"""(["'`])(""" + "|".join(sorted(ids)) + r""")\1""")
    for path in sources("web", ending=".js"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            found = quoted.search(re.sub(r'icon="\w+"', "", line))  # a picture may be called as a layer is
            assert found is None or "role" in line, f"{path.relative_to(ROOT)}:{number} names layer {found and found[2]!r}"


def test_nothing_is_opened_at_import() -> None:
    """Importing the application must not read the environment, a file of settings or a database."""
    code = "import sys; sys.argv=['x']; import api.app, api.cli; assert 'pool' not in dir(api.app)"
    environment = {"PATH": "/usr/bin:/bin", "WANMI_NONSENSE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_setting_stands_in_both_readmes() -> None:
    for name in ("README.md", "README.en.md"):
        text = (ROOT / name).read_text("utf-8")
        missing = [PREFIX + key.upper() for key in Settings.model_fields if f"`{PREFIX}{key.upper()}`" not in text]
        assert not missing, f"{name} lacks {missing}"


def test_readmes_have_the_same_headings() -> None:
    levels = [
        [len(mark) for mark in re.findall(r"^(#+) ", (ROOT / name).read_text("utf-8"), re.MULTILINE)]
        for name in ("README.md", "README.en.md")
    ]
    assert levels[0] == levels[1]


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"


def test_the_wheel_carries_everything_it_needs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], check=True, cwd=ROOT, capture_output=True
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    vendored = json.loads((ROOT / "web/vendor/vendor.json").read_text("utf-8"))
    assert vendored
    needed = [*sources("layers", ending=".toml"), *sources("grid_coding", ending=".csv"), *sources("spatial", ending=".sql")]
    needed += [*sources("web", ending=".js"), *sources("web", ending=".html"), *sources("web", ending=".css"), *sources(*FLOORS)]
    assert {str(path.relative_to(ROOT)) for path in needed} <= names
    assert any(name.startswith("web/vendor/maplibre-gl/") for name in names)
    assert not any(name.startswith(("tests/", "bench/")) for name in names)


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(SettingsError, match="WANMI_PROT"):
        load_settings({"WANMI_PROT": "8000"})
    with pytest.raises(SettingsError, match="port"):
        load_settings({}, port=99999)


def test_command_line_beats_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wanmi.toml").write_text("port = 8001\nqueue_seconds = 3\ndatabase_pool = 5\n", "utf-8")
    (tmp_path / ".env").write_text("WANMI_PORT=8002\nWANMI_QUEUE_SECONDS=4\n", "utf-8")
    monkeypatch.setenv("WANMI_PORT", "8003")
    assert load_settings(port=8004).port == 8004
    settings = load_settings()
    assert (settings.port, settings.queue_seconds, settings.database_pool) == (8003, 4, 5)
    (tmp_path / "wanmi.toml").write_text("prot = 1\n", "utf-8")
    with pytest.raises(SettingsError, match="prot"):
        load_settings()


def test_the_repository_names_no_machine_and_no_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    hosts = re.compile(
        "files.pythonhosted" + r"\.org|pypi\." + r"org|registry\.npm" + "js|deb\\.debian" + r"\.org|(?<![\w.])/(?:wo" + "rk|ro" + r"ot)/\w"
    )
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.suffix in (".png", ".ico") or "vendor" in path.parts or not path.is_file():
            continue
        found = hosts.search(path.read_text("utf-8", errors="replace"))
        assert found is None, f"{name}: {found and found[0]}"
