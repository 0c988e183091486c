"""The administrator's part, run twice, run by psql and refused with a sentence."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from spatial.cluster import Cluster
from spatial.prepare import PrepareError, check_text, check_versions, connect, look, prepare, prepare_sql, verify
from spatial.prepare import Server as Seen
from tests.support.cluster import Server
from tests.support.dumps import run

GOOD = Seen(15, "15.6", "3.3.2", "UTF8", "C.UTF-8", True, True)


@pytest.fixture(scope="module")
def name(server: Server) -> Iterator[str]:
    made = f"wanmi_prepare_{uuid.uuid4().hex[:8]}"
    server.create(made)
    yield made
    server.drop(made)


def test_preparing_twice_changes_nothing(server: Server, name: str) -> None:
    first = verify(server.owner(name))
    server.create(name)
    assert verify(server.owner(name)) == first
    assert first.trigrams and first.leakproof and first.encoding == "UTF8"


def test_the_roles_can_what_they_must_and_no_more(server: Server, name: str) -> None:
    flags = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    roles = run(server.admin(name), f"SELECT rolname, {flags} FROM pg_roles WHERE rolname ~ '^wanmi_(owner|app)$' ORDER BY 1")
    assert roles == [("wanmi_app", False), ("wanmi_owner", False)]
    run(server.owner(name), "CREATE SCHEMA wanmi CREATE TABLE thing (n int)")
    run(server.owner(name), "DROP SCHEMA wanmi CASCADE")
    for statement in ("CREATE SCHEMA mine", "CREATE TABLE public.mine (n int)", "CREATE TEMP TABLE mine (n int)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run(server.app(name), statement)


def test_the_serving_role_has_limits(server: Server, name: str) -> None:
    shown = {key: run(server.app(name), f"SHOW {key}")[0][0] for key in (
        "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "temp_file_limit",
        "max_parallel_workers_per_gather", "plan_cache_mode", "jit", "timezone",
    )}  # fmt: skip
    assert list(shown.values()) == ["1min", "5s", "15s", "2GB", "0", "force_custom_plan", "off", "Asia/Shanghai"]


def test_strangers_do_not_get_in(server: Server, name: str) -> None:
    role = f"stranger_{uuid.uuid4().hex[:8]}"
    run(server.admin(name), f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        with pytest.raises(PrepareError, match="permission denied"):
            connect(f"postgresql://{role}:x@/{name}?host={parse_dsn(server.admin())['host']}&port={parse_dsn(server.admin())['port']}")
    finally:
        run(server.admin(name), f"DROP ROLE {role}")


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A cluster of its own: the passwords of the roles are changed in it."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-"))
    with Cluster(folder, minimum_free_mb=100, durable=False).use() as cluster:
        yield cluster
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(shutil.which("psql") is None, reason="no psql")
def test_the_printed_file_runs_in_psql_and_passwords_with_quotes_hold(own: Cluster) -> None:
    words = {"owner": "o'w\\n \"er", "app": "万米 :'x'"}
    command = ["psql", "-X", "-q", "-d", own.dsn("admin", "postgres"), "-f", "-"]
    command += ["-v", f"owner_password={words['owner']}", "-v", f"app_password={words['app']}"]
    done = subprocess.run(command, input=prepare_sql(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    place = {key: parse_dsn(own.dsn("admin"))[key] for key in ("host", "port", "dbname")}
    for role, password in words.items():
        psycopg2.connect(user=f"wanmi_{role}", password=password, **place).close()
    prepare(own.dsn("admin"), words["owner"], words["app"])
    psycopg2.connect(user="wanmi_owner", password=words["owner"], **place).close()


def test_a_database_without_extensions_is_not_prepared(server: Server) -> None:
    with pytest.raises(PrepareError, match="db prepare --print"):
        verify(server.admin("postgres"))


def test_a_ctype_without_chinese_is_refused(server: Server) -> None:
    made = f"wanmi_plain_{uuid.uuid4().hex[:8]}"
    run(server.admin(), f"CREATE DATABASE {made} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        with pytest.raises(PrepareError, match="LC_CTYPE=C makes no trigrams"):
            prepare(server.admin(), server.owner_password, server.app_password, database=made)
    finally:
        server.drop(made)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(PrepareError) as caught:
        verify("postgresql://wanmi_owner:geheim@127.0.0.1:1/wanmi")
    assert "127.0.0.1:1/wanmi" in str(caught.value) and "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"postgres": 14, "version": "14.11"}, "PostgreSQL 14.11"),
        ({"postgis": None}, "postgresql-15-postgis-3"),
        ({"postgis": "3.2.1"}, "PostGIS 3.2.1"),
        ({"encoding": "SQL_ASCII", "trigrams": False}, "SQL_ASCII"),
    ],
)
def test_every_lack_has_its_sentence(change: dict[str, object], words: str) -> None:
    server = replace(GOOD, **change)  # type: ignore[arg-type]
    with pytest.raises(PrepareError) as caught:
        check_versions(server)
        check_text(server)
    assert words in caught.value.zh and words in caught.value.en


def test_look_needs_no_special_right(server: Server, name: str) -> None:
    connection = connect(server.app(name))
    assert look(connection).postgis is not None
    connection.close()
