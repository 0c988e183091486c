"""Taipei's real files come in as a second city: counts equal an independent reading, places lie where they should."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine, text

from data.importing import ImportSource, import_file
from data.report import ImportReport
from layers.catalogue import Registry
from spatial.cities import City, add_city, remove_city
from tests.support.taipei import CITY, SOURCES


def run(engine: Engine, registry: Registry, realdata: Path, name: str, **changes: Any) -> ImportReport:
    source = SOURCES[name]
    return import_file(engine, registry, "taipei", dataclasses.replace(source, path=realdata / source.path, **changes))


@pytest.fixture(scope="module")
def reports(engine: Engine, registry: Registry, realdata: Path) -> dict[str, ImportReport]:
    """All four files, imported in order."""
    with engine.begin() as connection:
        add_city(connection, CITY)
    return {name: run(engine, registry, realdata, name) for name in SOURCES}


def count(engine: Engine, statement: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(statement)) or 0)


def test_counts(reports: dict[str, ImportReport], engine: Engine) -> None:
    outcome = {name: (report.read, report.written, report.set_aside, report.exit_code) for name, report in reports.items()}
    assert outcome == {
        "districts": (12, 12, 0, 0),
        "villages": (456, 454, 2, 1),
        "parks": (778, 775, 3, 1),
        "trees": (3874, 3872, 2, 1),
    }
    for name, report in reports.items():
        assert count(engine, f"SELECT count(*) FROM layer.{SOURCES[name].layer}") == report.written


def test_what_was_set_aside(reports: dict[str, ImportReport]) -> None:
    told = {name: [(fault.row, fault.field, fault.rule) for fault in report.rows] for name, report in reports.items()}
    assert told == {
        "districts": [],
        "villages": [(102, "geometry", "geometry_valid"), (128, "geometry", "geometry_valid")],
        "parks": [(35, "stated_area_m2", "number"), (121, "stated_area_m2", "number"), (190, "stated_area_m2", "number")],
        "trees": [(612, "girth_m", "maximum"), (949, "girth_m", "maximum")],
    }
    assert reports["parks"].rows[0].value == "15,445(已開闢3,613)"


def test_read_counts_equal_those_of_gdal_and_pandas(reports: dict[str, ImportReport], realdata: Path) -> None:
    assert len(pd.read_csv(realdata / "taipei/parks_2018.csv")) == reports["parks"].read
    assert len(pd.read_csv(realdata / "taipei/protected_trees_20260823.csv.gz")) == reports["trees"].read
    features = json.loads((realdata / "taipei/taipei_village.geojson").read_text("utf-8"))["features"]
    invalid = [row for row, item in enumerate(features, 1) if not shapely.from_geojson(json.dumps(item["geometry"])).is_valid]
    assert invalid == [fault.row for fault in reports["villages"].rows]
    ogrinfo = shutil.which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("no ogrinfo")
    for name in ("districts", "villages"):
        said = subprocess.run(
            [ogrinfo, "-ro", "-so", "-al", str(realdata / SOURCES[name].path)], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"Feature Count: (\d+)", said)
        assert found is not None and int(found[1]) == reports[name].read


def test_places_lie_where_they_should(reports: dict[str, ImportReport], engine: Engine) -> None:
    assert reports["villages"].written
    # a village's code begins with its district's; its inner point lies in that district
    assert count(engine, """
        SELECT count(*) FROM layer.community v JOIN layer.district d
        ON v.code LIKE d.code || '%' AND ST_Covers(d.geom, ST_PointOnSurface(v.geom))
    """) == 454  # fmt: skip
    # parks and trees carry the village (or, in the two set aside, the district) that they stand in
    for layer in ("park", "ancient_tree"):
        wrong = f"""
            SELECT count(*) FROM layer.{layer} p JOIN layer.community v ON v.code = p.area WHERE NOT ST_Covers(v.geom, p.geom)
        """
        assert count(engine, wrong) == 0
        inside = count(engine, f"SELECT count(*) FROM layer.{layer} WHERE char_length(area) = 10")
        assert inside >= 0.97 * count(engine, f"SELECT count(*) FROM layer.{layer}")
    # 228 Peace Park: 7.618 hectares by its own introduction
    with engine.connect() as connection:
        row = connection.execute(text("SELECT name, stated_area_m2, built_to, ST_X(geom) FROM layer.park WHERE code = '1'")).one()
    assert row[0] == "二二八和平公園" and row[1] == pytest.approx(76180, abs=200) and row[3] == pytest.approx(121.515, abs=0.002)


def test_trees_keep_their_measures(reports: dict[str, ImportReport], realdata: Path, engine: Engine) -> None:
    bad = {fault.row - 1 for fault in reports["trees"].rows}
    table = pd.read_csv(realdata / "taipei/protected_trees_20260823.csv.gz", dtype={"樹木編號": str})
    table = table.drop(index=sorted(bad)).set_index("樹木編號")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT code, girth_m, ST_X(geom), ST_Y(geom), species, status FROM layer.ancient_tree")).all()
    assert {row[5] for row in rows} == {"保护"}
    for code, girth, x, y, species, _ in rows:
        line = table.loc[code]
        assert (x, y, species) == (line["經度"], line["緯度"], line["樹種名稱"])
        assert girth == line["樹胸圍長度公尺"] or (girth is None and pd.isna(line["樹胸圍長度公尺"]))


def test_refused_by_default(reports: dict[str, ImportReport], engine: Engine, registry: Registry, realdata: Path) -> None:
    """Without the choice, two villages of 456 stop the file, and the repeated codes are named as well."""
    before = count(engine, "SELECT count(*) FROM layer.community")
    report = run(engine, registry, realdata, "villages", on_bad="refuse")
    assert (report.written, report.refused, report.exit_code) == (0, 456, 1)
    assert count(engine, "SELECT count(*) FROM layer.community") == before


def test_the_shapefile_in_twd97_lands_on_the_same_ground(
    reports: dict[str, ImportReport], engine: Engine, registry: Registry, realdata: Path
) -> None:
    """EPSG:3826 written in ESRI's way; the same villages as the GeoJSON's (a few were redrawn between the two editions)."""
    with engine.begin() as connection:
        twin = add_city(connection, City("twin", "台北 TWD97", "Taipei TWD97", "63", CITY.bbox, profile="local"))
    path = realdata / "taipei/taipei_villages_twd97_shp/G97_A_CAVLGE_P.shp"
    source = ImportSource(path, "community", [("CPTVID", "code"), ("VNAME", "name")], on_bad="set_aside", crs="EPSG:3826")
    by_default = import_file(engine, registry, "twin", dataclasses.replace(source, on_bad="refuse"))
    assert (by_default.written, by_default.refused, by_default.exit_code) == (0, 2, 1)
    report = import_file(engine, registry, "twin", source)
    assert report.read == 456 and report.exit_code in (0, 1)
    assert all(fault.rule == "geometry_valid" for fault in report.rows)
    assert "EPSG:3826 → EPSG:4490" in report.notes
    with engine.begin() as connection:
        apart = list(connection.scalars(text("""
            SELECT ST_Distance(ST_Centroid(a.geom)::geography, ST_Centroid(b.geom)::geography) FROM layer.community a
            JOIN layer.community b ON a.code = b.code AND a.city <> b.city WHERE a.city = :city
        """), {"city": twin.id}))  # fmt: skip
        remove_city(connection, twin, registry)
    assert len(apart) == 454 and sum(metres < 0.01 for metres in apart) >= 430 and max(apart) < 20
