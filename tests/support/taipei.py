"""Taipei as the docs import it: the city's row and one source per file (../shared/realdata, docs/import.md)."""

from __future__ import annotations

from pathlib import Path

from data.importing import ImportSource
from spatial.cities import City

PARKS = {
    "_id": "code", "ParkName": "name", "Area": "stated_area_m2", "Location": "address", "ManagementName": "manager_name",
    "YearBuilt": "built_to", "Introduction": "description",
}  # fmt: skip
TREES = {
    "樹木編號": "code", "樹種名稱": "species", "樹種學名": "latin_name", "樹胸徑寬度公尺": "diameter_m", "樹胸圍長度公尺": "girth_m",
    "地址": "address", "管理單位": "keeper_name",
}  # fmt: skip
SOURCES = {
    "districts": ImportSource(Path("taipei/taipei_town.geojson"), "district", [("CPTID", "code"), ("TNAME", "name")]),
    "villages": ImportSource(
        Path("taipei/taipei_village.geojson"), "community", [("CPTVID", "code"), ("VNAME", "name")], on_bad="set_aside"
    ),
    "parks": ImportSource(Path("taipei/parks_2018.csv"), "park", list(PARKS.items()), crs="EPSG:4326", on_bad="set_aside"),
    "trees": ImportSource(
        Path("taipei/protected_trees_20260823.csv.gz"), "ancient_tree", list(TREES.items()), [("status", "保护")],
        crs="EPSG:4326", on_bad="set_aside",
    ),
}  # fmt: skip
CITY = City(
    "taipei", "台北（示例）", "Taipei (example)", "63", (121.4, 24.9, 121.7, 25.3), profile="local",
    notice_zh="代码沿用原始数据，不是国家标准代码", notice_en="codes are those of the source, not national ones",
)  # fmt: skip
