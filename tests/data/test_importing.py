"""What an import does besides refusing: every format arrives, places and times are right, two at once do not mix."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyproj import CRS, Transformer
from sqlalchemy import Engine, text

from data.importing import ImportSource, import_file
from layers.catalogue import Registry
from spatial.cities import City
from spatial.database import owner_engine
from spatial.datasets import datasets
from spatial.datum import datum_of, to_cgcs2000
from tests.data.files import dbf, features, geojson, geopackage, shapefile, table
from tests.data.readers.test_flatgeobuf import flatgeobuf
from tests.data.readers.test_xlsx import book

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
    if kind == "zip":
        source = make(folder, "shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in folder.glob("槐 树.[!z]*"):
                archive.write(part, f"数据/{part.name}")
        source.unlink()
        return path
    if kind == "gpkg":
        return geopackage(path, code=["F1"], species=["槐"])
    if kind == "fgb":
        return flatgeobuf(path, code=["F1"], species=["槐"])
    if kind == "osm":
        tags = '<tag k="code" v="F1"/><tag k="species" v="槐"/>'
        path.write_text(f'<osm version="0.6"><node id="1" lon="113.3" lat="34.8" version="1">{tags}</node></osm>', "utf-8")
        return path
    if kind == "xlsx":
        return book(path, ["code", "species", "lon", "lat"], ["F1", "槐", *PLACE])
    rows = ["code;species;lon;lat", "F1;槐;113.3;34.8"]
    if kind == "csv":
        return table(path, *rows, encoding="gb18030")
    content = "\n".join(rows) if kind == "csv.gz" else features(tree("F1"))
    path.write_bytes(gzip.compress(content.encode()) if kind.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("kind", ["shp", "zip", "gpkg", "fgb", "geojson", "json", "geojson.gz", "csv", "csv.gz", "xlsx", "osm"])
def test_every_format_arrives(tmp_path: Path, engine: Engine, registry: Registry, city: City, kind: str) -> None:
    crs = "EPSG:4490" if kind in ("csv", "csv.gz", "xlsx") else None
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


@pytest.mark.parametrize(("datum", "least", "most"), [("gcj02", 300, 700), ("GCJ-02", 300, 700), ("bd09", 700, 1600)])
def test_a_declared_datum_is_converted_and_said(
    tmp_path: Path, engine: Engine, registry: Registry, city: City, datum: str, least: float, most: float
) -> None:
    path = table(tmp_path / "a.csv", "code,species,lon,lat", "J1,槐,113.3,34.8", "J2,槐,113.35,34.85")
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree", crs="EPSG:4490", datum=datum))
    assert (report.exit_code, report.written) == (0, 2), report.rows
    note = next(note for note in report.notes if "CGCS2000" in note)
    assert "places moved by" in note
    with engine.begin() as connection:
        stored = connection.execute(text("DELETE FROM layer.ancient_tree WHERE code = 'J1' RETURNING ST_X(geom), ST_Y(geom)")).one()
        connection.execute(text("DELETE FROM layer.ancient_tree WHERE code = 'J2'"))
    assert tuple(stored) == pytest.approx([float(value) for value in to_cgcs2000(113.3, 34.8, datum_of(datum))], abs=1e-12)
    numbers = [float(part) for part in note.rsplit("by ", 1)[1].removesuffix(" m").split("–")]
    assert least < min(numbers) <= max(numbers) < most


def test_places_that_all_lie_elsewhere_say_how_they_would_come_in(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    """Setting aside is for single rows: a file that says something wrong of itself is refused whole."""
    path = table(tmp_path / "a.csv", "code,species,lon,lat", "S1,槐,34.8,113.3", "S2,槐,34.81,113.31")
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree", crs="EPSG:4490", on_bad="set_aside"))
    assert (report.exit_code, report.refused, report.set_aside, report.written) == (1, 2, 0, 0)
    assert (report.rows[-1].rule, report.rows[-1].row) == ("crs_suspect", 0) and "axes swapped" in report.rows[-1].en
    elsewhere = table(tmp_path / "b.csv", "code,species,lon,lat", "S1,槐,2.3,48.9")
    report = import_file(engine, registry, city.key, ImportSource(elsewhere, "ancient_tree", crs="EPSG:4490", on_bad="set_aside"))
    assert (report.set_aside, {fault.rule for fault in report.rows}) == (1, {"geometry_envelope"})


def test_pipes_say_how_many_of_their_nodes_are_not_there(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    nodes = table(tmp_path / "nodes.csv", "code,pipe_kind,kind,lon,lat", "DN1,YS,manhole,113.3,34.8")
    assert import_file(engine, registry, city.key, ImportSource(nodes, "pipe_node", crs="EPSG:4490")).written == 1
    line = {"type": "LineString", "coordinates": [PLACE, [113.31, 34.81]]}
    pipes = geojson(
        tmp_path / "pipes.geojson",
        ({"code": "DP1", "kind": "YS", "from_node": "DN1", "to_node": "DN7"}, line),
        ({"code": "DP2", "kind": "YS", "from_node": "DN1", "to_node": None}, line),
    )
    report = import_file(engine, registry, city.key, ImportSource(pipes, "pipeline"))
    assert report.written == 2
    assert [note for note in report.notes if "管点编号" in note] == [
        "to_node：1 个管点编号中 1 个不在管点、雨水口中 / 1 of 1 node codes are not in pipe_node or inlet"
    ]


def test_a_file_becomes_a_dataset(tmp_path: Path, engine: Engine, registry: Registry, city: City) -> None:
    path = geojson(tmp_path / "名木.geojson", tree("DS1"), tree("DS2"))
    source = ImportSource(path, "ancient_tree", publisher="园林局", licence="CC BY 4.0", title="名木古树")
    assert import_file(engine, registry, city.key, source).exit_code == 0
    with engine.connect() as connection:
        (told,) = [item for item in datasets(connection, city) if item.files == ("名木.geojson",)]
    assert (told.kind, told.layer, told.title_zh, told.source, told.licence, told.recipe) == (
        "layer", "ancient_tree", "名木古树", "园林局", "CC BY 4.0", None,
    )  # fmt: skip
    assert (told.read, told.written, told.set_aside, told.extent) == (2, 2, 0, (113.3, 34.8, 113.3, 34.8))
    assert import_file(engine, registry, city.key, source).exit_code == 1
    with engine.connect() as connection:
        assert told in datasets(connection, city), "a refused import changes no dataset"
