"""``wanmi import`` from the outside: exit codes, report, what stands on stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from spatial.cities import City
from tests.data.files import geojson
from tests.support.cluster import Server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def wanmi(server: Server, database: str, city: City, tmp_path: Path):
    """Runs the command line on the module's database."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANMI_")}
        environment |= {"WANMI_DATABASE_URL": server.owner(database), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        return subprocess.run(
            [sys.executable, "-m", "api.cli", "import", *map(str, arguments)],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=120,
        )  # fmt: skip

    return run


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM layer.ancient_tree")) or 0)


def tree(code: str, place: list[float], **more: object) -> tuple[dict[str, object], list[float]]:
    return {"编号": code, "树种": "槐", **more}, place


def test_written(wanmi, tmp_path: Path, engine: Engine) -> None:
    path = geojson(tmp_path / "古树 一.geojson", tree("C1", [113.3, 34.8]), tree("C2", [113.3, 34.8]))
    before = rows(engine)
    done = wanmi(
        path.name, "--layer", "ancient_tree", "--city", "testcity", "--map", "编号=code", "--set", "status=保护", "--report", "r.json"
    )
    assert done.returncode == 0, done.stderr
    assert rows(engine) == before + 2
    assert len(done.stdout.strip().splitlines()) == 1
    assert "读取 2，写入 2，拒绝 0，放在一边 0" in done.stdout
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert {key: report[key] for key in ("file", "layer", "city", "read", "written", "refused", "set_aside", "rows")} == {
        "file": "古树 一.geojson", "layer": "ancient_tree", "city": "testcity", "read": 2, "written": 2,
        "refused": 0, "set_aside": 0, "rows": [],
    }  # fmt: skip
    assert report["seconds"] > 0


def test_refused_then_set_aside(wanmi, tmp_path: Path, engine: Engine) -> None:
    path = geojson(tmp_path / "a.geojson", tree("C3", [113.3, 34.8]), tree("C4", [0, 0]))
    common = (path, "--layer", "ancient_tree", "--map", "编号=code", "--report", tmp_path / "r.json")
    before = rows(engine)
    done = wanmi(*common)
    assert done.returncode == 1
    assert "第 2 行" in done.stderr and "geometry_envelope" in done.stderr
    assert "拒绝 1" in done.stdout and "整份未写入" in done.stdout
    assert rows(engine) == before
    done = wanmi(*common, "--on-bad", "set_aside")
    assert done.returncode == 1
    assert "写入 1" in done.stdout and "放在一边 1" in done.stdout
    assert rows(engine) == before + 1
    fault = json.loads((tmp_path / "r.json").read_text("utf-8"))["rows"][0]
    assert (fault["row"], fault["field"], fault["value"], fault["rule"]) == (2, "geometry", "POINT (0 0)", "geometry_envelope")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.csv", "--layer", "ancient_tree"), "file_missing"),
        (("a.geojson", "--layer", "nothing"), "没有图层"),
        (("a.geojson", "--layer", "ancient_tree", "--city", "atlantis"), "没有城市"),
        (("a.geojson", "--layer", "ancient_tree", "--map", "x"), "--map 应写成"),
        (("a.geojson", "--layer", "ancient_tree", "--on-bad", "repair"), "--on-bad"),
        (("a.geojson",), "--layer"),
        (("a.geojson", "--layer", "ancient_tree", "--report", "no/such/folder.json"), "无法写报告"),
    ],
)
def test_could_not_be_run(wanmi, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    geojson(tmp_path / "a.geojson", tree("C5", [113.3, 34.8]))
    done = wanmi(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
