"""The doctor finds what is wrong, says what to do and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from spatial import doctor
from spatial.doctor import Finding, examine, examine_database, worst
from spatial.settings import Settings, load_settings
from tests.support.cluster import Server


@pytest.fixture(scope="module")
def name(server: Server) -> Iterator[str]:
    made = f"wanmi_doctor_{uuid.uuid4().hex[:8]}"
    server.create(made)
    yield made
    server.drop(made)


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wanmi-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def settings(state: Path, **more: object) -> Settings:
    return load_settings({}, **({"state_dir": state, "port": 0, "minimum_free_mb": 1} | more))


def by_key(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.key: finding for finding in findings}


def run(dsn: str, statement: str) -> None:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def test_a_machine_before_its_first_start(state: Path) -> None:
    found = by_key(examine(settings(state)))
    assert {"python", "port", "font", "clock", "programs", "disk", "secrets", "database"} <= set(found)
    assert [found[key].state for key in ("python", "port", "programs", "disk", "secrets")] == ["ok"] * 5
    assert found["database"].state == "warn" and "./wanmi up" in found["database"].remedy_zh
    assert list(state.iterdir()) == [], "the doctor changes nothing"


def test_a_prepared_database_is_well_and_hooks_are_asked(server: Server, name: str, state: Path) -> None:
    seen: list[str] = []

    def hook(dsn: str) -> Finding:
        seen.append(dsn)
        return Finding("migrations", "结构", "schema", "warn", "落后", "behind")

    found = by_key(examine(settings(state, database_url=server.owner(name)), [hook]))
    assert [found[key].state for key in ("database", "text", "leakproof", "database_clock")] == ["ok"] * 4
    assert found["migrations"].en == "behind" and seen == [server.owner(name)]


def test_every_finding_speaks_both_languages(server: Server, name: str, state: Path) -> None:
    for finding in examine(settings(state, database_url=server.owner(name))) + examine(settings(state)):
        assert all((finding.key, finding.name_zh, finding.name_en, finding.zh, finding.en)), finding
        assert bool(finding.remedy_zh) == bool(finding.remedy_en)


def test_a_lost_leakproof_mark_is_seen(server: Server, name: str) -> None:
    run(server.admin(name), "ALTER FUNCTION geometry_overlaps(geometry, geometry) NOT LEAKPROOF")
    found = by_key(list(examine_database(server.owner(name))))
    assert found["leakproof"].state == "warn" and "db prepare" in found["leakproof"].remedy_en
    server.create(name)
    assert by_key(list(examine_database(server.owner(name))))["leakproof"].state == "ok"


def test_loose_durability_is_seen_per_role_too(server: Server, name: str) -> None:
    run(server.admin(name), f"ALTER ROLE wanmi_app IN DATABASE {name} SET synchronous_commit = off")
    found = by_key(list(examine_database(server.owner(name))))["durable"]
    run(server.admin(name), f"ALTER ROLE wanmi_app IN DATABASE {name} RESET synchronous_commit")
    assert found.state == "fail"
    assert f"wanmi_app {name} synchronous_commit=off" in found.en


def test_an_unprepared_and_an_unreachable_database_fail(server: Server) -> None:
    found = by_key(list(examine_database(server.admin("postgres"))))
    assert found["text"].state == "fail" and found["leakproof"].state == "warn"
    (only,) = examine_database("postgresql://x:geheim@127.0.0.1:1/wanmi")
    assert only.state == "fail" and "geheim" not in only.en


def test_open_passwords_and_a_full_disk_are_seen(state: Path) -> None:
    (state / "secrets.json").write_text("{}")
    (state / "secrets.json").chmod(0o644)
    found = by_key(examine(settings(state, minimum_free_mb=10**9)))
    assert found["secrets"].state == "fail" and "chmod 600" in found["secrets"].remedy_en
    assert found["disk"].state == "warn"


def test_the_last_dump_is_told_until_it_is_old_or_gone(state: Path) -> None:
    assert by_key(examine(settings(state)))["dump"].state == "warn"
    (state / "night").mkdir()
    (state / "night" / "manifest.json").write_text("{}")

    def remembered(hours: int) -> Finding:
        at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        (state / "last-dump.json").write_text(json.dumps({"at": at, "folder": str(state / "night"), "rows": 7}))
        return by_key(examine(settings(state)))["dump"]

    assert remembered(24).state == "ok" and "7 rows" in remembered(1).en
    assert remembered(26).state == "warn" and "more than a day" in remembered(26).en
    (state / "night" / "manifest.json").unlink()
    assert remembered(1).state == "warn" and "no longer there" in remembered(1).en


def test_a_taken_port_is_seen(state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = by_key(examine(settings(state, port=taken.getsockname()[1])))
    assert found["port"].state == "warn" and "--port" in found["port"].remedy_en


def test_missing_programs_and_a_wrong_clock_are_seen(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANMI_POSTGRES", str(state))
    monkeypatch.setattr(doctor.time, "time", lambda: 86_400.0 * 365)
    found = by_key(examine(settings(state)))
    assert found["programs"].state == "fail" and "PostgreSQL 15" in found["programs"].en
    assert found["clock"].state == "warn"
    assert worst(found.values()) == "fail"


def test_a_machine_without_fonts_only_warns(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert by_key(examine(settings(state)))["font"].state == "warn"
