"""Stream files: read beside the layers, with their own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.catalogue import CatalogueError, load, read_folder

STREAM = """
kind = "stream"
id = "reading"
role = "reading"
title = { zh = "读数", en = "Readings" }
time = "read_at"
series = "device"
[fields]
device = { title = { zh = "设备", en = "Device" }, required = true, length = 20 }
read_at = { title = { zh = "时间", en = "Time" }, type = "datetime", required = true }
level = { title = { zh = "水位", en = "Level" }, type = "number", minimum = 0 }
"""


def folder(path: Path, text: str) -> Path:
    (path / "reading.toml").write_text(text, "utf-8")
    return path


def test_streams_stand_beside_the_layers() -> None:
    registry = load()
    assert set(registry.streams) == {"sensor_value", "patrol_track"}
    assert not set(registry.streams) & {layer.id for layer in registry}
    values = registry.streams["sensor_value"]
    assert registry.by_role(str(values.of)).code == "code"


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        (('time = "read_at"', 'time = "at"'), "-", "no field 'at'"),
        (('time = "read_at"', 'time = "device"'), "-", "no datetime"),
        (('type = "datetime", required = true', 'type = "datetime"'), "-", "must be required"),
        (("length = 20", "length = 20, unique = true"), "-", "are for layers"),
        (("length = 20", "length = 20, domain = 'd'"), "-", "no domain 'd'"),
        (('series = "device"', 'series = "device"\nof = "gauge"'), "of", "gauge"),
        (('series = "device"', 'series = "device"\ngroup = "g"'), "group", "Extra inputs"),
        (('series = "device"', 'series = "device"\ngeometry = "Polygon"'), "geometry", "Point"),
        (("level = {", "area = {"), "-", "belongs to the system"),
        (('id = "reading"', 'id = "readings"'), "id", "文件名"),
    ],
)
def test_a_wrong_stream_names_file_key_and_reason(tmp_path: Path, change: tuple[str, str], key: str, reason: str) -> None:
    assert STREAM.count(change[0]) == 1
    with pytest.raises(CatalogueError) as caught:
        read_folder(folder(tmp_path, STREAM.replace(*change)))
    assert (caught.value.file, caught.value.key) == ("reading.toml", key)
    assert reason in caught.value.reason


def test_a_role_is_played_once_by_layers_and_streams_together(tmp_path: Path) -> None:
    folder(tmp_path, STREAM)
    (tmp_path / "second.toml").write_text(STREAM.replace('id = "reading"', 'id = "second"'), "utf-8")
    with pytest.raises(CatalogueError) as caught:
        read_folder(tmp_path)
    assert (caught.value.file, caught.value.key) == ("second.toml", "role")
