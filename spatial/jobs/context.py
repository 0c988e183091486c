"""What a running job is given, and the process in which it runs: ``python -m <entry>``, told what to do on its stdin.

A job has a process of its own: it can be ended whatever it is doing, its memory goes back to the machine, and a crash in a C
library ends one job and not the worker. The worker holds the pipe to its stdin; when the worker dies, however it dies, the
pipe closes and the process ends itself with everything that it has started.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from spatial.database import CONNECT_SECONDS, acting_as, connection_url
from spatial.jobs.actor import acting_engine
from spatial.jobs.kinds import Kind, Kinds, Outcome, Title
from spatial.jobs.records import Job, finish, job_by_id
from spatial.supervision import given_by_parent, when_parent_ends

__all__ = ["JobCancelled", "JobContext", "Task", "run_task", "session_name", "with_remains"]

# A bar that moves twice a second moves; more would only make dead rows.
TELL_SECONDS = 0.5
log = logging.getLogger("wanmi.jobs")


class JobCancelled(Exception):
    """Somebody asked the job to end."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker tells the process of a job: the owner's connection, which job, the worker's lock, a folder that is swept."""

    dsn: str
    job: int
    worker: int
    folder: str

    def as_line(self) -> str:
        """Returns it as one line of JSON."""
        return json.dumps(asdict(self))


def session_name(job: int) -> str:
    """Returns the name of a job's own sessions in ``pg_stat_activity``."""
    return f"wanmi job {job}"


class JobContext:
    """What a kind's ``run`` works with.

    Attributes:
        engine: the owner's; its transactions know for whom they work, but only within ``acting()`` does the right bind them.
        folder: scratch folder of this job, swept when it has ended.
    """

    def __init__(self, job: Job, kind: Kind, registry: Registry, engine: Engine, teller: Connection, folder: Path) -> None:
        """Joins what the process has opened; ``teller`` commits every statement by itself."""
        self.job = job
        self.registry = registry
        self.engine = engine
        self.folder = folder
        self._kind = kind
        self._teller = teller
        self._asked = False
        self._stage = ""
        self._told = 0.0

    @contextmanager
    def acting(self) -> Iterator[Connection]:
        """A transaction that the actor's right binds; what the job itself has to note (``written``) goes by ``engine``."""
        with self.engine.begin() as connection, acting_as(connection, self.job.actor):
            yield connection

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tells how far a stage is; written at most twice a second, and when a stage begins or is through.

        Raises:
            JobCancelled: somebody asked the job to end.
        """
        self.check()
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._told < TELL_SECONDS:
            return
        self._stage, self._told = stage, now
        title = self._kind.stages.get(stage, Title(stage, stage))
        self._teller.execute(
            text("UPDATE job.job SET stage_zh = :zh, stage_en = :en, done = :done, total = :total WHERE id = :id AND state = 'running'"),
            {"zh": title.zh, "en": title.en, "done": done, "total": total, "id": self.job.id},
        )

    def cancelled(self) -> bool:
        """Tells whether somebody asked the job to end."""
        return self._asked

    def check(self) -> None:
        """Ends the job if somebody asked for it.

        Raises:
            JobCancelled: somebody did.
        """
        if self._asked:
            raise JobCancelled

    def ask_to_end(self, _number: int, _frame: FrameType | None) -> None:
        """Takes the worker's signal."""
        self._asked = True

    def written(self, connection: Connection) -> None:
        """Notes, in the transaction that writes the job's data, that it is written: such a job is never begun again by itself."""
        connection.execute(text("INSERT INTO job.written (job) VALUES (:id) ON CONFLICT DO NOTHING"), {"id": self.job.id})

    def has_written(self) -> bool:
        """Tells whether the job's data is committed."""
        return bool(self._teller.scalar(text("SELECT EXISTS (SELECT FROM job.written WHERE job = :id)"), {"id": self.job.id}))


def run_task(kinds: Kinds, registry: Registry) -> int:
    """Does the job that the worker names on stdin and writes down how it ended; returns the exit code of the process."""
    task = Task(**json.loads(given_by_parent()))
    when_parent_ends(_end_all)
    job_name = session_name(task.job)
    options = "-c jit=off -c timezone=Asia/Shanghai"
    arguments = {"connect_timeout": CONNECT_SECONDS, "options": options, "application_name": f"{job_name} tells"}
    telling = create_engine(connection_url(task.dsn), poolclass=StaticPool, connect_args=arguments, isolation_level="AUTOCOMMIT")
    with telling.connect() as teller:
        job = job_by_id(teller, task.job)
        kind = kinds[job.kind]
        context = JobContext(job, kind, registry, acting_engine(task.dsn, job.actor, job_name), teller, Path(task.folder))
        signal.signal(signal.SIGTERM, context.ask_to_end)
        state, outcome = _outcome(context, kind)
        finish(teller, job.id, task.worker, state, outcome)
    return 0


def _outcome(context: JobContext, kind: Kind) -> tuple[str, Outcome]:
    """Does the work; nothing that it raises leaves the process but as a sentence for people."""
    try:
        outcome = kind.run(context, context.job.parameters)
    except JobCancelled:
        return _ended(context, "cancelled", Title("已取消", "cancelled"))
    except BilingualError as error:
        outcome = Outcome(failed=True, message=Title(error.zh, error.en))
    except Exception:
        if context.cancelled():
            return _ended(context, "cancelled", Title("已取消", "cancelled"))
        reference = uuid.uuid4().hex[:12]
        log.exception("job %d failed unexpectedly, reference %s", context.job.id, reference)
        return _ended(context, "failed", Title(f"内部错误，编号 {reference}", f"internal error, reference {reference}"))
    if not outcome.failed:
        return "succeeded", outcome
    # a failure after the job was asked to end is the answer to that: its statement was cancelled under it
    return _ended(context, "cancelled", Title("已取消", "cancelled")) if context.cancelled() else ("failed", outcome)


def _ended(context: JobContext, state: str, message: Title) -> tuple[str, Outcome]:
    return state, Outcome(message=with_remains(message, context.has_written()))


def with_remains(message: Title, written: bool) -> Title:
    """Returns a sentence of how a job ended together with what that means for the data.

    >>> with_remains(Title("已取消", "cancelled"), False).en
    'cancelled; nothing was written'
    """
    zh, en = ("数据在此之前已经写入", "its data had been written before") if written else ("什么都没有写入", "nothing was written")
    return Title(f"{message.zh}；{zh}", f"{message.en}; {en}")


def _end_all() -> None:
    """Ends this process and whatever it has started, without any last words."""
    sys.stderr.flush()
    os.killpg(0, signal.SIGKILL)
