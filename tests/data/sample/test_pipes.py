"""Pipes connect nodes that exist, fall downhill and end at an outlet."""

from __future__ import annotations

import numpy as np
import shapely

from tests.data.sample.conftest import Made


def test_ends_exist_and_lie_at_their_nodes(city: dict[str, Made]) -> None:
    nodes, pipes = city["pipe_node"], city["pipeline"]
    place = dict(zip(nodes.columns["code"], shapely.get_coordinates(nodes.geometry).tolist(), strict=True))
    kind = dict(zip(nodes.columns["code"], nodes.columns["pipe_kind"], strict=True))
    for key, at in (("from_node", 0), ("to_node", -1)):
        tips = shapely.get_coordinates(shapely.get_point(pipes.geometry, at))
        told = np.array([place[code] for code in pipes.columns[key]])
        assert np.abs(tips - told).max() < 1e-8
        assert all(kind[code] == own for code, own in zip(pipes.columns[key], pipes.columns["kind"], strict=True))


def test_gravity_pipes_fall_and_meet_their_nodes_above_the_invert(city: dict[str, Made]) -> None:
    rows, nodes = city["pipeline"].columns, city["pipe_node"].columns
    invert = dict(zip(nodes["code"], nodes["invert_m"], strict=True))
    gravity = np.isin(rows["kind"], ("YS", "WS"))
    assert gravity.sum() > 6_000
    high, low = rows["invert_from_m"][gravity].astype(float), rows["invert_to_m"][gravity].astype(float)
    assert (high > low).all()
    at_start = np.array([invert[code] for code in rows["from_node"][gravity]], dtype=float)
    at_end = np.array([invert[code] for code in rows["to_node"][gravity]], dtype=float)
    assert np.abs(high - at_start).max() < 0.0015
    assert (low - at_end).min() > -0.0015
    depth = nodes["depth_m"][np.isin(nodes["pipe_kind"], ("YS", "WS"))].astype(float)
    assert depth.max() < 12 and np.median(depth) > 1


def test_every_manhole_reaches_an_outlet(city: dict[str, Made]) -> None:
    rows, nodes = city["pipeline"].columns, city["pipe_node"].columns
    gravity = np.isin(rows["kind"], ("YS", "WS"))
    kind = dict(zip(nodes["code"], nodes["kind"], strict=True))
    onward: dict[str, str] = {}
    for start, end in zip(rows["from_node"][gravity], rows["to_node"][gravity], strict=True):
        assert start not in onward, "a gravity node has one way out"
        onward[start] = end
    for node in onward:
        seen = 0
        while node in onward:
            node, seen = onward[node], seen + 1
            assert seen < 5_000
        assert kind[node] in ("outfall", "plant")
    assert set(kind.values()) >= {"manhole", "outfall", "plant", "junction", "valve"}


def test_pipes_grow_downstream(city: dict[str, Made]) -> None:
    rows = city["pipeline"].columns
    gravity = np.isin(rows["kind"], ("YS", "WS", "HS"))
    size = dict(zip(rows["from_node"][gravity], rows["diameter_mm"][gravity].astype(int), strict=True))
    pairs = [(s, size.get(t)) for s, t in zip(rows["diameter_mm"][gravity], rows["to_node"][gravity], strict=True)]
    known = [(own, onward) for own, onward in pairs if onward is not None]
    assert all(own <= onward for own, onward in known)


def test_covers_are_the_components_of_their_manholes(city: dict[str, Made]) -> None:
    nodes, components = city["pipe_node"], city["component"]
    place = dict(zip(components.columns["code"], components.geometry, strict=True))
    covered = [code is not None for code in nodes.columns["component_code"]]
    own = np.array([place[code] for code in nodes.columns["component_code"][covered]], dtype=object)
    assert sum(covered) > 6_000
    assert shapely.distance(own, nodes.geometry[covered]).max() < 1e-8
