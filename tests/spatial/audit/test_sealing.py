"""Batches take every row once, whenever its transaction ends; the heads reach every file; the process lives and dies as told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from spatial.audit import sealer
from spatial.audit.heads import Head, read_heads
from spatial.audit.record import Entry, record
from spatial.audit.sealer import keep_sealing
from spatial.audit.sealing import SEAL_LOCK, seal
from spatial.audit.state import audit_state, sealing
from spatial.audit.verify import record_verification, verify
from spatial.database import owner_engine
from spatial.supervision import supervised
from tests.conftest import ROOT
from tests.support.cluster import Server
from tests.support.journal import write_rows

DEADLINE = 30.0  # for waiting, not for judging


@pytest.fixture
def log(server: Server, template: str, tmp_path: Path) -> Iterator[Engine]:
    name = f"wanmi_seal_{tmp_path.name.replace('-', '_')[:40].lower()}"
    server.create(name, template)
    engine = owner_engine(server.owner(name))
    yield engine
    engine.dispose()
    server.drop(name)


def sealed_ids(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT unnest(ids) FROM audit.seal ORDER BY number")))


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def test_nobody_waits_for_a_long_transaction_and_no_late_row_is_passed_over(log: Engine, tmp_path: Path) -> None:
    heads = [tmp_path / "heads"]
    with log.connect() as long, log.connect() as unrelated:
        unrelated.execute(text("SELECT pg_current_xact_id()"))  # writes somewhere else for hours
        record(long, Entry("import", object="began early"))
        write_rows(log, 2)
        assert seal(log, heads).rows == 2
        record(long, Entry("import", object="went on"))
        write_rows(log, 1)
        assert seal(log, heads).rows == 1
        long.commit()
        assert seal(log, heads).rows == 2
        unrelated.rollback()
    assert seal(log, heads).rows == 0
    assert sealed_ids(log) == [2, 3, 5, 1, 4]
    found = verify(log, heads)
    assert (found.rows, found.fault) == (5, None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["begin", "write", "savepoint", "commit", "rollback", "seal"]), st.integers(0, 3)), max_size=30))
def test_every_committed_row_is_sealed_once_in_any_interleaving(engine: Engine, steps: list[tuple[str, int]]) -> None:
    connections = [engine.connect() for _ in range(4)]
    try:
        for step, who in steps:
            connection = connections[who]
            if step == "write":
                record(connection, Entry("edit", object=str(who)))
            elif step == "savepoint":
                with connection.begin_nested():
                    record(connection, Entry("edit", object=f"{who} within"))
            elif step == "seal":
                seal(engine, [])
            elif step != "begin":
                getattr(connection, step)()
    finally:
        for connection in connections:
            connection.close()
    seal(engine, [])
    with engine.connect() as connection:
        there = set(connection.scalars(text("SELECT id FROM audit.entry")))
    sealed = sealed_ids(engine)
    assert len(sealed) == len(set(sealed)) and set(sealed) == there
    assert verify(engine).fault is None


def test_a_large_backlog_becomes_batches_of_one_snapshot(log: Engine, tmp_path: Path) -> None:
    with log.begin() as connection:
        connection.exec_driver_sql("INSERT INTO audit.entry (action, result) SELECT 'login', 'ok' FROM generate_series(1, 9000)")
    done = seal(log, [tmp_path / "heads"])
    assert (done.rows, done.batches) == (9000, 3)
    assert [head.total for _, head in read_heads(tmp_path / "heads") if head] == [4096, 8192, 9000]
    assert verify(log, [tmp_path / "heads"]).rows == 9000


def test_one_sealer_at_a_time(log: Engine) -> None:
    write_rows(log, 1)
    with log.connect() as other:
        other.execute(text(f"SELECT pg_advisory_lock({SEAL_LOCK})"))
        assert seal(log, []).busy
        assert sealed_ids(log) == []
    log.dispose()
    assert seal(log, []).rows == 1


def test_a_file_that_was_away_gets_what_it_missed(log: Engine, tmp_path: Path) -> None:
    here, mount = tmp_path / "heads", tmp_path / "mount" / "heads"
    (tmp_path / "mount").write_text("not a folder")
    write_rows(log, 1)
    done = seal(log, [here, mount])
    assert done.rows == 1 and len(done.unwritten) == 1 and "mount" in done.unwritten[0].zh
    write_rows(log, 1)
    seal(log, [here, mount])
    (tmp_path / "mount").unlink()
    assert seal(log, [here, mount]).unwritten == ()
    assert mount.read_bytes() == here.read_bytes() and mount.read_text().count("\n") == 2
    assert mount.stat().st_mode & 0o777 == 0o600


def test_a_restore_opens_an_era_and_tells_what_was_lost(log: Engine, tmp_path: Path) -> None:
    """The file knows batches that the dump does not have; transaction ids begin far below."""
    heads = [tmp_path / "heads"]
    write_rows(log, 2)
    seal(log, heads)
    with log.connect() as connection:
        chain, sealed = connection.execute(text("SELECT chain::text, at FROM audit.tip")).one()
    with heads[0].open("a") as file:
        file.write(Head(chain, 1, 2, 7, sealed, 64 * "a").line() + "\n")
    found = verify(log, heads)
    assert found.fault is not None and found.fault.kind == "heads"
    with log.begin() as connection:
        assert connection.scalar(text("SELECT wanmi.open_era('restore')")) == 2
    found = verify(log, heads)
    assert found.fault is None and "2–2" in found.notes[0].zh
    write_rows(log, 3)
    assert seal(log, heads).rows == 3
    assert [(head.era, head.number) for _, head in read_heads(heads[0]) if head] == [(1, 1), (1, 2), (2, 2)]
    found = verify(log, heads)
    assert (found.rows, found.fault) == (5, None)


def test_transaction_ids_that_began_anew_open_an_era(log: Engine) -> None:
    """Somebody has restored with pg_restore alone: the last seal's snapshot lies ahead of all that is written now."""
    write_rows(log, 1)
    seal(log, [])
    with log.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit.seal DISABLE TRIGGER USER; UPDATE audit.seal SET snapshot = '900000000:900000000:'")
    seal(log, [])
    with log.connect() as connection:
        assert connection.scalars(text("SELECT reason FROM wanmi.log_era ORDER BY era")).all() == ["first", "transaction ids began anew"]
    write_rows(log, 1)
    assert seal(log, []).rows == 1


def test_it_seals_until_told_to_end_and_once_more(log: Engine, tmp_path: Path) -> None:
    said: list[str] = []
    rounds: list[float] = []

    def ended(seconds: float) -> bool:
        rounds.append(seconds)
        write_rows(log, 1)
        return len(rounds) == 3

    keep_sealing(log, [tmp_path / "heads"], ended, said.append)
    assert len(sealed_ids(log)) == 3 and max(rounds) <= 5 and said == []


def test_a_database_that_is_away_is_said_once(tmp_path: Path) -> None:
    away = owner_engine(f"postgresql://nobody@/none?host={tmp_path}")
    said: list[str] = []
    turns = iter([False, False, True])
    keep_sealing(away, [], lambda _seconds: next(turns), said.append)
    assert len(said) == 1 and "OperationalError" in said[0]


def child(server: Server, log: Engine, tmp_path: Path) -> tuple[str, list[str], dict[str, str], str]:
    return sealer.child(server.owner(str(log.url.database)), [tmp_path / "heads"])


def children_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(words[1]) == parent and words[0] != "Z" and "sealer" in (stat.parent / "cmdline").read_text():
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def test_the_process_is_started_again_and_goes_with_the_block(server: Server, log: Engine, tmp_path: Path) -> None:
    with supervised(*child(server, log, tmp_path)):
        eventually(lambda: len(children_of(os.getpid())) == 1)
        first = children_of(os.getpid())[0]
        write_rows(log, 1)
        eventually(lambda: len(sealed_ids(log)) == 1)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: children_of(os.getpid()) not in ([], [first]))
        write_rows(log, 1)
        eventually(lambda: len(sealed_ids(log)) == 2)
        write_rows(log, 1)
    assert children_of(os.getpid()) == []
    assert len(sealed_ids(log)) == 3, "it seals once more before it goes"


def test_the_process_goes_with_its_parent_however_that_ends(server: Server, log: Engine, tmp_path: Path) -> None:
    code = "import json, sys, threading; from spatial.supervision import supervised\n"
    code += "with supervised(*json.loads(sys.argv[1])): threading.Event().wait()"
    parent = subprocess.Popen([sys.executable, "-c", code, json.dumps(child(server, log, tmp_path))], cwd=ROOT)
    try:
        eventually(lambda: len(children_of(parent.pid)) == 1)
        orphan = children_of(parent.pid)[0]
        command = Path(f"/proc/{orphan}/cmdline").read_text() + Path(f"/proc/{orphan}/environ").read_text()
        assert server.owner_password not in command
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: not Path(f"/proc/{orphan}").exists() or Path(f"/proc/{orphan}/stat").read_text().split()[2] == "Z")


def test_the_state_and_the_doctor(server: Server, log: Engine, tmp_path: Path) -> None:
    heads = [tmp_path / "heads"]

    def look() -> tuple[str, int, int, str]:
        with log.connect() as connection:
            found = audit_state(connection, heads)
        return found.state, found.rows, found.unsealed, found.heads[0].state

    dsn = server.owner(str(log.url.database))
    assert look() == ("ok", 0, 0, "agrees")
    write_rows(log, 3)
    seal(log, heads)
    write_rows(log, 1)
    assert look() == ("ok", 4, 1, "agrees")
    assert sealing(dsn).state == "ok"
    with log.begin() as connection:
        connection.exec_driver_sql("INSERT INTO audit.entry (action, result, at) VALUES ('login', 'ok', now() - interval '2 minutes')")
    assert look()[0] == "late"
    assert sealing(dsn).state == "warn" and "2 行" in sealing(dsn).zh
    seal(log, [])
    assert look() == ("ok", 5, 0, "behind")
    seal(log, heads)
    with log.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit.entry DISABLE TRIGGER kept; DELETE FROM audit.entry WHERE id = 2")
    found = verify(log, heads)
    with log.begin() as connection:
        record_verification(connection, found, Entry("audit.verify", actor_name="li"))
    assert look()[0] == "broken"
    assert sealing(dsn).state == "fail" and "第 2 行缺失" in sealing(dsn).zh
