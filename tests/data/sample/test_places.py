"""What stands in the city stands where it should: houses, doors, parks, roads, components."""

from __future__ import annotations

import re

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from data.sample.place import METRIC_SRID
from tests.data.sample.conftest import Made

TO_METRES = Transformer.from_crs(4490, METRIC_SRID, always_xy=True)
COUNTS = {
    "district": (2, 2), "street": (6, 10), "community": (50, 70), "unit_grid": (2_300, 2_900), "water_body": (4, 6),
    "road": (2_000, 4_500), "building": (5_500, 13_000), "park": (60, 110), "ancient_tree": (90, 250),
    "address": (9_000, 20_000), "pipe_node": (15_000, 19_000), "pipeline": (15_000, 20_000), "component": (55_000, 68_000),
    "case": (31_800, 31_800), "emergency": (60, 60), "duty_grid": (180, 240), "residential_land": (200, 320),
    "park_entrance": (150, 320), "green_space": (250, 450), "school": (20, 45), "toilet": (60, 140), "shelter": (30, 70),
    "bus_stop": (250, 400), "camera": (350, 600), "footpath": (8_000, 13_000), "population_parcel": (600, 1_100),
    "waste_facility": (300, 450), "key_site": (50, 90), "rescue_resource": (170, 260), "patrol_track": (25_000, 30_000),
    "inlet": (8_000, 11_000), "outfall": (20, 35), "catchment": (25, 40), "pump_station": (9, 9), "gate_valve": (1_500, 2_300),
    "storage_basin": (6, 8), "underpass": (4, 4), "ponding_point": (16, 16),
    "land_parcel": (400, 650), "levee": (14, 22), "sensor": (90, 130), "sensor_value": (70_000, 100_000),
}  # fmt: skip


def metres(shapes: np.ndarray) -> np.ndarray:
    return shapely.transform(shapes, lambda c: np.column_stack(TO_METRES.transform(c[:, 0], c[:, 1])))


@pytest.fixture(scope="module")
def ground(city: dict[str, Made]) -> dict[str, np.ndarray]:
    return {layer: metres(made.geometry) for layer, made in city.items()}


def test_layers_come_in_the_order_of_their_dependence_and_size(city: dict[str, Made]) -> None:
    assert list(city) == [
        "district", "street", "community", "unit_grid", "duty_grid", "water_body", "road", "footpath", "building", "land_parcel",
        "levee", "residential_land",
        "population_parcel", "park", "park_entrance", "green_space", "ancient_tree", "address", "school", "toilet", "shelter",
        "waste_facility", "key_site", "rescue_resource", "pipe_node", "pipeline", "component", "inlet", "outfall", "catchment",
        "pump_station", "gate_valve", "storage_basin", "underpass", "ponding_point", "sensor", "sensor_value", "bus_stop", "camera",
        "case", "emergency", "patrol_track",
    ]  # fmt: skip
    for layer, (least, most) in COUNTS.items():
        assert least <= len(city[layer]) <= most, (layer, len(city[layer]))
    assert 24e6 < city["district"].columns["area_m2"].sum() < 27e6


def test_buildings_meet_neither_roads_nor_water_nor_each_other(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    houses, roads = ground["building"], ground["road"]
    red_lines = shapely.buffer(roads, city["road"].columns["width_m"].astype(float) / 2 - 0.5, cap_style="flat")
    assert len(shapely.STRtree(red_lines).query(houses, predicate="intersects")[0]) == 0
    assert len(shapely.STRtree(ground["water_body"]).query(houses, predicate="intersects")[0]) == 0
    first, second = shapely.STRtree(houses).query(houses, predicate="intersects")
    other = first < second
    assert shapely.area(shapely.intersection(houses[first[other]], houses[second[other]])).sum() == 0
    assert shapely.area(houses).min() > 50


def test_slab_rows_face_south(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    homes = ground["building"][(city["building"].columns["use"] == "residential")]
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(homes)).reshape(-1, 5, 2)
    sides = np.diff(corners, axis=1)[:, :2]
    longest = sides[np.arange(len(sides)), np.hypot(sides[..., 0], sides[..., 1]).argmax(axis=1)]
    lean = np.degrees(np.arctan2(np.abs(longest[:, 1]), np.abs(longest[:, 0])))
    assert (lean < 31).mean() > 0.95


def test_roads_are_pieces_between_crossings_of_one_network(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows, roads = city["road"].columns, ground["road"]
    assert set(shapely.get_type_id(roads)) == {1}
    crosses = shapely.STRtree(roads).query(roads, predicate="crosses")
    assert len(crosses[0]) == 0
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(city["road"].geometry, at)) for at in (0, -1)])
    places, index = np.unique(np.round(ends, 8), axis=0, return_inverse=True)
    group = np.arange(len(places))
    pairs = index.reshape(2, -1).T
    for _ in range(200):
        low = np.minimum(group[pairs[:, 0]], group[pairs[:, 1]])
        before = group.copy()
        np.minimum.at(group, pairs[:, 0], low)
        np.minimum.at(group, pairs[:, 1], low)
        if (before == group).all():
            break
    assert (group[pairs[:, 0]] == 0).mean() > 0.99
    grades = {"expressway", "arterial", "secondary", "branch", "lane"}
    assert set(rows["grade"]) == grades
    bridges = shapely.intersects(roads, ground["water_body"][0]) & np.isin(rows["grade"], ("arterial", "secondary"))
    assert len(set(rows["name"][bridges])) >= 5


def test_one_name_is_one_road_with_the_ending_of_its_grade(city: dict[str, Made]) -> None:
    rows = city["road"].columns
    named = np.array([name is not None for name in rows["name"]])
    codes: dict[str, set[str]] = {}
    for name, code in zip(rows["name"][named], rows["code"][named], strict=True):
        codes.setdefault(name, set()).add(code)
    assert all(len(found) == 1 for found in codes.values())
    assert len(codes) > 150
    assert all(re.search("(大道|路|街|巷|胡同|快速路)$", name) for name in codes)
    assert {"人民东路", "人民西路", "解放大道", "中州大道", "滨河北路"} <= set(codes)


def test_doors_rise_along_each_road_odd_and_even_on_their_sides(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows = city["address"].columns
    door = rows["kind"] == "door"
    number = np.array([int(text[:-1]) for text in rows["house_number"][door]])
    road, points = rows["road_name"][door], ground["address"][door]
    assert all(f"{r}{n}号" in text for r, n, text in zip(road, number, rows["name"][door], strict=True))
    street_rows = city["road"].columns
    straight = 0
    for name in ("人民东路", "人民西路", "建设东路", "中州大道", "文化西街", "花园北路"):
        pieces = ground["road"][street_rows["name"] == name]
        line = shapely.line_merge(shapely.multilinestrings(pieces))
        assert line.geom_type == "LineString", name
        mine = np.flatnonzero(road == name)
        assert (np.diff(number[mine]) > 0).all(), name
        along = shapely.line_locate_point(line, points[mine])
        foot, ahead = (shapely.get_coordinates(shapely.line_interpolate_point(line, along + step)) for step in (0, 1))
        off = shapely.get_coordinates(points[mine]) - foot
        left = (ahead - foot)[:, 0] * off[:, 1] - (ahead - foot)[:, 1] * off[:, 0] > 0
        odd = number[mine] % 2 == 1
        assert len(set(left[odd])) == 1 and len(set(left[~odd])) == 1 and left[odd][0] != left[~odd][0], name
        for side in (odd, ~odd):
            steps = np.diff(along[side])
            assert (steps > 0).all() or (steps < 0).all(), name
        straight += 1
    assert straight == 6


def test_every_grid_code_is_that_of_the_containing_grid(city: dict[str, Made]) -> None:
    grids = city["unit_grid"]
    by_code = dict(zip(grids.columns["code"], grids.geometry, strict=True))
    for layer in ("component", "case", "address"):
        made = city[layer]
        placed = ~shapely.is_missing(made.geometry)
        own = np.array([by_code[code] for code in made.columns["grid_code"][placed]], dtype=object)
        assert shapely.intersects(own, made.geometry[placed]).all(), layer


def test_components_stand_along_streets_and_are_mostly_sound(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    rows = city["component"].columns
    share = np.mean(rows["status"] == "完好")
    assert 0.95 < share < 0.985 and set(rows["status"]) == {"完好", "破损", "丢失", "废弃"}
    lamps = ground["component"][rows["name"] == "路灯"]
    roads = city["road"].columns["width_m"].astype(float)
    strips = shapely.buffer(ground["road"], roads / 2 + 2.8)
    beside = np.unique(shapely.STRtree(strips).query(lamps, predicate="intersects")[0])
    assert len(beside) > 0.95 * len(lamps)
    covers = ground["component"][np.char.endswith(rows["name"].astype(str), "井盖")]
    assert len(np.unique(shapely.STRtree(strips).query(covers, predicate="intersects")[0])) > 0.97 * len(covers)
    houses = shapely.STRtree(ground["building"]).query(ground["component"], predicate="within")
    assert len(houses[0]) == 0


def test_parks_and_old_trees(city: dict[str, Made], ground: dict[str, np.ndarray]) -> None:
    parks, trees = city["park"].columns, city["ancient_tree"].columns
    assert set(parks["kind"]) == {"综合", "社区", "专类", "带状", "游园"}
    assert len(set(parks["name"])) == len(parks["name"])
    assert shapely.area(ground["park"]).max() > 150_000 and shapely.area(ground["park"]).min() < 10_000
    age, girth = trees["age_years"].astype(float), trees["girth_m"].astype(float)
    assert age.max() > 300 and np.corrcoef(age, girth)[0, 1] > 0.6
    first, second = shapely.STRtree(ground["park"]).query(ground["water_body"], predicate="intersects")
    overlap = shapely.area(shapely.intersection(ground["water_body"][first], ground["park"][second]))
    assert overlap.sum() < 1
