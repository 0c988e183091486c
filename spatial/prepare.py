"""The administrator's part: roles, database, extensions and the LEAKPROOF mark, from one SQL file.

The same file is printed for the administrator of an existing server (``wanmi db prepare --print``) and run
here on the private one; it is safe to run again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password, make_dsn, parse_dsn

from grid_coding.errors import BilingualError
from spatial.postgres import MINIMUM_POSTGIS, MINIMUM_POSTGRES

__all__ = [
    "PrepareError",
    "Server",
    "check_text",
    "check_versions",
    "connect",
    "look",
    "prepare",
    "prepare_sql",
    "verify",
]

MAINTENANCE = "postgres"
LOCK = 0x77616E6D69  # "wanmi"
PLACEHOLDER = re.compile(r":(?P<quote>['\"])(?P<name>[a-z_]+)(?P=quote)")


class PrepareError(BilingualError):
    """The server cannot hold the house; ``zh`` and ``en`` are one sentence each for people."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a database says of itself; ``postgis`` is None when it is not even offered."""

    postgres: int
    version: str
    postgis: str | None
    encoding: str
    ctype: str
    trigrams: bool | None
    leakproof: bool | None


def prepare_sql() -> str:
    """Returns the SQL file for the administrator of an existing server.

    >>> "LEAKPROOF" in prepare_sql()
    True
    """
    return resources.files("spatial").joinpath("sql/prepare.sql").read_text("utf-8")


def prepare(admin_dsn: str, owner_password: str, app_password: str, *, database: str = "wanmi") -> Server:
    """Runs the file as the administrator and checks the result.

    Args:
        admin_dsn: a superuser's connection; the database named in it does not matter.
        owner_password: becomes the password of ``wanmi_owner``.
        app_password: becomes the password of ``wanmi_app``.
        database: the database to make or to bring up to date.

    Raises:
        PrepareError: the server is too old, lacks PostGIS, or refuses.
    """
    maintenance = connect(make_dsn(admin_dsn, dbname=MAINTENANCE))
    connection = maintenance
    try:
        check_versions(look(maintenance))
        with maintenance.cursor() as cursor:  # two starts at once would meet in the same catalogue rows
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        values = {
            "database": database,
            "owner_password": encrypt_password(owner_password, "wanmi_owner", maintenance, "scram-sha-256"),
            "app_password": encrypt_password(app_password, "wanmi_app", maintenance, "scram-sha-256"),
        }
        for paragraph in _paragraphs(prepare_sql()):
            if paragraph.startswith("\\connect"):
                connection = connect(make_dsn(admin_dsn, dbname=database))
            elif not paragraph.startswith("\\set"):
                _run(connection, paragraph, values)
        server = look(connection)
    except psycopg2.Error as error:
        raise _refused(error) from None
    finally:
        connection.close()
        maintenance.close()
    check_text(server)
    return server


def verify(dsn: str) -> Server:
    """Checks a prepared database, e.g. the one of ``WANMI_DATABASE_URL``.

    Raises:
        PrepareError: the server is too old, is not prepared, or cannot make Chinese trigrams.
    """
    connection = connect(dsn)
    try:
        server = look(connection)
    except psycopg2.Error as error:
        raise _refused(error) from None
    finally:
        connection.close()
    check_versions(server)
    if server.trigrams is None or server.leakproof is None:
        raise PrepareError(
            "数据库尚未准备：缺少扩展；请管理员运行 `wanmi db prepare --print` 给出的 SQL",
            "the database is not prepared: have the administrator run what `wanmi db prepare --print` prints",
        )
    check_text(server)
    return server


def look(connection: Connection) -> Server:
    """Asks a server for versions, encoding, trigrams and the LEAKPROOF mark; needs no special right."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'),"
            " (SELECT coalesce(installed_version, default_version) FROM pg_available_extensions"
            "  WHERE name = 'postgis'),"
            " pg_encoding_to_char(encoding), datctype,"
            " EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'),"
            " (SELECT bool_and(proleakproof) FROM pg_proc WHERE proname = 'geometry_overlaps' AND pronargs = 2)"
            " FROM pg_database WHERE datname = current_database()"
        )
        major, version, postgis, encoding, ctype, trigram, leakproof = _row(cursor)
        trigrams: bool | None = None
        if trigram and encoding == "UTF8":
            cursor.execute("SELECT cardinality(show_trgm('人民路')) > 0")
            (trigrams,) = _row(cursor)
        elif trigram:
            trigrams = False
    return Server(major, version, postgis, encoding, ctype, trigrams, leakproof)


def _row(cursor: Cursor) -> tuple[Any, ...]:
    return cursor.fetchone() or ()


def connect(dsn: str) -> Connection:
    """Opens an autocommitting connection, or says why not without telling the password."""
    try:
        connection = psycopg2.connect(dsn, connect_timeout=10)
    except psycopg2.Error as error:
        known = parse_dsn(dsn)
        place = f"{known.get('host', 'localhost')}:{known.get('port', '5432')}/{known.get('dbname', '')}"
        lines = str(error).strip().splitlines() or ["?"]
        reason = re.sub(r"^connection to server .*? failed: ", "", lines[0])
        raise PrepareError(f"无法连接数据库 {place}：{reason}", f"cannot connect to the database {place}: {reason}") from None
    connection.autocommit = True
    return connection


def _paragraphs(text: str) -> Iterator[str]:
    """Yields the file's paragraphs without their comments.

    >>> list(_paragraphs("-- a\\n\\nSELECT 1;\\n\\n-- b\\nSELECT 2\\n\\\\gexec\\n"))
    ['SELECT 1;', 'SELECT 2\\n\\\\gexec']
    """
    for paragraph in re.split(r"\n\s*\n", text):
        kept = "\n".join(line for line in paragraph.strip("\n").splitlines() if not line.startswith("--"))
        if kept:
            yield kept


def _run(connection: Connection, paragraph: str, values: Mapping[str, str]) -> None:
    """Runs one paragraph; of one that ends in ``\\gexec``, every statement that it returns (as psql does)."""

    def put(match: re.Match[str]) -> str:
        value = values[match["name"]]
        return (sql.Identifier(value) if match["quote"] == '"' else sql.Literal(value)).as_string(connection)

    body, gexec, _rest = paragraph.partition("\n\\gexec")
    with connection.cursor() as cursor:
        cursor.execute(PLACEHOLDER.sub(put, body).encode())
        if gexec:
            for (statement,) in cursor.fetchall():
                cursor.execute(statement)


def _refused(error: psycopg2.Error) -> PrepareError:
    reason = (error.diag.message_primary or str(error)).strip()
    return PrepareError(f"服务器拒绝了准备步骤：{reason}", f"the server refused a step of the preparation: {reason}")


def check_versions(server: Server) -> None:
    """Refuses a PostgreSQL or PostGIS that is missing or too old."""
    if server.postgres < MINIMUM_POSTGRES:
        raise PrepareError(
            f"PostgreSQL {server.version} 版本过低，至少需要 {MINIMUM_POSTGRES}",
            f"PostgreSQL {server.version} is too old, at least {MINIMUM_POSTGRES} is needed",
        )
    if server.postgis is None:
        raise PrepareError(
            f"服务器没有安装 PostGIS；请管理员安装 postgresql-{server.postgres}-postgis-3",
            f"the server has no PostGIS; have postgresql-{server.postgres}-postgis-3 installed",
        )
    if tuple(int(part) for part in re.findall(r"\d+", server.postgis)[:2]) < MINIMUM_POSTGIS:
        raise PrepareError(
            f"PostGIS {server.postgis} 版本过低，至少需要 3.3",
            f"PostGIS {server.postgis} is too old, at least 3.3 is needed",
        )


def check_text(server: Server) -> None:
    """Refuses a database in which Chinese text cannot be searched."""
    if server.encoding != "UTF8":
        raise PrepareError(
            f"数据库编码是 {server.encoding}，须为 UTF8",
            f"the database's encoding is {server.encoding}; it must be UTF8",
        )
    if not server.trigrams:
        raise PrepareError(
            f"字符类型 LC_CTYPE={server.ctype} 不能为中文生成三元组，搜索不可用；请以 C.UTF-8 重建数据库",
            f"LC_CTYPE={server.ctype} makes no trigrams for Chinese, search finds nothing; use C.UTF-8",
        )
