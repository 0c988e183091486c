"""Datums: another implementation agrees, back and forth is the identity, the shift is what is known of it, the box is its end."""

from __future__ import annotations

import numpy as np
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

# Longitude and latitude in WGS 84, GCJ-02 and BD-09, computed with prcoords 1.0.2 (CC0); pygcj 0.0.2 gives the same GCJ-02.
# fmt: off
POINTS = (
    (116.404, 39.915, 116.4102444992, 39.9164042815, 116.4166272438, 39.9226995522),
    (121.4737, 31.2304, 121.4782230593, 31.2284577376, 121.4847814685, 31.2343105937),
    (113.6254, 34.7466, 113.6314466645, 34.7454174515, 113.6378473549, 34.7517230898),
    (121.565, 25.033, 121.5687738289, 25.0300665680, 121.5751966700, 25.0363914328),
    (87.6168, 43.8256, 87.6196499495, 43.8268053931, 87.6260997708, 43.8329497948),
    (91.1322, 29.6604, 91.1337433249, 29.6576795899, 91.1403427622, 29.6634256740),
    (126.5358, 45.8023, 126.5418371848, 45.8042799842, 126.5484559930, 45.8098956095),
    (110.3312, 20.0319, 110.3355708855, 20.0298530012, 110.3421193959, 20.0355290456),
    (114.3055, 30.5928, 114.3109448884, 30.5903905643, 114.3175126818, 30.5960999258),
    (104.0665, 30.5723, 104.0690049057, 30.5698455407, 104.0754809409, 30.5758561637),
    (111.6593, 44.3851, 111.6665651167, 44.3866730596, 111.6731785443, 44.3923529112),
    (122.1863, 51.4685, 122.1932857961, 51.4700624280, 122.1998030669, 51.4759958110),
    (118.8078, 50.7581, 118.8156059569, 50.7593261976, 118.8220011011, 50.7655698439),
    (75.3722, 34.6365, 75.3753916115, 34.6348780563, 75.3818068934, 34.6410287726),
    (131.2391, 41.1088, 131.2460565053, 41.1109344481, 131.2525714508, 41.1168504863),
    (128.645, 22.1962, 128.6488874205, 22.1933418427, 128.6553211871, 22.1996855890),
    (102.2601, 26.904, 102.2615614806, 26.9004760610, 102.2680439588, 26.9066117115),
    (106.8238, 38.4601, 106.8284098493, 38.4604761554, 106.8348997847, 38.4665026393),
    (74.4013, 25.8506, 74.4040853640, 25.8473592320, 74.4105212000, 25.8535813905),
    (90.6764, 50.547, 90.6783026519, 50.5473168623, 90.6849071265, 50.5531701136),
    (120.3858, 23.834, 120.3899148393, 23.8315923091, 120.3964033300, 23.8375917044),
    (122.3057, 23.0985, 122.3093735710, 23.0959285264, 122.3158754568, 23.1019413446),
    (111.3263, 22.6725, 111.3314686147, 22.6697236812, 111.3379533468, 22.6757472938),
    (73.7084, 48.9606, 73.7120207978, 48.9610850508, 73.7185372563, 48.9670623247),
    (86.3978, 25.8065, 86.3999945758, 25.8034034797, 86.4064205622, 25.8096636940),
    (133.6259, 48.996, 133.6336694740, 48.9981823728, 133.6402974782, 49.0038861102),
    (91.2765, 52.1402, 91.2786516704, 52.1405490239, 91.2852387428, 52.1463954334),
    (106.5466, 42.1274, 106.5512953554, 42.1290947304, 106.5576903951, 42.1353851251),
    (86.112, 51.4165, 86.1152600645, 51.4169940608, 86.1218703325, 51.4228154941),
    (115.7982, 52.3197, 115.8065007338, 52.3207944920, 115.8128535340, 52.3271223218),
)
# fmt: on


def metres(one: tuple[object, object], two: tuple[object, object]) -> np.ndarray:
    return np.abs(np.asarray(EARTH.inv(*np.broadcast_arrays(*one, *two))[2]))


@pytest.mark.parametrize("point", POINTS)
def test_another_implementation_agrees(point: tuple[float, ...]) -> None:
    place, gcj02, bd09 = point[:2], point[2:4], point[4:]
    for ours, theirs, most in (
        (gcj02_of(*place), gcj02, 1e-4),
        (bd09_of(*gcj02), bd09, 1e-4),
        (to_cgcs2000(*gcj02, "gcj02"), place, 0.001),
        (gcj02_of_bd09(*bd09), gcj02, 0.001),
        (to_cgcs2000(*bd09, "bd09"), place, 0.001),
    ):
        assert metres(ours, theirs) < most


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
