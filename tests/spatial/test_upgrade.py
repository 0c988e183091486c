"""``db upgrade``: adds what a layer file adds, keeps what it renames, refuses what would lose data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from layers.catalogue import Registry, read_folder
from spatial.cities import City, add_city, city_or_none
from spatial.database import owner_engine
from spatial.upgrade import UpgradeRefused, upgrade
from tests.support.cluster import Server

GROUPS = 'groups = [{ id = "g", title = { zh = "组", en = "Group" } }]'
LAYER = """
id = "stop"
title = { zh = "站", en = "Stops" }
group = "g"
geometry = ["Point"]
name = "name"
[fields]
name = { title = { zh = "名称", en = "Name" }, required = true, search = true, length = 10 }
kind = { title = { zh = "类型", en = "Kind" }, domain = "kind" }
[domains.kind]
values = [{ value = "a", zh = "甲", en = "A" }]
[style]
colour = "#112233"
"""


@pytest.fixture
def bare(server: Server) -> Iterator[Engine]:
    server.create("wanmi_upgrade")
    engine = owner_engine(server.owner("wanmi_upgrade"))
    yield engine
    engine.dispose()
    server.drop("wanmi_upgrade")


def registry_of(tmp_path: Path, layer: str, name: str = "stop") -> Registry:
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.toml"):
        old.unlink()
    (folder / "_groups.toml").write_text(GROUPS, "utf-8")
    if layer:
        (folder / f"{name}.toml").write_text(layer, "utf-8")
    return read_folder(folder)


def fill(engine: Engine, kind: str = "a") -> None:
    with engine.begin() as connection:
        if city_or_none(connection, "c") is None:
            add_city(connection, City("c", "城", "C", "99", (0, 0, 1, 1), profile="local"))
        row = "(city, area, geom, name, kind) VALUES (1, '99', ST_SetSRID(ST_MakePoint(0.5, 0.5), 4490), '东站', :kind)"
        connection.execute(text(f"INSERT INTO layer.stop {row}"), {"kind": kind})


def state(engine: Engine) -> list[tuple[object, ...]]:
    """Columns, rules and rows: what must stay when an upgrade is refused."""
    with engine.connect() as connection:
        columns = connection.execute(
            text("""
                SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
                WHERE table_schema = 'layer' ORDER BY 1, 2
            """)
        )
        rules = connection.execute(text("SELECT conname FROM pg_constraint WHERE connamespace = 'layer'::regnamespace ORDER BY 1"))
        rows = connection.execute(text("SELECT to_jsonb(s) FROM layer.stop s ORDER BY id"))
        return [*map(tuple, columns), *map(tuple, rules), *map(tuple, rows)]


def test_a_second_upgrade_changes_nothing(bare: Engine, tmp_path: Path) -> None:
    registry = registry_of(tmp_path, LAYER)
    assert upgrade(bare, registry)
    assert upgrade(bare, registry) == []


def test_new_fields_values_and_layers_are_added(bare: Engine, tmp_path: Path) -> None:
    upgrade(bare, registry_of(tmp_path, LAYER))
    fill(bare)
    more = LAYER.replace("[domains.kind]", 'level = { title = { zh = "级", en = "Level" }, type = "integer", minimum = 1 }\n[domains.kind]')
    more = more.replace('en = "A" }]', 'en = "A" }, { value = "b", zh = "乙", en = "B" }]').replace("length = 10", "length = 20")
    upgrade(bare, registry_of(tmp_path, more))
    fill(bare, "b")
    with bare.connect() as connection:
        assert connection.execute(text("SELECT kind, level FROM layer.stop ORDER BY id")).all() == [("a", None), ("b", None)]
        assert upgrade(bare, registry_of(tmp_path, more)) == []


def test_renamed_fields_and_layers_keep_their_rows(bare: Engine, tmp_path: Path) -> None:
    upgrade(bare, registry_of(tmp_path, LAYER))
    fill(bare)
    renamed = LAYER.replace("kind = { title", 'sort = { renamed_from = "kind", title').replace(
        'id = "stop"', 'id = "halt"\nrenamed_from = "stop"'
    )
    registry = registry_of(tmp_path, renamed, "halt")
    upgrade(bare, registry)
    with bare.connect() as connection:
        assert connection.execute(text("SELECT name, sort FROM layer.halt")).one() == ("东站", "a")
    assert upgrade(bare, registry) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("kind = { title", "other = { title"), "kind"),
        (('en = "Kind" }, domain = "kind"', 'en = "Kind" }, type = "integer"'), "bigint"),
        (('value = "a"', 'value = "z"'), "1 行"),
        (("[domains.kind]", 'must = { title = { zh = "必", en = "Must" }, required = true }\n[domains.kind]'), "must"),
        (("length = 10", "length = 1"), "1 行"),
        (('geometry = ["Point"]', 'geometry = ["LineString"]'), "geometry(Point,4490)"),
    ],
)
def test_destructive_differences_are_refused_and_change_nothing(bare: Engine, tmp_path: Path, change: tuple[str, str], words: str) -> None:
    upgrade(bare, registry_of(tmp_path, LAYER))
    fill(bare)
    before = state(bare)
    with pytest.raises(UpgradeRefused) as caught:
        upgrade(bare, registry_of(tmp_path, LAYER.replace(*change)))
    assert any(words in reason for reason in caught.value.reasons), caught.value.reasons
    assert state(bare) == before


def test_a_layer_without_its_file_is_not_dropped(bare: Engine, tmp_path: Path) -> None:
    upgrade(bare, registry_of(tmp_path, LAYER))
    fill(bare)
    with pytest.raises(UpgradeRefused, match="stop"):
        upgrade(bare, registry_of(tmp_path, ""))
    with bare.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM layer.stop")) == 1


def test_the_serving_role_reads_and_nothing_else(bare: Engine, tmp_path: Path, server: Server) -> None:
    upgrade(bare, registry_of(tmp_path, LAYER))
    fill(bare)
    app = owner_engine(server.app("wanmi_upgrade"))
    with app.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM seen.stop")) == 0, "nobody acts"
    for statement in (
        "SELECT * FROM layer.stop",
        "DELETE FROM seen.stop",
        "DELETE FROM layer.stop",
        "INSERT INTO wanmi.city (key) VALUES ('x')",
        "CREATE TABLE layer.x (a int)",
        "DROP TABLE layer.stop",
    ):
        with pytest.raises(Exception, match=r"permission denied|must be owner|read-only"), app.begin() as connection:
            connection.execute(text(statement))
    app.dispose()
