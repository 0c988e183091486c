"""Running things as somebody else, for tests that root runs."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["as_nobody", "python_for_nobody", "root_only"]

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def as_nobody(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command as the account ``nobody``."""
    entry = pwd.getpwnam("nobody")
    settings: dict[str, object] = {"capture_output": True, "text": True, "check": False, "timeout": 120} | options
    return subprocess.run(command, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], **settings)  # type: ignore[call-overload, no-any-return]


def python_for_nobody(*modules: str) -> tuple[str, dict[str, str]]:
    """Returns a Python that ``nobody`` may run, with our packages; skips the test when there is none."""
    packages = [str(Path(module.__file__).parent.parent) for name in modules if (module := sys.modules.get(name))]
    root = str(Path(__file__).resolve().parents[2])
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join([root, *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            probe = "import " + ", ".join(("sys", "spatial.cluster", *modules))
            if as_nobody([candidate, "-c", probe], env=environment, cwd="/").returncode == 0:
                return candidate, environment
        except OSError:
            continue
    pytest.skip("no Python with our packages that the account nobody may run")
