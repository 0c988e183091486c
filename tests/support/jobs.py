"""Kinds of work for tests, and real workers for them: ``python -m tests.support.jobs worker|job``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from api.work import work_of
from layers.catalogue import load
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Account, Grant
from spatial.jobs.context import JobContext, run_task
from spatial.jobs.kinds import Kind, Kinds, Outcome, Title
from spatial.jobs.records import Job, Order, job_by_id, submit
from spatial.jobs.worker import Worker
from spatial.settings import load_settings
from spatial.supervision import end_group, end_with_parent, given_by_parent, python

WAIT_SECONDS = 30


class Unexpected(Exception):
    """A mistake in a kind."""


def _who(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
    with context.acting() as connection:
        seen = connection.scalar(text("SELECT current_setting('wanmi.actor')"))
        bound = connection.scalar(text("SELECT current_user"))
    return Outcome({"actor": seen, "bound": bound, "given": dict(parameters)}, "{}", message=Title("好了", "done"))


def _hold(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
    """Goes on until somebody puts a file into the folder named; says that it began."""
    place = Path(parameters["place"])
    with (place / "begun").open("a") as file:
        file.write(f"{os.getpid()} {context.job.id}\n")
    while not (place / "go").exists():
        context.progress("hold", 1, 2)
        time.sleep(0.02)
    return Outcome({"attempts": context.job.attempts})


def _statement(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
    """Writes a row and then stays in one long statement, as an INSERT of a million rows does."""
    if parameters.get("commit"):
        with context.engine.begin() as connection:
            connection.execute(text("INSERT INTO wanmi.probe VALUES ('whole')"))
            context.written(connection)
    with context.engine.begin() as connection:
        connection.execute(text("INSERT INTO wanmi.probe VALUES ('half')"))
        context.progress("statement", 0, 1)
        connection.execute(text("SELECT pg_sleep(600)"))
    return Outcome()


def _deaf(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    context.progress("hold", 0, 1)
    time.sleep(600)
    return Outcome()


def _crash(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Outcome()


def _mistake(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
    raise Unexpected("a secret of the driver")


def _kind(name: str, run: Callable[[JobContext, Mapping[str, Any]], Outcome], **options: Any) -> Kind:
    stages = {"hold": Title("等待", "holding"), "statement": Title("语句", "statement")}
    return Kind(name, Title(f"试{name}", name), "import", "import", run, stages, **options)


KINDS = Kinds(
    [
        _kind("who", _who, most_per_actor=3),
        _kind("hold", _hold, resumable=True, most_running=2, most_per_actor=20),
        _kind("frail", _hold),
        _kind("statement", _statement, resumable=True),
        _kind("deaf", _deaf, timeout=0.5),
        _kind("crash", _crash, resumable=True),
        _kind("mistake", _mistake, resumable=True),
    ]
)


@dataclass
class Works:
    """A database, its accounts and workers to start."""

    engine: Engine
    dsn: str
    folder: Path
    gis: Account
    planner: Account

    def order(self, kind: str, parameters: Mapping[str, Any] | None = None, actor: Account | None = None, kinds: Kinds = KINDS) -> Job:
        who = actor or self.gis
        with self.engine.begin() as connection:
            order = Order(Title(kind, kind), parameters or {}, who.id, who.name)
            return submit(connection, kinds[kind], order)

    def job(self, number: int) -> Job:
        with self.engine.connect() as connection:
            return job_by_id(connection, number)

    def until(self, number: int, reached: Callable[[Job], object]) -> Job:
        """Waits until a job is as wished; a minute without that is a failure."""
        end = time.monotonic() + WAIT_SECONDS
        while not reached(job := self.job(number)):
            assert time.monotonic() < end, job
            time.sleep(0.05)
        return job

    def ended(self, number: int) -> Job:
        return self.until(number, lambda job: job.finished_at is not None)

    @contextmanager
    def worker(self, module: str = "tests.support.jobs", **given: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Runs a real worker in a process of its own."""
        command, environment = python(module, "worker")
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)
        assert process.stdin is not None
        told = {"dsn": self.dsn, "folder": str(self.folder / "jobs"), "state_dir": str(self.folder), **given}
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                end_group(process.pid)
                process.wait()
            process.stdin.close()


def works(engine: Engine, dsn: str, folder: Path) -> Works:
    """Makes the accounts and a table to write to."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS wanmi.probe (word text)"))
        gis = create(connection, NewAccount("li.gis", "李", (Grant("gis"),)))
        planner = create(connection, NewAccount("wang.planner", "王", (Grant("planner"), Grant("gis"))))
    return Works(engine, dsn, folder, gis, planner)


def _worker() -> None:
    told = json.loads(given_by_parent())
    end_with_parent()
    if told.get("house"):
        work_of(load_settings({}, state_dir=told["state_dir"])).worker(told["dsn"]).run()
        return
    command, environment = python("tests.support.jobs", "job")
    Worker(told["dsn"], KINDS, {"import": told.get("most", 1)}, command, environment, Path(told["folder"]), 30).run()


if __name__ == "__main__":
    threading.current_thread().name = sys.argv[1]
    if sys.argv[1] == "worker":
        _worker()
    else:
        sys.exit(run_task(KINDS, load()))
