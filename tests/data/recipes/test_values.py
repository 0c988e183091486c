"""Lamps, hydrants, streets, OpenStreetMap and three drainage networks come in as GDAL reads them: rows, places, topology, values.

Every expectation is computed here from the raw files with GDAL (pyogrio), not written down: the files are the truth.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from sqlalchemy import text

from tests.data.recipes.conftest import Cities
from tests.data.recipes.reading import Loaded, rows_kept

NAMES = ("taichung", "washington", "beijing_tsinghua", "wuhan", "santboi", "esquimalt", "sudbury")
SANTBOI = "water_supply/santboi_network.gpkg"
NEAR = 1e-7  # degrees, about 1 cm
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAUSIBLE = (200, 420)  # metres; SOURCE_NOTES.md of Sudbury


def fetch(cities: Cities, city: str, layer: str, columns: str, where: str = "true") -> list[Any]:
    """Returns columns of all rows that a city has in a layer."""
    with cities.engine.connect() as connection:
        statement = f'SELECT {columns} FROM layer."{layer}" p JOIN wanmi.city c ON c.id = p.city WHERE c.key = :city AND {where}'
        return [tuple(row) for row in connection.execute(text(statement), {"city": city})]


def by_number(rows: list[Any]) -> dict[str, Any]:
    """Returns rows by their code without the letters that the recipe puts before the source's own number."""
    return {re.sub("^[A-Z]+", "", row[0]): row[1:] for row in rows}


def day_of(milliseconds: str) -> date | None:
    return (EPOCH + timedelta(milliseconds=int(milliseconds))).date() if milliseconds else None


def number_in(low: float, high: float, cell: str) -> float | None:
    """Returns a number between two others, both left out; None for others and for no number."""
    return float(cell) if cell and low < float(cell) < high else None


@pytest.mark.parametrize("name", NAMES)
def test_counts_equal_those_of_gdal(name: str, cities: Cities) -> None:
    loaded = cities.load(name)
    told = {key: (report.read, report.passed_over, report.written, report.set_aside) for key, report in loaded.report.sources.items()}
    expected = {}
    for source in loaded.recipe.source:
        found = loaded.raw(source.key)
        kept, aside = rows_kept(loaded.recipe, source, found)
        expected[source.key] = (len(found.rows), len(found.rows) - len(kept) - len(aside), len(kept), len(aside))
    assert told == expected
    assert loaded.report.total("refused") == 0 and not loaded.report.failed
    for layer in {source.layer for source in loaded.recipe.source}:
        written = sum(loaded.report.sources[source.key].written for source in loaded.recipe.source if source.layer == layer)
        assert fetch(cities, name, layer, "count(*)")[0][0] == written > 0, layer


@pytest.mark.parametrize("name", NAMES)
def test_what_is_set_aside_is_named_by_its_row(name: str, cities: Cities) -> None:
    loaded = cities.load(name)
    for source in loaded.recipe.source:
        _, aside = rows_kept(loaded.recipe, source, loaded.raw(source.key))
        faults = [fault for fault in loaded.report.sources[source.key].rows if not fault.repair]
        assert sorted({fault.row for fault in faults}) == [position + 1 for position in aside], source.key
        assert {fault.file for fault in faults} <= set(source.files)


@pytest.mark.parametrize("name", NAMES)
def test_places_are_those_of_the_file(name: str, cities: Cities) -> None:
    """The bounds of every shape, source by source; no repair has moved one."""
    loaded = cities.load(name)
    for layer in {source.layer for source in loaded.recipe.source}:
        parts = []
        for source in (source for source in loaded.recipe.source if source.layer == layer):
            found = loaded.raw(source.key)
            shapes = found.shapes[rows_kept(loaded.recipe, source, found)[0]]
            parts.append(shapely.bounds(shapely.point_on_surface(shapes) if source.geometry == "point_on_surface" else shapes))
        stored = fetch(cities, name, layer, "ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)")
        ours, theirs = np.array([tuple(row) for row in stored], dtype=float), np.concatenate(parts)
        assert len(ours) == len(theirs)
        assert _farthest(ours, theirs) < NEAR and _farthest(theirs, ours) < NEAR, layer


def _farthest(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Returns by how many degrees the bounds in one list differ at most from the best match in the other."""
    tree = shapely.STRtree(shapely.points(other[:, :2]))
    (mine, others), near = tree.query_nearest(shapely.points(one[:, :2]), return_distance=True, all_matches=True)
    best = np.full(len(one), np.inf)
    np.minimum.at(best, mine, np.abs(one[mine, 2:] - other[others, 2:]).max(axis=1) + near)
    return float(best.max())


@pytest.mark.parametrize(("kind", "prefix"), [("JS", "water"), ("HS", "drain")])
def test_pipes_of_sant_boi_meet_their_nodes_as_in_the_file(kind: str, prefix: str, cities: Cities) -> None:
    """How many pipes name both nodes, and how many end within a metre of them: the same numbers in the file and the database."""
    cities.load("santboi")
    pipes, nodes = ("water_pipes", "water_nodes") if prefix == "water" else ("drain_conduits", "drain_nodes")
    meta, _, binary, values = raw.read(cities.realdata / SANTBOI, layer=nodes)
    at = dict(zip(values[list(meta["fields"]).index("node_id")], shapely.from_wkb(binary), strict=True))
    meta, _, binary, values = raw.read(cities.realdata / SANTBOI, layer=pipes)
    fields = dict(zip(meta["fields"], values, strict=True))
    known = met = 0
    for line, one, two in zip(shapely.from_wkb(binary), fields["node_1"], fields["node_2"], strict=True):
        if one in at and two in at:
            known += 1
            ends = shapely.get_point(line, 0), shapely.get_point(line, -1)
            met += ends[0].distance(at[one]) <= 1 and ends[1].distance(at[two]) <= 1
    assert known > 0 and met > 0
    with cities.engine.connect() as connection:
        row = connection.execute(
            text("""
                SELECT count(*) AS known, count(*) FILTER (
                    WHERE ST_Distance(ST_Transform(ST_StartPoint(p.geom), 25831), ST_Transform(f.geom, 25831)) <= 1
                    AND ST_Distance(ST_Transform(ST_EndPoint(p.geom), 25831), ST_Transform(t.geom, 25831)) <= 1) AS met
                FROM layer.pipeline p JOIN wanmi.city c ON c.id = p.city AND c.key = 'santboi'
                JOIN layer.pipe_node f ON f.city = p.city AND f.code = p.from_node AND f.pipe_kind = p.kind
                JOIN layer.pipe_node t ON t.city = p.city AND t.code = p.to_node AND t.pipe_kind = p.kind
                WHERE p.kind = :kind
            """),
            {"kind": kind},
        ).one()
    assert (row.known, row.met) == (known, met)


NETWORKS = [
    ("santboi", "water_pipes", {"from_node": "node_1", "to_node": "node_2"}, [("water_nodes", "node_id")]),
    ("santboi", "drain_conduits", {"from_node": "node_1", "to_node": "node_2"}, [("drain_nodes", "node_id")]),
    ("santboi", "drain_links", {"from_node": "feature_id"}, [("drain_connections", "connec_id")]),
    ("santboi", "gully_links", {"from_node": "feature_id"}, [("drain_gullies", "gully_id")]),
    ("santboi", "drain_outfalls", {"node_code": "node_id"}, [("drain_nodes", "node_id")]),
    ("esquimalt", "storm_mains", {"from_node": "UPSTREAM_MANHOLE", "to_node": "DOWNSTREAM_MANHOLE"}, [("storm_manholes", "ID")]),
    ("esquimalt", "sanitary_mains", {"from_node": "UPSTREAM_SMH", "to_node": "DOWNSTREAM_SMH"}, [("sanitary_manholes", "ID")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "ends", "nodes"), NETWORKS, ids=[network[1] for network in NETWORKS])
def test_as_many_node_codes_resolve_as_the_file_allows(
    name: str, key: str, ends: dict[str, str], nodes: list[tuple[str, str]], cities: Cities
) -> None:
    """A code that names a node of the file names one in the database; the report tells of those that do not."""
    loaded = cities.load(name)
    source = loaded.source(key)
    stem, number = str(source.fields["code"].template).removesuffix("}").split("{")
    mine = {stem + row[number] for row in loaded.rows(key)}
    held = {row[0] for layer in ("pipe_node", "inlet") for row in fetch(cities, name, layer, "code")}
    stored = [row for row in fetch(cities, name, source.layer, f"{', '.join(ends)}, p.code") if row[-1] in mine]
    wanted = {row.get(column, "") for key, column in nodes for row in loaded.rows(key)} - {""}
    for position, (field, column) in enumerate(ends.items()):
        codes = [row[position] for row in stored if row[position] is not None]
        found = sum(code in held for code in codes)
        assert found == sum(row.get(column, "") in wanted for row in loaded.rows(key)) > 0, field
        told = [note for note in loaded.report.sources[key].notes if note.startswith(f"{field}：")]
        lacking = len(codes) - found
        assert [f"{len(codes)} 个管点编号中 {lacking} 个不在" in note for note in told] == ([True] if lacking else [])


def test_what_is_no_node_is_no_code(cities: Cities) -> None:
    cities.load("esquimalt")
    codes = {code for row in fetch(cities, "esquimalt", "pipeline", "from_node, to_node") for code in row if code}
    assert not codes & {"END", "stream", "EBD", "Box Culvert 4"} and all(re.search(r"\d", code) for code in codes)


@pytest.mark.parametrize("name", ["sudbury", "esquimalt", "santboi"])
def test_unknown_materials_are_none(name: str, cities: Cities) -> None:
    cities.load(name)
    found = {row[0] for row in fetch(cities, name, "pipeline", "material")}
    assert not found & {"UNK", "OTH", "XXX", "UNKNOWN", "VIRTUAL", "Virtual"}
    assert name == "santboi" or all(material == material.upper() for material in found if material)


@pytest.mark.parametrize(
    ("name", "layer"),
    [("beijing_tsinghua", "green_space"), ("esquimalt", "building"), ("esquimalt", "land_parcel"), ("sudbury", "land_parcel")],
)
def test_no_area_stands_twice(name: str, layer: str, cities: Cities) -> None:
    cities.load(name)
    ((total, distinct),) = fetch(cities, name, layer, "count(*), count(DISTINCT ST_AsBinary(geom))")
    assert total == distinct > 0


def test_values_of_sudbury(cities: Cities) -> None:
    """Inverts of 0 and of 958 m stay out, everything else is the file's; so are rims and days."""
    loaded = cities.load("sudbury")
    found = by_number(fetch(cities, "sudbury", "pipeline", "code, invert_from_m, invert_to_m, diameter_mm"))
    absurd = 0
    for key, width in (("storm_mains", "WIDTH"), ("sanitary_mains", "INSIDEDIAMETER")):
        for row in loaded.raw(key).rows:
            assert (row["ASSETID"] in found) == (row.get("LIFECYCLESTATUS") != "REM")
            if row["ASSETID"] in found:
                ends = [number_in(*PLAUSIBLE, row.get(name, "")) for name in ("INVERTUS", "INVERTDS")]
                absurd += float(row.get("INVERTUS", 0)) > PLAUSIBLE[1]
                size = number_in(0, 20000, row.get(width, "")) if is_round(row) else None
                assert found[row["ASSETID"]] == (*ends, size), row["ASSETID"]
    assert absurd == 1
    found = by_number(fetch(cities, "sudbury", "pipe_node", "code, ground_m, built_on"))
    rows = [*loaded.raw("storm_manholes").rows, *loaded.raw("sanitary_manholes").rows]
    for row in (row for row in rows if row["ASSETID"] in found):
        rim = number_in(*PLAUSIBLE, row.get("ELEVATION", ""))
        assert found[row["ASSETID"]] == (rim, day_of(row.get("INSTALLDATE", ""))), row["ASSETID"]


def is_round(row: dict[str, str]) -> bool:
    """A pipe of one size, or with a height that equals its width, and of no named shape."""
    return "CROSSSECTIONSHAPE" not in row and row.get("HEIGHT", "0") in ("0", row.get("WIDTH"))


def test_sections_of_sudbury_keep_both_sizes(cities: Cities) -> None:
    loaded = cities.load("sudbury")
    found = by_number(fetch(cities, "sudbury", "pipeline", "code, section"))
    rows = [row for row in loaded.rows("storm_mains") if float(row.get("HEIGHT", 0)) > 0]
    assert len(rows) > 150
    for row in rows:
        assert found[row["ASSETID"]][0].endswith(f"{row.get('WIDTH', '?')}×{row['HEIGHT']}")
    assert sum(value[0] is not None for value in found.values()) == len(rows) + 2  # two boxes have no size


def test_what_sudbury_removed_plans_or_guesses(cities: Cities) -> None:
    """Removed things stay out, planned ones are planned, grates of manholes are inlets, a default of one storey is no storey."""
    loaded = cities.load("sudbury")
    stages = {"ACT": "operating", "PRP": "planned", "ABA": "disused", None: None}
    for layer, keys in (("pipeline", ("storm_mains", "sanitary_mains")), ("pipe_node", ("storm_manholes", "sanitary_manholes"))):
        wanted = Counter(row.get("LIFECYCLESTATUS") for key in keys for row in loaded.raw(key).rows)
        assert wanted.pop("REM") > 0 and wanted["PRP"] > 0
        stored = Counter(row[0] for row in fetch(cities, "sudbury", layer, "state"))
        assert stored == Counter({stages[stage]: number for stage, number in wanted.items()})
    kinds = Counter(row.get("STYPE") for row in loaded.rows("storm_manholes"))
    stored = Counter(row[0] for row in fetch(cities, "sudbury", "pipe_node", "kind") if row[0])
    assert stored["inlet"] == kinds["Catch basin"] > 200
    storeys = Counter(row["FLOORCOUNT"] for row in loaded.rows("buildings"))
    stored = Counter(str(row[0]) for row in fetch(cities, "sudbury", "building", "storeys"))
    assert stored.pop("None") == storeys.pop("1") and stored == storeys
    assert {row.get("LIFECYCLESTATUS") for row in loaded.rows("buildings")} == {None, "Active", "Under Construction"}
    assert not any(row[0] for row in fetch(cities, "sudbury", "inlet", "road_name"))


def test_values_of_esquimalt(cities: Cities) -> None:
    loaded = cities.load("esquimalt")
    found = {row[0]: tuple(row[1:]) for row in fetch(cities, "esquimalt", "pipe_node", "code, ground_m, invert_m, built_on")}
    for key in ("storm_manholes", "sanitary_manholes"):
        for row in loaded.raw(key).rows:
            levels = [number_in(0, 9000, row.get(name, "")) for name in ("RIM_ELEVATION", "CENTER_INVERT")]
            if row.get("ID"):
                assert found[row["ID"]] == (*levels, day_of(row.get("DATE_INSTALLED", ""))), row["ID"]
    inverts = Counter(tuple(row) for row in fetch(cities, "esquimalt", "pipeline", "invert_from_m, invert_to_m, diameter_mm, kind"))
    for row in loaded.raw("sanitary_mains").rows:
        ends = (number_in(0, 9000, row.get(name, "")) for name in ("UPSTREAM_ELEVATION", "DOWNSTREAM_ELEVATION", "DIAMETER"))
        assert inverts[(*ends, "WS")] > 0, row["ID"]


def test_values_of_sant_boi(cities: Cities) -> None:
    loaded = cities.load("santboi")
    told = {"0": "disused", "1": "operating", "2": "planned"}
    expected = Counter(told[row["state"]] for key in ("water_pipes", "drain_conduits", "drain_links") for row in loaded.raw(key).rows)
    assert Counter(row[0] for row in fetch(cities, "santboi", "pipeline", "state")) == expected
    levels = {row["arc_id"]: (float(row["elev1"]), float(row["elev2"])) for row in loaded.raw("drain_conduits").rows}
    found = fetch(cities, "santboi", "pipeline", "code, invert_from_m, invert_to_m")
    assert {code[1:]: (one, two) for code, one, two in found if one is not None} == levels


def test_kinds_of_nodes_of_sant_boi(cities: Cities) -> None:
    """What the catalogue of Giswater calls a hydrant, valve, tank, meter, manhole or outfall is one."""
    loaded = cities.load("santboi")
    found = {row[0]: row[1] for row in fetch(cities, "santboi", "pipe_node", "code, kind")}
    words = {
        "HYDRANT": "hydrant", "VALVE": "valve", "TANK": "storage", "METER": "meter", "PUMP": "pump", "WELL": "well", "REDUC": "fitting",
    }  # fmt: skip
    seen: Counter[str] = Counter()
    for row in loaded.rows("water_nodes"):
        kinds = [kind for word, kind in words.items() if word in row["nodecat_id"]]
        if kinds:
            assert found["W" + row["node_id"]] == kinds[0], row
            seen[kinds[0]] += 1
    assert seen.keys() == set(words.values()) and seen["hydrant"] == 6
    words = {"MANHOLE": "manhole", "CHAMBER": "manhole", "JUMP": "manhole", "WWTP": "plant", "GULLY": "inlet", "STORAGE": "storage"}
    for row in loaded.rows("drain_nodes"):
        kinds = ["outfall"] if row["node_type"] == "OUT_MANHOLE" else [kind for word, kind in words.items() if word in row["node_type"]]
        assert not kinds or found["D" + row["node_id"]] == kinds[0], row
    outfalls = {row[0] for row in fetch(cities, "santboi", "outfall", "node_code")}
    assert outfalls == {code for code, kind in found.items() if kind == "outfall"} and len(outfalls) == 3


def test_sizes_of_sant_boi_are_those_of_its_catalogue(cities: Cities) -> None:
    loaded = cities.load("santboi")
    found = {row[0]: tuple(row[1:]) for row in fetch(cities, "santboi", "pipeline", "code, diameter_mm, section")}
    told = {
        "PP020": (180, None), "EG150": (None, "卵形 1000×1500"), "RC200": (None, "矩形 2000×2000"), "CC315": (315, None),
        "VIRTUAL": (None, None),
    }  # fmt: skip
    for row in loaded.rows("drain_conduits"):
        assert found["D" + row["arc_id"]] == told.get(row["arccat_id"], found["D" + row["arc_id"]]), row
    for row in loaded.rows("water_pipes"):
        size = re.search(r"\d+", row["arccat_id"])
        assert found["W" + row["arc_id"]] == (int(size[0]) if size else None, None)


def test_lamps_of_washington(cities: Cities) -> None:
    loaded = cities.load("washington")
    rows = loaded.raw("lamps").rows
    found = {row[0]: tuple(row[1:]) for row in fetch(cities, "washington", "component", "code, status, ST_X(geom), ST_Y(geom), owner_name")}
    for row in rows:
        status = "破损" if row.get("CONDITION_DESC") == "Need Immediate Replacement" else "完好"
        assert found[row["STREETLIGHTID"]] == (status, float(row["XCOORD"]), float(row["YCOORD"]), row["OWNER_DESC"])


def test_hydrants_of_taichung(cities: Cities) -> None:
    """A number that the file writes as 6025.0 is 6025; the place told holds the file's words."""
    loaded = cities.load("taichung")
    found = {row[0]: row[1] for row in fetch(cities, "taichung", "component", "code, address")}
    rows = {row["消防栓編號"].removesuffix(".0"): row["消防栓位置"] for row in loaded.raw("hydrants").rows if "消防栓編號" in row}
    assert found.keys() == rows.keys()
    assert all(place in found[code] for code, place in rows.items())


def test_streets_of_wuhan(cities: Cities) -> None:
    loaded = cities.load("wuhan")
    marks = Counter(loaded.raw("streets").column("highway"))
    found = Counter(row[0] for row in fetch(cities, "wuhan", "road", "grade"))
    for grade, names in (("expressway", ("motorway", "trunk")), ("arterial", ("primary",)), ("secondary", ("secondary",))):
        assert found[grade] == sum(marks[name] + marks[f"{name}_link"] for name in names) > 0
    assert sum(found.values()) == sum(marks.values())


def _named(loaded: Loaded, *keys: str) -> Counter[str | None]:
    return Counter(row.get("name") for key in keys for row in loaded.rows(key))


def test_names_of_tsinghua(cities: Cities) -> None:
    loaded = cities.load("beijing_tsinghua")
    for layer, keys in (
        ("road", ["roads"]), ("building", ["buildings"]), ("water_body", ["water"]), ("park", ["parks"]),
        ("residential_land", ["residential_land"]), ("school", ["school_areas", "schools"]),
    ):  # fmt: skip
        assert Counter(row[0] for row in fetch(cities, "beijing_tsinghua", layer, "name")) == _named(loaded, *keys)
    roads = _named(loaded, "roads")
    assert roads["成府路"] and roads["中关村北大街"]
    storeys = [int(row["building:levels"]) for row in loaded.raw("buildings").rows if "building:levels" in row and "building" in row]
    assert fetch(cities, "beijing_tsinghua", "building", "sum(storeys)")[0][0] == sum(storeys) > 0


def test_bridges_parks_and_places_of_tsinghua(cities: Cities) -> None:
    loaded = cities.load("beijing_tsinghua")
    ways = [row for row in loaded.raw("footpaths").rows if row.get("highway") in ("footway", "steps", "path", "pedestrian")]
    kinds = Counter(row[0] for row in fetch(cities, "beijing_tsinghua", "footpath", "kind"))
    assert kinds["bridge"] == sum(row.get("bridge") == "yes" for row in ways) == 30
    assert kinds["underpass"] == sum(row.get("tunnel") == "yes" for row in ways) == 1
    assert kinds["park"] == 0 and sum(kinds.values()) == len(ways)
    ((entrance, park),) = fetch(cities, "beijing_tsinghua", "park_entrance", "name, park_code")
    assert (entrance, park) == ("圆明园东门", dict(fetch(cities, "beijing_tsinghua", "park", "name, code"))["圆明园"])
    assert {row[0] for row in fetch(cities, "beijing_tsinghua", "park", "name")} == {"圆明园", "近春园", "情人坡"}
    names = Counter(row[0] for row in fetch(cities, "beijing_tsinghua", "address", "name"))
    assert not names["摄像头"] and not names["保安"] and not names["中关园北站"] and sum(names.values()) > 200
    tags = {"landuse": ("grass", "forest", "meadow"), "leisure": ("park", "garden"), "natural": ("wood", "grassland")}
    green = [row for row in loaded.raw("green_space").rows if any(row.get(tag) in values for tag, values in tags.items())]
    assert fetch(cities, "beijing_tsinghua", "green_space", "count(*)")[0][0] == len(green)


def test_door_plates_and_levees_of_taipei(cities: Cities) -> None:
    """Door plates belong to their district without a place; crest levels that are coordinates stay out; no toilet has a made-up grade."""
    told = cities.load("taipei").report.sources
    plates = fetch(
        cities, "taipei", "address", "count(*), count(DISTINCT name), min(p.area), max(p.area), bool_and(geom IS NULL)", "code ~ '^DP'"
    )
    ((total, distinct, first, last, unplaced),) = plates
    assert total == distinct == told["doorplates"].written == told["doorplates"].read - told["doorplates"].set_aside and unplaced
    assert first == last == dict(fetch(cities, "taipei", "district", "name, code"))["大同區"]
    assert fetch(cities, "taipei", "levee", "count(*), count(crest_from_m), max(length_m)") == [(35, 0, 2179.0)]
    assert fetch(cities, "taipei", "toilet", "count(grade)") == fetch(cities, "taipei", "key_site", "count(grade)") == [(0,)]


def test_addresses_without_places_belong_to_the_city(cities: Cities) -> None:
    assert cities.load("addresses_gbk").report.total("written") == 99
    assert fetch(cities, "addresses_gbk", "address", "count(*), count(geom), min(p.area), max(p.area)") == [(99, 0, "110102", "110102")]
    names = {row[0] for row in fetch(cities, "addresses_gbk", "address", "name")}
    assert "北京市西城区动物园公交枢纽金开利德国际服装市场4FC049号" in names
