"""The worker: takes tickets from the library's queues and sees each job through, in a process of its own (spatial.jobs.context).

It ends when its connection does: all that it knew of being alive was that connection. Whoever started it starts it again
(spatial.supervision), and what it left is swept first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import AbortReason
from psycopg_pool import PoolTimeout
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from spatial.audit.record import Entry, record
from spatial.database import CONNECT_SECONDS, connection_url
from spatial.jobs.actor import refusal
from spatial.jobs.context import Task, session_name, with_remains
from spatial.jobs.kinds import Kind, Kinds, Outcome, Title
from spatial.jobs.queue import TASK, check_version, make_app
from spatial.jobs.records import Job, claim, finish, job_by_id, requeue
from spatial.jobs.sweep import clean_up, close_sessions, prune, sweep, sweep_folders, sweep_given, worker_name
from spatial.supervision import end_group

__all__ = ["Worker"]

BEAT_SECONDS = 2
# In beats: what others left is looked at every 10 s, old records once an hour.
SWEEP_EVERY, PRUNE_EVERY = 5, 1800
# The library listens, so these only matter for a notification that was lost.
POLL_SECONDS = 2.0
# A job that is asked to end has this long to do so before it is killed.
GRACE_SECONDS = 5
AWAY = (OperationalError, ConnectorException, PoolTimeout)
log = logging.getLogger("wanmi.jobs")


@dataclass(slots=True)
class Worker:
    """One worker.

    Attributes:
        dsn: the owner's connection.
        queues: how many jobs of each queue run at a time.
        entry: command of a job's process.
        environment: of that process.
        folder: where jobs have their scratch folders.
        keep_days: finished jobs are forgotten after that.
    """

    dsn: str
    kinds: Kinds
    queues: Mapping[str, int]
    entry: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    keep_days: int
    number: int = 0

    def run(self) -> None:
        """Works until SIGTERM or SIGINT; running jobs are put back, or ended where they cannot begin again.

        Raises:
            SystemExit: the database is away; whatever this worker was doing is found by the next one.
        """
        try:
            self._run()
        except AWAY as error:
            log.error("the database is away (%s)", type(error).__name__)
            raise SystemExit(1) from None

    def _run(self) -> None:
        self.number = secrets.randbits(62) + 1
        arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": worker_name(self.number)}
        engine = create_engine(connection_url(self.dsn), poolclass=NullPool, connect_args=arguments)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as life:
            check_version(life)
            life.execute(text("SELECT pg_advisory_lock(:number)"), {"number": self.number})
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            asyncio.run(self._work(engine, life))

    async def _work(self, engine: Engine, life: Connection) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await asyncio.to_thread(self._look_after, engine)
        app = make_app(self.dsn, worker_name(self.number))

        @app.task(name=TASK, pass_context=True)
        async def see_through(context: JobContext, job: int) -> None:
            await _Run(self, engine, context, job).through()

        async with app.open_async():
            tasks = [asyncio.create_task(self._serve(app, queue, most)) for queue, most in self.queues.items()]
            tasks.append(asyncio.create_task(self._beat(engine, life)))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                _give_up(next(task for task in tasks if task.done()))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, app: App, queue: str, most: int) -> None:
        await app.run_worker_async(
            queues=[queue], name=f"{queue}-{os.getpid()}", concurrency=most, install_signal_handlers=False, delete_jobs="always",
            fetch_job_polling_interval=POLL_SECONDS, abort_job_polling_interval=POLL_SECONDS, shutdown_graceful_timeout=0,
        )  # fmt: skip

    async def _beat(self, engine: Engine, life: Connection) -> None:
        """Shows that the worker lives, and looks after what others left."""
        beats = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            beats += 1
            await asyncio.to_thread(self._show, life)
            if beats % SWEEP_EVERY == 0:
                await asyncio.to_thread(self._look_after, engine)
            if beats % PRUNE_EVERY == 1:
                await asyncio.to_thread(prune, engine, self.keep_days)

    def _show(self, life: Connection) -> None:
        life.execute(
            text("UPDATE job.job SET heartbeat = clock_timestamp() WHERE worker = :number AND state = 'running'"), {"number": self.number}
        )

    def _look_after(self, engine: Engine) -> None:
        for number in sweep(engine, self.kinds):
            log.warning("job %d: its worker is gone", number)
        sweep_folders(engine, self.folder)
        sweep_given(engine, self.kinds)


class _Run:
    """One job, from its ticket to its end."""

    def __init__(self, worker: Worker, engine: Engine, context: JobContext, number: int) -> None:
        self.worker = worker
        self.engine = engine
        self.context = context
        self.number = number
        self.folder = worker.folder / str(number)

    async def through(self) -> None:
        """Claims the job, runs its process, and sees that the record says how it ended."""
        job = await asyncio.to_thread(self._claim)
        if job is None:
            return
        kind = self.worker.kinds[job.kind]
        try:
            await self._run(kind)
        finally:
            await asyncio.to_thread(self._clear)

    def _claim(self) -> Job | None:
        """Begins the job unless its actor may no longer do it; None when there is nothing to do."""
        with self.engine.begin() as connection:
            job = claim(connection, self.number, self.context.job.id or 0, self.worker.number)
            if job is None:
                return None
            kind = self.worker.kinds.get(job.kind)
            if kind is None:
                reason: Title | None = Title(f"此版本没有“{job.kind}”这种任务", f"this version has no jobs of the kind {job.kind!r}")
            else:
                reason = refusal(connection, job.actor, kind.action)
            if reason is None:
                return job
            finish(connection, job.id, self.worker.number, "failed", Outcome(message=reason))
            detail = {"kind": job.kind, "reason": reason.en}
            record(connection, Entry("denied", "refused", job.actor, job.actor_name, object=f"job/{job.id}", detail=detail))
        clean_up(self.worker.kinds, job)
        return None

    async def _run(self, kind: Kind) -> None:
        self.folder.mkdir(exist_ok=True, mode=0o700)
        environment = {**self.worker.environment, "TMPDIR": str(self.folder)}
        process = await asyncio.create_subprocess_exec(
            *self.worker.entry, stdin=asyncio.subprocess.PIPE, env=environment, start_new_session=True
        )
        try:
            if process.stdin is not None:
                task = Task(self.worker.dsn, self.number, self.worker.number, str(self.folder))
                process.stdin.write(task.as_line().encode() + b"\n")
            async with asyncio.timeout(kind.timeout):
                code = await process.wait()
        except TimeoutError:
            await self._kill(process)
            minutes = round(kind.timeout / 60)
            await self._close("failed", Title(f"超过 {minutes} 分钟，已中止", f"ended after {minutes} minutes"))
        except asyncio.CancelledError:
            if self.context.abort_reason() is AbortReason.USER_REQUEST:
                await self._ask(process)
                await self._close("cancelled", Title("已取消", "cancelled"))
            else:
                await self._kill(process)
                await self._close(None, Title("服务停止", "the server was stopped"))
            raise
        else:
            why = Title(f"任务进程异常结束（{_told(code)}）", f"the job's process ended unexpectedly ({_told(code)})")
            await self._close("failed", why)

    async def _ask(self, process: asyncio.subprocess.Process) -> None:
        """Asks the process to end and cancels its statement; kills it when it does not."""
        if process.returncode is None:
            process.terminate()
            await asyncio.to_thread(self._cancel_statements)
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    await process.wait()
            except TimeoutError:
                log.warning("job %d did not end when asked to", self.number)
        await self._kill(process)

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        """Ends the process with whatever it has started."""
        end_group(process.pid)
        await process.wait()

    def _cancel_statements(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = :name AND datname = current_database()"),
                {"name": session_name(self.number)},
            )

    async def _close(self, state: str | None, message: Title) -> None:
        await asyncio.to_thread(self._settle, state, message)

    def _settle(self, state: str | None, message: Title) -> None:
        """Writes down how the job ended where its process could not; a state of None puts it back where its kind allows it."""
        with self.engine.begin() as connection:
            job = job_by_id(connection, self.number)
            if job.state != "running" or job.ticket != self.context.job.id:
                return
            close_sessions(connection, session_name(self.number))
            kind = self.worker.kinds[job.kind]
            if state is None and kind.resumable and not job.written:
                requeue(connection, job, Title(f"{message.zh}，已重新排队", f"{message.en}; queued again"))
                return
            finish(connection, job.id, self.worker.number, state or "failed", Outcome(message=with_remains(message, job.written)))

    def _clear(self) -> None:
        """Removes the scratch folder and, when the job has ended, what it was given."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with self.engine.connect() as connection:
            job = job_by_id(connection, self.number)
        if job.finished_at is not None:
            clean_up(self.worker.kinds, job)


def _give_up(fallen: asyncio.Task[None]) -> NoReturn:
    """Ends the process at once: without its database a worker can neither wait for its jobs nor say good-bye to the queue.

    Its jobs end with it (their pipe closes), its lock is let go of, and the next worker finds what it was doing.
    """
    error = None if fallen.cancelled() else fallen.exception()
    if error is None or isinstance(error, AWAY):
        log.error("the database is away (%s)", type(error).__name__)
    else:
        log.error("the worker fell", exc_info=error)
    logging.shutdown()
    os._exit(1)


def _told(code: int) -> str:
    """Returns an exit code in words.

    >>> _told(-9), _told(3)
    ('SIGKILL', '3')
    """
    return signal.Signals(-code).name if code < 0 else str(code)
