"""The queue is procrastinate's (MIT), in PostgreSQL: its part of the schema ``job``, its app, and tickets within our transactions.

A ticket is a row of the library that stands for one attempt at a job; the job's own record (spatial.jobs.records) is the truth.
Tickets are made by the library's SQL functions and not by its Python side, so that the record and its ticket are committed
together on the connection of the caller.
"""

from __future__ import annotations

import json
from importlib import resources

from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, text

from grid_coding.errors import BilingualError

__all__ = ["SCHEMA", "TASK", "QueueOutdated", "bring_up", "check_version", "drop_ticket", "make_app", "new_ticket", "request_abort"]

SCHEMA = "job"
TASK = "wanmi.job"
COMMENT = "procrastinate "


class QueueOutdated(BilingualError):
    """The queue's tables are not those of the installed library."""


def bring_up(connection: Connection) -> None:
    """Makes the library's tables, or applies its own migrations that are newer than what stands.

    What stands is kept as the comment of the schema: a migration of ours that follows a new version of the library calls this again.
    Every function of the library gets the schema as its search path: whoever calls it, it finds its own tables.
    """
    stands = _stands(connection)
    before = connection.scalar(text("SELECT current_setting('search_path')"))
    connection.execute(text(f"SET LOCAL search_path = {SCHEMA}, pg_catalog"))
    if not stands:
        _run(connection, SchemaManager.get_schema())
    for name in (name for name in _migrations() if stands and name > stands):
        _run(connection, resources.files("procrastinate").joinpath(f"sql/migrations/{name}").read_text("utf-8"))
    connection.execute(text("SELECT set_config('search_path', :path, true)"), {"path": before})
    functions = connection.scalars(
        text("SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = to_regnamespace(:schema) AND proname LIKE 'procrastinate%'"),
        {"schema": SCHEMA},
    ).all()
    for function in functions:
        connection.execute(text(f"ALTER FUNCTION {function} SET search_path = {SCHEMA}, pg_temp"))
    connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{COMMENT}{_newest()}'"))


def check_version(connection: Connection) -> None:
    """Makes sure that the queue's tables are those of the installed library.

    Raises:
        QueueOutdated: they are older or newer.
    """
    stands = _stands(connection)
    if stands != _newest():
        raise QueueOutdated(
            f"任务队列的表结构是 {stands or '（无）'}，程序需要 {_newest()}；请运行 ./wanmi db upgrade",
            f"the queue's tables are at {stands or '(none)'}, the program needs {_newest()}; run ./wanmi db upgrade",
        )


def _stands(connection: Connection) -> str:
    """Returns the newest of the library's migrations that the tables have; empty where there are no tables."""
    said = connection.scalar(text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')"), {"schema": SCHEMA})
    return str(said or "").removeprefix(COMMENT)


def _migrations() -> list[str]:
    names = (entry.name for entry in resources.files("procrastinate").joinpath("sql/migrations").iterdir())
    return sorted(name for name in names if name.endswith(".sql"))


def _newest() -> str:
    return _migrations()[-1]


def _run(connection: Connection, script: str) -> None:
    connection.exec_driver_sql(script.replace("%", "%%"))


def make_app(dsn: str, name: str) -> App:
    """Returns the library's application on the owner's connection; nothing is opened yet."""
    options = f"-c search_path={SCHEMA},pg_catalog -c timezone=Asia/Shanghai"
    return App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=4, kwargs={"options": options, "application_name": name}))


def new_ticket(connection: Connection, queue: str, lock: str, job: int, priority: int = 0) -> int:
    """Puts a job into a queue within the caller's transaction and returns its ticket; workers hear of it at the commit.

    Args:
        lock: of tickets with the same lock one runs at a time, whoever fetches them (a unique index of the library).
        priority: greater goes first.
    """
    ticket = connection.scalar(
        text(f"""
            SELECT ({SCHEMA}.procrastinate_defer_jobs_v1(ARRAY[
                ROW(:queue, :task, :priority, :lock, NULL, CAST(:args AS jsonb), NULL)::{SCHEMA}.procrastinate_job_to_defer_v1
            ]))[1]
        """),
        {"queue": queue, "task": TASK, "priority": priority, "lock": lock, "args": json.dumps({"job": job})},
    )
    return int(ticket or 0)


def request_abort(connection: Connection, ticket: int) -> None:
    """Asks the worker that runs a ticket to end it; it hears of it at the commit."""
    connection.execute(text(f"SELECT {SCHEMA}.procrastinate_cancel_job_v1(:ticket, true, false)"), {"ticket": ticket})


def drop_ticket(connection: Connection, ticket: int | None) -> None:
    """Takes a ticket away, in whatever state it is; its lock is free afterwards."""
    connection.execute(text(f"DELETE FROM {SCHEMA}.procrastinate_jobs WHERE id = :ticket"), {"ticket": ticket})
