"""Where the house keeps its state: checkout, state folder and the account of the database.

Standard library only: the bash entry runs this file with the system's Python before any package is
installed (``python place.py`` prints the state folder), so that both agree on one rule.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["DATA_FOLDER", "account_name", "checkout", "fallback_folder", "give_to_owner", "raster_folder", "state_folder"]

DATA_FOLDER = "postgres"
DEFAULT_ACCOUNT = "postgres"


def checkout() -> Path:
    """Returns the folder of the checkout, or the current folder when installed as a package."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def account_name(environment: Mapping[str, str] | None = None) -> str:
    """Returns the account that runs the database's programs when we are root.

    >>> account_name({}), account_name({"WANMI_RUN_AS": "city"})
    ('postgres', 'city')
    """
    names = os.environ if environment is None else environment
    return names.get("WANMI_RUN_AS") or DEFAULT_ACCOUNT


def fallback_folder(root: Path, uid: int, environment: Mapping[str, str]) -> Path:
    """Returns the state folder for a checkout that cannot hold it: the system's or the user's own.

    >>> fallback_folder(Path("/x"), 0, {}).parent.as_posix()
    '/var/lib/wanmi'
    >>> fallback_folder(Path("/x"), 1000, {"XDG_STATE_HOME": "/home/li/.state"}).parent.as_posix()
    '/home/li/.state/wanmi'
    """
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    if uid == 0:
        return Path("/var/lib/wanmi") / key
    home = environment.get("XDG_STATE_HOME")
    base = Path(home) if home else Path(environment.get("HOME") or pwd.getpwuid(uid).pw_dir) / ".local" / "state"
    return base / "wanmi" / key


def state_folder(given: Path | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """Returns the state folder: absolute as given; relative ones belong to the checkout.

    The checkout is passed over when it cannot be written, or when the database's account cannot walk
    into it (PostgreSQL refuses root). A folder that already holds a cluster keeps being used.
    """
    names = os.environ if environment is None else environment
    wanted = given if given is not None else Path(names.get("WANMI_STATE_DIR") or "var")
    if wanted.is_absolute():
        return wanted
    root = checkout()
    own = root / wanted
    fallback = fallback_folder(root, os.geteuid(), names)
    for folder in (own, fallback):
        if (folder / DATA_FOLDER).is_dir():
            return folder
    return own if _usable(own, account_name(names)) else fallback


def raster_folder(given: Path, state: Path) -> Path:
    """Returns the folder of raster files; a relative one lies in the (given) state folder.

    >>> raster_folder(Path("rasters"), Path("/x/var")).as_posix(), raster_folder(Path("/big/rasters"), Path("/x/var")).as_posix()
    ('/x/var/rasters', '/big/rasters')
    """
    return given if given.is_absolute() else state_folder(state) / given


def give_to_owner(descriptor: int, folder: Path) -> None:
    """Gives a file that root has just made to the owner of its folder: a ``sudo wanmi`` must not lock the user out."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _usable(folder: Path, account: str) -> bool:
    """Tells whether the folder can be made and, for root, entered by the database's account."""
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    if not os.access(nearest, os.W_OK | os.X_OK):
        return False
    if os.geteuid() != 0:
        return True
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        return True  # no such account yet: then no private cluster is meant to run here
    probe = ["test", "-x", str(nearest)]
    try:
        done = subprocess.run(probe, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.stdout.buffer.write(os.fsencode(state_folder()) + b"\n")
