"""The sample city goes through the same gate as any import, under every national profile; all or nothing, at every size."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rasterio
import shapely
from sqlalchemy import Connection, Engine, text

from data.bulk import copy_text
from data.making import LayerFile, MakingFailed, Order
from data.sample.city import DEFAULT_SEED
from data.sample.place import Town
from data.sample.sizes import city_size, towns_of
from data.sample_city import SAMPLE_KEY, interruptible, make_sample, remove_sample
from data.table import LayerTable
from grid_coding.profiles import profile
from layers.catalogue import Registry
from spatial.cities import CityError, city_by_key, city_or_none
from spatial.datasets import datasets

State = dict[str, list[tuple[Any, ...]]]


def state(engine: Engine, registry: Registry) -> State:
    """What must be as before: indexes, constraints, rows."""
    with engine.connect() as connection:
        indexes = connection.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'layer' ORDER BY 1"))
        rules = connection.execute(
            text("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'layer'::regnamespace ORDER BY 1")
        )
        rows = [(layer.id, connection.scalar(text(f'SELECT count(*) FROM layer."{layer.id}"'))) for layer in registry]
        return {"indexes": [tuple(row) for row in indexes], "rules": [tuple(row) for row in rules], "rows": rows}


def check_datasets(connection: Connection, registry: Registry, rows: dict[str, int], folder: Path) -> None:
    """Every layer and stream says what it holds, and the terrain stands where its row says."""
    city = city_by_key(connection, SAMPLE_KEY)
    found = {dataset.key: dataset for dataset in datasets(connection, city)}
    assert {key: dataset.written for key, dataset in found.items() if dataset.kind != "raster"} == rows
    for layer in registry:
        held = connection.execute(
            text(f'SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geom) AS e FROM layer."{layer.id}") t')
        ).one()
        assert found[layer.id].extent == pytest.approx(tuple(held), abs=1e-9)
    terrain = found["terrain"]
    with rasterio.open(folder / str(terrain.path)) as raster:
        assert (raster.width, raster.height) == (terrain.metadata["width"], terrain.metadata["height"])
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


@pytest.mark.parametrize("profile_id", ["2013", "2026"])
def test_it_loads_and_leaves_without_a_trace(engine: Engine, registry: Registry, profile_id: str, tmp_path: Path) -> None:
    before = state(engine, registry)
    steps: list[str] = []
    made = make_sample(engine, registry, size="S", profile=profile_id, report=steps.append, rasters=tmp_path)
    assert set(made.rows) == {*registry.layers, *registry.streams}, "no layer and no stream is left empty"
    assert len(steps) > len(made.rows), "every step is told"
    after = state(engine, registry)
    assert (after["indexes"], after["rules"]) == (before["indexes"], before["rules"])
    assert dict(after["rows"]) == {name: made.rows[name] for name in registry.layers}
    grid, component = registry.by_role("grid"), registry.by_role("component")
    with engine.connect() as connection:
        for layer, kind in ((grid, "grid"), (component, "component")):
            lengths = connection.execute(text(f"SELECT DISTINCT char_length(code) FROM layer.{layer.id}")).scalars().all()
            assert lengths == [profile(profile_id).length(kind)]  # type: ignore[arg-type]
        # every placed row lies in a community, and components carry the grid that holds them
        homeless = text(f"SELECT count(*) FROM layer.{component.id} WHERE char_length(area) < 12 OR grid_code IS NULL")
        assert connection.scalar(homeless) == 0
        wrong = text(f"""
            SELECT count(*) FROM layer.{component.id} c JOIN layer.{grid.id} g ON g.code = c.grid_code AND g.city = c.city
            WHERE NOT ST_Covers(g.geom, c.geom)
        """)
        assert connection.scalar(wrong) == 0
        check_datasets(connection, registry, made.rows, tmp_path)
    with pytest.raises(CityError):
        make_sample(engine, registry, size="S", profile=profile_id, report=steps.append, rasters=tmp_path)
    with pytest.raises(CityError):
        remove_sample(engine, registry, steps.append, tmp_path, "M")
    assert remove_sample(engine, registry, steps.append, tmp_path, "S") == sum(made.rows.values())
    assert state(engine, registry) == before
    assert not list(tmp_path.rglob("*.tif")), "the terrain goes with its city"
    with engine.connect() as connection:
        for layer in registry:
            assert connection.scalar(text(f"SELECT pg_relation_size('layer.\"{layer.id}\"')")) == 0, "the disk has its space back"


def test_a_city_of_towns_loads_town_after_town(engine: Engine, registry: Registry, tmp_path: Path) -> None:
    before = state(engine, registry)
    told: list[tuple[str, int, int]] = []
    made = make_sample(
        engine, registry, size="T", profile="2005", report=lambda _: None, rasters=tmp_path, progress=lambda *share: told.append(share)
    )
    after = state(engine, registry)
    assert (after["indexes"], after["rules"]) == (before["indexes"], before["rules"])
    assert [share for share in told if share[0] == "towns"] == [("towns", 1, 2), ("towns", 2, 2)]
    assert told[-1][0] == "indexes" and told[-1][1] == told[-1][2]
    component, community = registry.by_role("component"), registry.by_role("community")
    with engine.connect() as connection:
        towns = connection.execute(text(f"SELECT left(area, 6), count(*) FROM layer.{component.id} GROUP BY 1 ORDER BY 1")).all()
        assert [code for code, _ in towns] == ["990101", "990102", "990103", "990104"] and all(count > 1000 for _, count in towns)
        astray = text(f"""
            SELECT count(*) FROM layer.{component.id} c LEFT JOIN layer.{community.id} a ON a.code = c.area AND a.city = c.city
            WHERE a.code IS NULL OR NOT ST_DWithin(a.geom, c.geom, 1e-9)
        """)
        assert connection.scalar(astray) == 0
        order = connection.execute(text(f"SELECT left(area, 6) FROM layer.{component.id} ORDER BY id")).scalars().all()
        assert order.index("990103") > max(number for number, area in enumerate(order) if area < "990103")
    assert remove_sample(engine, registry, lambda _: None, tmp_path, "T") == sum(made.rows.values())
    assert state(engine, registry) == before


def bad_towns(order: Order, registry: Registry, folder: Path) -> Iterator[tuple[Town, Iterator[LayerFile]]]:
    """Two towns of manhole covers; one cover of the second has no known status."""
    count = 12_000
    points = shapely.points([[114.0 + n * 1e-6, 34.8] for n in range(count)]).astype(object)
    for town, status in zip(towns_of(city_size("T"), DEFAULT_SEED), ("完好", "不明"), strict=True):
        columns = {
            "code": [f"99010{town.number}0118{n:06d}" for n in range(count)],
            "name": ["路灯"] * count,
            "class_code": ["0118"] * count,
            "status": ["完好"] * (count - 1) + [status],
        }
        table = LayerTable("component", columns, points)
        path = folder / f"{town.number}.copy"
        leading = [[str(order.city.id)] * count, ["9901"] * count]
        path.write_text(copy_text(registry.layers["component"].fields, table, leading, list(columns), slice(0, count)), "utf-8")
        yield town, iter([LayerFile("component", count, ("city", "area", "geom", *columns), path)])


def test_a_bad_row_leaves_everything_as_it_was(engine: Engine, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = state(engine, registry)
    monkeypatch.setattr("data.sample_city.towns_made", lambda order, *_: bad_towns(order, registry, tmp_path))
    with pytest.raises(MakingFailed) as refused:
        make_sample(engine, registry, size="T", profile="2005", report=lambda _: None, rasters=tmp_path)
    assert "status" in refused.value.en and "psycopg" not in refused.value.en
    assert state(engine, registry) == before
    with engine.connect() as connection:
        assert city_or_none(connection, SAMPLE_KEY) is None


def test_a_signal_ends_a_long_statement(engine: Engine) -> None:
    # a shell starts what runs in the background with this signal ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    signals = threading.Timer(0.5, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    stopped = threading.Event()
    try:
        with engine.connect() as connection:
            signals.start()
            with pytest.raises(KeyboardInterrupt):
                interruptible(connection, lambda: connection.execute(text("SELECT pg_sleep(600)")), stopped)
            connection.rollback()
            assert connection.scalar(text("SELECT 1")) == 1, "the connection is good for more"
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.is_set()


def test_what_is_not_there_cannot_be_removed(engine: Engine, registry: Registry, tmp_path: Path) -> None:
    with engine.connect() as connection, pytest.raises(CityError):
        city_by_key(connection, SAMPLE_KEY)
    with pytest.raises(CityError):
        remove_sample(engine, registry, lambda _: None, tmp_path)
