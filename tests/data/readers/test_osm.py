"""OpenStreetMap XML: every tag a column, one layer of the five, no entities."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import shapely

from data.readers.launch import read_file
from data.report import FileFault

NODES = "".join(f'<node id="{n}" lat="{34.8 + n % 2 / 100}" lon="{113.3 + n // 2 / 100}" version="1"/>' for n in range(1, 5))
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">'


def osm(path: Path, *elements: str, head: str = HEAD) -> Path:
    path.write_text(head + NODES + "".join(elements) + "</osm>", "utf-8")
    return path


def way(number: int, nodes: str, **tags: str) -> str:
    refs = "".join(f'<nd ref="{ref}"/>' for ref in nodes.split())
    return f'<way id="{number}" version="1">{refs}{tagged(tags)}</way>'


def tagged(tags: dict[str, str]) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


def refused(path: Path, **more: Any) -> FileFault:
    with pytest.raises(FileFault) as told:
        read_file(path, **more)
    return told.value


def test_every_tag_is_a_column(tmp_path: Path) -> None:
    odd = {"name": "经三路 &quot;北段&quot;", "name:en": "a=>b, c", "source": "survey", "note": "注", "osm_id": "mine"}
    path = osm(tmp_path / "a.osm", way(7, "1 2 3", highway="residential", **odd), way(8, "2 4", highway="service"))
    found = read_file(path)
    assert found.columns == {
        "osm_id": ["7", "8"], "highway": ["residential", "service"], "name": ['经三路 "北段"', None], "name:en": ["a=>b, c", None],
        "source": ["survey", None], "note": ["注", None], "tag:osm_id": ["mine", None],
    }  # fmt: skip
    assert found.crs == "EPSG:4326"
    assert shapely.get_coordinates(shapely.from_wkb(found.geometry[0])).shape == (3, 2)


def test_layers(tmp_path: Path) -> None:
    path = osm(
        tmp_path / "a.osm", '<node id="9" lat="34.8" lon="113.3" version="1"><tag k="amenity" v="toilets"/></node>',
        way(7, "1 2", highway="path"), way(8, "1 2 3 1", building="yes"), way(9, "1 2 3 1", highway="service"), way(10, "1 2"),
    )  # fmt: skip
    told = refused(path)
    assert told.rule == "source_layer"
    assert told.value == "points (1)、lines (2)、multipolygons (1)"
    assert read_file(path, source_layer="points").columns["amenity"] == ["toilets"]
    assert read_file(path, source_layer="multipolygons").columns["osm_way_id"] == ["8"]
    assert refused(path, source_layer="other_relations").rule == "empty"
    assert refused(path, source_layer="roads").value == "roads"


def test_nodes_that_are_not_there_are_told(tmp_path: Path) -> None:
    found = read_file(osm(tmp_path / "a.osm", way(7, "1 2 99", highway="path"), way(8, "3 4", highway="path")))
    assert any("1 ways refer to nodes" in note for note in found.notes)


@pytest.mark.parametrize(
    "head",
    [
        '<?xml version="1.0"?><!DOCTYPE osm [<!ENTITY a "aaaa">]><osm version="0.6">',
        '<!DOCTYPE osm SYSTEM "file:///etc/passwd"><osm>',
        "<OGRVRTDataSource>",
        '<osmChange version="0.6">',
        "<!-- <osm> --><gpx>",
    ],
)
def test_disguises_and_entities_are_refused(tmp_path: Path, head: str) -> None:
    path = tmp_path / "a.osm"
    path.write_text(head)
    assert refused(path).rule == "content"


def test_a_document_type_behind_a_long_comment_is_refused(tmp_path: Path) -> None:
    head = "<!--" + " " * 5000 + '--><!DOCTYPE osm [<!ENTITY a "aaaa">]><osm version="0.6">'
    assert refused(osm(tmp_path / "a.osm", head=head)).rule == "content"


def test_a_file_cut_off_names_its_line(tmp_path: Path) -> None:
    path = osm(tmp_path / "a.osm", way(7, "1 2", highway="path"))
    path.write_bytes(path.read_bytes()[:-20])
    told = refused(path)
    assert told.rule == "xml" and "line 2" in told.en
    path.write_bytes(HEAD.encode() + b'<node id="1" lat="1" lon="1"><tag k="name" v="\xb1\xa6"/></node></osm>')
    assert refused(path).rule == "xml"


def test_the_real_extract_is_what_gdal_reads(realdata: Path) -> None:
    path = realdata / "osm" / "beijing_tsinghua_20170624.osm"
    ogrinfo = shutil.which("ogrinfo")
    for layer, count, name in (
        ("points", 673, "清华大学西门"), ("lines", 703, "清华路"),
        ("multilinestrings", 101, "校园交通车"), ("multipolygons", 652, "清华大学"),
    ):  # fmt: skip
        found = read_file(path, source_layer=layer)
        assert len(found) == count and not found.faults and name in found.columns["name"]
        if ogrinfo is not None:
            done = subprocess.run([ogrinfo, "-ro", "-al", str(path), layer], capture_output=True, text=True, check=True)
            assert done.stdout.count("OGRFeature(") == count
