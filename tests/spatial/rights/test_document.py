"""docs/rights.md tells the rules of a first start as they are."""

from __future__ import annotations

from layers.catalogue import Registry
from spatial.accounts.model import ROLES, SEPARATED
from spatial.rights.model import ACTIONS, REACHES
from spatial.rights.rules import RESTS, default_rules
from tests.conftest import ROOT


def lines(registry: Registry) -> list[str]:
    """The table of the document: a line per role and action, a column per sensitivity, then single layers."""
    titles = {**{layer.id: layer.title.zh for layer in registry}, **{one.id: one.title.zh for one in registry.streams.values()}}
    found = default_rules()
    made = []
    for role in ROLES.values():
        for action, (zh, _) in ACTIONS.items():
            cells = {rule.target: rule.reach for rule in found if (rule.role, rule.action) == (role.key, action)}
            if role.key in SEPARATED or not cells:
                continue
            rests = [REACHES[cells[rest]][0] if rest in cells else "–" for rest in RESTS]
            single = "、".join(f"{titles[target]} {REACHES[reach][0]}" for target, reach in cells.items() if target not in RESTS)
            made.append(f"| {role.zh} `{role.key}` | {zh} `{action}` | {' | '.join(rests)} | {single or '–'} |")
    return made


def test_the_document_has_the_default_matrix(registry: Registry) -> None:
    wanted = lines(registry)
    section = (ROOT / "docs/rights.md").read_text("utf-8").partition("## 初始规则")[2].partition("\n## ")[0]
    found = [line for line in section.splitlines() if line.startswith("| ") and "` | " in line]
    assert found == wanted


def test_every_action_and_reach_is_explained() -> None:
    words = (ROOT / "docs/rights.md").read_text("utf-8")
    for key, (zh, _) in {**ACTIONS, **REACHES}.items():
        assert f"`{key}`" in words and zh in words, key
