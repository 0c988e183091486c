"""After a restore everybody sees exactly what he saw before, whatever the archive says of views, policies and grants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.errors import InsufficientPrivilege, UndefinedTable
from sqlalchemy import Engine, text

from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.database import owner_engine
from spatial.dump import dump
from spatial.prepare import connect
from spatial.restore import Restored, restore_beside, restore_given
from spatial.rights.check import breaches
from spatial.rights.views import ACTOR_SETTING
from spatial.upgrade import upgrade
from tests.support.cluster import Server
from tests.support.dumps import contents, furnish, private, run

GRANTS = (Grant("gis"), Grant("dispatcher", "9901010101"), Grant("handler", "990101", "works"), Grant("public"), Grant("gis", "990201"))


@dataclass(frozen=True)
class Source:
    """A database with people, its dump, and what each account saw of it."""

    database: str
    folder: Path
    accounts: tuple[int, ...]
    seen: dict[tuple[int, str], object]

    @property
    def public(self) -> int:
        """The account of somebody who may not see cases."""
        return self.accounts[3]


def sights(dsn: str, accounts: tuple[int, ...]) -> dict[tuple[int, str], object]:
    """What each account sees of each view, as a hash; the serving role asks."""
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = 'seen'::regnamespace AND relkind = 'v' ORDER BY 1")
            views = [str(name) for (name,) in cursor.fetchall()]
            found: dict[tuple[int, str], object] = {}
            for account in accounts:
                cursor.execute("SELECT set_config(%s, %s, false)", (ACTOR_SETTING, str(account)))
                for view in views:
                    statement = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
                    cursor.execute(statement.format(sql.Identifier("seen", view)))
                    found[account, view] = cursor.fetchone()
            return found
    finally:
        connection.close()


@pytest.fixture(scope="module")
def source(server: Server, database: str, engine: Engine, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Dumped by the owner, who is no superuser and has no BYPASSRLS."""
    home = tmp_path_factory.mktemp("state")
    furnish(engine, registry, home / "rasters")
    with engine.begin() as connection:
        add_organisation(connection, Organisation("works", "排水公司", "Works", "company"))
        connection.execute(text("UPDATE layer.component SET owner_name = '排水公司' WHERE id % 3 = 0"))
        connection.execute(text("UPDATE layer.case SET reporter_phone = '13912345678'"))
        made = tuple(create(connection, NewAccount(f"a{number}", "人", (grant,))).id for number, grant in enumerate(GRANTS))
    dump(server.owner(database), home / "dump", home / "rasters", home, silent)
    seen = sights(server.app(database), (*made, 0))
    assert len({str(seen[account, "component"]) for account in (*made, 0)}) == 5, "they differ; the public sees as little as nobody"
    return Source(database, home / "dump", (*made, 0), seen)


@pytest.fixture
def target(server: Server) -> Iterator[str]:
    """Name of a database; it and all beside it are dropped afterwards."""
    name = f"wanmi_t{uuid.uuid4().hex[:8]}"
    yield name
    for (each,) in run(server.admin(), f"SELECT datname FROM pg_database WHERE datname ~ '^{name}'"):
        server.drop(str(each))


def silent(_step: str) -> None:
    """Reports nothing."""


def again(server: Server, source: Path, name: str, folder: Path, registry: Registry) -> Restored:
    return restore_beside(private(server, folder), source, name, folder / "rasters", registry, lambda _held: True, silent)


def whole(server: Server, name: str) -> bool:
    """Whether the catalogue shows no way past the right and every view is the actor's."""
    connection = connect(server.owner(name))
    found = breaches(connection)
    connection.close()
    owners = run(server.admin(name), "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'seen'::regnamespace")
    return found == [] and owners == [("wanmi_actor",)]


def test_everybody_sees_exactly_what_he_saw(server: Server, source: Source, target: str, tmp_path: Path, registry: Registry) -> None:
    again(server, source.folder, target, tmp_path, registry)
    assert sights(server.app(target), source.accounts) == source.seen
    assert whole(server, target)


def test_an_owner_without_special_rights_restores_the_whole(
    server: Server, source: Source, target: str, tmp_path: Path, registry: Registry
) -> None:
    server.create(target)
    restore_given(server.owner(target), source.folder, tmp_path / "rasters", registry, silent)
    assert sights(server.app(target), source.accounts) == source.seen
    after, before = contents(server.admin(target)), contents(server.admin(source.database))
    for log in ("wanmi.log_era", "audit.entry"):  # a restore opens an era and is told of
        assert after.pop(log) != before.pop(log)
    assert after == before
    assert whole(server, target)


def test_a_hostile_archive_lets_nothing_out(server: Server, source: Source, target: str, tmp_path: Path, registry: Registry) -> None:
    """Views of the owner under the digest of the true ones, policies that let all pass, grants and compiled rights of its own."""
    poisoned = f"{target}_poisoned"
    again(server, source.folder, poisoned, tmp_path, registry)
    digest = run(server.owner(poisoned), "SELECT obj_description('seen.case'::regclass, 'pg_class')")[0][0]
    names = "SELECT attname FROM pg_attribute WHERE attrelid = 'seen.case'::regclass AND attnum > 0 ORDER BY attnum"
    columns = ", ".join(f'"{row[0]}"' for row in run(server.owner(poisoned), names))
    for statement in (
        f"DROP VIEW seen.case; CREATE VIEW seen.case AS SELECT {columns} FROM layer.case; ALTER VIEW seen.case OWNER TO wanmi_owner;"
        f" GRANT SELECT ON seen.case TO wanmi_app; COMMENT ON VIEW seen.case IS '{digest}'",
        "CREATE MATERIALIZED VIEW seen.leak AS SELECT * FROM layer.case; GRANT SELECT ON seen.leak TO wanmi_app",
        "CREATE POLICY every ON layer.component FOR ALL USING (true)",
        "GRANT USAGE ON SCHEMA layer, account TO wanmi_app; GRANT SELECT (id) ON layer.park TO wanmi_app",
        "GRANT SELECT ON layer.case TO PUBLIC; GRANT SELECT ON account.account TO wanmi_app",
        f"INSERT INTO access.effective (account, layer, action, areas) VALUES ({source.public}, 'park', 'export', '{{%}}')",
    ):
        run(server.admin(poisoned), statement)
    leaked = sights(server.app(poisoned), source.accounts)
    assert leaked[source.public, "case"] != source.seen[source.public, "case"], "there, everything is open"
    dump(server.admin(poisoned), tmp_path / "dump", tmp_path / "rasters", tmp_path, silent)
    again(server, tmp_path / "dump", target, tmp_path, registry)
    assert sights(server.app(target), source.accounts) == source.seen
    assert run(server.owner(target), f"SELECT action FROM access.effective WHERE account = {source.public} AND action = 'export'") == []
    for relation in ("layer.case", "layer.park", "account.account", "seen.leak"):
        with pytest.raises((InsufficientPrivilege, UndefinedTable)):
            run(server.app(target), f"SELECT count(*) FROM {relation}")
    assert whole(server, target)


def test_an_archive_to_be_upgraded_shows_nothing_until_then(
    server: Server, source: Source, target: str, tmp_path: Path, registry: Registry
) -> None:
    """Here it is the registry that has gone on."""
    assert again(server, source.folder, target, tmp_path, replace(registry, streams={})).upgrades
    with pytest.raises((InsufficientPrivilege, UndefinedTable)):
        run(server.app(target), "SELECT count(*) FROM seen.component")
    engine = owner_engine(server.owner(target))
    upgrade(engine, registry)
    engine.dispose()
    assert sights(server.app(target), source.accounts) == source.seen
    assert whole(server, target)
