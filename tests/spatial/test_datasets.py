"""Datasets: what was stored comes back, loading again replaces, a removed city leaves neither row nor file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from layers.catalogue import Registry
from spatial.cities import City, add_city, remove_city
from spatial.datasets import Dataset, datasets, raster_files, record_dataset, remove_raster_files

LAMPS = Dataset(
    "lamps", "layer", "路灯", "Lamps", layer="component", source="某市", source_url="https://example.org/", licence="CC BY 4.0",
    attribution="© 某市", recipe="town", files=("lamps_1.csv", "lamps_2.csv"), read=10, written=7, set_aside=3, repaired=2,
    extent=(113.0, 34.0, 113.5, 34.25), metadata={"note": "甲"}, seconds=1.5,
)  # fmt: skip
GROUND = Dataset("dem", "raster", "高程", "Terrain", path="ground/dem.tif", metadata={"width": 899, "nodata": None})


@pytest.fixture
def ground(engine: Engine) -> City:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM wanmi.city"))
        return add_city(connection, City("ground", "地", "Ground", "99", (113, 34, 114, 35), profile="local"))


def test_what_was_stored_comes_back(engine: Engine, ground: City) -> None:
    with engine.begin() as connection:
        numbers = [record_dataset(connection, ground, item) for item in (LAMPS, GROUND)]
        found = datasets(connection, ground)
        assert raster_files(connection, ground) == ["ground/dem.tif"]
    assert [item.id for item in found] == numbers
    assert [dataclasses.replace(item, id=0, loaded_at=None) for item in found] == [LAMPS, GROUND]
    assert all(item.loaded_at is not None and item.loaded_at.tzinfo is not None for item in found)


def test_loading_again_replaces_the_row(engine: Engine, ground: City) -> None:
    with engine.begin() as connection:
        first = record_dataset(connection, ground, LAMPS)
    with engine.begin() as connection:
        earlier = datasets(connection, ground)[0].loaded_at
        again = record_dataset(connection, ground, dataclasses.replace(LAMPS, written=8, set_aside=2, extent=None))
        found = datasets(connection, ground)
    assert again == first and len(found) == 1
    assert (found[0].written, found[0].set_aside, found[0].extent) == (8, 2, None)
    assert earlier is not None and found[0].loaded_at is not None and found[0].loaded_at > earlier


def test_a_raster_has_a_path_and_no_layer(engine: Engine, ground: City) -> None:
    for wrong in (dataclasses.replace(GROUND, path=None), dataclasses.replace(LAMPS, layer=None), dataclasses.replace(GROUND, layer="x")):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            record_dataset(connection, ground, wrong)


def test_a_removed_city_takes_its_datasets_along(engine: Engine, registry: Registry, ground: City, tmp_path: Path) -> None:
    (tmp_path / "ground").mkdir()
    (tmp_path / "ground/dem.tif").write_bytes(b"x")
    with engine.begin() as connection:
        record_dataset(connection, ground, GROUND)
        gone = raster_files(connection, ground)
        remove_city(connection, ground, registry)
        assert connection.scalar(text("SELECT count(*) FROM wanmi.dataset")) == 0
    remove_raster_files(tmp_path, [*gone, "ground/never.tif"])
    assert list(tmp_path.iterdir()) == []


def test_no_path_leads_out_of_the_raster_folder(tmp_path: Path) -> None:
    folder, secret = tmp_path / "rasters", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("x", "utf-8")
    remove_raster_files(folder, ["../secret.txt", str(secret)])
    assert secret.exists()
