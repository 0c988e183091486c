"""Recipe files: every one that ships fits the layers; a wrong one is told with file, key and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.recipes.catalogue import RecipeError, check_recipe, load_recipe, names, read_recipe
from layers.catalogue import Registry

RASTER = '[[raster]]\nkey = "{}"\ntitle = {{ zh = "甲", en = "A" }}\nfile = "{}"\n[[source]]'
GOOD = """
id = "little"
title = { zh = "小城", en = "Little" }
description = { zh = "说明", en = "Description" }
[city]
key = "little"
title = { zh = "小城", en = "Little" }
prefix = "99"
bbox = [113.2, 34.7, 113.4, 34.9]
notice = { zh = "本地编码", en = "local codes" }
[origin]
publisher = "某局"
licence = "CC BY 4.0"
[[source]]
key = "trees"
title = { zh = "树", en = "Trees" }
files = "trees.csv"
layer = "ancient_tree"
crs = "EPSG:4490"
[source.fields]
code = "编号"
species = "树种"
"""
WRONG = {
    "unknown key": ('layer = "ancient_tree"', 'layer = "ancient_tree"\nlayers = "x"', "source.trees.layers", "not permitted"),
    "unknown rule": ('code = "编号"', 'code = { column = "编号", read = "roman" }', "source.trees.fields.code.read", "roman"),
    "unknown repair": ("crs =", 'on_bad = "repair:magic"\ncrs =', "source.trees.on_bad", "repair:magic"),
    "refuse before a repair": ("crs =", 'on_bad = ["refuse", "repair:close_rings"]\ncrs =', "source.trees.on_bad", "repairs first"),
    "unknown shaping": ("crs =", 'geometry = "round"\ncrs =', "source.trees.geometry", "round"),
    "unknown datum": ("crs =", 'datum = "wgs72"\ncrs =', "source.trees.datum", "wgs72"),
    "out of the folder": ('files = "trees.csv"', 'files = "../secret.csv"', "source.trees.files", "below the data folder"),
    "absolute": ('files = "trees.csv"', 'files = "/etc/passwd"', "source.trees.files", "below the data folder"),
    "no file": ('files = "trees.csv"', "files = []", "source.trees.files", "at least 1"),
    "two ways": ('code = "编号"', 'code = { column = "编号", constant = "1" }', "source.trees.fields.code", "exactly one"),
    "constant with values": ('code = "编号"', 'code = { constant = "1", values = { a = "b" } }', "source.trees.fields.code", "alone"),
    "otherwise alone": ('code = "编号"', 'code = { column = "编号", otherwise = "b" }', "source.trees.fields.code", "goes with values"),
    "keep alone": ('code = "编号"', 'code = { column = "编号", keep = true }', "source.trees.fields.code", "keep goes with values"),
    "keep and otherwise": (
        'code = "编号"',
        'code = { column = "编号", values = { a = "b" }, otherwise = "c", keep = true }',
        "source.trees.fields.code",
        "not with",
    ),
    "key twice": ("[[source]]", RASTER.format("trees", "a.tif"), "-", "stands twice"),
    "raster pattern": ("[[source]]", RASTER.format("r", "*.tif"), "raster.r", "one file"),
    "no toml": ("id =", "id ==", "-", "not valid TOML"),
    "other name": ('id = "little"', 'id = "large"', "id", "file name"),
}
UNFIT = {
    "unknown layer": ('layer = "ancient_tree"', 'layer = "trees"', "source.trees.layer", "no such layer"),
    "unknown field": ('species = "树种"', 'species = "树种"\nspeces = "树种"', "source.trees.fields.speces", "no such field"),
    "required field": ('species = "树种"', "", "source.trees.fields", "species"),
    "two running numbers": ('code = "编号"', 'code = { template = "{#2}-{#3}" }', "source.trees.fields.code", "at most one"),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "little.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_recipes_that_ship_fit_the_layers(registry: Registry) -> None:
    wanted = {"taipei", "zhengzhou", "sudbury", "esquimalt", "santboi", "wuhan", "beijing_tsinghua", "washington", "taichung"}
    assert wanted <= set(names())
    prefixes = {}
    for name in names():
        recipe = load_recipe(name)
        check_recipe(recipe, registry)
        assert recipe.city.notice.zh and recipe.files
        prefixes[recipe.city.key] = name
    assert len(prefixes) == len(names()), "two recipes make a city of the same key"


def test_a_good_one_reads(tmp_path: Path, registry: Registry) -> None:
    recipe = load_recipe(str(written(tmp_path, GOOD)))
    check_recipe(recipe, registry)
    assert recipe.files == ("trees.csv",)
    assert recipe.source[0].on_bad == ("refuse",) and not recipe.source[0].sets_aside


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_one_is_told_by_key(case: str, tmp_path: Path) -> None:
    old, new, key, reason = WRONG[case]
    assert old in GOOD
    with pytest.raises(RecipeError) as told:
        read_recipe(written(tmp_path, GOOD.replace(old, new, 1)))
    assert told.value.file == "little.toml"
    assert told.value.key.startswith(key), told.value.key
    assert reason in told.value.reason, told.value.reason


@pytest.mark.parametrize("case", UNFIT)
def test_one_that_does_not_fit_the_layers_is_told_by_key(case: str, tmp_path: Path, registry: Registry) -> None:
    old, new, key, reason = UNFIT[case]
    recipe = read_recipe(written(tmp_path, GOOD.replace(old, new, 1)))
    with pytest.raises(RecipeError) as told:
        check_recipe(recipe, registry)
    assert (told.value.file, told.value.key) == ("little.toml", key)
    assert reason in told.value.reason


def test_there_is_no_such_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="taipei"):
        load_recipe("atlantis")
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe(str(tmp_path / "none.toml"))
