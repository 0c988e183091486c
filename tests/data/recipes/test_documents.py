"""docs/recipes.md keeps in step: every recipe, rule, repair and conversion stands there, and its example is a recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data.recipes.catalogue import check_recipe, names, read_recipe
from data.recipes.readings import RULES
from data.recipes.repairs import REPAIRS
from data.recipes.reshaping import SHAPINGS
from layers.catalogue import Registry

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/recipes.md"


@pytest.mark.parametrize(
    "known", [names(), RULES, [f"repair:{name}" for name in REPAIRS], SHAPINGS], ids=["recipes", "rules", "repairs", "kinds"]
)
def test_everything_named_stands_in_a_table(known: object) -> None:
    told = re.findall(r"^\| `([^`]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    missing = set(known) - set(told)  # type: ignore[call-overload]
    assert not missing, f"docs/recipes.md lacks {sorted(missing)}"


def test_the_example_is_a_recipe(tmp_path: Path, registry: Registry) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "xincheng.toml"
    path.write_text(example, "utf-8")
    recipe = read_recipe(path)
    check_recipe(recipe, registry)
    assert recipe.source[0].datum == "gcj02" and recipe.raster
