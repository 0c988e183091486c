"""A week of readings in which the water follows the rain: up, late, down again; the rest goes on as on any day."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import shapely

from data.sample.calendar import DOWNPOUR, LAST_MOMENT
from data.sample.storm import STORM, Wells, delayed, full_flow, pipe_depth, routed, stored
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

MINUTE = np.timedelta64(60, "s")


class Week:
    """The readings by sensor: wall clock, value, quality."""

    def __init__(self, city: dict[str, Made]) -> None:
        self.sensors, rows = city["sensor"].columns, city["sensor_value"].columns
        self.number = {code: n for n, code in enumerate(self.sensors["code"])}
        own = np.array([self.number[code] for code in rows["sensor_code"]])
        moment = rows["measured_at"].astype("datetime64[s]") + np.timedelta64(8 * 3600, "s")
        self.order = np.lexsort((moment, own))
        self.own, self.moment = own[self.order], moment[self.order]
        self.value, self.quality = rows["value"].astype(float)[self.order], rows["quality"][self.order]

    def of(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the good readings of a sensor: minutes since the storm's start, values."""
        mine = (self.own == number) & (self.quality == "good")
        return (self.moment[mine] - DOWNPOUR) / MINUTE, self.value[mine]

    def each(self, quantity: str) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yields the sensors of a quantity with their good readings."""
        for number in np.flatnonzero(self.sensors["quantity"] == quantity).tolist():
            yield number, *self.of(number)


@pytest.fixture(scope="module")
def week(city: dict[str, Made]) -> Week:
    return Week(city)


def test_the_week_ends_with_the_sample_and_is_read_closely_in_the_storm(week: Week) -> None:
    assert week.moment.max() == LAST_MOMENT
    assert LAST_MOMENT - week.moment.min() < np.timedelta64(7 * 24 * 3600, "s")
    assert 90 <= len(week.sensors["code"]) <= 130 and len(week.value) <= 100_000
    assert set(week.sensors["quantity"]) == {
        "rain", "river_level", "pipe_level", "pipe_flow", "ponding", "pump_state", "gas", "pressure", "cover_tilt", "noise", "pm25",
    }  # fmt: skip
    pairs = np.column_stack([week.own, (week.moment - week.moment.min()) // MINUTE])
    assert len(np.unique(pairs, axis=0)) == len(pairs), "one reading of a device at a time"
    for _, minute, _ in week.each("ponding"):
        near = (minute > 0) & (minute < 480)
        assert np.diff(minute[near]).max() == 5.0
        assert np.diff(minute[minute < -120]).min() == 15.0


def test_every_gauge_sees_the_storm_and_their_mean_is_its_depth(week: Week) -> None:
    sums = []
    for _, minute, value in week.each("rain"):
        sums.append(value.sum())
        assert value.min() >= 0 and value[(minute < -30) | (minute > STORM.minutes + 60)].sum() == 0
        peak = minute[value.argmax()]
        assert abs(peak - STORM.peak * STORM.minutes) < 15
    assert len(sums) >= 5 and abs(np.mean(sums) / STORM.depth - 1) < 0.01 and np.std(sums) > 1


def test_pipes_rise_after_the_rain_and_fall_again(week: Week) -> None:
    moved = 0
    for number, minute, value in week.each("pipe_level"):
        assert value.min() >= 0, "the level lies above the invert"
        if not week.sensors["target_code"][number].startswith("YS"):
            continue
        dry = np.median(value[minute < -60])
        if value.max() - dry > 0.3:
            moved += 1
            first = minute[value > dry + 0.15].min()
            assert first > -15 and minute[value.argmax()] >= first + 10
            assert value[minute > 18 * 60].max() < dry + 0.15
    assert moved > 15
    for number, minute, value in week.each("pipe_flow"):
        target = week.sensors["target_code"][number]
        assert value.min() >= 0
        if target.startswith("PK"):
            assert value[minute < -60].max() < 0.05 and value.max() > 0.3 and value[minute > 1_200].max() < 0.1


def test_no_level_stands_above_the_ground(week: Week, city: dict[str, Made]) -> None:
    nodes = city["pipe_node"].columns
    depth = {
        code: float(g) - float(i) for code, g, i in zip(nodes["code"], nodes["ground_m"], nodes["invert_m"], strict=True) if i is not None
    }
    for number, _, value in week.each("pipe_level"):
        target = week.sensors["target_code"][number]
        if target in depth:
            assert value.max() <= depth[target] + 0.011


def test_hollows_flood_only_after_rain_and_the_deepest_the_most(week: Week, city: dict[str, Made]) -> None:
    points = city["ponding_point"]
    history = dict(zip(points.columns["code"], points.columns["depth_max_cm"].astype(float), strict=True))
    highest, known = [], []
    for number, minute, value in week.each("ponding"):
        assert value[minute <= 0].max() == 0 and value[minute > 24 * 60].max() == 0 and value.min() == 0
        if week.sensors["name"][number].find("下穿") < 0:
            highest.append(value.max())
            known.append(history[week.sensors["target_code"][number]])
            wet = minute[value > 0]
            assert 15 < wet.min() < 75 and 60 < wet.max() - wet.min() < 400
            top = minute[value.argmax()]
            assert STORM.peak * STORM.minutes < top < wet.max() - 20, "fills faster than it drains"
    assert len(highest) == 6 and min(highest) > 15 and max(highest) < 80
    assert np.argmax(highest) == np.argmax(known) and np.corrcoef(highest, known)[0, 1] > 0.95


def test_only_the_underpass_with_broken_pumps_floods(week: Week, city: dict[str, Made]) -> None:
    dives = city["underpass"].columns
    broken = set(city["pump_station"].columns["code"][city["pump_station"].columns["state"] == "fault"])
    for pump, sensor in zip(dives["pump_code"], dives["sensor_code"], strict=True):
        _, value = week.of(week.number[sensor])
        assert (value.max() > dives["closing_cm"].astype(float).min()) == (pump in broken)
    assert len(broken) == 1


def test_pumps_run_only_above_their_start_level(week: Week, city: dict[str, Made]) -> None:
    rows = city["pump_station"].columns
    start = dict(zip(rows["code"], rows["start_level_m"].astype(float), strict=True))
    pumps = dict(zip(rows["code"], rows["pumps"].astype(int), strict=True))
    levels = {}
    for number, minute, value in week.each("pipe_level"):
        levels[week.sensors["target_code"][number]] = dict(zip(minute, value + float(week.sensors["zero_m"][number]), strict=True))
    seen = set()
    for number, minute, value in week.each("pump_state"):
        code = week.sensors["target_code"][number]
        both = [(levels[code][m], n) for m, n in zip(minute, value, strict=True) if m in levels[code]]
        assert all(level > start[code] - 0.011 for level, running in both if running > 0)
        assert all(level < start[code] + 0.011 for level, running in both if running == 0)
        assert 0 < value.max() <= pumps[code]
        seen.add(code)
    assert seen == set(start)


def test_the_river_rises_late_and_goes_down_slowly(week: Week, city: dict[str, Made]) -> None:
    outfalls = dict(zip(city["outfall"].columns["code"], city["outfall"].columns["water_level_m"].astype(float), strict=True))
    for number, minute, value in week.each("river_level"):
        normal = outfalls[week.sensors["target_code"][number]]
        assert abs(np.median(value[minute < 0]) - normal) < 0.03
        if minute.max() < 600:
            continue
        assert 0.8 < value.max() - normal < 2.0
        top = minute[value.argmax()]
        half = minute[(minute > top) & (value < (normal + value.max()) / 2)].min()
        assert 200 < top < 500 and half - top > top / 2 and abs(value[-9:].mean() - normal) < 0.1


def test_sensors_watch_what_there_is(city: dict[str, Made]) -> None:
    rows = city["sensor"]
    known = {
        "ponding": city["ponding_point"].columns["code"], "river_level": city["outfall"].columns["code"],
        "gas": city["pipe_node"].columns["code"], "pressure": city["pipe_node"].columns["code"],
        "pump_state": city["pump_station"].columns["code"], "cover_tilt": city["component"].columns["code"],
        "rain": city["unit_grid"].columns["code"], "noise": city["unit_grid"].columns["code"],
    }  # fmt: skip
    for quantity, codes in known.items():
        assert set(rows.columns["target_code"][rows.columns["quantity"] == quantity]) <= set(codes), quantity
    covers = rows.columns["quantity"] == "cover_tilt"
    place = dict(zip(city["component"].columns["code"], city["component"].geometry, strict=True))
    own = np.array([place[code] for code in rows.columns["target_code"][covers]], dtype=object)
    assert shapely.distance(metres(own), metres(rows.geometry[covers])).max() < 0.01


def test_faulty_devices_say_so(week: Week) -> None:
    state = week.sensors["state"]
    assert (state == "offline").sum() == 4 and (state == "fault").sum() == 2
    last = np.array([week.moment[week.own == n].max() for n in range(len(state))])
    assert (last[state == "offline"] < LAST_MOMENT - np.timedelta64(3600, "s")).all()
    for number in np.flatnonzero(state == "fault").tolist():
        stuck = (week.own == number) & (week.quality == "suspect")
        assert stuck.sum() > 50 and len(set(week.value[stuck])) <= 2
    bad = week.quality == "bad"
    assert 10 < bad.sum() < 200 and set(week.quality) == {"good", "suspect", "bad"}
    count = np.bincount(week.own)
    assert (count[state == "online"] < count.max()).sum() >= 10, "some readings are missing"


def test_reservoirs_and_stores_keep_their_water() -> None:
    rain = np.zeros((2, 400))
    rain[:, 10:30] = [[1.0], [2.5]]
    out = delayed(rain, np.array([20.0, 90.0]), 3)
    assert np.allclose(out.sum(axis=1), rain.sum(axis=1), rtol=1e-3)
    mean = (out * np.arange(400)).sum(axis=1) / out.sum(axis=1) - 19.5
    assert mean[0] < mean[1] and abs(mean[1] * 5 - 90) < 15
    held = stored(rain, np.array([0.4, 0.4]))
    assert held.max(axis=1).tolist() == pytest.approx([20 * 0.6, 20 * 2.1]) and held[0, -1] == 0


def test_a_full_pipe_carries_what_manning_says_and_backs_up_beyond() -> None:
    # DN1000 of concrete at 1 per mille, full: A = 0.785 m2, R = 0.25 m, v = 0.397 * 0.0316 / 0.014 = 0.896 m/s.
    assert full_flow(np.array([1000.0]), np.array([0.001]))[0] == pytest.approx(0.704, rel=0.01)
    depth = pipe_depth(np.linspace(0, 3, 61), np.full(61, 1000.0), np.full(61, 2.5))
    assert (np.diff(depth) >= 0).all() and depth[-1] == 2.5 and depth[10] < 1.0


def test_wells_balance() -> None:
    wells = Wells(*(np.array([value]) for value in (40.0, 2.0, 4.0, 0.1, 3.0)))
    inflow = np.zeros((1, 120))
    inflow[0, 5:25] = 0.25
    level, running, road = routed(wells, inflow)
    assert running.max() == 3 and road.max() == 0 and level.max() < 4.0
    weak = Wells(*(np.array([value]) for value in (40.0, 2.0, 4.0, 0.1, 1.0)))
    _, _, road = routed(weak, inflow)
    came, went = 20 * 300 * 0.25, 20 * 300 * 0.1
    assert 0.8 * (came - went - 40 * 2.8) < road.max() < came - went
