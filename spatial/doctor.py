"""The doctor: looks at machine, private cluster and database, changes nothing and says what to do.

Printing is the command line's; here are only the findings.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import psycopg2
from psycopg2.extensions import connection as Connection

from spatial.cluster import Cluster, ClusterError
from spatial.dump import last_dump
from spatial.manifest import MANIFEST_FILE
from spatial.passwords import SECRETS_FILE
from spatial.place import state_folder
from spatial.prepare import PrepareError, Server, check_text, check_versions, connect, look
from spatial.rights.check import breaches, enforced
from spatial.settings import Settings
from spatial.tuning import MB

__all__ = ["Finding", "Hook", "State", "examine", "examine_database", "examine_machine", "worst"]

State = Literal["ok", "warn", "fail"]
Hook = Callable[[str], "Finding"]
ORDER: tuple[State, ...] = ("ok", "warn", "fail")
PYTHONS = ((3, 11), (3, 14))
FULL_MB = 64
CLOCK_SECONDS = 5
DAY = 86_400
DUMP_AGE = timedelta(hours=25)  # a nightly dump may come an hour late
PREPARE = (
    "请管理员运行 `wanmi db prepare --print` 给出的 SQL",
    "have the administrator run `wanmi db prepare --print`",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is, how it stands, one sentence and, unless all is well, what to do."""

    key: str
    name_zh: str
    name_en: str
    state: State
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """Returns the worst state.

    >>> worst([Finding("a", "", "", "ok", "", ""), Finding("b", "", "", "warn", "", "")])
    'warn'
    """
    return ORDER[max((ORDER.index(finding.state) for finding in findings), default=0)]


def examine(settings: Settings, hooks: Iterable[Hook] = ()) -> list[Finding]:
    """Examines everything that the settings name.

    Args:
        settings: which database, folder and port.
        hooks: more checks of a prepared database, given the owner's connection (e.g. the migration head).
    """
    findings = [*examine_machine(settings), _dumped(state_folder(settings.state_dir))]
    if settings.database_url is not None:
        return findings + list(examine_database(settings.database_url.get_secret_value(), hooks))
    cluster = Cluster.for_settings(settings)
    findings += _cluster(cluster, settings)
    try:
        if cluster.running():
            findings += examine_database(cluster.dsn("owner"), hooks)
        else:
            findings.append(
                Finding(
                    "database",
                    "数据库",
                    "database",
                    "warn",
                    "私有数据库没有运行",
                    "the private database is not running",
                    "运行 ./wanmi up",
                    "run ./wanmi up",
                )
            )
    except ClusterError as error:
        findings.append(_failed("database", ("数据库", "database"), error))
    return findings


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Examines Python, port, font and clock."""
    python = sys.version_info[:2]
    said = f"Python {sys.version.split()[0]}"
    if PYTHONS[0] <= python <= PYTHONS[1]:
        yield Finding("python", "Python", "Python", "ok", said, said)
    else:
        yield Finding(
            "python",
            "Python",
            "Python",
            "fail",
            f"{said} 不受支持",
            f"{said} is not supported",
            "请用 Python 3.11–3.14",
            "use Python 3.11 to 3.14",
        )
    yield _port(settings.host, settings.port)
    yield _font()
    yield _clock()


def _cluster(cluster: Cluster, settings: Settings) -> Iterator[Finding]:
    """Examines what the private cluster needs: programs, disk, secrets."""
    name = ("PostgreSQL 与 PostGIS", "PostgreSQL and PostGIS")
    try:
        programs = cluster.programs
        said = f"PostgreSQL {programs.version}, PostGIS {'.'.join(map(str, programs.postgis or ()))}"
        yield Finding("programs", *name, "ok", said, said)
    except ClusterError as error:
        yield _failed("programs", name, error)
    yield _disk(cluster.state, settings.minimum_free_mb)
    yield _secrets(cluster.state / SECRETS_FILE)


def _disk(state: Path, minimum_mb: int) -> Finding:
    folder = next(each for each in (state, *state.parents) if each.exists())
    free = shutil.disk_usage(folder).free // MB
    zh, en = f"{folder} 剩余 {free} MB", f"{free} MB free at {folder}"
    if free >= minimum_mb:
        return Finding("disk", "磁盘空间", "disk space", "ok", zh, en)
    return Finding(
        "disk",
        "磁盘空间",
        "disk space",
        "fail" if free < FULL_MB else "warn",
        zh,
        en,
        f"请腾出至少 {minimum_mb} MB",
        f"make room, at least {minimum_mb} MB",
    )


def _secrets(path: Path) -> Finding:
    name = ("密码文件", "password file")
    if not path.exists():
        return Finding("secrets", *name, "ok", "尚未建立", "not made yet")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077 == 0:
        return Finding("secrets", *name, "ok", f"{path} 权限 {mode:o}", f"{path} has mode {mode:o}")
    return Finding(
        "secrets",
        *name,
        "fail",
        f"{path} 权限 {mode:o}，他人可读",
        f"{path} has mode {mode:o}: others may read it",
        f"chmod 600 '{path}'",
        f"chmod 600 '{path}'",
    )


def _dumped(state: Path) -> Finding:
    """Reads when the last dump was made, and looks whether it is still there."""
    name = ("备份", "dump")
    remedy = ("运行 ./wanmi db dump 目录", "run ./wanmi db dump FOLDER")
    last = last_dump(state)
    if last is None:
        return Finding("dump", *name, "warn", "从未备份", "none was ever made", *remedy)
    zh = f"{last.at.astimezone():%Y-%m-%d %H:%M}，{last.rows} 行，{last.folder}"
    en = f"{last.at.astimezone():%Y-%m-%d %H:%M}, {last.rows} rows, {last.folder}"
    if not (last.folder / MANIFEST_FILE).is_file():
        return Finding("dump", *name, "warn", f"{zh}（现已不在）", f"{en} (no longer there)", *remedy)
    if datetime.now(UTC) - last.at > DUMP_AGE:
        return Finding("dump", *name, "warn", f"{zh}（超过一天）", f"{en} (more than a day ago)", *remedy)
    return Finding("dump", *name, "ok", zh, en)


def _port(host: str, port: int) -> Finding:
    name = ("网页端口", "web port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(
                "port",
                *name,
                "warn",
                f"{host}:{port} 不可用（{error.strerror}）",
                f"{host}:{port} cannot be used ({error.strerror})",
                "若不是正在运行的万米，请用 --port 换一个端口",
                "unless it is a running wanmi, take another one with --port",
            )
    return Finding("port", *name, "ok", f"{host}:{port} 空闲", f"{host}:{port} is free")


def _font() -> Finding:
    """Asks fontconfig for a Chinese font; a server without one still serves, its own browser shows boxes."""
    name = ("中文字体", "Chinese font")
    remedy = (
        "apt-get install fonts-noto-cjk（仅本机浏览器与打印需要）",
        "apt-get install fonts-noto-cjk (only for a browser on this machine)",
    )
    try:
        said = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return Finding("font", *name, "warn", "没有 fc-list，无法得知", "no fc-list, cannot tell", *remedy)
    families = sorted({line.split(",")[0].strip() for line in said.stdout.splitlines() if line.strip()})
    if families:
        return Finding("font", *name, "ok", families[0], families[0])
    return Finding("font", *name, "warn", "本机没有中文字体", "this machine has no Chinese font", *remedy)


def _clock() -> Finding:
    """Compares the clock with this very file: a machine that woke up in 1970 or 2015 shows itself."""
    name = ("系统时钟", "system clock")
    made = Path(__file__).stat().st_mtime
    now = time.strftime("%Y-%m-%d %H:%M:%S %z")
    if time.time() + DAY >= made:
        return Finding("clock", *name, "ok", now, now)
    return Finding(
        "clock",
        *name,
        "warn",
        f"{now}，早于程序文件的时间",
        f"{now}, earlier than the program's own files",
        "请校时（timedatectl set-ntp true）",
        "set the clock (timedatectl set-ntp true)",
    )


def examine_database(dsn: str, hooks: Iterable[Hook] = ()) -> Iterator[Finding]:
    """Examines a database through its owner's connection."""
    name = ("数据库", "database")
    try:
        connection = connect(dsn)
    except PrepareError as error:
        yield _failed("database", name, error)
        return
    try:
        server = look(connection)
        said = f"PostgreSQL {server.version}, PostGIS {server.postgis or '–'}"
        yield _checked("database", name, said, lambda: check_versions(server))
        said = f"{server.encoding}, LC_CTYPE {server.ctype}"
        yield _checked("text", ("中文检索", "Chinese search"), said, lambda: check_text(server))
        yield _leakproof(server)
        yield _right(connection)
        yield _durable(connection)
        yield _database_clock(connection)
    except psycopg2.Error as error:
        reason = (error.diag.message_primary or str(error)).strip()
        yield Finding("database", *name, "fail", f"查询失败：{reason}", f"a query failed: {reason}")
        return
    finally:
        connection.close()
    for hook in hooks:
        yield hook(dsn)


def _leakproof(server: Server) -> Finding:
    name = ("权限下的空间索引", "spatial index under rights")
    if server.leakproof:
        return Finding("leakproof", *name, "ok", "geometry_overlaps 已标为 LEAKPROOF", "geometry_overlaps is LEAKPROOF")
    return Finding(
        "leakproof",
        *name,
        "warn",
        "geometry_overlaps 不是 LEAKPROOF：地图、框选与点查改经门函数到达空间索引，结果相同，但较慢",
        "geometry_overlaps is not LEAKPROOF: tiles, bounding boxes and clicks reach the spatial index through a gate function, slower",
        "请超级用户运行 `wanmi db prepare --print` 给出的 SQL；无人有此权利时可照常使用",
        "have a superuser run what `wanmi db prepare --print` prints; where nobody may, the house serves without",
    )


def _right(connection: Connection) -> Finding:
    """Asks whether the database enforces the right."""
    name = ("行级权限", "row-level right")
    upgrade = ("运行 ./wanmi db upgrade", "run ./wanmi db upgrade")
    if not enforced(connection):
        return Finding(
            "right", *name, "warn", "数据库尚未升级，没有权限可查", "the database is not upgraded: no right to look at", *upgrade
        )
    found = breaches(connection)
    if not found:
        return Finding("right", *name, "ok", "策略、视图与角色各就各位", "policies, views and roles are as they should be")
    zh, en = "；".join(each.zh for each in found[:3]), "; ".join(each.en for each in found[:3])
    return Finding(
        "right", *name, "fail", f"{zh}（共 {len(found)} 处）", f"{en} ({len(found)} in all)",
        "请查明是谁改的，改回后再运行 ./wanmi db upgrade 与 ./wanmi doctor",
        "find out who changed it, take it back, then run ./wanmi db upgrade and ./wanmi doctor",
    )  # fmt: skip


def _durable(connection: Connection) -> Finding:
    """Reads what keeps acknowledged writes, for the server and for each role and database of its own."""
    name = ("写入安全", "durability")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name || ' = ' || setting FROM pg_settings"
            " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'"
            " UNION ALL SELECT coalesce(r.rolname, '') || ' ' || coalesce(d.datname, '') || ' ' || kept"
            " FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole"
            " LEFT JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) AS kept"
            " WHERE kept = 'synchronous_commit=off'"
        )
        loose = [str(row[0]).strip() for row in cursor.fetchall()]
    if not loose:
        said = "fsync, full_page_writes, synchronous_commit = on"
        return Finding("durable", *name, "ok", said, said)
    listed = ", ".join(loose)
    return Finding(
        "durable",
        *name,
        "fail",
        f"{listed}：断电时会丢失已确认的写入",
        f"{listed}: a crash loses acknowledged writes",
        "请把它们设回 on",
        "set them back to on",
    )


def _database_clock(connection: Connection) -> Finding:
    name = ("数据库时钟", "database clock")
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        row = cursor.fetchone() or (before,)
    away = abs(float(row[0]) - (before + time.time()) / 2)
    zh, en = f"与本机相差 {away:.1f} 秒", f"{away:.1f} s from this machine's"
    if away <= CLOCK_SECONDS:
        return Finding("database_clock", *name, "ok", zh, en)
    return Finding("database_clock", *name, "warn", zh, en, "请校准两台机器的时钟", "set the clocks of both machines")


def _checked(key: str, name: tuple[str, str], said: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except PrepareError as error:
        return _failed(key, name, error)
    return Finding(key, *name, "ok", said, said)


def _failed(key: str, name: tuple[str, str], error: ClusterError | PrepareError) -> Finding:
    return Finding(key, *name, "fail", error.zh, error.en)
