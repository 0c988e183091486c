"""The terrain: hollows that hold water, ground that the pipes know, one surface over all towns, a file that others read."""

from __future__ import annotations

import heapq
from pathlib import Path

import numpy as np
import pytest
import shapely

from data.cog import write_cog
from data.sample.city import DEFAULT_SEED
from data.sample.lowland import bowls_of, underpasses_of
from data.sample.network import make_waters, outline_of
from data.sample.place import METRIC_SRID, ORIGIN
from data.sample.relief import Relief, make_relief
from data.sample.sizes import city_size, towns_of
from data.sample.terrain import make_ground
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

HALF_WINDOW = 60  # cells about a hollow


@pytest.fixture(scope="module")
def relief() -> Relief:
    return make_relief("S", DEFAULT_SEED)


def filled(ground: np.ndarray) -> np.ndarray:
    """Floods a window from its border inwards; the true spill can only be higher, since every way out crosses the border."""
    rows, columns = ground.shape
    level = np.full(ground.shape, np.inf)
    heap = [(float(ground[r, c]), r, c) for r in range(rows) for c in range(columns) if r in (0, rows - 1) or c in (0, columns - 1)]
    heapq.heapify(heap)
    for height, r, c in heap:
        level[r, c] = height
    while heap:
        height, r, c = heapq.heappop(heap)
        for y, x in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1), (r - 1, c - 1), (r - 1, c + 1), (r + 1, c - 1), (r + 1, c + 1)):
            if 0 <= y < rows and 0 <= x < columns and level[y, x] == np.inf:
                level[y, x] = max(height, float(ground[y, x]))
                heapq.heappush(heap, (float(level[y, x]), y, x))
    return level


def window(relief: Relief, place: np.ndarray) -> np.ndarray:
    a, _, c, _, e, f = relief.transform
    column, row = int((place[0] - c) / a), int((place[1] - f) / e)
    return relief.values[row - HALF_WINDOW : row + HALF_WINDOW + 1, column - HALF_WINDOW : column + HALF_WINDOW + 1].astype(float)


def test_a_plane_has_no_hollow_and_a_pit_is_found() -> None:
    plane = np.add.outer(np.arange(9.0), np.arange(9.0))
    assert (filled(plane) == plane).all()
    plane[4, 4] = 1.0
    assert filled(plane)[4, 4] == 6.0, "the lowest of the eight neighbours"


def test_declared_ponding_points_lie_in_depressions(relief: Relief, city: dict[str, Made]) -> None:
    rows = city["ponding_point"]
    points = shapely.get_type_id(rows.geometry) == 0
    places = shapely.get_coordinates(metres(rows.geometry[points]))
    assert len(places) == 10
    for place in places:
        ground = window(relief, place)
        depth = filled(ground) - ground
        assert depth[HALF_WINDOW - 1 : HALF_WINDOW + 2, HALF_WINDOW - 1 : HALF_WINDOW + 2].max() >= 0.3


def test_the_bowls_spill_where_the_terrain_does(relief: Relief) -> None:
    size = city_size("S")
    town = next(towns_of(size, DEFAULT_SEED))
    ground = make_ground(town)
    waters = make_waters(size, town, ground, outline_of(size, ground))
    for bowl in bowls_of(ground, waters.river):
        around = window(relief, bowl.low + ORIGIN)
        assert abs(filled(around)[HALF_WINDOW, HALF_WINDOW] - bowl.spill) < 0.12
        assert abs(around[HALF_WINDOW, HALF_WINDOW] - bowl.bottom) < 0.05
        depth, volume = bowl.stages()
        assert (np.diff(volume) > 0).all() and volume[0] == 0.0 and volume[-1] < shapely.area(bowl.extent(float(depth[-1]))) * depth[-1]


def test_pipe_nodes_stand_on_the_terrain(relief: Relief, city: dict[str, Made]) -> None:
    """Except on bridges over water and underpasses, which are not terrain, and at the foot of the river's bank."""
    nodes, size = city["pipe_node"], city_size("S")
    place = shapely.get_coordinates(metres(nodes.geometry))
    town = next(towns_of(size, DEFAULT_SEED))
    decks = shapely.union_all([dive.area().buffer(5.0) for dive in underpasses_of(size, make_ground(town))])
    special = shapely.contains_xy(decks, place - np.array(ORIGIN)) | (nodes.columns["kind"] == "outfall")
    special |= shapely.contains_xy(shapely.union_all(metres(city["water_body"].geometry)), place)
    assert special.mean() < 0.01
    off = np.abs(relief.at(place) - nodes.columns["ground_m"].astype(float))
    assert off[~special].max() < 0.3


def test_rivers_and_lakes_are_lower_than_their_banks(relief: Relief, city: dict[str, Made]) -> None:
    for shape in metres(city["water_body"].geometry):
        inside = shapely.get_coordinates(shape.representative_point())
        shore = shapely.get_coordinates(shapely.intersection(shape.buffer(12.0), shapely.box(*shape.bounds)).exterior)[::7]
        assert relief.at(inside)[0] < np.median(relief.at(shore)) - 1.0


def test_neighbouring_towns_meet_without_a_step() -> None:
    both = make_relief("T", DEFAULT_SEED)
    middle = both.values.shape[1] // 2
    belt = both.values[:, middle - 60 : middle + 60].astype(float)
    steps = np.abs(np.diff(belt, axis=1))
    assert np.percentile(steps, 95) < 0.03 and np.isfinite(both.values).all()
    assert both.transform[0] == 5.0 and both.crs == f"EPSG:{METRIC_SRID}"


def test_the_same_seed_gives_the_same_terrain_and_a_file_that_others_read(relief: Relief, tmp_path: Path) -> None:
    import rasterio

    assert (make_relief("S", DEFAULT_SEED).values == relief.values).all()
    assert not np.array_equal(make_relief("S", 7).values, relief.values)
    with rasterio.open(write_cog(tmp_path / "ground.tif", relief.values, relief.transform, relief.crs, None)) as source:
        assert source.crs.to_epsg() == METRIC_SRID and source.res == (5.0, 5.0)
        assert (source.read(1) == relief.values).all()
