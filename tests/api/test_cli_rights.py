"""``wanmi rights`` from outside: printed, changed, tried, published, brought back; what is wrong is a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.cities import City, add_city, city_or_none
from tests.api.test_cli import Run
from tests.api.test_cli_users import wanmi

__all__ = ["wanmi"]  # the fixture


@pytest.fixture(scope="module", autouse=True)
def ground(engine: Engine) -> None:
    with engine.begin() as connection:
        if city_or_none(connection, "ground") is None:
            add_city(connection, City("ground", "地", "Ground", "4101", (113, 34, 114, 35)))
        create(connection, NewAccount("zhao", "赵", (Grant("planner", "4101"),)))
        add_organisation(connection, Organisation("water", "水务局", "Water"))


def test_rules_are_printed_changed_tried_published_and_brought_back(wanmi: Run, engine: Engine, tmp_path: Path) -> None:
    shown = wanmi("rights", "show")
    assert shown.returncode == 0 and shown.stdout.startswith("# 版本 version 1\n")
    file = tmp_path / "rules.toml"
    file.write_text(re.sub(r'key_site = "none"', 'key_site = { reach = "area", areas = ["410105"] }', shown.stdout), "utf-8")
    tried = wanmi("rights", "publish", str(file), "--dry-run")
    assert "规划人员 查看 key_site：无 → 授权区域（410105）" in tried.stdout and "zhao（赵）：获得 gains 1" in tried.stdout
    assert wanmi("rights", "versions").stdout.count("\n") == 1
    assert wanmi("rights", "publish", str(file)).returncode == 2, "no reason"
    done = wanmi("rights", "publish", str(file), "--reason", "规划")
    assert done.returncode == 0 and "已发布版本 2" in done.stdout
    late = wanmi("rights", "publish", str(file), "--reason", "规划", "--base", "1")
    assert late.returncode == 2 and "版本 2" in late.stderr and "based on 1" in late.stderr
    assert "与当前版本 2 没有区别" in wanmi("rights", "publish", str(file), "--reason", "规划").stderr
    assert wanmi("rights", "back", "1").returncode == 0
    assert wanmi("rights", "show").stdout.replace("version 3", "version 1") == shown.stdout.replace("# 版本 version 1", "# 版本 version 1")
    assert [line.split("\t")[0] for line in wanmi("rights", "versions").stdout.splitlines()] == ["3", "2", "1"]
    with engine.connect() as connection:
        names = connection.scalars(text("SELECT actor_name FROM audit.entry WHERE action = 'right.publish'")).all()
    assert len(names) == 2 and all(name.endswith("@localhost") for name in names)


def test_what_is_wrong_is_a_sentence(wanmi: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    for content, words in (("[gis", "TOML"), ('[gis]\nread = { moon = "city" }', "moon"), ('[gis]\nread = { road = "far" }', "far")):
        wrong.write_text(content, "utf-8")
        done = wanmi("rights", "publish", str(wrong), "--reason", "x")
        assert done.returncode == 2 and words in done.stderr and "error:" in done.stderr, done.stderr
    wrong.write_bytes(b"\xff\xfe")
    assert wanmi("rights", "publish", str(wrong), "--reason", "x").returncode == 2
    assert wanmi("rights", "publish", str(tmp_path / "nowhere.toml"), "--reason", "x").returncode == 2
    assert wanmi("rights", "show", "--version", "99").returncode == wanmi("rights", "back", "99").returncode == 2


def test_names_of_an_organisation(wanmi: Run) -> None:
    assert "市水务局" in wanmi("user", "organisation", "name", "water", "市水务局").stdout
    assert "市水务局" in wanmi("user", "organisation", "list").stdout
    assert wanmi("user", "organisation", "name", "water", "市水务局").returncode == 2
    assert "市水务局" not in wanmi("user", "organisation", "name", "water", "市水务局", "--remove").stdout
    assert wanmi("user", "organisation", "name", "nowhere", "x").returncode == 2
