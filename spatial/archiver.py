"""pg_dump and pg_restore: found for the server's version, run as ourselves, the password only in their environment.

They are clients: unlike the server they run as root too, so a dump can be written wherever we may write.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from psycopg2.extensions import make_dsn, parse_dsn

from grid_coding.errors import BilingualError
from spatial.postgres import program_folders

__all__ = ["ArchiveError", "Archiver", "Section", "find_archiver"]

Section = Literal["pre-data", "data", "post-data"]
JOBS = 2
LOCK_WAIT = "60s"


class ArchiveError(BilingualError):
    """pg_dump or pg_restore is missing or failed; ``zh`` and ``en`` are one sentence each for people."""


@dataclass(frozen=True, slots=True)
class Archiver:
    """The two programs of one version."""

    folder: Path
    major: int

    def dump(self, dsn: str, target: Path, *, snapshot: str, schemas: Sequence[str]) -> None:
        """Writes the schemas, as one exported snapshot shows them, into a new folder (format ``directory``).

        Extensions are not among them: the administrator's part makes those (``spatial.prepare``).
        """
        place, environment = _secretly(dsn)
        command = [str(self.folder / "pg_dump"), "--no-password", f"--dbname={place}", "--format=directory", f"--jobs={JOBS}"]
        command += [f"--file={target}", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_WAIT}", "--no-sync"]
        self._run([*command, *(f'--schema="{schema}"' for schema in schemas)], environment)

    def read(self, archive: Path) -> None:
        """Reads an archive to its end and throws the statements away; listing its contents would pass a truncated one."""
        self._run([str(self.folder / "pg_restore"), "--file=/dev/null", str(archive)], {})

    def restore(self, dsn: str, archive: Path, section: Section) -> None:
        """Restores one section of an archive; everything becomes the property of the connecting role."""
        place, environment = _secretly(dsn)
        command = [str(self.folder / "pg_restore"), "--no-password", f"--dbname={place}", f"--section={section}", "--exit-on-error"]
        jobs = 1 if section == "pre-data" else JOBS  # definitions are made one after the other in any case
        self._run([*command, "--no-owner", "--no-tablespaces", f"--jobs={jobs}", str(archive)], environment)

    def _run(self, command: Sequence[str], secret: dict[str, str]) -> None:
        """Runs a program to its end; whatever ends us meanwhile ends its whole process group too.

        It gets libpq's variables and the home folder (``.pgpass``), as our own connection has them: both end at one server.
        """
        ours = {key: value for key, value in os.environ.items() if key.startswith("PG") or key == "HOME"}
        environment = {**ours, "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **secret}
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace", start_new_session=True, umask=0o077,
        )  # fmt: skip
        try:
            _nothing, said = process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.returncode:
            raise _failed(Path(command[0]).name, process.returncode, said)


def find_archiver(major: int, folders: Iterable[Path] | None = None) -> Archiver:
    """Returns the oldest installed pg_dump and pg_restore that understand a server of the version.

    Args:
        major: of the server; an older pg_dump refuses it.
        folders: where to look; by default where the server's programs are looked for, then the ``PATH``.

    Raises:
        ArchiveError: none is installed.
    """
    places = list(program_folders() if folders is None else folders)
    if folders is None and (known := shutil.which("pg_dump")) is not None:
        places.append(Path(known).parent)
    found = [archiver for place in places if (archiver := _look(place)) is not None and archiver.major >= major]
    if not found:
        raise ArchiveError(
            f"未找到 PostgreSQL {major} 的 pg_dump 与 pg_restore；请安装 postgresql-client-{major}",
            f"no pg_dump and pg_restore of PostgreSQL {major} were found; install postgresql-client-{major}",
        )
    return min(found, key=lambda archiver: archiver.major)


def _look(folder: Path) -> Archiver | None:
    """Looks at one folder; None unless both programs are in it and have one version."""
    versions = set()
    for name in ("pg_dump", "pg_restore"):
        try:
            said = subprocess.run([str(folder / name), "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
        except (OSError, subprocess.SubprocessError):
            return None
        match = re.search(r"\s(\d+)", said)
        versions.add(int(match[1]) if match else None)
    major = versions.pop()
    return Archiver(folder, major) if major is not None and not versions else None


def _secretly(dsn: str) -> tuple[str, dict[str, str]]:
    """Splits a connection into what may stand on a command line, where everybody reads it, and the child's environment.

    >>> _secretly("postgresql://li:geheim@127.0.0.1:5432/wanmi")
    ('user=li dbname=wanmi host=127.0.0.1 port=5432', {'PGPASSWORD': 'geheim'})
    """
    known = parse_dsn(dsn)
    if "sslpassword" in known:
        raise ArchiveError(
            "连接中的 sslpassword 不能安全地交给 pg_dump；请改用不加密的客户端密钥或口令登录",
            "sslpassword cannot be handed to pg_dump in secret; use a client key without one, or a password",
        )
    password = known.pop("password", None)
    return make_dsn(**known), {} if password is None else {"PGPASSWORD": password}


def _failed(program: str, code: int, said: str) -> ArchiveError:
    """Turns a program's last words into an error."""
    if "No space left on device" in said:
        return ArchiveError(f"磁盘已满，{program} 中止；请腾出空间后重试", f"the disk is full, {program} gave up; make room and try again")
    lines = [line.strip() for line in said.splitlines() if re.search(r"error:|FATAL|ERROR", line)]
    reason = "; ".join(lines[-2:]) or (f"signal {-code}" if code < 0 else f"exit code {code}")
    return ArchiveError(f"{program} 失败：{reason}", f"{program} failed: {reason}")
