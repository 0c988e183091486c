"""Records and tickets: limits, places in the queue, who wins, what is swept and pruned, and the library's tables."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from data.jobs import ORPHAN_SECONDS, Uploads
from data.report import FileFault
from spatial.database import owner_engine
from spatial.jobs.kinds import Outcome, Title
from spatial.jobs.queue import QueueOutdated, bring_up, check_version
from spatial.jobs.records import JobEnded, JobError, JobsRefused, cancel, claim, finish, job_by_id, jobs, report_of
from spatial.jobs.sweep import HANGING_SECONDS, prune, sweep, worker_name
from spatial.upgrade import _alembic
from tests.support.cluster import Server
from tests.support.jobs import KINDS, Works

WORKER = 4711


@pytest.fixture(autouse=True)
def empty(house: Works) -> Iterator[None]:
    """Every test begins without jobs."""
    with house.engine.begin() as connection:
        connection.execute(text("DELETE FROM job.job"))
        connection.execute(text("DELETE FROM job.procrastinate_jobs"))
    yield


def begin(house: Works, number: int, worker: int = WORKER) -> bool:
    job = house.job(number)
    with house.engine.begin() as connection:
        return claim(connection, number, job.ticket or 0, worker) is not None


def test_an_account_may_have_so_many_whoever_orders_at_the_same_moment(house: Works) -> None:
    refused: list[Exception] = []

    def order() -> None:
        try:
            house.order("who")
        except JobsRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=order) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5, "three are allowed"
    assert "3 个未完成" in str(refused[0])
    assert house.order("who", actor=house.planner).place == 4, "another account is not concerned"
    first = min(job.id for job in all_jobs(house))
    assert begin(house, first)
    with pytest.raises(JobsRefused):
        house.order("who")
    with house.engine.begin() as connection:
        assert finish(connection, first, WORKER, "succeeded", Outcome())
    house.order("who")


def all_jobs(house: Works, limit: int = 100) -> list:  # type: ignore[type-arg]
    with house.engine.connect() as connection:
        return jobs(connection, None, limit)


def test_of_two_who_claim_or_end_a_job_one_wins(house: Works) -> None:
    job = house.order("who")
    assert [begin(house, job.id, worker) for worker in (1, 2)] == [True, False]
    with house.engine.begin() as connection:
        assert not finish(connection, job.id, 2, "failed", Outcome())
        assert finish(connection, job.id, 1, "succeeded", Outcome({"a": "树"}, '{"b": 1}', message=Title("好", "good")))
        assert not finish(connection, job.id, 1, "failed", Outcome())
        with pytest.raises(JobEnded):
            cancel(connection, job_by_id(connection, job.id))
    done = house.job(job.id)
    assert (done.state, done.result, done.message, done.has_report) == ("succeeded", {"a": "树"}, Title("好", "good"), True)
    with house.engine.connect() as connection:
        assert report_of(connection, job.id) == '{"b": 1}'
        with pytest.raises(JobError):
            job_by_id(connection, job.id, house.planner.id)


def test_a_cancelled_job_is_not_begun_by_a_worker_that_holds_its_ticket(house: Works) -> None:
    job = house.order("who")
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE job.procrastinate_jobs SET status = 'doing' WHERE id = :id"), {"id": job.ticket})
        assert cancel(connection, house.job(job.id))
    assert not begin(house, job.id)


def test_a_hanging_worker_is_shut_out_before_its_jobs_are_given_away(house: Works, server: Server) -> None:
    job = house.order("hold")
    assert begin(house, job.id)
    holder = owner_engine(f"{house.dsn}&application_name={worker_name(WORKER).replace(' ', '%20')}")
    with holder.connect() as life:
        life.execute(text("SELECT pg_advisory_lock(:number)"), {"number": WORKER})
        assert sweep(house.engine, KINDS) == [], "it lives"
        with house.engine.begin() as connection:
            late = text("UPDATE job.job SET heartbeat = clock_timestamp() - make_interval(secs => :s) WHERE id = :id")
            connection.execute(late, {"s": HANGING_SECONDS + 1, "id": job.id})
        while not sweep(house.engine, KINDS):
            pass
        assert house.job(job.id).state == "queued"
        with pytest.raises(Exception, match=r"terminat|closed"):
            life.execute(text("SELECT 1"))
        life.invalidate()
    holder.dispose()


def test_a_ticket_taken_by_a_worker_that_died_before_it_began(house: Works) -> None:
    job = house.order("hold")
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE job.procrastinate_jobs SET status = 'doing' WHERE id = :id"), {"id": job.ticket})
    sweep(house.engine, KINDS)
    assert house.job(job.id).ticket == job.ticket, "it may be just about to begin"
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE job.procrastinate_events SET at = at - interval '1 minute' WHERE job_id = :id"), {"id": job.ticket})
    sweep(house.engine, KINDS)
    again = house.job(job.id)
    assert again.ticket != job.ticket and (again.state, again.place) == ("queued", 1)


def test_old_ones_are_forgotten(house: Works) -> None:
    old, fresh, waiting = (house.order("hold") for _ in range(3))
    with house.engine.begin() as connection:
        for job in (old, fresh):
            cancel(connection, job)
        connection.execute(text("UPDATE job.job SET finished_at = finished_at - interval '31 days' WHERE id = :id"), {"id": old.id})
    assert prune(house.engine, 30) == 1
    assert {job.id for job in all_jobs(house)} == {fresh.id, waiting.id}


def test_the_serving_role_knows_nothing_of_jobs(server: Server, database: str, house: Works) -> None:
    serving = owner_engine(server.app(database))
    for table in ("job.job", "job.procrastinate_jobs", "job.written"):
        with serving.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"SELECT * FROM {table}"))
    serving.dispose()


def test_the_librarys_tables_follow_its_version(house: Works) -> None:
    with house.engine.begin() as connection:
        check_version(connection)
        # as it was before the last migration of the library, which can be applied again
        connection.execute(text("COMMENT ON SCHEMA job IS 'procrastinate 03.04.00_01_pre_add_retry_failed_job_procedure.sql'"))
        with pytest.raises(QueueOutdated, match="db upgrade"):
            check_version(connection)
        bring_up(connection)
        check_version(connection)
        bare = connection.scalar(text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'job'::regnamespace AND proconfig IS NULL"))
        assert bare == 0, "each function finds its tables, whoever calls it"


def test_uploads_lie_under_names_of_ours(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    token = "a" * 32
    assert uploads.name_for(token, "树.GeoJSON") == f"{token}/upload.geojson"
    assert uploads.name_for(token, "a.b.CSV.GZ") == f"{token}/upload.csv.gz"
    for name in ("a.shp", "a", "a.php", ".csv.exe"):
        with pytest.raises(FileFault):
            uploads.name_for(token, name)
    for name in ("../x", f"{token}/../../x", f"{token}/x.csv", "/etc/passwd", f"{token}/upload.csv/.."):
        with pytest.raises(ValueError, match="not an upload"):
            uploads.path(name)


def test_uploads_without_a_job_are_swept_after_an_hour(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    names = [f"{letter * 32}/upload.csv" for letter in "abc"]
    for name in names:
        uploads.path(name).parent.mkdir()
        uploads.path(name).write_text("x")
    long_ago = time.time() - ORPHAN_SECONDS - 60
    for name in names[:2]:
        os.utime(uploads.path(name), (long_ago, long_ago))
        os.utime(uploads.path(name).parent, (long_ago, long_ago))
    uploads.sweep([names[0]])
    assert [uploads.path(name).exists() for name in names] == [True, False, True]


def test_the_migration_goes_and_comes_back(server: Server, template: str) -> None:
    name = f"wanmi_jobs_{uuid.uuid4().hex[:8]}"
    server.create(name, template)
    engine = owner_engine(server.owner(name))
    tables = text("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'job'")
    counts = []
    with engine.begin() as connection:
        counts.append(connection.scalar(tables))
        config = _alembic(connection)
        for step, revision in ((command.downgrade, "0006"), (command.upgrade, "head")):
            step(config, revision)
            counts.append(connection.scalar(tables))
        check_version(connection)
    engine.dispose()
    server.drop(name)
    assert counts == [6, 0, 6]
