"""``wanmi audit`` from outside: what it prints, what it leaves in the log, and its exit codes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import Engine, text

from api.cli import main
from spatial.audit.heads import read_heads
from tests.api.test_cli import Run
from tests.support.cluster import Server
from tests.support.journal import tampering, write_rows


@pytest.fixture
def wanmi(server: Server, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the module's database, in this process."""
    for name in list(os.environ):
        if name.startswith("WANMI_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANMI_DATABASE_URL", server.owner(database))
    monkeypatch.setenv("WANMI_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WANMI_AUDIT_HEAD_FILE", str(tmp_path / "mount" / "heads.log"))

    def run(*arguments: str, **_more: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
            patched.setattr(sys, "argv", ["wanmi", "audit", *arguments])
            main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(["wanmi", *arguments], int(ended.value.code or 0), printed.out, printed.err)

    return run


def last(engine: Engine) -> tuple[str, str, str]:
    with engine.connect() as connection:
        row = connection.execute(text("SELECT action, result, actor_name FROM audit.entry ORDER BY id DESC LIMIT 1")).one()
    return row.action, row.result, row.actor_name


def test_seal_verify_export_prune(wanmi: Run, engine: Engine, tmp_path: Path) -> None:
    write_rows(engine, 5)
    assert "5 rows sealed" in wanmi("seal", "--once").stdout
    for file in (tmp_path / "state" / "audit-heads.log", tmp_path / "mount" / "heads.log"):
        assert [head.total for _, head in read_heads(file) if head] == [5]

    done = wanmi("verify")
    assert done.returncode == 0 and "5 行 rows" in done.stdout, done
    assert last(engine)[:2] == ("audit.verify", "ok") and last(engine)[2].endswith("@localhost")

    done = wanmi("export", "a.csv", "--action", "edit")
    assert done.returncode == 0, done
    assert len(list(csv.reader((tmp_path / "a.csv").open(encoding="utf-8-sig")))) == 6
    assert last(engine)[0] == "audit.export"
    assert wanmi("export", "a.xlsx", "--from", "2020-01-01", "--actor", last(engine)[2]).returncode == 0
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").active.max_row == 4, "the verification and both exports"

    for wrong in (("a.csv",), ("a.txt",), ("none/a.csv",), ("b.csv", "--from", "once")):
        done = wanmi("export", *wrong)
        assert done.returncode == 2 and "错误" in done.stderr and "error" in done.stderr, wrong
    assert not (tmp_path / "b.csv").exists()

    early = f"{datetime.now(UTC) - timedelta(days=170):%Y-%m-%d}"
    done = wanmi("prune", "--before", early)
    assert done.returncode == 2 and "180" in done.stderr
    assert "0 rows removed" in wanmi("prune", "--before", "2020-01-01").stdout

    wanmi("seal", "--once")
    with tampering(engine) as connection:
        connection.exec_driver_sql("UPDATE audit.entry SET actor = 99 WHERE id = 3")
    done = wanmi("verify", "--heads", str(tmp_path / "mount" / "heads.log"))
    assert done.returncode == 1 and "row 3" in done.stdout and "第 3 行" in done.stdout
    assert last(engine)[:2] == ("audit.verify", "failed")


def test_a_file_that_cannot_be_written_is_said(wanmi: Run, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "mount").write_text("no folder")
    write_rows(engine, 1)
    done = wanmi("seal", "--once")
    assert done.returncode == 2 and "mount" in done.stderr
