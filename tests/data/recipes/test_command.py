"""``wanmi import --recipe`` and ``wanmi recipes`` from the outside: exit codes, what stands on stdout, rasters that go with the city."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.files import table
from tests.data.recipes.test_catalogue import GOOD
from tests.support.cluster import Server

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def wanmi(server: Server, database: str, tmp_path: Path):
    """Runs the command line on the module's database."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANMI_")}
        environment |= {"WANMI_DATABASE_URL": server.owner(database), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        environment |= {"WANMI_RASTER_DIR": str(tmp_path / "rasters")}
        return subprocess.run(
            [sys.executable, "-m", "api.cli", *map(str, arguments)],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=240,
        )  # fmt: skip

    return run


def test_the_recipes_are_listed_with_their_files(wanmi) -> None:
    done = wanmi("recipes")
    assert done.returncode == 0, done.stderr
    assert "taipei\t" in done.stdout and "  taipei/taipei_village.geojson" in done.stdout


def test_a_recipe_of_ones_own(wanmi, tmp_path: Path) -> None:
    table(tmp_path / "trees.csv", "编号,树种,经度,纬度", "T1,槐,113.3,34.8")
    (tmp_path / "little.toml").write_text(GOOD, "utf-8")
    common = ("import", "--recipe", "little.toml", "--from", ".", "--report", "r.json")
    done = wanmi(*common, "--dry-run")
    assert done.returncode == 0 and "试运行" in done.stdout, done.stderr
    done = wanmi(*common)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split("\t")[:4] == ["trees", "ancient_tree", "1", "1"]
    assert "读取 1，写入 1，拒绝 0，放在一边 0" in done.stdout.splitlines()[-1]
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["written"] == 1
    done = wanmi(*common)
    assert done.returncode == 2 and "city_exists" in done.stderr and "Traceback" not in done.stderr
    table(tmp_path / "trees.csv", "编号,树种,经度,纬度", "T1,槐,113.3,")
    done = wanmi(*common, "--replace")
    assert done.returncode == 1 and "什么都没有写入" in done.stdout and "trees.csv，第 1 行" in done.stderr
    assert wanmi("city", "remove", "little", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recipe", "atlantis", "--from", "."), "没有这个配方"),
        (("--recipe", "taipei", "--from", "none"), "没有目录"),
        (("--recipe", "taipei"), "--from"),
        (("--recipe", "taipei", "--from", ".", "--crs", "EPSG:4326"), "--from"),
        (("a.csv", "--recipe", "taipei", "--from", "."), "--recipe"),
        (("--recipe", "taipei", "--from", "."), "file_missing"),
        (("a.csv", "--layer", "park", "--replace"), "--recipe"),
        ((), "--layer"),
    ],
)
def test_could_not_be_run(wanmi, arguments: tuple[str, ...], said: str) -> None:
    done = wanmi("import", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_removed_city_takes_its_rasters_along(wanmi, tmp_path: Path, realdata: Path) -> None:
    done = wanmi("import", "--recipe", "youwuzhen", "--from", realdata)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "rasters").rglob("*.tif"))) == 1
    done = wanmi("city", "remove", "youwuzhen", "--yes")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "rasters").rglob("*.tif")) == []
