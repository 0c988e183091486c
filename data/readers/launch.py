"""Opening a foreign file: checks its name and content, then has a limited child process read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from data.readers.formats import check_content, format_of
from data.readers.process import FAULT
from data.readers.raw import RawTable, ReadRequest, load_table
from data.readers.shapefile import DRIVER
from data.report import FileFault

__all__ = ["environment", "read_file"]

SECONDS = 1800
ROOT = Path(__file__).resolve().parents[2]
# What a child needs of our environment; no credentials, no proxies, no settings of ours.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def read_file(
    path: Path,
    *,
    encoding: str | None = None,
    source_layer: str | None = None,
    x: str | None = None,
    y: str | None = None,
) -> RawTable:
    """Reads a file of the allow-list.

    Raises:
        FileFault: not there, in disguise, broken, or beyond the limits.
    """
    kind = format_of(path)
    check_content(path, kind)
    request = ReadRequest(str(path.resolve()), kind, encoding, source_layer, x, y)
    with tempfile.TemporaryDirectory(prefix="wanmi-import-") as name:
        scratch = Path(name)
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "data.readers.process", str(scratch)],
                input=json.dumps(asdict(request)),
                encoding="utf-8",
                errors="replace",
                capture_output=True,
                cwd=scratch,
                env=environment(),
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FileFault("reader_time", f"读取超过 {SECONDS} 秒，已中止", f"reading took more than {SECONDS} seconds") from None
        if (scratch / FAULT).is_file():
            raise FileFault(**json.loads((scratch / FAULT).read_text("utf-8")))
        if done.returncode != 0:
            raise _crashed(done.returncode, done.stderr)
        return load_table(scratch)


def _crashed(code: int, said: str) -> FileFault:
    last = said.strip().rsplit("\n", 1)[-1][:80]
    if code < 0:
        return FileFault(
            "reader_limit",
            "读取进程被系统中止（超出时间或内存限制）",
            "the reading process was stopped (time or memory)",
            value=f"signal {-code}",
        )
    return FileFault("reader", "文件无法读取", "the file cannot be read", value=last)


@lru_cache(maxsize=1)
def _other_drivers() -> str:
    import pyogrio

    return ",".join(sorted(set(pyogrio.list_drivers()) - {DRIVER}))


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the child's environment: every GDAL driver but ours is skipped, nothing may be fetched."""
    names = os.environ if given is None else given
    kept = {key: names[key] for key in KEPT if key in names}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "GDAL_SKIP": _other_drivers(),
        "PROJ_NETWORK": "OFF",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
        "SHAPE_RESTORE_SHX": "NO",
    }
