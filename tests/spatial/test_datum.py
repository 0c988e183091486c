"""Datums: another implementation agrees, back and forth is the identity, the shift is what is known of it, the box is its end."""

from __future__ import annotations

import warnings

import numpy as np
import prcoords
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from spatial.datum import DatumError, bd09_of, datum_of, gcj02_of, gcj02_of_bd09, in_gcj02_box, to_cgcs2000

EARTH = Geod(ellps="GRS80")
# Land of mainland China, well inside the box: there a place and its image are both in it.
LON = st.floats(74, 135, allow_nan=False)
LAT = st.floats(18, 53.5, allow_nan=False)
CITIES = {"郑州": (113.62, 34.75), "北京": (116.39, 39.91), "广州": (113.26, 23.13), "上海": (121.47, 31.23), "哈尔滨": (126.53, 45.8)}


def metres(one: tuple[object, object], two: tuple[object, object]) -> np.ndarray:
    return np.abs(np.asarray(EARTH.inv(*np.broadcast_arrays(*one, *two))[2]))


@given(LON, LAT)
def test_another_implementation_agrees(lon: float, lat: float) -> None:
    for ours, theirs, most in (
        (gcj02_of(lon, lat), prcoords.wgs_gcj((lat, lon)), 1e-6),
        (bd09_of(lon, lat), prcoords.gcj_bd((lat, lon)), 1e-6),
        # its inverses stop as soon as a step is below 1e-5 degrees
        (to_cgcs2000(lon, lat, "gcj02"), prcoords.gcj_wgs_bored((lat, lon)), 0.1),
        (gcj02_of_bd09(lon, lat), prcoords.bd_gcj_bored((lat, lon)), 0.1),
        (to_cgcs2000(lon, lat, "bd09"), prcoords.bd_wgs_bored((lat, lon)), 0.1),
    ):
        assert metres(ours, (theirs.lon, theirs.lat)) < most


@given(LON, LAT)
def test_back_and_forth(lon: float, lat: float) -> None:
    assert metres(to_cgcs2000(*gcj02_of(lon, lat), "gcj02"), (lon, lat)) < 0.001
    assert metres(to_cgcs2000(*bd09_of(*gcj02_of(lon, lat)), "bd09"), (lon, lat)) < 0.001
    assert metres(gcj02_of(*to_cgcs2000(lon, lat, "gcj02")), (lon, lat)) < 0.001


@pytest.mark.parametrize("city", CITIES)
def test_cities_move_by_300_to_700_metres(city: str) -> None:
    place = CITIES[city]
    assert 300 < metres(gcj02_of(*place), place) < 700
    assert 300 < metres(to_cgcs2000(*place, "gcj02"), place) < 700


@given(st.floats(-180, 180), st.floats(-85, 85))
def test_outside_the_box_nothing_moves(lon: float, lat: float) -> None:
    if in_gcj02_box(lon, lat):
        return
    assert tuple(map(float, gcj02_of(lon, lat))) == (lon, lat)
    assert tuple(map(float, to_cgcs2000(lon, lat, "gcj02"))) == (lon, lat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert tuple(prcoords.wgs_gcj((lat, lon))) == (lat, lon)


def test_whole_arrays_and_what_is_no_place() -> None:
    lon, lat = np.array([113.6, np.nan, np.inf, 113.6]), np.array([34.7, 34.7, 34.7, np.nan])
    for datum in ("gcj02", "bd09"):
        east, north = to_cgcs2000(lon, lat, datum)
        alone = to_cgcs2000(113.6, 34.7, datum)
        assert (east[0], north[0]) == (float(alone[0]), float(alone[1]))
        assert not np.isfinite(east[1]) and not np.isfinite(east[2]) and not np.isfinite(north[3])
    assert to_cgcs2000([], [], "gcj02")[0].shape == (0,)


@pytest.mark.parametrize(("said", "meant"), [("GCJ-02", "gcj02"), ("bd09", "bd09"), ("BD_09", "bd09"), ("WGS84", "cgcs2000")])
def test_names(said: str, meant: str) -> None:
    assert datum_of(said) == meant


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(DatumError, match="X54"):
        datum_of("X54")
