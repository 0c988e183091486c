"""Real workers in processes of their own: what they do, how they are stopped, what a death leaves."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from spatial.accounts.accounts import NewAccount, create, disable
from spatial.accounts.grants import add_grant, remove_grant
from spatial.accounts.model import Grant
from spatial.jobs.context import session_name
from spatial.jobs.kinds import Title
from spatial.jobs.records import cancel
from tests.support.jobs import Works


def begun(place: Path) -> list[list[str]]:
    return [line.split() for line in (place / "begun").read_text().splitlines()] if (place / "begun").exists() else []


def alive(pid: str) -> bool:
    """Tells whether a process runs; one that nobody has collected yet does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def remains(house: Works) -> tuple[int, int, list[str]]:
    """Rows half written, tickets left, scratch folders left."""
    with house.engine.connect() as connection:
        rows = connection.scalar(text("SELECT count(*) FROM wanmi.probe"))
        tickets = connection.scalar(text("SELECT count(*) FROM job.procrastinate_jobs"))
    folder = house.folder / "jobs"
    return int(rows or 0), int(tickets or 0), [entry.name for entry in folder.iterdir()]


def call_off(house: Works, number: int) -> bool:
    with house.engine.begin() as connection:
        return cancel(connection, house.job(number))


def test_the_database_sees_the_actor(house: Works) -> None:
    parameters = {"text": '树 "x" \\', "number": 1.5, "list": [["a", "b"]], "none": None}
    job = house.order("who", parameters)
    assert (job.state, job.place, job.parameters) == ("queued", 1, parameters)
    other = house.order("who", actor=house.planner)
    assert other.place == 2
    with house.worker():
        done, after = house.ended(job.id), house.ended(other.id)
    assert (done.state, done.attempts, done.message) == ("succeeded", 1, Title("好了", "done")), done.message
    # the policies bind that role; the owner would pass them by
    assert done.result == {"actor": str(house.gis.id), "bound": "wanmi_actor", "given": parameters}
    assert after.result is not None and after.result["actor"] == str(house.planner.id)
    assert remains(house) == (0, 0, [])


def test_two_workers_do_each_job_once_and_keep_to_the_limit_of_its_kind(house: Works, tmp_path: Path) -> None:
    orders = [house.order("hold", {"place": str(tmp_path)}) for _ in range(6)]
    with house.worker(most=2), house.worker(most=2):
        # two of the kind may run at a time; there is room for four
        for order in orders[:2]:
            house.until(order.id, lambda job: job.state == "running")
        house.until(orders[0].id, lambda job: job.stage == Title("等待", "holding") and job.done == 1)
        sixth = house.order("who")
        house.ended(sixth.id)
        assert [house.job(order.id).state for order in orders] == ["running"] * 2 + ["queued"] * 4
        assert [house.job(order.id).place for order in orders] == [None, None, 1, 2, 3, 4]
        (tmp_path / "go").touch()
        ended = [house.ended(order.id) for order in orders]
    assert [job.state for job in ended] == ["succeeded"] * 6
    assert sorted(int(number) for _, number in begun(tmp_path)) == [order.id for order in orders]


def test_a_worker_killed_leaves_nothing_and_the_job_begins_again(house: Works, tmp_path: Path) -> None:
    job = house.order("hold", {"place": str(tmp_path)})
    half = house.order("statement")
    with house.worker(most=2) as worker:
        house.until(job.id, lambda job: job.stage is not None)
        house.until(half.id, lambda job: job.stage is not None)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    (pid, _), *_ = begun(tmp_path)
    with house.worker(most=2):
        house.until(job.id, lambda job: job.attempts == 2 and job.stage is not None)
        assert not alive(pid), "the process of the job outlived its worker"
        (tmp_path / "go").touch()
        assert house.ended(job.id).result == {"attempts": 2}
        house.until(half.id, lambda job: job.attempts == 2 and job.stage is not None)
        assert not call_off(house, half.id)
        ended = house.ended(half.id)
    assert ended.state == "cancelled" and ended.message is not None and "什么都没有写入" in ended.message.zh
    assert remains(house) == (0, 0, [])


def test_a_worker_that_loses_its_database_ends_and_the_next_goes_on(house: Works, tmp_path: Path) -> None:
    job = house.order("hold", {"place": str(tmp_path)})
    with house.worker() as worker:
        house.until(job.id, lambda job: job.stage is not None)
        with house.engine.begin() as connection:
            sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'wanmi worker %'"
            connection.execute(text(sessions + " AND datname = current_database()"))
        assert worker.wait(30) == 1
    (tmp_path / "go").touch()
    with house.worker():
        assert house.ended(job.id).result == {"attempts": 2}
    assert remains(house) == (0, 0, [])


def test_what_cannot_begin_again_fails_with_a_reason(house: Works, tmp_path: Path) -> None:
    frail = house.order("frail", {"place": str(tmp_path)})
    often = house.order("statement")
    for attempt in (1, 2):
        with house.worker(most=2) as worker:
            house.until(often.id, lambda job: job.attempts == attempt and job.stage is not None)  # noqa: B023
            house.until(frail.id, lambda job: job.started_at is not None)
            os.kill(worker.pid, signal.SIGKILL)
    with house.worker(most=2):
        ended = [house.ended(frail.id), house.ended(often.id)]
    assert [(job.state, job.attempts) for job in ended] == [("failed", 1), ("failed", 2)]
    for job in ended:
        assert job.message == Title("执行任务的进程意外中断；什么都没有写入", "the worker died; nothing was written")
    assert remains(house) == (0, 0, [])
    with house.engine.connect() as connection:
        told = connection.execute(text("SELECT result, detail ->> 'state' FROM audit.entry WHERE action = 'job.end' ORDER BY id")).all()
    assert [tuple(row) for row in told] == [("failed", "failed")] * 2


def test_what_is_written_is_never_begun_again(house: Works) -> None:
    job = house.order("statement", {"commit": True})
    with house.worker() as worker:
        house.until(job.id, lambda job: job.written)
        os.kill(worker.pid, signal.SIGKILL)
    with house.worker():
        ended = house.ended(job.id)
    assert (ended.state, ended.attempts) == ("failed", 1)
    assert ended.message is not None and "已经写入" in ended.message.zh
    assert remains(house) == (1, 0, [])
    with house.engine.begin() as connection:
        connection.execute(text("DELETE FROM wanmi.probe"))


def test_a_running_job_is_cancelled_within_its_statement(house: Works) -> None:
    job = house.order("statement")
    with house.worker():
        house.until(job.id, lambda job: job.stage is not None)
        assert not call_off(house, job.id)
        ended = house.ended(job.id)
        with house.engine.connect() as connection:
            sessions = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
            assert connection.scalar(sessions, {"name": session_name(job.id)}) == 0
        assert house.ended(house.order("who").id).state == "succeeded", "the worker goes on"
    assert (ended.state, ended.message) == ("cancelled", Title("已取消；什么都没有写入", "cancelled; nothing was written"))
    assert remains(house) == (0, 0, [])


def test_a_stopped_server_puts_its_jobs_back(house: Works, tmp_path: Path) -> None:
    job = house.order("hold", {"place": str(tmp_path)})
    with house.worker() as worker:
        house.until(job.id, lambda job: job.stage is not None)
        worker.terminate()
        assert worker.wait() == 0
    back = house.job(job.id)
    assert (back.state, back.place) == ("queued", 1) and back.message is not None and "服务停止" in back.message.zh
    (tmp_path / "go").touch()
    with house.worker():
        assert house.ended(job.id).state == "succeeded"
    assert remains(house) == (0, 0, [])


def test_too_slow_crashed_and_mistaken_jobs_fail_once(house: Works, capfd: pytest.CaptureFixture[str]) -> None:
    orders = [house.order(name) for name in ("deaf", "crash", "mistake")]
    with house.worker():
        ended = [house.ended(order.id) for order in orders]
    assert [(job.state, job.attempts) for job in ended] == [("failed", 1)] * 3
    messages = [job.message.zh if job.message else "" for job in ended]
    assert "已中止" in messages[0] and "SIGSEGV" in messages[1] and "内部错误，编号" in messages[2]
    assert not any("secret" in message for message in messages)
    assert "a secret of the driver" in capfd.readouterr().err, "who runs the machine finds it in the log"
    assert remains(house) == (0, 0, [])


def test_the_right_is_asked_when_the_job_begins(house: Works) -> None:
    with house.engine.begin() as connection:
        gone = create(connection, NewAccount("zhao", "赵", (Grant("gis"),)))
        moved = create(connection, NewAccount("sun", "孙", (Grant("gis"),)))
    orders = [house.order("who", actor=gone), house.order("who", actor=moved)]
    with house.engine.begin() as connection:
        disable(connection, "zhao")
        remove_grant(connection, "sun", Grant("gis"))
        add_grant(connection, "sun", Grant("auditor"))
    with house.worker():
        ended = [house.ended(order.id) for order in orders]
    assert [job.state for job in ended] == ["failed", "failed"]
    assert ["已停用" in str(ended[0].message), "没有可以执行" in str(ended[1].message)] == [True, True]
    with house.engine.connect() as connection:
        told = text("SELECT object FROM audit.entry WHERE action = 'denied' AND result = 'refused' ORDER BY id")
        assert list(connection.scalars(told)) == [f"job/{order.id}" for order in orders]
