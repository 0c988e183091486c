"""OpenStreetMap XML by GDAL, which assembles ways and areas, with a configuration of our own: every tag is a column."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from xml.parsers import expat

from data.readers.raw import RawTable, ReadRequest, shown
from data.readers.shapefile import told
from data.report import FileFault

__all__ = ["read_osm"]

LAYERS = ("points", "lines", "multilinestrings", "multipolygons", "other_relations")
# Closed ways with one of these tags are areas: the list that GDAL ships. Nothing is ignored and no tag is "insignificant".
CONFIGURATION = """
closed_ways_are_polygons=aeroway,amenity,boundary,building,craft,geological,historic,landuse,leisure,military,natural,office,\
place,shop,sport,tourism,highway=platform,public_transport=platform
attribute_name_laundering=no
report_all_nodes=no
report_all_ways=no
tags_format=json
""".lstrip()
SECTION = "[{}]\nosm_id=yes\nall_tags=yes\n"
IDS = ("osm_id", "osm_way_id")
TAGS = "all_tags"


def read_osm(path: Path, request: ReadRequest, scratch: Path) -> RawTable:
    """Reads one of the five layers that GDAL makes of nodes, ways and relations.

    Raises:
        FileFault: no such layer, several and none named, broken, or empty.
    """
    lost = _check(path)
    configuration = scratch / "osm.ini"
    configuration.write_text(CONFIGURATION + "".join(SECTION.format(name) for name in LAYERS), "utf-8")
    link = scratch / "input.osm"
    link.symlink_to(path)
    wanted = request.source_layer
    if wanted is not None and wanted not in LAYERS:
        raise _unclear(wanted, LAYERS)
    found = {name: _layer(link, configuration, name) for name in ([wanted] if wanted else LAYERS)}
    filled = {name: table for name, table in found.items() if len(table)}
    if not filled:
        raise FileFault("empty", "文件中没有要素", "the file holds no features", value=wanted)
    if len(filled) > 1:
        raise _unclear(None, [f"{name} ({len(table)})" for name, table in filled.items()])
    (table,) = filled.values()
    if lost:
        table.notes.append(f"{lost} 条路径引用了文件中没有的节点 / {lost} ways refer to nodes that the file does not hold")
    return table


def _unclear(wanted: str | None, names: Any) -> FileFault:
    listed = "、".join(names)
    zh = f"没有图层“{wanted}”；有：{listed}" if wanted else f"请用 --source-layer 指明图层：{listed}"
    en = f"there is no layer {wanted!r}; there are: {listed}" if wanted else f"name a layer with --source-layer: {listed}"
    return FileFault("source_layer", zh, en, field="source_layer", value=wanted or listed)


def _check(path: Path) -> int:
    """Parses the file once; returns how many ways refer to nodes that are not there (GDAL leaves these out in silence).

    Raises:
        FileFault: not well-formed XML, or it declares a document type.
    """
    nodes: set[str] = set()
    lost: set[str] = set()
    way: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "node":
            nodes.add(attributes.get("id", ""))
        elif name == "way":
            way[:] = [attributes.get("id", "")]
        elif name == "nd" and way and attributes.get("ref", "") not in nodes:
            lost.add(way[0])

    def doctype(*_: Any) -> None:
        raise FileFault("content", "文件含有 DOCTYPE，不接受", "the file holds a DOCTYPE; it is not taken")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise FileFault(
            "xml",
            f"不是完整的 XML：第 {error.lineno} 行第 {error.offset} 列",
            f"not well-formed XML: line {error.lineno} column {error.offset}",
            value=expat.ErrorString(error.code),
        ) from None
    return len(lost)


def _layer(link: Path, configuration: Path, name: str) -> RawTable:
    from pyogrio import raw
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            meta, _, shapes, values = raw.read(str(link), layer=name, CONFIG_FILE=str(configuration))
        except (DataSourceError, DataLayerError, FeatureError, GeometryError, ValueError) as error:
            raise FileFault("osm", "OSM 文件无法读取", "the OSM file cannot be read", value=shown(str(error))) from None
    table = RawTable({}, list(shapes), crs="EPSG:4326", notes=told(said))
    fields = dict(zip(meta["fields"], values, strict=True))
    for title in IDS:
        if title in fields:
            table.columns[title] = [None if value is None else str(value) for value in fields[title]]
    for row, text in enumerate(fields.get(TAGS, ())):
        for key, value in (json.loads(text) if text else {}).items():
            column = f"tag:{key}" if key in IDS else key
            if column not in table.columns:
                table.columns[column] = [None] * len(shapes)
            table.columns[column][row] = value
    return table
