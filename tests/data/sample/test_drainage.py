"""Drainage as a whole: every drop finds its way from the inlet to the river, every work refers to what there is."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

GRAVITY = ("YS", "WS", "HS")


def by(made: Made, key: str, value: str) -> dict[str, object]:
    return dict(zip(made.columns[key], made.columns[value], strict=True))


@pytest.fixture(scope="module")
def reached(city: dict[str, Made]) -> dict[str, str]:
    """The last node that the water of each gravity node reaches, walked pipe by pipe."""
    rows = city["pipeline"].columns
    gravity = np.isin(rows["kind"], GRAVITY)
    onward = dict(zip(rows["from_node"][gravity], rows["to_node"][gravity], strict=True))
    assert len(onward) == gravity.sum(), "a gravity node has one way out"
    found: dict[str, str] = {}
    for start in [*onward, *onward.values()]:
        way = [start]
        while way[-1] not in found and way[-1] in onward:
            way.append(onward[way[-1]])
            assert len(way) < 5_000, "the pipes run in a circle"
        last = found.get(way[-1], way[-1])
        found.update(dict.fromkeys(way, last))
    return found


def test_every_gravity_node_falls_to_an_outfall_or_a_plant(city: dict[str, Made], reached: dict[str, str]) -> None:
    nodes, rows = city["pipe_node"], city["pipeline"].columns
    kind, trade = by(nodes, "code", "kind"), by(nodes, "code", "pipe_kind")
    gravity = nodes.columns["code"][np.isin(nodes.columns["pipe_kind"], GRAVITY)]
    assert set(gravity) == set(reached)
    assert all(kind[reached[code]] == ("plant" if trade[code] == "WS" else "outfall") for code in gravity)
    mine = np.isin(rows["kind"], GRAVITY)
    assert (rows["invert_from_m"][mine].astype(float) > rows["invert_to_m"][mine].astype(float)).all()


def test_the_network_can_be_handed_to_swmm(city: dict[str, Made]) -> None:
    pipes = city["pipeline"]
    mine = np.isin(pipes.columns["kind"], GRAVITY)
    length = shapely.length(metres(pipes.geometry[mine]))
    size = pipes.columns["diameter_mm"][mine].astype(float)
    fall = (pipes.columns["invert_from_m"][mine].astype(float) - pipes.columns["invert_to_m"][mine].astype(float)) / length
    assert length.min() > 0 and (length < 1.0).mean() < 0.005 and size.min() >= 300 and size.max() <= 3_000
    assert fall.min() > 1e-4 and np.median(fall) < 0.01
    nodes = city["pipe_node"].columns
    gravity = np.isin(nodes["pipe_kind"], GRAVITY)
    ground, invert = nodes["ground_m"][gravity].astype(float), nodes["invert_m"][gravity].astype(float)
    assert (ground > invert).all()
    outlets = set(city["catchment"].columns["outlet_code"][city["catchment"].columns["kind"] == "storm"])
    assert outlets == set(nodes["code"][(nodes["kind"] == "outfall") & (nodes["pipe_kind"] == "YS")])


def test_inlets_lie_at_the_kerb_and_drain_into_a_manhole_beside_them(city: dict[str, Made], reached: dict[str, str]) -> None:
    inlets, nodes = city["inlet"], city["pipe_node"]
    place = dict(zip(nodes.columns["code"], shapely.get_coordinates(metres(nodes.geometry)).tolist(), strict=True))
    kind = by(nodes, "code", "kind")
    here = shapely.get_coordinates(metres(inlets.geometry))
    there = np.array([place[code] for code in inlets.columns["node_code"]])
    assert np.hypot(*(here - there).T).max() <= 35.0
    assert all(kind[code] == "manhole" and kind[reached[code]] == "outfall" for code in inlets.columns["node_code"])
    components = city["component"]
    at = dict(zip(components.columns["code"], components.geometry, strict=True))
    known = np.array([code is not None for code in inlets.columns["component_code"]])
    own = np.array([at[code] for code in inlets.columns["component_code"][known]], dtype=object)
    assert shapely.distance(own, inlets.geometry[known]).max() == 0 and known.mean() > 0.98
    roads = city["road"]
    main = np.isin(roads.columns["grade"], ("arterial", "secondary", "branch"))
    length = shapely.length(metres(roads.geometry[main])).sum()
    assert 2 * length / len(inlets) < 50, "both kerbs, an inlet at least every 50 m on the mean"


def test_every_outfall_node_is_an_outfall_with_its_invert(city: dict[str, Made]) -> None:
    rows, nodes = city["outfall"].columns, city["pipe_node"]
    invert, kind = by(nodes, "code", "invert_m"), by(nodes, "code", "kind")
    mouths = nodes.columns["code"][nodes.columns["kind"] == "outfall"]
    piped = np.isin(rows["kind"], ("storm", "combined"))
    assert sorted(rows["node_code"][piped]) == sorted(mouths)
    assert max(abs(float(invert[c]) - float(i)) for c, i in zip(rows["node_code"][piped], rows["invert_m"][piped], strict=True)) < 0.002
    assert all(kind[code] == "plant" for code in rows["node_code"][~piped]) and (~piped).sum() == 2
    free = rows["invert_m"].astype(float) - rows["water_level_m"].astype(float)
    assert (free > 0).mean() > 0.85 and free.min() > -0.6, "most are free of the river on a dry day"
    assert np.asarray(rows["flap_gate"], dtype=bool)[free < 0].all(), "a mouth that the river reaches has a flap"
    assert shapely.distance(metres(city["outfall"].geometry), metres(city["water_body"].geometry[:1])[0]).max() < 0.5


def test_catchments_tile_the_built_up_area(city: dict[str, Made]) -> None:
    rows = city["catchment"]
    land = metres(np.array([shapely.union_all(city["district"].geometry)], dtype=object))[0]
    water = shapely.union_all(metres(city["water_body"].geometry))
    dry = shapely.difference(land, water)
    nodes = city["pipe_node"]
    for kind, trade in (("storm", "YS"), ("sewage", "WS")):
        mine = rows.columns["kind"] == kind
        shapes = metres(rows.geometry[mine])
        first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        other = first < second
        assert shapely.area(shapely.intersection(shapes[first[other]], shapes[second[other]])).max(initial=0) < 1.0
        union = shapely.union_all(shapes)
        assert shapely.area(shapely.symmetric_difference(union, dry)) < 0.002 * shapely.area(dry)
        assert np.abs(shapely.area(shapes) / 1e4 - rows.columns["area_ha"][mine].astype(float)).max() < 0.05
        holes = (nodes.columns["pipe_kind"] == trade) & (nodes.columns["kind"] == "manhole")
        assert shapely.distance(union, nodes.geometry[:1])[0] > 0, "metres are not degrees"
        point, shape = shapely.STRtree(shapes).query(metres(nodes.geometry[holes]), predicate="intersects")
        assert len(np.unique(point)) > 0.99 * holes.sum()
        assert len(np.unique(shape)) == mine.sum()


def test_manholes_stand_in_the_catchment_that_they_drain_to(city: dict[str, Made], reached: dict[str, str]) -> None:
    rows, nodes = city["catchment"], city["pipe_node"]
    storm = rows.columns["kind"] == "storm"
    holes = (nodes.columns["pipe_kind"] == "YS") & (nodes.columns["kind"] == "manhole")
    point, shape = shapely.STRtree(rows.geometry[storm]).query(nodes.geometry[holes], predicate="within")
    outlet = rows.columns["outlet_code"][storm]
    right = [reached[code] == outlet[s] for code, s in zip(nodes.columns["code"][holes][point], shape, strict=True)]
    assert np.mean(right) > 0.999
    runoff = rows.columns["runoff"][storm].astype(float)
    assert runoff.min() > 0.3 and runoff.max() < 0.9 and np.ptp(runoff) > 0.2


def test_works_refer_to_what_there_is(city: dict[str, Made]) -> None:
    nodes, sensors = set(city["pipe_node"].columns["code"]), set(city["sensor"].columns["code"])
    outfalls = set(city["outfall"].columns["code"])
    pumps = city["pump_station"].columns
    assert set(pumps["node_code"]) <= nodes and {code for code in pumps["outfall_code"] if code} <= outfalls
    assert list(pumps["kind"]).count("underpass") == len(city["underpass"]) == 4 and set(pumps["kind"]) == {"storm", "sewage", "underpass"}
    assert set(city["underpass"].columns["pump_code"]) <= set(pumps["code"])
    assert set(city["underpass"].columns["sensor_code"]) <= sensors
    assert set(city["ponding_point"].columns["sensor_code"]) <= sensors
    gates = city["gate_valve"].columns
    kind = by(city["pipe_node"], "code", "kind")
    assert set(gates["node_code"]) <= nodes
    valves = np.isin(gates["pipe_kind"], ("JS", "RQ"))
    told = [code for code, what in kind.items() if what == "valve" and code[:2] in ("JS", "RQ")]
    assert sorted(gates["node_code"][valves]) == sorted(told)
    assert {"sluice", "flap", "gate", "butterfly", "ball"} <= set(gates["kind"])


def test_storage_holds_what_its_ground_allows(city: dict[str, Made]) -> None:
    rows = city["storage_basin"]
    area = shapely.area(metres(rows.geometry))
    capacity, usable = rows.columns["capacity_m3"].astype(float), rows.columns["usable_m3"].astype(float)
    depth = rows.columns["overflow_m"].astype(float) - rows.columns["bottom_m"].astype(float)
    assert np.abs(capacity - area * depth).max() < 0.02 * capacity.max() and (usable <= capacity).all()
    assert set(rows.columns["kind"]) == {"lake", "green", "tank"}
    assert len(shapely.STRtree(metres(city["building"].geometry)).query(metres(rows.geometry), predicate="intersects")[0]) == 0


def test_underpasses_lie_below_their_ring_road(city: dict[str, Made]) -> None:
    rows = city["underpass"]
    road = city["road"]
    ring = shapely.union_all(metres(road.geometry[road.columns["grade"] == "expressway"]))
    lines = metres(rows.geometry)
    assert shapely.hausdorff_distance(lines, shapely.intersection(shapely.buffer(lines, 3.0), ring)).max() < 4.0
    nodes = city["pipe_node"]
    tree = shapely.STRtree(nodes.geometry)
    near = tree.nearest(shapely.line_interpolate_point(rows.geometry, 0.5, normalized=True))
    below = nodes.columns["ground_m"][near].astype(float) - rows.columns["lowest_m"].astype(float)
    assert (below > 4.5).all() and (below < 6.0).all()


def test_recorded_floods_lie_about_their_points(city: dict[str, Made]) -> None:
    rows = city["ponding_point"]
    area = shapely.get_type_id(rows.geometry) == 3
    assert area.sum() == 6 and (~area).sum() == 10
    codes = dict(zip(rows.columns["code"][~area], rows.geometry[~area], strict=True))
    for code, shape in zip(rows.columns["code"][area], rows.geometry[area], strict=True):
        assert shapely.within(codes[code.removesuffix("F1")], shape)
    told = rows.columns["area_m2"][area].astype(float)
    assert np.abs(shapely.area(metres(rows.geometry[area])) / told - 1).max() < 0.01
    assert set(rows.columns["cause"]) >= {"hollow", "pipe", "backwater", "pump"} and len(set(rows.columns["grade"])) >= 2
