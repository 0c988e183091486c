"""Imports under somebody's right: what lies outside is refused by row, the policies hold in the insert, the system is not bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from data.importing import ImportSource, import_file
from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from tests.support.town import Town

WEST = "9901010101"


@pytest.fixture
def file(tmp_path: Path, town: Town) -> Path:
    """Three trees: two in the western community, one in the eastern."""
    path = tmp_path / "trees.csv"
    path.write_text("code,lon,lat\nT1,114.004,34.81\nT2,114.005,34.811\nT3,114.016,34.81\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def accounts(engine: Engine, town: Town) -> dict[str, int]:
    with engine.begin() as connection:
        grants = {"west": Grant("gis", WEST), "planner": Grant("planner"), "public": Grant("public")}
        return {name: create(connection, NewAccount(f"i{name}", name, (grant,))).id for name, grant in grants.items()}


def source(registry: Registry, file: Path) -> ImportSource:
    return ImportSource(file, registry.by_role("tree").id, constants=[("species", "国槐")], x="lon", y="lat", crs="EPSG:4490")


def stored(engine: Engine, registry: Registry) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text(f'SELECT code FROM layer."{registry.by_role("tree").id}" ORDER BY code')))


def test_rows_outside_the_right_are_named_and_nothing_is_written(
    engine: Engine, registry: Registry, file: Path, accounts: dict[str, int]
) -> None:
    report = import_file(engine, registry, "town", source(registry, file), account=accounts["west"])
    assert [(fault.row, fault.field, fault.rule, fault.value) for fault in report.rows] == [(3, "area", "right", "9901010102")]
    assert (report.exit_code, report.written, stored(engine, registry)) == (1, 0, [])


def test_the_others_can_be_written_with_those_set_aside(engine: Engine, registry: Registry, file: Path, accounts: dict[str, int]) -> None:
    report = import_file(engine, registry, "town", replace(source(registry, file), on_bad="set_aside"), account=accounts["west"])
    assert (report.written, report.set_aside, stored(engine, registry)) == (2, 1, ["T1", "T2"])
    with engine.begin() as connection:
        connection.execute(text(f'DELETE FROM layer."{registry.by_role("tree").id}"'))


@pytest.mark.parametrize("name", ["planner", "public"])
def test_who_may_not_edit_the_layer_is_told_before_the_file_is_read(
    engine: Engine, registry: Registry, tmp_path: Path, accounts: dict[str, int], name: str
) -> None:
    report = import_file(engine, registry, "town", source(registry, tmp_path / "nowhere.csv"), account=accounts[name])
    assert (report.exit_code, report.rows[0].rule) == (2, "right")


def test_a_layer_that_is_not_seen_is_as_good_as_not_there(engine: Engine, registry: Registry, file: Path, accounts: dict[str, int]) -> None:
    hidden = replace(source(registry, file), layer=registry.by_role("pipeline").id)
    report = import_file(engine, registry, "town", hidden, account=accounts["public"])
    assert (report.exit_code, report.rows[0].rule) == (2, "layer")
    assert registry.by_role("pipeline").title.zh not in report.rows[0].zh
