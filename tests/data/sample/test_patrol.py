"""Tracks of the last day: in the duty grid, on the paths, at a walker's pace, with the motion that the positions show."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from data.sample.patrol import COLLECTORS, MINUTES, SHIFTS
from layers import catalogue
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres


@pytest.fixture(scope="module")
def track(city: dict[str, Made]) -> dict[str, np.ndarray]:
    """Columns and places in metres, by unit and time."""
    made = city["patrol_track"]
    order = np.lexsort((made.columns["located_at"], made.columns["unit_code"].astype(str)))
    columns = {key: values[order] for key, values in made.columns.items()}
    return columns | {"place": shapely.get_coordinates(metres(made.geometry[order])), "point": made.geometry[order]}


def test_columns_satisfy_the_stream_file(city: dict[str, Made]) -> None:
    stream = catalogue.load().streams["patrol_track"]
    rows = city["patrol_track"].columns
    assert set(rows) <= set(stream.fields)
    assert {key for key, field in stream.fields.items() if field.required} <= set(rows)
    domain = stream.domain_of("kind")
    assert domain is not None and set(rows["kind"]) <= {value.value for value in domain.values}
    assert rows["speed_kmh"].min() >= 0 and rows["heading_deg"].min() >= 0 and rows["heading_deg"].max() < 360
    assert len(city["patrol_track"]) <= 30_000


def test_every_minute_of_both_shifts_of_the_last_day(track: dict[str, np.ndarray]) -> None:
    units, count = np.unique(track["unit_code"].astype(str), return_counts=True)
    assert set(count) == {MINUTES * len(SHIFTS)}
    local = track["located_at"] + np.timedelta64(8, "h")
    assert set(local.astype("datetime64[D]").astype(str)) == {"2026-11-20"}
    hour = (local - local.astype("datetime64[D]")).astype("timedelta64[h]").astype(int)
    assert set(hour) == {8, 9, 10, 11, 14, 15, 16, 17}
    same = track["unit_code"][1:] == track["unit_code"][:-1]
    gap = np.diff(local)[same]
    assert ((gap == np.timedelta64(60, "s")) | (gap > np.timedelta64(90, "m"))).all()
    assert len(units) == COLLECTORS + 4


def test_collectors_are_those_of_their_duty_grid_and_stay_in_it(city: dict[str, Made], track: dict[str, np.ndarray]) -> None:
    duty = city["duty_grid"]
    staff = dict(zip(duty.columns["code"], duty.columns["collectors"], strict=True))
    shape = dict(zip(duty.columns["code"], duty.geometry, strict=True))
    walker = track["kind"] == "collector"
    pairs = set(zip(track["unit_code"][walker].tolist(), track["duty_grid_code"][walker].tolist(), strict=True))
    assert len(pairs) == COLLECTORS
    assert all(name in staff[code].split("、") for name, code in pairs)
    own = np.array([shape[code] for code in track["duty_grid_code"][walker]], dtype=object)
    assert shapely.intersects(own, track["point"][walker]).mean() > 0.95
    assert all(code is None for code in track["duty_grid_code"][~walker])


def test_positions_lie_on_paths_and_streets(city: dict[str, Made], track: dict[str, np.ndarray]) -> None:
    walker = track["kind"] == "collector"
    for mine, layer in ((walker, "footpath"), (~walker, "road")):
        ways = metres(city[layer].geometry)
        far = shapely.STRtree(ways).query_nearest(shapely.points(track["place"][mine]), return_distance=True, all_matches=False)[1]
        assert np.percentile(far, 99) < 6.0


def test_speed_and_heading_are_those_of_consecutive_positions(track: dict[str, np.ndarray]) -> None:
    begin = np.arange(len(track["place"])) % MINUTES == 0
    step = np.diff(track["place"], axis=0, prepend=track["place"][:1])[~begin]
    far = np.hypot(*step.T)
    assert np.abs(track["speed_kmh"][~begin] - far * 60 / 1000).max() < 0.02
    assert (track["speed_kmh"][begin] == 0).all(), "a shift begins at rest"
    moving = far > 5.0
    turn = np.degrees(np.arctan2(step[moving, 0], step[moving, 1])) - track["heading_deg"][~begin][moving]
    assert np.abs((turn + 180) % 360 - 180).max() < 0.6


@pytest.mark.parametrize(("kind", "least", "most"), [("collector", 2.0, 9.0), ("sweeper", 5.0, 20.0), ("waste_truck", 8.0, 50.0)])
def test_paces_are_those_of_feet_and_wheels(track: dict[str, np.ndarray], kind: str, least: float, most: float) -> None:
    speed = track["speed_kmh"][track["kind"] == kind]
    assert least < np.median(speed[speed > 0]) and speed.max() < most
    assert 0.02 < (speed == 0).mean() < 0.5, "they stop at times"


def test_a_beat_is_walked_all_over(city: dict[str, Made], track: dict[str, np.ndarray]) -> None:
    walker = track["kind"] == "collector"
    spread = [
        np.ptp(track["place"][walker & (track["unit_code"] == unit)], axis=0).max()
        for unit in sorted(set(track["unit_code"][walker].tolist()))[:20]
    ]
    assert np.median(spread) > 250
