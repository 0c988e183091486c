"""What a dead worker leaves: its jobs begun again or ended, its sessions closed, its scratch folders removed; and old records pruned.

A worker is alive as long as its advisory lock is held: PostgreSQL lets go of it when the connection ends, whatever ended the
worker, so a death is known at once and never only suspected. A worker that holds its lock but shows no sign of life (stopped,
or its machine gone from the network) has its sessions closed first; after that it can write nothing any more.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from spatial.audit.record import Entry, record
from spatial.jobs.context import session_name, with_remains
from spatial.jobs.kinds import Kinds, Outcome, Title
from spatial.jobs.queue import drop_ticket
from spatial.jobs.records import Job, finish, job_by_id, requeue

__all__ = ["HANGING_SECONDS", "clean_up", "close_sessions", "prune", "sweep", "sweep_folders", "sweep_given", "worker_name"]

# A worker shows itself every two seconds (worker.BEAT_SECONDS).
HANGING_SECONDS = 60
# Between taking a ticket and claiming its job a worker needs milliseconds.
UNCLAIMED_SECONDS = 15
DIED = Title("执行任务的进程意外中断", "the worker died")


def sweep(engine: Engine, kinds: Kinds) -> list[int]:
    """Begins the jobs of dead workers again where their kind allows it, ends the others; returns the jobs concerned."""
    with engine.begin() as connection:
        _fence(connection)
    with engine.begin() as connection:
        # the lock of a living worker cannot be had; one that we get here is ours until the end of the transaction
        dead = connection.execute(
            text("""
                SELECT id, worker FROM job.job WHERE state = 'running' AND pg_try_advisory_xact_lock(worker)
                ORDER BY id FOR UPDATE SKIP LOCKED
            """)
        ).all()
        ended = [job for number, worker in dead if (job := _settle(connection, kinds, number, worker)) is not None]
        _settle_tickets(connection)
    for job in ended:
        clean_up(kinds, job)
    return [number for number, _ in dead]


def _settle(connection: Connection, kinds: Kinds, number: int, worker: int) -> Job | None:
    """Decides on the job of a dead worker; returns it when it has ended."""
    close_sessions(connection, session_name(number))
    job = job_by_id(connection, number)
    kind = kinds.get(job.kind)
    if job.cancel_asked_at is not None:
        state, message = "cancelled", with_remains(Title("已取消", "cancelled"), job.written)
    elif kind is not None and kind.resumable and not job.written and job.attempts < kind.most_attempts:
        drop_ticket(connection, job.ticket)
        requeue(connection, job, Title(f"{DIED.zh}，已重新排队", f"{DIED.en}; queued again"))
        return None
    else:
        state, message = "failed", with_remains(DIED, job.written)
    drop_ticket(connection, job.ticket)
    finish(connection, number, worker, state, Outcome(message=message))
    detail = {"kind": job.kind, "state": state, "reason": message.en}
    record(connection, Entry("job.end", "failed", job.actor, job.actor_name, object=f"job/{number}", detail=detail))
    return job


def _fence(connection: Connection) -> None:
    """Closes the sessions of workers that hold their lock but show no sign of life."""
    hanging = connection.execute(
        text("SELECT id, worker FROM job.job WHERE state = 'running' AND heartbeat < clock_timestamp() - make_interval(secs => :limit)"),
        {"limit": HANGING_SECONDS},
    ).all()
    for number, worker in hanging:
        close_sessions(connection, worker_name(worker), session_name(number))


def worker_name(worker: int) -> str:
    """Returns the name of a worker's sessions in ``pg_stat_activity``."""
    return f"wanmi worker {worker}"


def close_sessions(connection: Connection, *names: str) -> None:
    """Ends sessions by their name; their transactions are rolled back."""
    connection.execute(
        text("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = ANY (:names) AND datname = current_database() AND pid <> pg_backend_pid()
        """),
        {"names": list(names)},
    )


def _settle_tickets(connection: Connection) -> None:
    """Looks after tickets that a worker took and died with before it claimed the job, or after the job had ended."""
    lost = connection.execute(
        text("""
            SELECT t.id, j.id FROM job.procrastinate_jobs t LEFT JOIN job.job j ON j.ticket = t.id AND j.state IN ('queued', 'running')
            WHERE t.status = 'doing' AND j.state IS DISTINCT FROM 'running' AND (
              SELECT max(at) FROM job.procrastinate_events e WHERE e.job_id = t.id
            ) < clock_timestamp() - make_interval(secs => :limit)
        """),
        {"limit": UNCLAIMED_SECONDS},
    ).all()
    for ticket, number in lost:
        drop_ticket(connection, ticket)
        if number is not None:
            requeue(connection, job_by_id(connection, number), Title(f"{DIED.zh}，已重新排队", f"{DIED.en}; queued again"))


def clean_up(kinds: Kinds, job: Job) -> None:
    """Takes away what an ended job was given."""
    kind = kinds.get(job.kind)
    if kind is not None and kind.clean is not None:
        kind.clean(job.parameters)


def sweep_folders(engine: Engine, folder: Path) -> None:
    """Removes the scratch folders of jobs that do not run."""
    if not folder.is_dir():
        return
    with engine.connect() as connection:
        running: Sequence[int] = connection.scalars(text("SELECT id FROM job.job WHERE state = 'running'")).all()
    for entry in folder.iterdir():
        if entry.name.isdigit() and int(entry.name) not in running:
            shutil.rmtree(entry, ignore_errors=True)


def sweep_given(engine: Engine, kinds: Kinds) -> None:
    """Has every kind take away what it was given for jobs that never came to be."""
    for kind in kinds.all():
        if kind.sweep is None:
            continue
        with engine.connect() as connection:
            statement = text("SELECT parameters FROM job.job WHERE kind = :kind AND state IN ('queued', 'running')")
            kind.sweep(connection.scalars(statement, {"kind": kind.id}).all())


def prune(engine: Engine, days: int) -> int:
    """Forgets jobs that ended so many days ago; returns how many. The audit log keeps that they were."""
    with engine.begin() as connection:
        done = connection.execute(
            text("DELETE FROM job.job WHERE finished_at < clock_timestamp() - make_interval(days => :days)"), {"days": days}
        )
    return done.rowcount
