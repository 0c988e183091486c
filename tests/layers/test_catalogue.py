"""The registry: the files of the house are right, wrong files are named with file, key and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layers.catalogue import CatalogueError, Registry, read_folder

FIRST_ROLES = {
    "district", "street", "community", "grid", "component", "address", "road", "building", "pipeline", "pipe_node",
    "park", "tree", "case", "emergency",
}  # fmt: skip

GOOD = """
id = "toilet"
role = "toilet"
title = { zh = "公厕", en = "Toilets" }
group = "grid"
geometry = ["Point"]
name = "name"
[fields]
name = { title = { zh = "名称", en = "Name" }, required = true, length = 50 }
grade = { title = { zh = "等级", en = "Grade" }, domain = "grade" }
[domains.grade]
values = [{ value = "1", zh = "一类", en = "First" }]
[style]
colour = "#123456"
by = "grade"
"""
GROUPS = 'groups = [{ id = "grid", title = { zh = "网格", en = "Grids" } }]'


def folder(tmp_path: Path, text: str, name: str = "toilet.toml") -> Path:
    (tmp_path / "_groups.toml").write_text(GROUPS, "utf-8")
    (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_the_first_layers_are_there(registry: Registry) -> None:
    assert {layer.role for layer in registry} >= FIRST_ROLES


def test_titles_are_chinese_and_english(registry: Registry) -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for layer in registry:
        titles = [layer.title, *(field.title for field in layer.fields.values())]
        for title in titles:
            assert chinese.search(title.zh), (layer.id, title)
            assert title.en.isascii(), (layer.id, title)


def test_a_new_trade_is_one_file(tmp_path: Path) -> None:
    registry = read_folder(folder(tmp_path, GOOD))
    assert registry.by_role("toilet").fields["name"].required
    with pytest.raises(KeyError):
        registry.by_role("grid")


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        (('geometry = ["Point"]', 'geometry = ["Dot"]'), "geometry.0", "Input should be"),
        (('title = { zh = "公厕", en = "Toilets" }', "title = 3"), "title", "Input should be"),
        (('colour = "#123456"', 'colour = "red"'), "style.colour", "pattern"),
        (('name = "name"', 'name = "nome"'), "-", "no field 'nome'"),
        (('group = "grid"', 'group = "grids"'), "group", "grids"),
        (('domain = "grade"', 'domain = "grad"'), "-", "no domain 'grad'"),
        (('id = "toilet"', 'id = "toilets"'), "id", "文件名"),
        (('role = "toilet"', 'rolle = "toilet"'), "rolle", "Extra inputs"),
        (('role = "toilet"', 'kind = "river"'), "kind", "'stream'"),
        (("length = 50", 'length = "x"'), "fields.name.length", "integer"),
        (("[fields]", '[fields]\nid = { title = { zh = "一", en = "I" } }'), "-", "belongs to the system"),
        (("[style]", "[style"), "-", "TOML"),
        (('name = "name"', 'name = "name"\nhidden = ["9"]'), "-", "no legend value"),
    ],
)
def test_a_wrong_file_names_file_key_and_reason(tmp_path: Path, change: tuple[str, str], key: str, reason: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read_folder(folder(tmp_path, GOOD.replace(*change)))
    assert caught.value.file == "toilet.toml"
    assert caught.value.key == key
    assert reason in caught.value.reason


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = folder(tmp_path, GOOD)
    (path / "toilet.toml").write_bytes("标题".encode("gbk"))
    with pytest.raises(CatalogueError, match="UTF-8"):
        read_folder(path)


def test_a_role_is_played_once(tmp_path: Path) -> None:
    path = folder(tmp_path, GOOD)
    (path / "toilet2.toml").write_text(GOOD.replace('id = "toilet"', 'id = "toilet2"'), "utf-8")
    with pytest.raises(CatalogueError) as caught:
        read_folder(path)
    assert (caught.value.file, caught.value.key) == ("toilet2.toml", "role")
