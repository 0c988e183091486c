"""What an import does besides refusing: every format arrives, places and times are right, two at once do not mix."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyproj import CRS, Transformer
from sqlalchemy import Engine, text

from data.importing import ImportSource, import_file
from layers.catalogue import Registry
from spatial.cities import City
from spatial.database import owner_engine
from tests.data.files import dbf, features, geojson, geopackage, shapefile, table

PLACE = [113.3, 34.8]


def tree(code: str) -> tuple[dict[str, object], list[float]]:
    return {"code": code, "species": "槐"}, PLACE


def make(folder: Path, kind: str) -> Path:
    """The same tree, code F1, in a file of each format."""
    path = folder / f"槐 树.{kind}"
    if kind == "shp":
        east, north = Transformer.from_crs(4490, 4547, always_xy=True).transform(*PLACE)
        attributes = dbf([("code", "C", 8), ("species", "C", 8)], [(b"F1", "槐".encode("gbk"))], 0x4D)
        return shapefile(path, [(east, north)], attributes, prj=CRS("EPSG:4547").to_wkt("WKT1_ESRI"))
    if kind == "gpkg":
        return geopackage(path, code=["F1"], species=["槐"])
    rows = ["code;species;lon;lat", "F1;槐;113.3;34.8"]
    if kind == "csv":
        return table(path, *rows, encoding="gb18030")
    content = "\n".join(rows) if kind == "csv.gz" else features(tree("F1"))
    path.write_bytes(gzip.compress(content.encode()) if kind.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("kind", ["shp", "gpkg", "geojson", "json", "geojson.gz", "csv", "csv.gz"])
def test_every_format_arrives(tmp_path: Path, engine: Engine, registry: Registry, city: City, kind: str) -> None:
    crs = "EPSG:4490" if kind.startswith("csv") else None
    report = import_file(engine, registry, None, ImportSource(make(tmp_path, kind), "ancient_tree", crs=crs))
    assert (report.exit_code, report.read, report.written, report.city) == (0, 1, 1, city.key), report.rows
    with engine.begin() as connection:
        row = connection.execute(
            text("SELECT species, ST_X(geom), ST_Y(geom), ST_SRID(geom) FROM layer.ancient_tree WHERE code = 'F1'")
        ).one()
        connection.execute(text("DELETE FROM layer.ancient_tree"))
    assert row[0] == "槐"
    assert (row[1], row[2]) == pytest.approx(PLACE, abs=1e-9)
    assert row[3] == 4490


def test_a_crs_that_means_the_same_is_no_conflict(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    path = make(tmp_path, "shp")
    for crs, code in (("EPSG:4547", 0), ("epsg:4547", 0), ("EPSG:4548", 2), ("EPSG:4490", 2)):
        report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree", crs=crs, dry_run=True))
        assert report.exit_code == code, (crs, report.rows)


def test_cases_without_a_place(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    layer = registry.by_role("case")
    values = {key: field.values[0].value for key in ("kind", "stage", "source") if (field := layer.domain_of(key)) is not None}
    path = table(tmp_path / "cases.csv", "case_no,filed_at,description", 'A1,2026/07/01 08:30,"井盖\t缺失\\ 请处理\n很急"')
    constants = list(values.items())
    report = import_file(engine, registry, city.key, ImportSource(path, layer.id, constants=constants))
    assert report.exit_code == 0, report.rows
    with engine.connect() as connection:
        row = connection.execute(text('SELECT geom, area, filed_at, description FROM layer."case"')).one()
    assert row[0] is None and row[1] == city.prefix
    assert row[2] == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    assert row[3] == "井盖\t缺失\\ 请处理\n很急"


def test_a_feature_id_can_be_mapped(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(features(({"species": "槐"}, PLACE)).replace('"type": "Feature",', '"type": "Feature", "id": 17,'), "utf-8")
    source = ImportSource(path, "ancient_tree", [("id", "code")], dry_run=True)
    assert import_file(engine, registry, city.key, source).exit_code == 0


def test_two_at_once_do_not_mix(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    """The second writes the same code after the first has looked for duplicates: the unique rule of the table decides."""
    path = geojson(tmp_path / "a.geojson", tree("R1"), tree("R2"))
    inner = []

    def between(stage: str, done: int, total: int) -> None:
        if stage == "insert" and done == 0 and not inner:
            inner.append(import_file(engine, registry, city.key, ImportSource(path, "ancient_tree")))

    outer = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree"), between)
    assert (inner[0].exit_code, inner[0].written) == (0, 2)
    assert (outer.exit_code, outer.written, outer.rows[0].rule) == (2, 0, "conflict")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM layer.ancient_tree WHERE code LIKE 'R_'")) == 2


def test_a_killed_import_leaves_nothing(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    path = geojson(tmp_path / "a.geojson", tree("K1"))

    def killed(stage: str, done: int, total: int) -> None:
        if stage == "insert" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(engine, registry, city.key, ImportSource(path, "ancient_tree"), killed)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM layer.ancient_tree WHERE code = 'K1'")) == 0


def test_a_database_that_is_away_is_told(tmp_path: Path, registry: Registry) -> None:
    engine = owner_engine("postgresql://nobody@127.0.0.1:9/none")
    report = import_file(engine, registry, "testcity", ImportSource(geojson(tmp_path / "a.geojson", tree("X")), "ancient_tree"))
    assert (report.exit_code, report.rows[0].rule) == (2, "database")


def test_the_report_is_cut_but_its_totals_are_not(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    path = geojson(tmp_path / "a.geojson", *[({"code": f"L{n}", "species": None}, [0, 0]) for n in range(1500)])
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree"))
    assert (report.refused, report.faults, len(report.rows)) == (1500, 3000, 1000)
