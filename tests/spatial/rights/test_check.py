"""The doctor's look at the right: each thing that somebody may break by hand is found, named and gone when it is mended."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Engine

from layers.catalogue import Registry
from spatial.doctor import examine_database
from spatial.prepare import connect
from spatial.rights.check import breaches, enforced
from spatial.upgrade import upgrade
from tests.support.cluster import Server
from tests.support.dumps import run

# what somebody does, what takes it back, the object that must be named, a word of the sentence
BROKEN = {
    "off": (
        'ALTER TABLE layer."case" DISABLE ROW LEVEL SECURITY', 'ALTER TABLE layer."case" ENABLE ROW LEVEL SECURITY',
        'layer."case"', "row-level security is off",
    ),
    "one too many": (
        "CREATE POLICY every ON layer.park USING (true)", "DROP POLICY every ON layer.park", "layer.park", "policies",
    ),
    "one too few": ('DROP POLICY "update" ON layer.road', None, "layer.road", "policies"),
    "a stream's": (
        "CREATE POLICY every ON stream.sensor_value USING (true)", "DROP POLICY every ON stream.sensor_value", "stream.sensor_value",
        "policies",
    ),
    "one that asks nothing": ('ALTER POLICY "read" ON layer.toilet USING (true)', None, "layer.toilet read", "does not ask"),
    "a view of the owner": ("ALTER VIEW seen.component OWNER TO wanmi_owner", None, "seen.component", "passes the right by"),
    "a copy": (
        "CREATE MATERIALIZED VIEW seen.leak AS SELECT * FROM layer.park", "DROP MATERIALIZED VIEW seen.leak", "seen.leak",
        "passes the right by",
    ),
    "a table": ("GRANT SELECT ON layer.park TO wanmi_app", "REVOKE SELECT ON layer.park FROM wanmi_app", "layer.park", "directly"),
    "a column": (
        "GRANT SELECT (id) ON account.account TO wanmi_app", "REVOKE SELECT (id) ON account.account FROM wanmi_app", "account.account",
        "directly",
    ),
    "for everybody": ("GRANT DELETE ON wanmi.city TO PUBLIC", "REVOKE DELETE ON wanmi.city FROM PUBLIC", "wanmi.city", "directly"),
}  # fmt: skip


def found(server: Server, database: str) -> list[tuple[str, str]]:
    connection = connect(server.owner(database))
    try:
        assert enforced(connection)
        return [(breach.name, breach.en) for breach in breaches(connection)]
    finally:
        connection.close()


def test_a_database_left_alone_is_whole(server: Server, database: str) -> None:
    assert found(server, database) == []


@pytest.mark.parametrize("kind", list(BROKEN))
def test_what_is_broken_is_named(server: Server, database: str, engine: Engine, registry: Registry, kind: str) -> None:
    doing, undoing, name, words = BROKEN[kind]
    run(server.admin(database), doing)
    try:
        told = found(server, database)
        assert told[0][0] == name and words in told[0][1], told
        assert all(each.split()[0] in name for each, _ in told), "nothing else is accused"
        finding = next(each for each in examine_database(server.owner(database)) if each.key == "right")
        assert finding.state == "fail" and name in finding.zh and name in finding.en and finding.remedy_en
    finally:
        if undoing is not None:
            run(server.admin(database), undoing)
        else:  # what was taken away comes back with an upgrade
            run(server.admin(database), mark_forgotten(name))
            upgrade(engine, registry)
    assert found(server, database) == []


def mark_forgotten(name: str) -> str:
    """The statement that makes an upgrade look at a table's policies again; a view of another owner it sees by itself."""
    if name.startswith("seen."):
        return "SELECT 1"
    return f'COMMENT ON POLICY "read" ON {name.split()[0]} IS NULL'


@pytest.mark.parametrize(
    ("doing", "name"),
    [
        ("GRANT wanmi_actor TO wanmi_app", "wanmi_app"),
        ("REVOKE wanmi_actor FROM wanmi_owner; GRANT wanmi_owner TO wanmi_actor", "wanmi_actor"),
        ("ALTER ROLE wanmi_actor BYPASSRLS", "wanmi_actor"),
        ("ALTER ROLE wanmi_app SUPERUSER", "wanmi_app"),
    ],
)
def test_a_role_that_may_too_much_is_named(server: Server, database: str, doing: str, name: str) -> None:
    """Roles are the whole cluster's, where other tests run: it is asked within the transaction, which is rolled back."""
    connection = connect(server.admin(database))
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            cursor.execute(doing)
        told = {breach.name: breach.en for breach in breaches(connection)}
    finally:
        connection.rollback()
        connection.close()
    assert "too much" in told[name]
    assert found(server, database) == []


def test_a_database_before_its_first_upgrade_is_no_failure(server: Server) -> None:
    name = f"wanmi_bare_{uuid.uuid4().hex[:8]}"
    server.create(name)
    try:
        finding = next(each for each in examine_database(server.owner(name)) if each.key == "right")
        assert finding.state == "warn" and "db upgrade" in finding.remedy_en
    finally:
        server.drop(name)
