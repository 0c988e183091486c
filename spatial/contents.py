"""What a database holds, asked of the catalogue: schemas of ours, rows by table, rules and sequences; for dump and restore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

__all__ = [
    "count_rows", "late_sequences", "plain_functions", "schemas", "scalar", "tables", "tables_cut_by_right", "unchecked_rules",
]  # fmt: skip

# Schemas of the system and of extensions are none of ours; "public" holds extensions only (prepare.sql).
SCHEMAS = """
    SELECT nspname FROM pg_namespace n
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = n.oid AND deptype = 'e')
    ORDER BY 1
"""
TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1, 2
"""
CUT = """
    SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND row_security_active(c.oid) ORDER BY 1
"""
UNCHECKED = """
    SELECT format('%%s: %%I', k.conrelid::regclass, k.conname) FROM pg_constraint k
    JOIN pg_namespace n ON n.oid = k.connamespace
    WHERE n.nspname = ANY (%s) AND k.contype IN ('c', 'f') AND NOT k.convalidated ORDER BY 1
"""
SEQUENCES = """
    SELECT n.nspname, c.relname, a.attname, s.oid::regclass::text
    FROM pg_depend d
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_class c ON c.oid = d.refobjid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND n.nspname = ANY (%s)
    ORDER BY 1, 2, 3
"""
FUNCTIONS = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE n.nspname = ANY (%s) AND p.prokind IN ('f', 'p') AND l.lanname IN ('plpgsql', 'sql')
      AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS kept WHERE kept LIKE 'search_path=%%')
    ORDER BY 1
"""


def schemas(connection: Connection) -> list[str]:
    """Returns every schema that is neither the system's nor an extension's."""
    return [str(row[0]) for row in _rows(connection, SCHEMAS)]


def tables(connection: Connection, names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns (schema, table) of all tables in the schemas; partitions belong to their table."""
    return [(str(schema), str(table)) for schema, table in _rows(connection, TABLES, list(names))]


def count_rows(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Counts the rows of all tables in the schemas, by ``schema.table``."""
    found = {}
    for schema, table in tables(connection, names):
        found[f"{schema}.{table}"] = int(scalar(connection, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))))
    return found


def tables_cut_by_right(connection: Connection, names: Sequence[str]) -> list[str]:
    """Returns the tables of which row-level security may hide rows from the connected role."""
    return [str(row[0]) for row in _rows(connection, CUT, list(names))]


def unchecked_rules(connection: Connection, names: Sequence[str]) -> list[str]:
    """Returns the CHECKs and foreign keys that do not vouch for the rows already there."""
    return [str(row[0]) for row in _rows(connection, UNCHECKED, list(names))]


def plain_functions(connection: Connection, names: Sequence[str]) -> list[str]:
    """Returns the functions that look names up by the caller's search path, as ``schema.name(types)``."""
    return [str(row[0]) for row in _rows(connection, FUNCTIONS, list(names))]


def late_sequences(connection: Connection, names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Returns (sequence, its next number, largest number in use) of those that would give a number out twice."""
    late = []
    for schema, table, column, sequence in _rows(connection, SEQUENCES, list(names)):
        largest = scalar(connection, sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column), sql.Identifier(schema, table)))
        coming = scalar(connection, sql.SQL("SELECT last_value + is_called::int FROM {}").format(sql.SQL(sequence)))
        if largest is not None and largest >= coming:
            late.append((str(sequence), int(coming), int(largest)))
    return late


def scalar(connection: Connection, statement: str | sql.Composable, *values: Any) -> Any:
    """Returns the one value of a statement, None without a row."""
    rows = _rows(connection, statement, *values)
    return rows[0][0] if rows else None


def _rows(connection: Connection, statement: str | sql.Composable, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()
