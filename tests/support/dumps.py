"""For tests of dump and restore: a filled database with a stream and a raster, and what is in one, table by table."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import psycopg2
from psycopg2 import sql
from sqlalchemy import Engine

from data.table import LayerTable
from layers.catalogue import Registry
from spatial.cities import city_by_key
from spatial.contents import schemas, tables
from spatial.datasets import Dataset, record_dataset
from spatial.restore import PrivateServer
from tests.support.cluster import Server
from tests.support.readings import append_readings
from tests.support.town import build

__all__ = ["RASTER", "READINGS", "Recorder", "contents", "furnish", "killing", "private", "run"]

RASTER = "town/terrain-1.tif"
READINGS = 96
DEFINITIONS = """
    SELECT 'column', format('%s.%s %s %s %s', a.attrelid::regclass, a.attname, format_type(atttypid, atttypmod), attgenerated, attidentity)
    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname IN ('wanmi', 'layer', 'stream', 'account', 'access', 'seen') AND attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p')
    UNION ALL SELECT 'constraint', format('%s %s %s %s', conrelid::regclass, conname, convalidated, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace
    WHERE nspname IN ('wanmi', 'layer', 'stream', 'account', 'access', 'seen')
    UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname IN ('wanmi', 'layer', 'stream', 'account', 'access', 'seen')
    UNION ALL SELECT 'function', pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE nspname IN ('wanmi', 'layer', 'stream', 'account', 'access', 'seen')
    UNION ALL SELECT 'trigger', pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal
    UNION ALL SELECT 'right', format('%s %s', c.oid::regclass,
      coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)))
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname IN ('wanmi', 'layer', 'stream', 'account', 'access', 'seen') AND relkind IN ('r', 'p', 'S', 'v')
    UNION ALL SELECT 'policy', format('%s %s %s %s %s', polrelid::regclass, polname, polcmd, pg_get_expr(polqual, polrelid),
      pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
    UNION ALL SELECT 'view', format('%s %s %s', c.oid::regclass, relowner::regrole, pg_get_viewdef(c.oid)) FROM pg_class c
    WHERE relnamespace = to_regnamespace('seen')
    UNION ALL SELECT 'schema', format('%s %s', nspname, nspacl) FROM pg_namespace WHERE nspname IN ('layer', 'stream', 'seen', 'access')
    ORDER BY 1, 2
"""


class Recorder:
    """Stands in for Popen in ``spatial.archiver``: runs the programs, keeps their commands and environments."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def __call__(self, command: list[str], **more: Any) -> subprocess.Popen[str]:
        """Starts a program; asking one for its version is not kept."""
        if "--version" not in command:
            self.commands.append(command)
            self.environments.append(more["env"])
        return Popen(command, **more)


def killing(word: str) -> type[subprocess.Popen[str]]:
    """Returns a Popen that kills its program as soon as it runs, when a word stands in its command."""

    class Killed(subprocess.Popen[str]):
        def communicate(self, *arguments: Any, **more: Any) -> tuple[str, str]:
            if word in self.args:  # type: ignore[operator]
                self.kill()
            return super().communicate(*arguments, **more)

    return Killed


def furnish(engine: Engine, registry: Registry, rasters: Path) -> None:
    """Fills the town, four days of readings and one raster."""
    build(engine, registry)
    stream = registry.streams["sensor_value"]
    start = datetime(2026, 10, 30)
    moments = np.array([start + timedelta(hours=n) for n in range(READINGS)], dtype="datetime64[s]")
    columns = {"sensor_code": np.full(READINGS, "S1", dtype=object), "measured_at": moments, "value": np.arange(READINGS, dtype=float)}
    table = LayerTable(stream.id, columns, np.full(READINGS, None, dtype=object))
    (rasters / RASTER).parent.mkdir(parents=True)
    (rasters / RASTER).write_bytes(np.random.default_rng(1).bytes(100_000))
    with engine.begin() as connection:
        city = city_by_key(connection, "town")
        append_readings(connection, stream, city, table)
        record_dataset(connection, city, Dataset("terrain", "raster", "地形", "Terrain", path=RASTER))


def contents(dsn: str) -> dict[str, object]:
    """Hash of every table's rows, and every definition, index, function, trigger and right."""
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            found: dict[str, object] = {}
            for schema, table in tables(connection, schemas(connection)):
                statement = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
                cursor.execute(statement.format(sql.Identifier(schema, table)))
                found[f"{schema}.{table}"] = cursor.fetchone()
            cursor.execute(DEFINITIONS)
            found["definitions"] = cursor.fetchall()
        return found
    finally:
        connection.close()


def private(server: Server, folder: Path) -> PrivateServer:
    """The tests' server, taken for our own."""
    return PrivateServer(server.admin(), server.owner("postgres"), server.owner_password, server.app_password, folder)


def run(dsn: str, statement: str) -> list[tuple[object, ...]]:
    """Runs one statement and returns its rows."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
