"""The private PostgreSQL cluster: made, started, healed and stopped by us; socket and loopback only, scram.

State folder: ``postgres/`` (data), ``postgres.log``, ``secrets.json`` (0600), ``cluster.json`` (port and
socket folder), ``cluster.lock`` (one change at a time), ``in-use.lock`` (shared by everyone who needs the
server; the last to leave stops it, so a killed process leaves nothing to clean up).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg2

from spatial.locks import locked, shared_use
from spatial.passwords import ROLES, SECRETS_FILE, load, load_or_make, write_private
from spatial.place import DATA_FOLDER, state_folder
from spatial.postgres import (
    Account,
    ClusterError,
    DiskShort,
    PostgisMissing,
    PostgresMissing,
    Programs,
    StartFailed,
    StateUnusable,
    find_programs,
    run_as,
)
from spatial.processes import clear_stale, free_port, postmaster, signals_held
from spatial.settings import Settings
from spatial.tuning import MB, Machine, configuration

__all__ = [
    "Cluster",
    "ClusterError",
    "DiskShort",
    "PostgisMissing",
    "PostgresMissing",
    "Report",
    "Role",
    "StartFailed",
    "StateUnusable",
]

Role = Literal["admin", "owner", "app"]
Report = Callable[[str], None]

DATABASE = "wanmi"
LOG_LIMIT = 20 * MB
SOCKET_LIMIT = 107  # bytes of a Unix socket's path (unix(7): sun_path is 108 with its end)
NEEDED_TO_START_MB = 64  # below this, recovery itself may fail for want of WAL space
START_SECONDS = 300
ATTEMPTS = 20


def silent(step: str) -> None:
    """Reports nothing."""


class Cluster:
    """One private cluster in one state folder. Making the object touches nothing."""

    def __init__(self, state: Path, *, minimum_free_mb: int = 2048, durable: bool = True) -> None:
        self.state = state
        self.data = state / DATA_FOLDER
        self.log = state / "postgres.log"
        self.minimum_free_mb = minimum_free_mb
        self.durable = durable

    @classmethod
    def for_settings(cls, settings: Settings) -> Cluster:
        """Returns the cluster that the settings describe."""
        return cls(state_folder(settings.state_dir), minimum_free_mb=settings.minimum_free_mb)

    @cached_property
    def account(self) -> Account:
        """The account that the database's programs run as."""
        return Account.for_folder(self.data)

    @cached_property
    def programs(self) -> Programs:
        """The programs that fit the data, or the newest ones when there are no data yet."""
        version = self.data / "PG_VERSION"
        return find_programs(major=int(version.read_text("ascii")) if self.made and version.is_file() else None)

    @property
    def made(self) -> bool:
        """Whether the cluster exists; it appears in one step, by renaming."""
        return self.data.is_dir()

    def running(self) -> bool:
        """Tells whether our server runs."""
        return self.made and postmaster(self.data, self.account) is not None

    def dsn(self, role: Role, database: str = DATABASE) -> str:
        """Returns the connection of a role through the socket; for psycopg, psycopg2, SQLAlchemy and GDAL alike."""
        place = self._place()
        if place is None:
            raise StateUnusable("数据库尚未启动过，没有连接信息", "the database has never been started: no connection known")
        port, socket = place
        user, password = ROLES[role], quote(self.password(role), safe="")
        return f"postgresql://{user}:{password}@/{quote(database)}?host={quote(str(socket), safe='')}&port={port}"

    def password(self, role: Role) -> str:
        """Returns the password of a role."""
        known = load(self.state)
        if known is None:
            raise StateUnusable(
                f"无法读取 {self.state / SECRETS_FILE}；请运行 ./wanmi up，或改用建立它的账户",
                f"cannot read {self.state / SECRETS_FILE}; run ./wanmi up, or be the account that made it",
            )
        return known[ROLES[role]]

    def ensure(self, report: Report = silent) -> None:
        """Makes the cluster unless it exists; a half-made one is thrown away and made again."""
        self._make_state()
        with locked(self.state / "cluster.lock"):
            self._ensure(report)

    def start(self, report: Report = silent) -> None:
        """Starts the server unless it runs; makes the cluster before if need be.

        Raises:
            ClusterError: with the reason, when it cannot.
        """
        self._make_state()
        with locked(self.state / "cluster.lock"):
            self._ensure(report)
            if self._answers():
                return
            self._check_disk(NEEDED_TO_START_MB, report)
            report("启动数据库 starting the database")
            self._start()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stops the server and waits for it; signals that come meanwhile are held back."""
        if not self.made:
            return
        with signals_held(), locked(self.state / "cluster.lock"):
            if not self.running():
                return
            done = self._control("stop", "-m", mode, "-t", "120")
            if done and self.running():
                done = self._control("stop", "-m", "immediate", "-t", "30")
            if done and self.running():
                raise StartFailed(f"数据库未能停止：{done}", f"the database did not stop: {done}")
            place = self._place()
            if place is not None:
                with suppress(OSError):
                    place[1].rmdir()

    @contextmanager
    def use(self, report: Report = silent) -> Iterator[Cluster]:
        """Keeps the server running within the block; whoever leaves last stops it."""
        self._make_state()
        with shared_use(self.state / "in-use.lock") as usage:
            try:
                self.start(report)
                yield self
            finally:
                with signals_held():
                    if usage.last():
                        self.stop()

    def _make_state(self) -> None:
        """Makes the state folder; the account must be able to enter it."""
        try:
            self.state.mkdir(mode=0o755, parents=True, exist_ok=True)
            if self.state.stat().st_uid == os.geteuid() and self.account.switch:
                self.state.chmod(self.state.stat().st_mode | 0o755)
            writable = os.access(self.state, os.W_OK | os.X_OK)
            reason = "没有写权限 / not writable"
        except OSError as error:
            writable, reason = False, error.strerror or str(error)
        if not writable:
            raise StateUnusable(
                f"无法使用状态目录 {self.state}（{reason}）；请用 WANMI_STATE_DIR 指定一个可写的目录",
                f"cannot use the state folder {self.state} ({reason}); name a writable one with WANMI_STATE_DIR",
            )
        if self.made and not self.account.switch and self.data.stat().st_uid != os.geteuid():
            raise StateUnusable(
                f"状态目录 {self.state} 由另一账户建立；请以该账户运行，或用 WANMI_STATE_DIR 另设目录",
                f"the state folder {self.state} was made by another account; run as that one, or set WANMI_STATE_DIR",
            )

    def _check_disk(self, needed_mb: int, report: Report) -> None:
        free = shutil.disk_usage(self.state).free // MB
        if free < needed_mb:
            raise DiskShort(
                f"磁盘空间不足：{self.state} 只剩 {free} MB，至少需要 {needed_mb} MB",
                f"too little disk space: {free} MB left at {self.state}, at least {needed_mb} MB needed",
            )
        if free < self.minimum_free_mb:
            report(f"注意：磁盘只剩 {free} MB warning: only {free} MB of disk space left")

    def _ensure(self, report: Report) -> None:
        part = self.state / f"{DATA_FOLDER}.part"
        if part.exists():
            shutil.rmtree(part)
        passwords, fresh = load_or_make(self.state)
        if self.made:
            if fresh:
                self._set_password(passwords[ROLES["admin"]])
            return
        self._check_disk(self.minimum_free_mb, report)
        report(f"建立私有数据库 PostgreSQL {self.programs.version} making the private database")
        self._initialise(part, passwords[ROLES["admin"]])

    def _initialise(self, part: Path, password: str) -> None:
        """Runs initdb into ``part`` and renames it: the name ``postgres`` never stands for half a cluster."""
        part.mkdir(mode=0o700)
        self.account.take(part)
        with tempfile.NamedTemporaryFile("w", dir=self.state, prefix="initdb-", delete=True) as file:
            file.write(password)
            file.flush()
            self.account.take(Path(file.name))
            command = [
                self.programs.path("initdb"),
                "-D",
                part.name,
                "-U",
                ROLES["admin"],
                f"--pwfile={Path(file.name).name}",
            ]
            command += ["-A", "scram-sha-256", "-E", "UTF8", "--lc-collate=C", "--lc-ctype=C.UTF-8", "--lc-messages=C"]
            command += ["--lc-monetary=C", "--lc-numeric=C", "--lc-time=C", "--data-checksums", "-T", "simple"]
            done = run_as(self.account, command + ([] if self.durable else ["--no-sync"]), cwd=self.state)
        if done.returncode:
            shutil.rmtree(part, ignore_errors=True)
            raise self._failure("initdb", done.stderr or done.stdout)
        with (part / "postgresql.conf").open("a", encoding="ascii") as conf:
            conf.write("\ninclude_if_exists = 'wanmi.conf'\n")
        part.rename(self.data)

    def _set_password(self, password: str) -> None:
        """Sets the superuser's password again after secrets.json was lost; single-user mode asks for none."""
        if self.running():
            self._control("stop", "-m", "fast", "-t", "120")
        clear_stale(self.data, self.account)
        command = [self.programs.path("postgres"), "--single", "-D", DATA_FOLDER, "postgres"]
        order = f"ALTER ROLE {ROLES['admin']} PASSWORD '{password}'\n"
        done = run_as(self.account, command, cwd=self.state, given=order)
        if done.returncode or "ERROR" in done.stderr:
            raise self._failure("postgres --single", done.stderr)

    def _answers(self) -> bool:
        """Tells whether the server runs and answers; waits for one that is still recovering or just going down."""
        end = time.monotonic() + START_SECONDS
        while self.running():
            if self._place() is None:
                self._control("stop", "-m", "fast", "-t", "120")
                continue
            try:
                psycopg2.connect(self.dsn("admin", "postgres"), connect_timeout=5).close()
                return True
            except psycopg2.OperationalError as error:
                if "password authentication failed" in str(error) or time.monotonic() > end:
                    raise self._failure("psycopg2.connect", str(error)) from None
            time.sleep(0.1)
        return False

    def _start(self) -> None:
        for _attempt in range(ATTEMPTS):
            clear_stale(self.data, self.account)
            port, socket = self._choose_place()
            self._configure(port, socket)
            seen = self._rotate_log()
            trouble = self._control("start", "-s", "-t", str(START_SECONDS), "-l", self.log.name)
            if not trouble and self.running():
                return
            with self.log.open("r", encoding="utf-8", errors="replace") as log:
                log.seek(seen)
                said = log.read() or trouble
            if "pre-existing shared memory block" in said:
                time.sleep(0.5)  # the last backends of a killed server are still leaving
            elif "Address already in use" not in said and "could not create any TCP/IP sockets" not in said:
                break
        raise self._failure("pg_ctl start", said)

    def _control(self, action: str, *options: str) -> str:
        """Runs pg_ctl and waits; returns "" or what it said. Relative paths spare its shell any odd character."""
        command = [self.programs.path("pg_ctl"), action, "-w", "-D", DATA_FOLDER, *options]
        done = run_as(self.account, command, cwd=self.state)
        return "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or f"pg_ctl: {done.returncode}"

    def _place(self) -> tuple[int, Path] | None:
        """Returns the remembered port and socket folder."""
        try:
            known = json.loads((self.state / "cluster.json").read_text("utf-8"))
            return int(known["port"]), Path(known["socket"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _choose_place(self) -> tuple[int, Path]:
        """Keeps the remembered port while it is free, else takes another; makes the socket folder."""
        known = self._place()
        port = free_port(known[0] if known else None, str(self.state))
        socket = socket_folder(self.state)
        socket.mkdir(mode=0o755, exist_ok=True)
        owner = socket.lstat()
        if socket.is_symlink() or owner.st_uid not in (os.geteuid(), self.account.uid):
            raise StateUnusable(
                f"套接字目录 {socket} 属于另一账户，请删除它",
                f"the socket folder {socket} belongs to another account: remove it",
            )
        self.account.take(socket)
        for left in socket.glob(".s.PGSQL.*"):
            left.unlink()  # the folder is this cluster's alone and no server of it runs
        if known != (port, socket):
            write_private(self.state / "cluster.json", json.dumps({"port": port, "socket": str(socket)}) + "\n")
        return port, socket

    def _configure(self, port: int, socket: Path) -> None:
        text = configuration(Machine.here(self.state), port=port, socket=socket, durable=self.durable)
        path = self.data / "wanmi.conf"
        write_private(path, text)
        self.account.take(path)

    def _rotate_log(self) -> int:
        """Opens the log for the account, moving a long one aside; returns where the next words begin."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        os.close(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        self.account.take(self.log)
        return self.log.stat().st_size

    def _failure(self, program: str, said: str) -> ClusterError:
        """Turns a program's words into an error: the disk by name, everything else with its last words."""
        lines = [line for line in said.splitlines() if re.search(r"FATAL|PANIC|ERROR|error:|HINT|could not", line)]
        tail = "; ".join(line.strip() for line in (lines or said.splitlines())[-4:]) or "?"
        if "No space left on device" in said:
            free = shutil.disk_usage(self.state).free // MB
            return DiskShort(
                f"磁盘已满：{self.state} 只剩 {free} MB；请腾出空间后重试",
                f"the disk is full: {free} MB left at {self.state}; make room and try again",
            )
        return StartFailed(
            f"{program} 失败：{tail}（日志 {self.log}）",
            f"{program} failed: {tail} (log {self.log})",
        )


def socket_folder(state: Path) -> Path:
    """Returns a short folder for the socket: its path may have 107 bytes, whatever the checkout is called."""
    own = state / "run"
    name = "wanmi-" + hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    plain = re.fullmatch(r"[A-Za-z0-9/_.+-]+", str(own)) is not None
    if plain and len(os.fsencode(own)) + len("/.s.PGSQL.65535.lock") <= SOCKET_LIMIT:
        return own
    runtime = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    base = runtime if os.access(runtime, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return base / name
