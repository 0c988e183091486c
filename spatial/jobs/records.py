"""The record of a job: put down, read, claimed, told on, ended. Functions on a connection whose transaction is the caller's.

Every change of state is one UPDATE that names the state before, so of two that want to change it at once one wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from grid_coding.errors import BilingualError
from spatial.jobs.kinds import Kind, Outcome, Title
from spatial.jobs.queue import drop_ticket, new_ticket, request_abort

__all__ = [
    "Job", "JobEnded", "JobError", "JobsRefused", "Order", "cancel", "check_room", "claim", "finish", "job_by_id", "jobs", "report_of",
    "requeue", "submit",
]  # fmt: skip

# Two orders at the same moment must not both be the last that an account may give.
SUBMIT_LOCK = 92665
COLUMNS = """
    j.id, j.ticket, j.kind, j.queue, j.slot, j.title_zh, j.title_en, j.city, j.parameters, j.actor, j.actor_name, j.state,
    j.stage_zh, j.stage_en, j.done, j.total, j.message_zh, j.message_en, j.attempts, j.cancel_asked_at,
    EXISTS (SELECT FROM job.written w WHERE w.job = j.id) AS written,
    j.created_at, j.started_at, j.finished_at, j.result, j.report IS NOT NULL AS has_report,
    CASE WHEN j.state = 'queued' THEN (
      SELECT count(*) FROM job.job o JOIN job.procrastinate_jobs t ON t.id = o.ticket, job.procrastinate_jobs mine
      WHERE o.queue = j.queue AND o.state = 'queued' AND mine.id = j.ticket
        AND (t.priority > mine.priority OR (t.priority = mine.priority AND t.id <= mine.id))
    ) END AS place
"""


class JobError(BilingualError):
    """There is no such job, or it is not in a state for that."""


class JobEnded(JobError):
    """The job has ended already."""


class JobsRefused(BilingualError):
    """The account has as many unfinished jobs of the kind as it may have."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done.

    Attributes:
        title: what people read in the list.
        parameters: JSON; kept exactly as given and handed to the kind.
    """

    title: Title
    parameters: Mapping[str, Any]
    actor: int
    actor_name: str
    city: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands.

    Attributes:
        ticket: row of the library that stands for it now.
        place: 1 = next of its queue; None unless queued.
        written: its data is committed, whatever became of it afterwards.
    """

    id: int
    ticket: int | None
    kind: str
    queue: str
    slot: int
    title: Title
    city: str | None
    parameters: Mapping[str, Any]
    actor: int
    actor_name: str
    state: str
    stage: Title | None
    done: int | None
    total: int | None
    message: Title | None
    attempts: int
    cancel_asked_at: datetime | None
    written: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: Mapping[str, Any] | None
    has_report: bool
    place: int | None


def submit(connection: Connection, kind: Kind, order: Order) -> Job:
    """Puts a job down and into its queue.

    Raises:
        JobsRefused: the account has as many unfinished ones of the kind as it may have.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SUBMIT_LOCK})
    check_room(connection, kind, order.actor)
    slot = connection.scalar(
        text("""
            SELECT s FROM generate_series(1, :most) s
            ORDER BY (SELECT count(*) FROM job.job WHERE kind = :kind AND slot = s AND state IN ('queued', 'running')), s LIMIT 1
        """),
        {"kind": kind.id, "most": kind.most_running},
    )
    number = connection.scalar(
        text("""
            INSERT INTO job.job (kind, queue, slot, title_zh, title_en, city, parameters, actor, actor_name)
            VALUES (:kind, :queue, :slot, :zh, :en, :city, CAST(:parameters AS jsonb), :actor, :name) RETURNING id
        """),
        {
            "kind": kind.id, "queue": kind.queue, "slot": slot, "zh": order.title.zh, "en": order.title.en, "city": order.city,
            "parameters": json.dumps(dict(order.parameters), ensure_ascii=False), "actor": order.actor, "name": order.actor_name,
        },
    )  # fmt: skip
    _give_ticket(connection, int(number or 0), kind.queue, kind.id, int(slot or 1), 0)
    return job_by_id(connection, int(number or 0))


def check_room(connection: Connection, kind: Kind, actor: int) -> None:
    """Makes sure that an account may order one more job of a kind.

    Raises:
        JobsRefused: it has as many unfinished ones as it may have.
    """
    open_ones = connection.scalar(
        text("SELECT count(*) FROM job.job WHERE kind = :kind AND actor = :actor AND state IN ('queued', 'running')"),
        {"kind": kind.id, "actor": actor},
    )
    if int(open_ones or 0) >= kind.most_per_actor:
        most = kind.most_per_actor
        raise JobsRefused(
            f"您已有 {most} 个未完成的“{kind.title.zh}”任务，请等其中一个完成或先取消一个",
            f"you have {most} unfinished jobs of the kind {kind.title.en!r}; wait for one or cancel one",
        )


def _give_ticket(connection: Connection, job: int, queue: str, kind: str, slot: int, priority: int) -> None:
    ticket = new_ticket(connection, queue, f"{kind}/{slot}", job, priority)
    connection.execute(text("UPDATE job.job SET ticket = :ticket WHERE id = :id"), {"ticket": ticket, "id": job})


def job_by_id(connection: Connection, number: int, actor: int | None = None) -> Job:
    """Returns a job.

    Args:
        actor: only one of this account; another's is unknown to it.

    Raises:
        JobError: there is none.
    """
    rows = _select(connection, "j.id = :id AND (CAST(:actor AS bigint) IS NULL OR j.actor = :actor)", {"id": number, "actor": actor})
    if not rows:
        raise JobError(f"没有任务 {number}", f"there is no job {number}")
    return rows[0]


def jobs(connection: Connection, actor: int | None, limit: int, before: int | None = None) -> list[Job]:
    """Returns jobs, the newest first.

    Args:
        actor: only those of this account; None = everybody's.
        before: only those put down before the one with this id.
    """
    where = "(CAST(:actor AS bigint) IS NULL OR j.actor = :actor) AND (CAST(:before AS bigint) IS NULL OR j.id < :before)"
    return _select(connection, where, {"actor": actor, "before": before, "limit": limit})


def _select(connection: Connection, where: str, values: Mapping[str, Any]) -> list[Job]:
    statement = text(f"SELECT {COLUMNS} FROM job.job j WHERE {where} ORDER BY j.id DESC LIMIT :limit")
    return [_job(row) for row in connection.execute(statement, {"limit": 1, **values}).mappings()]


def _job(row: RowMapping) -> Job:
    values = dict(row)
    for name in ("title", "stage", "message"):
        zh, en = values.pop(f"{name}_zh"), values.pop(f"{name}_en")
        values[name] = Title(zh, en) if zh is not None else None
    return Job(**values)


def report_of(connection: Connection, number: int) -> str | None:
    """Returns the report of a job, or None where it has none."""
    found = connection.scalar(text("SELECT report FROM job.job WHERE id = :id"), {"id": number})
    return None if found is None else str(found)


def claim(connection: Connection, number: int, ticket: int, worker: int) -> Job | None:
    """Begins a queued job for a worker; None when it is not to be begun on this ticket (cancelled, or taken over by another).

    Args:
        worker: number of the advisory lock that the worker holds.
    """
    begun = connection.scalar(
        text("""
            UPDATE job.job SET state = 'running', worker = :worker, attempts = attempts + 1, started_at = clock_timestamp(),
                heartbeat = clock_timestamp(), stage_zh = NULL, stage_en = NULL, done = NULL, total = NULL,
                message_zh = NULL, message_en = NULL
            WHERE id = :id AND state = 'queued' AND ticket = :ticket RETURNING id
        """),
        {"id": number, "ticket": ticket, "worker": worker},
    )
    return None if begun is None else job_by_id(connection, number)


def finish(connection: Connection, number: int, worker: int, state: str, outcome: Outcome) -> bool:
    """Ends a running job of a worker; False when it was ended already, which then stands."""
    message = outcome.message
    done = connection.execute(
        text("""
            UPDATE job.job SET state = :state, finished_at = clock_timestamp(), result = CAST(:result AS jsonb), report = :report,
                message_zh = :zh, message_en = :en
            WHERE id = :id AND state = 'running' AND worker = :worker
        """),
        {
            "id": number, "worker": worker, "state": state, "result": json.dumps(dict(outcome.result), ensure_ascii=False),
            "report": outcome.report, "zh": message.zh if message else None, "en": message.en if message else None,
        },
    )  # fmt: skip
    return done.rowcount == 1


def requeue(connection: Connection, job: Job, message: Title) -> None:
    """Puts a job whose worker is gone back, before those that wait; the ticket of before counts no more."""
    connection.execute(
        text("""
            UPDATE job.job SET state = 'queued', worker = NULL, heartbeat = NULL, stage_zh = NULL, stage_en = NULL, done = NULL,
                total = NULL, message_zh = :zh, message_en = :en
            WHERE id = :id AND state IN ('queued', 'running')
        """),
        {"id": job.id, "zh": message.zh, "en": message.en},
    )
    _give_ticket(connection, job.id, job.queue, job.kind, job.slot, 1)


def cancel(connection: Connection, job: Job) -> bool:
    """Ends a queued job at once (True), or asks a running one to end (False).

    Raises:
        JobEnded: it has.
    """
    gone = connection.scalar(
        text("""
            UPDATE job.job SET state = 'cancelled', finished_at = clock_timestamp(), cancel_asked_at = clock_timestamp()
            WHERE id = :id AND state = 'queued' RETURNING coalesce(ticket, 0)
        """),
        {"id": job.id},
    )
    if gone is not None:
        drop_ticket(connection, int(gone))
        return True
    asked = connection.scalar(
        text("""
            UPDATE job.job SET cancel_asked_at = coalesce(cancel_asked_at, clock_timestamp())
            WHERE id = :id AND state = 'running' RETURNING ticket
        """),
        {"id": job.id},
    )
    if asked is None:
        raise JobEnded(f"任务 {job.id} 已经结束", f"the job {job.id} has ended")
    request_abort(connection, int(asked))
    return False
