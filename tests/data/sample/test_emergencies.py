"""The emergencies of the late-autumn downpour follow its time line, and say what the sensors beside them say."""

from __future__ import annotations

import re

import numpy as np
import shapely

from data.sample.calendar import DOWNPOUR, LAST_MOMENT
from data.sample.storm import STORM
from tests.data.sample.conftest import Made
from tests.data.sample.test_places import metres

MINUTE = np.timedelta64(60, "s")
EIGHT = np.timedelta64(8 * 3600, "s")


def downpour(city: dict[str, Made]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Returns the emergencies of the day, their minutes after the first rain, and their places."""
    made = city["emergency"]
    start = made.columns["started_at"].astype("datetime64[s]") + EIGHT
    mine = (start >= DOWNPOUR) & (start.astype("datetime64[D]") == DOWNPOUR.astype("datetime64[D]"))
    minute = (start[mine] - DOWNPOUR) / MINUTE
    return {key: values[mine] for key, values in made.columns.items()}, minute, made.geometry[mine]


def test_the_downpour_brings_what_a_downpour_brings(city: dict[str, Made]) -> None:
    rows, minute, _ = downpour(city)
    kinds = rows["kind"].tolist()
    assert kinds.count("waterlogging") == 7 and kinds.count("tree_fall") == 3
    assert {"subsidence", "power_cut", "traffic"} <= set(kinds) and len(kinds) == 13
    assert minute.min() > 15 and minute[rows["kind"] != "subsidence"].max() < STORM.minutes + 20
    assert minute[rows["kind"] == "subsidence"].min() > STORM.minutes, "the ground gives way after the rain"
    is_open = rows["state"] == "open"
    assert sorted(rows["kind"][is_open]) == ["subsidence", "waterlogging"]
    ended = rows["ended_at"][~is_open].astype("datetime64[s]") + EIGHT
    assert (ended < LAST_MOMENT).all()
    assert all("雨" in text or "积水" in text for text in rows["description"])


def test_waterlogging_is_told_with_the_depth_that_the_sensor_saw_while_it_saw_it(city: dict[str, Made]) -> None:
    rows, minute, places = downpour(city)
    sensors, values = city["sensor"], city["sensor_value"].columns
    ponding = np.flatnonzero(sensors.columns["quantity"] == "ponding")
    wet = np.flatnonzero(rows["kind"] == "waterlogging")
    near = ponding[shapely.STRtree(metres(sensors.geometry[ponding])).nearest(metres(places[wet]))]
    assert len(set(near.tolist())) == 7
    for event, sensor in zip(wet.tolist(), near.tolist(), strict=True):
        mine = values["sensor_code"] == sensors.columns["code"][sensor]
        since = (values["measured_at"][mine].astype("datetime64[s]") + EIGHT - DOWNPOUR) / MINUTE
        depth = values["value"][mine].astype(float)
        told = int(re.findall("约([0-9]+)厘米", rows["description"][event])[0])
        assert abs(told - depth.max()) < 1.5
        assert np.interp(minute[event], since, depth) > 5, "reported while there is water"
