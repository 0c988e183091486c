"""The private cluster against a real PostgreSQL: making, healing, ports, disks, accounts and signals."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from spatial import place
from spatial.cluster import Cluster, DiskShort, PostgisMissing, PostgresMissing, StateUnusable, socket_folder
from spatial.postgres import find_programs
from spatial.prepare import prepare
from spatial.processes import postmaster
from spatial.settings import load_settings
from tests.support.accounts import as_nobody, python_for_nobody, root_only

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ground() -> Iterator[Path]:
    """A folder that the database's account may enter, with a name of the field: spaces and Chinese."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-"))
    folder.chmod(0o755)
    deep = folder / "城市 管理" / "it's $HOME"
    deep.mkdir(parents=True)
    yield deep
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def made(ground: Path) -> Iterator[Cluster]:
    cluster = Cluster(ground / "var", minimum_free_mb=100)
    cluster.start()
    prepare(cluster.dsn("admin"), cluster.password("owner"), cluster.password("app"))
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(made: Cluster) -> Cluster:
    """The module's cluster, running again whatever the test before did to it."""
    made.start()
    return made


def ask(cluster: Cluster, statement: str, role: str = "admin") -> list[tuple[object, ...]]:
    connection = psycopg2.connect(cluster.dsn(role))  # type: ignore[arg-type]
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def settings_of(cluster: Cluster, *names: str) -> list[object]:
    return [ask(cluster, f"SHOW {name}")[0][0] for name in names]


def fake_programs(folder: Path, version: str, postgis: str | None, initdb: str = "exit 1") -> Path:
    """Makes a folder of programs as another installation would have it."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name, body in (
        ("postgres", f"echo 'postgres (PostgreSQL) {version}'"),
        ("initdb", initdb),
        ("pg_ctl", "exit 1"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    extensions = folder / "share" / "extension"
    extensions.mkdir(parents=True)
    for name in ("pg_trgm", "btree_gist"):
        (extensions / f"{name}.control").write_text("default_version = '1.6'\n")
    if postgis:
        (extensions / "postgis.control").write_text(f"comment = 'x'\ndefault_version = '{postgis}'\n")
    return programs


def test_a_made_cluster_is_private_and_durable(cluster: Cluster) -> None:
    assert settings_of(cluster, "fsync", "full_page_writes", "synchronous_commit", "data_checksums") == ["on"] * 4
    assert settings_of(cluster, "listen_addresses", "jit", "password_encryption") == [
        "127.0.0.1",
        "off",
        "scram-sha-256",
    ]
    assert settings_of(cluster, "max_connections", "random_page_cost", "server_encoding") == ["60", "1.1", "UTF8"]
    rules = {str(method) for (method,) in ask(cluster, "SELECT DISTINCT auth_method FROM pg_hba_file_rules")}
    assert rules == {"scram-sha-256"}
    assert (cluster.state / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert cluster.data.stat().st_uid != 0 and cluster.data.stat().st_mode & 0o077 == 0


def test_chinese_has_trigrams_and_upper_case(cluster: Cluster) -> None:
    assert ask(cluster, "SELECT cardinality(show_trgm('人民路')) > 0, 'É' = upper('é')") == [(True, True)]


def test_roles_connect_by_socket_and_by_loopback_only_with_their_password(cluster: Cluster) -> None:
    for role, user in (("admin", "wanmi_admin"), ("owner", "wanmi_owner"), ("app", "wanmi_app")):
        assert ask(cluster, "SELECT current_user", role) == [(user,)]
    port = int(cluster.dsn("app").rpartition("=")[2])
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host="127.0.0.1", port=port, user="wanmi_app", password="wrong", dbname="wanmi")
    known = {"host": "127.0.0.1", "port": port, "user": "wanmi_app", "password": cluster.password("app")}
    psycopg2.connect(**known, dbname="wanmi").close()


def test_a_running_cluster_is_used_again(cluster: Cluster) -> None:
    before = postmaster(cluster.data, cluster.account)
    said: list[str] = []
    Cluster(cluster.state).start(said.append)
    assert postmaster(cluster.data, cluster.account) == before
    assert said == []


def test_a_killed_server_heals_and_keeps_what_it_acknowledged(cluster: Cluster) -> None:
    ask(cluster, "CREATE TABLE IF NOT EXISTS kept (n int)", "owner")
    ask(cluster, "INSERT INTO kept SELECT 1", "owner")
    number = postmaster(cluster.data, cluster.account)
    assert number is not None
    os.kill(number, signal.SIGKILL)
    cluster.start()
    assert postmaster(cluster.data, cluster.account) not in (None, number)
    assert ask(cluster, "SELECT count(*) > 0 FROM kept", "owner") == [(True,)]
    ask(cluster, "DROP TABLE kept", "owner")


def test_a_pid_file_that_names_a_stranger_is_no_server(cluster: Cluster) -> None:
    number = postmaster(cluster.data, cluster.account)
    assert number is not None
    text = (cluster.data / "postmaster.pid").read_text("utf-8")
    cluster.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        path = cluster.data / "postmaster.pid"
        path.write_text(text.replace(str(number), str(stranger.pid), 1), "utf-8")
        cluster.account.take(path)
        assert not cluster.running()
        cluster.start()
        assert cluster.running()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_replaced_and_remembered(cluster: Cluster) -> None:
    before = cluster.dsn("app").rpartition("=")[2]
    cluster.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(before)))
        taken.listen()
        cluster.start()
        after = cluster.dsn("app").rpartition("=")[2]
    assert after != before
    assert ask(cluster, "SELECT 1", "app") == [(1,)]
    cluster.stop()
    cluster.start()
    assert cluster.dsn("app").rpartition("=")[2] == after


def test_lost_passwords_are_made_again(cluster: Cluster) -> None:
    before = cluster.password("admin")
    (cluster.state / "secrets.json").write_text("{half")
    with pytest.raises(StateUnusable):
        cluster.password("admin")
    cluster.start()
    assert cluster.password("admin") != before
    assert ask(cluster, "SELECT current_user") == [("wanmi_admin",)]
    prepare(cluster.dsn("admin"), cluster.password("owner"), cluster.password("app"))
    assert ask(cluster, "SELECT current_user", "app") == [("wanmi_app",)]
    assert (cluster.state / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_stop_is_clean(cluster: Cluster) -> None:
    cluster.stop()
    assert not cluster.running()
    assert "database system is shut down" in cluster.log.read_text("utf-8")[-300:]
    cluster.stop()


def test_the_last_to_leave_stops_the_server(cluster: Cluster) -> None:
    cluster.stop()
    with cluster.use():
        with Cluster(cluster.state).use():
            assert cluster.running()
        assert cluster.running()
    assert not cluster.running()


def test_a_half_made_cluster_is_made_again(ground: Path) -> None:
    state = ground / "half"
    (state / "postgres.part" / "base").mkdir(parents=True)
    (state / "postgres.part" / "PG_VERSION").write_text("15\n")
    cluster = Cluster(state, minimum_free_mb=100, durable=False)
    said: list[str] = []
    with cluster.use(said.append):
        assert len(said) == 2
        assert not (state / "postgres.part").exists()


def test_too_little_disk_is_said_before_anything_is_made(ground: Path) -> None:
    cluster = Cluster(ground / "short", minimum_free_mb=10**9)
    with pytest.raises(DiskShort) as caught:
        cluster.start()
    assert "1000000000 MB" in caught.value.zh and "1000000000 MB" in caught.value.en
    assert not cluster.made


def test_an_existing_cluster_starts_with_a_warning_on_a_nearly_full_disk(cluster: Cluster) -> None:
    cluster.stop()
    said: list[str] = []
    Cluster(cluster.state, minimum_free_mb=10**9).start(said.append)
    assert cluster.running()
    assert "warning" in said[0]


@root_only
def test_a_full_disk_while_making_is_said_and_leaves_nothing(ground: Path) -> None:
    state = ground / "tmpfs"
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", state], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(DiskShort):
            Cluster(state, minimum_free_mb=0).start()
        assert not (state / "postgres").exists() and not (state / "postgres.part").exists()
    finally:
        subprocess.run(["umount", state], check=True)


def test_missing_and_old_programs_are_named(ground: Path) -> None:
    with pytest.raises(PostgresMissing, match="PostgreSQL 15"):
        find_programs([ground / "nothing"])
    with pytest.raises(PostgresMissing, match=r"13\.2"):
        find_programs([fake_programs(ground / "pg13", "13.2", "3.3.2")])
    bare = fake_programs(ground / "pg16", "16.4", None)
    with pytest.raises(PostgisMissing, match="postgresql-16-postgis-3"):
        find_programs([bare])
    old = fake_programs(ground / "pg17", "17.1", "3.1.4")
    with pytest.raises(PostgisMissing, match=r"PostGIS 3\.1\.4"):
        find_programs([old])
    good = fake_programs(ground / "pg18", "18.0", "3.6.0")
    assert find_programs([bare, old, good]).major == 18


def test_a_named_folder_of_programs_is_looked_at_alone(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANMI_POSTGRES", str(fake_programs(ground / "named", "16.4", None)))
    with pytest.raises(PostgisMissing):
        Cluster(ground / "nopostgis", minimum_free_mb=0).start()


def test_data_of_a_version_that_is_gone_are_not_touched(ground: Path) -> None:
    state = ground / "upgraded"
    (state / "postgres").mkdir(parents=True)
    (state / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresMissing, match="PostgreSQL 9"):
        Cluster(state, minimum_free_mb=0).start()
    assert (state / "postgres" / "PG_VERSION").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_several_signals_end_the_process_and_the_database(cluster: Cluster, number: signal.Signals) -> None:
    cluster.stop()
    script = (
        "import sys, time; from pathlib import Path; from spatial.cluster import Cluster\n"
        "from spatial.processes import ending_signals\n"
        "with ending_signals(), Cluster(Path(sys.argv[1])).use():\n"
        "    print('ready', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, cluster.state], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    assert cluster.running()
    for each in (number, number, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(each)
        time.sleep(0.02)
    assert process.wait(30) == 128 + number
    process.stdout.close()
    assert not cluster.running()


def test_a_killed_user_leaves_the_server_to_the_next(cluster: Cluster) -> None:
    cluster.stop()
    script = (
        "import sys, time; from pathlib import Path; from spatial.cluster import Cluster\n"
        "with Cluster(Path(sys.argv[1])).use():\n    print('ready', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, cluster.state], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert cluster.running()
    with cluster.use():
        pass
    assert not cluster.running()


@root_only
def test_an_ordinary_user_has_a_cluster_of_his_own(ground: Path) -> None:
    python, environment = python_for_nobody("pydantic", "psycopg2")
    home = ground / "nobody"
    home.mkdir()
    os.chown(home, 65534, 65534)
    script = (
        "import sys; from pathlib import Path; from spatial.cluster import Cluster\n"
        "with Cluster(Path(sys.argv[1]), minimum_free_mb=0, durable=False).use() as c:\n"
        "    import psycopg2; psycopg2.connect(c.dsn('admin', 'postgres')).close(); print(c.data.stat().st_uid)\n"
    )
    done = as_nobody([python, "-c", script, str(home / "var")], env=environment, cwd="/")
    assert done.stderr == "" and done.stdout == "65534\n"
    with Cluster(home / "var", minimum_free_mb=0, durable=False).use() as cluster:  # then sudo comes along
        assert cluster.account.uid == 65534
    assert as_nobody([python, "-c", script, str(home / "var")], env=environment, cwd="/").stdout == "65534\n"


@root_only
def test_a_killed_server_heals_where_nobody_collects_the_dead(ground: Path) -> None:
    """A container without an init: the killed server stays a zombie under its old number."""
    script = (
        "import os, signal, sys; from pathlib import Path; from spatial.cluster import Cluster\n"
        "from spatial.processes import postmaster\n"
        "c = Cluster(Path(sys.argv[1]), minimum_free_mb=0, durable=False)\n"
        "with c.use():\n"
        "    number = postmaster(c.data, c.account); os.kill(number, signal.SIGKILL)\n"
        "    while postmaster(c.data, c.account): pass\n"
        "    assert Path(f'/proc/{number}').exists(), 'no zombie'\n"
        "    c.start(); assert postmaster(c.data, c.account) not in (None, number)\n"
        "print('healed')\n"
    )
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no process namespace can be made here")
    command += [sys.executable, "-c", script, str(ground / "zombie")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "healed\n", done.stderr


def test_a_state_folder_that_cannot_be_written_is_named(ground: Path) -> None:
    blocker = ground / "file"
    blocker.write_text("")
    with pytest.raises(StateUnusable, match="WANMI_STATE_DIR"):
        Cluster(blocker / "var").start()


def test_the_socket_path_is_short_whatever_the_checkout_is_called() -> None:
    for state in (Path("/srv/万米/var"), Path("/srv/a b/var"), Path("/" + "long" * 40)):
        assert len(os.fsencode(socket_folder(state) / ".s.PGSQL.65535.lock")) <= 107
    assert socket_folder(Path("/srv/wanmi/var")) == Path("/srv/wanmi/var/run")


def test_settings_name_the_state_folder(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "checkout", lambda: ground)
    assert Cluster.for_settings(load_settings({}, state_dir=Path("/srv/state"))).state == Path("/srv/state")
    assert Cluster.for_settings(load_settings({}, state_dir=Path("elsewhere"))).state == ground / "elsewhere"


@root_only
def test_root_passes_over_a_checkout_that_the_database_cannot_enter(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = ground / "closed" / "checkout"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    monkeypatch.setattr(place, "checkout", lambda: closed)
    chosen = place.state_folder(Path("var"), {})
    assert chosen.parent == Path("/var/lib/wanmi") and not chosen.exists()
    closed.parent.chmod(0o755)
    assert place.state_folder(Path("var"), {}) == closed / "var"
    closed.parent.chmod(0o700)
    (closed / "var" / "postgres").mkdir(parents=True)
    assert place.state_folder(Path("var"), {}) == closed / "var", "a folder with data keeps being used"
