"""Heat, power, telecom and combined sewers: each hangs together, keeps its own place in the street, and is told in full."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

OWN = ("RL", "DL", "TX", "HS")


def ends(city: dict[str, Made], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nodes of a kind and the pairs (n, 2) of their numbers that its pipes join."""
    nodes, pipes = city["pipe_node"].columns, city["pipeline"].columns
    codes = nodes["code"][nodes["pipe_kind"] == kind]
    number = {code: n for n, code in enumerate(codes)}
    mine = pipes["kind"] == kind
    pairs = [[number[a], number[b]] for a, b in zip(pipes["from_node"][mine], pipes["to_node"][mine], strict=True)]
    return codes, np.array(pairs)


@pytest.mark.parametrize("kind", OWN)
def test_every_kind_hangs_together(city: dict[str, Made], kind: str) -> None:
    codes, pairs = ends(city, kind)
    group = np.arange(len(codes))
    while True:
        low = np.minimum(group[pairs[:, 0]], group[pairs[:, 1]])
        before = group.copy()
        np.minimum.at(group, pairs[:, 0], low)
        np.minimum.at(group, pairs[:, 1], low)
        if (before == group).all():
            break
    assert (group == 0).all() and len(codes) > 80
    if kind in ("RL", "HS"):
        assert len(pairs) == len(codes) - 1, "a tree"
    else:
        assert len(pairs) > len(codes), "a mesh"


def test_heat_pipes_grow_towards_the_plant(city: dict[str, Made]) -> None:
    nodes, pipes = city["pipe_node"].columns, city["pipeline"].columns
    plant = nodes["code"][(nodes["pipe_kind"] == "RL") & (nodes["kind"] == "plant")]
    assert len(plant) == 1
    heat = pipes["kind"] == "RL"
    size = pipes["diameter_mm"][heat].astype(int)
    at_plant = (pipes["from_node"][heat] == plant[0]) | (pipes["to_node"][heat] == plant[0])
    assert size[at_plant].max() == size.max() and size.min() == 200 and len(set(size.tolist())) >= 4


def test_trades_do_not_lie_upon_each_other(city: dict[str, Made]) -> None:
    rows, lines = city["pipeline"].columns, metres(city["pipeline"].geometry)
    for kind in OWN[:3]:
        mine, others = lines[rows["kind"] == kind], lines[~np.isin(rows["kind"], (kind, "HS"))]
        middle = shapely.line_interpolate_point(mine, 0.5, normalized=True)
        along = shapely.STRtree(others).query(middle, predicate="dwithin", distance=0.4)[0]
        assert len(np.unique(along)) < 0.05 * len(mine), kind


def test_every_kind_of_the_domain_is_there_with_what_a_survey_tells(city: dict[str, Made]) -> None:
    rows = city["pipeline"].columns
    assert set(rows["kind"]) == {"YS", "WS", "HS", "JS", "RQ", "RL", "DL", "TX"}
    for key in ("material", "built_on", "owner_name", "depth_from_m", "depth_to_m"):
        assert all(value is not None for value in rows[key]), key
    under_pressure = np.isin(rows["kind"], ("JS", "RQ", "RL", "DL"))
    assert all(value for value in rows["pressure"][under_pressure])
    ducts = np.isin(rows["kind"], ("DL", "TX"))
    assert all(value is None for value in rows["diameter_mm"][ducts]) and all(value for value in rows["diameter_mm"][~ducts])
    depth = rows["depth_from_m"].astype(float)
    assert depth.min() >= 0.3 and depth.max() < 12


def test_chambers_do_not_stand_in_the_river(city: dict[str, Made]) -> None:
    nodes = city["pipe_node"]
    mine = np.isin(nodes.columns["pipe_kind"], OWN[1:3])
    river = metres(city["water_body"].geometry[:1])[0]
    wet = shapely.contains_xy(river, shapely.get_coordinates(metres(nodes.geometry[mine])))
    assert wet.sum() < 0.01 * mine.sum(), "only the joints in the middle of bridges"
