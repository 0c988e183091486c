"""The walking network: one graph over the whole town, along every street, without a step through a house or over water."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.ops import split

from data.sample.network import PAVEMENTS
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

NEAR = 60.0  # metres from what people walk to, to a node


@pytest.fixture(scope="module")
def paths(city: dict[str, Made]) -> np.ndarray:
    return metres(city["footpath"].geometry)


@pytest.fixture(scope="module")
def graph(city: dict[str, Made]) -> tuple[np.ndarray, np.ndarray]:
    """Node numbers of both ends of each path, read off shared end coordinates, and the nodes' places in degrees."""
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(city["footpath"].geometry, at)) for at in (0, -1)])
    places, index = np.unique(ends, axis=0, return_inverse=True)
    return index.reshape(2, -1).T, places


def component_of(nodes: np.ndarray) -> np.ndarray:
    """Returns the number of the connected component of each edge."""
    root = list(range(int(nodes.max()) + 1))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for a, b in nodes.tolist():
        root[find(a)] = find(b)
    return np.array([find(a) for a in nodes[:, 0].tolist()])


def test_nearly_all_paths_are_one_network(paths: np.ndarray, graph: tuple[np.ndarray, np.ndarray]) -> None:
    own = np.bincount(component_of(graph[0]), weights=shapely.length(paths))
    assert own.max() > 0.98 * own.sum()


def test_each_side_of_the_river_is_one_network_joined_by_bridges(
    city: dict[str, Made], paths: np.ndarray, graph: tuple[np.ndarray, np.ndarray]
) -> None:
    river = metres(city["water_body"].geometry)[city["water_body"].columns["kind"] == "river"][0]
    over = shapely.intersects(paths, river)
    assert 8 <= over.sum() <= 60
    assert set(city["footpath"].columns["kind"][over]) == {"pavement"}, "the river is crossed on the bridges of the streets"
    dry = np.flatnonzero(~over)
    component, length = component_of(graph[0][dry]), shapely.length(paths[dry])
    west, _, east, _ = river.bounds
    middle = shapely.line_interpolate_point(paths[dry], 0.5, normalized=True)
    banks = list(split(shapely.box(west - 500, -1e7, east + 500, 1e7), _axis(river)).geoms)
    assert len(banks) == 2
    largest = []
    for bank in banks:
        mine = shapely.contains_properly(bank, middle)
        own = np.bincount(component[mine], weights=length[mine])
        assert own.max() > 0.98 * own.sum()
        largest.append(int(own.argmax()))
    assert largest[0] != largest[1]


def _axis(river: shapely.Polygon) -> shapely.LineString:
    """A line along the river from edge to edge, by the middle of its width at each easting."""
    west, south, east, north = river.bounds
    at = np.linspace(west + 1, east - 1, 120)
    cut = shapely.intersection(shapely.linestrings(np.array([[(x, south - 1), (x, north + 1)] for x in at])), river)
    points = shapely.get_coordinates(shapely.centroid(cut))
    return shapely.LineString(np.vstack([[west - 600, points[0, 1]], points, [east + 600, points[-1, 1]]]))


def test_paths_meet_only_at_their_ends(city: dict[str, Made], paths: np.ndarray, graph: tuple[np.ndarray, np.ndarray]) -> None:
    assert len(shapely.STRtree(paths).query(paths, predicate="crosses")[0]) == 0
    nodes, places = graph
    at = metres(shapely.points(places).astype(object))
    node, path = shapely.STRtree(paths).query(at, predicate="dwithin", distance=0.001)
    assert (nodes[path] == node[:, None]).any(axis=1).all(), "whoever touches a path has a node on it"


def test_entrances_and_homes_and_schools_are_at_hand(city: dict[str, Made], graph: tuple[np.ndarray, np.ndarray]) -> None:
    nodes = shapely.STRtree(metres(shapely.points(graph[1]).astype(object)))

    def far(shapes: np.ndarray) -> np.ndarray:
        found = nodes.query_nearest(shapes, return_distance=True, all_matches=False)
        return np.asarray(found[1])

    assert far(metres(city["park_entrance"].geometry)).max() < 0.01, "a park entrance is itself a node"
    assert far(metres(city["residential_land"].geometry)).max() < NEAR
    schools = metres(city["school"].geometry)
    plots = shapely.buffer(schools, np.sqrt(city["school"].columns["area_m2"].astype(float)) / 2)
    assert far(plots).max() < NEAR


def test_lengths_are_those_of_the_lines(city: dict[str, Made], paths: np.ndarray) -> None:
    assert np.abs(shapely.length(paths) - city["footpath"].columns["length_m"].astype(float)).max() < 0.005
    assert shapely.length(paths).min() > 0.1


def test_every_street_has_a_pavement_on_both_sides(city: dict[str, Made], paths: np.ndarray) -> None:
    rows, roads = city["road"].columns, metres(city["road"].geometry)
    long = np.array([name is not None for name in rows["name"]]) & (shapely.length(roads) > 90)
    roads, grade = roads[long], rows["grade"][long]
    offset = (rows["width_m"][long].astype(float) - np.array([PAVEMENTS[name] for name in grade])) / 2
    middle, ahead = (shapely.get_coordinates(shapely.line_interpolate_point(roads, shapely.length(roads) / 2 + step)) for step in (0, 1))
    normal = np.column_stack([middle[:, 1] - ahead[:, 1], ahead[:, 0] - middle[:, 0]])
    pavements = np.flatnonzero(city["footpath"].columns["kind"] == "pavement")
    tree = shapely.STRtree(paths[pavements])
    both = np.ones(len(roads), dtype=bool)
    for side in (1.0, -1.0):
        spot = shapely.points(middle + side * offset[:, None] * normal)
        hit = tree.query(spot, predicate="dwithin", distance=0.8)
        both &= np.isin(np.arange(len(roads)), hit[0])
        named = city["footpath"].columns["road_name"][pavements[hit[1]]] == rows["name"][long][hit[0]]
        assert named.mean() > 0.97, "a pavement bears the name of its street"
    assert both.mean() > 0.96


def test_no_path_leads_through_a_house_or_a_lake(city: dict[str, Made], paths: np.ndarray) -> None:
    houses = metres(city["building"].geometry)
    assert len(shapely.STRtree(houses).query(paths, predicate="crosses")[0]) == 0
    lakes = metres(city["water_body"].geometry)[city["water_body"].columns["kind"] == "lake"]
    assert len(shapely.STRtree(lakes).query(paths, predicate="intersects")[0]) == 0


def test_the_ring_road_is_crossed_by_bridges_only(city: dict[str, Made], paths: np.ndarray) -> None:
    roads = metres(city["road"].geometry)[city["road"].columns["grade"] == "expressway"]
    kind = city["footpath"].columns["kind"]
    across = np.unique(shapely.STRtree(roads).query(paths, predicate="crosses")[0])
    assert len(across) > 15 and set(kind[across]) == {"bridge"}
    bridges = np.flatnonzero(kind == "bridge")
    assert set(bridges.tolist()) == set(across.tolist())
    assert (kind == "underpass").sum() > 3


def test_parks_have_paths_of_their_own(city: dict[str, Made], paths: np.ndarray) -> None:
    parks = metres(city["park"].geometry)
    large = shapely.area(parks) > 5_000
    own = paths[city["footpath"].columns["kind"] == "park"]
    park, path = shapely.STRtree(own).query(parks[large], predicate="intersects")
    length = np.bincount(park, weights=shapely.length(shapely.intersection(own[path], parks[large][park])), minlength=int(large.sum()))
    assert (length > 80).mean() > 0.95
