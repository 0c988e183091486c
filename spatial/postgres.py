"""The programs of PostgreSQL: finding them, checking PostGIS and running them as an unprivileged account."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grid_coding.errors import BilingualError
from spatial.place import account_name

__all__ = [
    "MINIMUM_POSTGIS",
    "MINIMUM_POSTGRES",
    "Account",
    "ClusterError",
    "DiskShort",
    "PostgisMissing",
    "PostgresMissing",
    "Programs",
    "StartFailed",
    "StateUnusable",
    "find_programs",
    "program_folders",
    "run_as",
]

MINIMUM_POSTGRES = 15
MINIMUM_POSTGIS = (3, 3)
EXTENSIONS = ("postgis", "pg_trgm", "btree_gist")


class ClusterError(BilingualError):
    """The private database cannot do what was asked; ``zh`` and ``en`` are one sentence each for people."""


class PostgresMissing(ClusterError):
    """No PostgreSQL of a sufficient version is installed."""


class PostgisMissing(ClusterError):
    """PostgreSQL is there, PostGIS is missing or too old."""


class StateUnusable(ClusterError):
    """The state folder cannot be made, read or entered."""


class DiskShort(ClusterError):
    """There is too little free disk space."""


class StartFailed(ClusterError):
    """The database did not start or stop; the message carries the log's last words."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account that database programs run as; ``switch`` is False when it is our own."""

    name: str
    uid: int
    gid: int
    switch: bool

    @classmethod
    def for_folder(cls, data: Path) -> Account:
        """Returns ourselves, or for root the owner of the data folder, else the unprivileged account.

        Raises:
            StateUnusable: we are root and the account does not exist.
        """
        if os.geteuid() != 0:
            return cls._of(pwd.getpwuid(os.geteuid()), switch=False)
        if data.exists() and (owner := data.stat().st_uid) != 0:
            return cls._of(pwd.getpwuid(owner), switch=True)
        name = account_name()
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            entry = None
        if entry is None or entry.pw_uid == 0:
            raise StateUnusable(
                f"数据库不能以 root 运行，而系统中没有可用的账户 {name}；请用 WANMI_RUN_AS 指定一个普通账户",
                f"the database refuses root and there is no usable account {name}; name one with WANMI_RUN_AS",
            )
        return cls._of(entry, switch=True)

    @classmethod
    def _of(cls, entry: pwd.struct_passwd, *, switch: bool) -> Account:
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, switch)

    def take(self, path: Path) -> None:
        """Gives a file or folder to the account (nothing to do when it is ourselves)."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True, slots=True)
class Programs:
    """One installed PostgreSQL: its folder of programs, its version and its PostGIS."""

    folder: Path
    major: int
    version: str
    postgis: tuple[int, ...] | None

    def path(self, name: str) -> str:
        """Returns the path of one program, e.g. ``pg_ctl``."""
        return str(self.folder / name)


def run_as(
    account: Account, command: Sequence[str], *, cwd: Path, given: str | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Runs a program as the account, in a session of its own so that a Ctrl-C on the terminal passes it by.

    The environment is made new: a stray ``PGPORT`` or ``PGOPTIONS`` would lead to another server.
    """
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "LOGNAME": account.name,
        "USER": account.name,
    }
    try:
        return subprocess.run(
            list(command),
            cwd=cwd,
            env=environment,
            input="" if given is None else given,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account.switch else None,
            group=account.gid if account.switch else None,
            extra_groups=[] if account.switch else None,
        )
    except PermissionError as error:
        raise StateUnusable(
            f"账户 {account.name} 无法运行 {command[0]} 或进入 {cwd}（{error.strerror}）",
            f"account {account.name} cannot run {command[0]} or enter {cwd} ({error.strerror})",
        ) from None


def find_programs(folders: Iterable[Path] | None = None, *, major: int | None = None) -> Programs:
    """Returns the newest PostgreSQL (≥ 15) that has PostGIS (≥ 3.3); ``major`` asks for one version only.

    Raises:
        PostgresMissing: none of the version is installed.
        PostgisMissing: there is one, without PostGIS or with one too old.
    """
    found = [programs for folder in (program_folders() if folders is None else folders) if (programs := _look(folder))]
    fitting = [one for one in found if (one.major == major if major else one.major >= MINIMUM_POSTGRES)]
    if not fitting:
        raise _postgres_missing(found, major)
    complete = [one for one in fitting if one.postgis is not None and one.postgis >= MINIMUM_POSTGIS]
    if complete:
        return max(complete, key=lambda one: one.major)
    best = max(fitting, key=lambda one: one.major)
    package = f"postgresql-{best.major}-postgis-3"
    if best.postgis is None:
        raise PostgisMissing(
            f"PostgreSQL {best.version} 没有安装 PostGIS；请安装 {package}",
            f"PostgreSQL {best.version} has no PostGIS; install {package}",
        )
    version = ".".join(map(str, best.postgis))
    raise PostgisMissing(
        f"PostGIS {version} 版本过低，至少需要 3.3；请升级 {package}",
        f"PostGIS {version} is too old, at least 3.3 is needed; upgrade {package}",
    )


def _postgres_missing(found: Sequence[Programs], major: int | None) -> PostgresMissing:
    seen = "、".join(sorted(one.version for one in found))
    has_zh, has_en = (f"（现有 {seen}）", f" (found {seen})") if seen else ("", "")
    if major:
        return PostgresMissing(
            f"现有数据由 PostgreSQL {major} 建立，未找到该版本{has_zh}；请安装 postgresql-{major}-postgis-3",
            f"the data were made by PostgreSQL {major}, which is not installed{has_en}; install postgresql-{major}-postgis-3",
        )
    return PostgresMissing(
        f"未找到 PostgreSQL {MINIMUM_POSTGRES} 或更高版本{has_zh}；请安装 postgresql-NN-postgis-3",
        f"no PostgreSQL {MINIMUM_POSTGRES} or newer was found{has_en}; install postgresql-NN-postgis-3",
    )


def program_folders() -> list[Path]:
    """Lists where distributions put the programs; ``WANMI_POSTGRES`` names the folder outright."""
    named = os.environ.get("WANMI_POSTGRES")
    if named:
        return [Path(named)]
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    return folders or [Path("/usr/local/pgsql/bin"), Path("/usr/local/bin"), Path("/usr/bin")]


def _look(folder: Path) -> Programs | None:
    """Looks at one folder of programs; None when PostgreSQL's server is not in it."""
    if not all((folder / name).is_file() for name in ("postgres", "initdb", "pg_ctl")):
        return None
    try:
        said = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\s(\d+)(\S*)", said.stdout)
    if not match:
        return None
    major = int(match[1])
    return Programs(folder, major, match[1] + match[2], _postgis(folder, major))


def _postgis(folder: Path, major: int) -> tuple[int, ...] | None:
    """Reads the offered PostGIS version from its control file, as no server runs yet."""
    share = folder.parent / "share"
    shares = [share, share / "postgresql", share / "pgsql"]
    if folder == Path(f"/usr/lib/postgresql/{major}/bin"):  # Debian and Ubuntu
        shares.append(Path(f"/usr/share/postgresql/{major}"))
    for share in shares:
        control = share / "extension" / "postgis.control"
        if not control.is_file():
            continue
        version = re.search(r"^default_version\s*=\s*'(\d+)\.(\d+)(?:\.(\d+))?", control.read_text("utf-8"), re.MULTILINE)
        if version and all((share / "extension" / f"{name}.control").is_file() for name in EXTENSIONS):
            return tuple(int(part) for part in version.groups() if part)
    return None
