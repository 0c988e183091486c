"""Opening a foreign file: checks its name and content, then has a limited child process read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from data.readers.formats import check_content, format_of
from data.readers.process import ANSWER, FAULT
from data.readers.raw import FileFormat, RawTable, ReadRequest, load_table
from data.report import FileFault

__all__ = ["RASTER", "Drivers", "environment", "read_file", "run_child"]


@dataclass(frozen=True, slots=True)
class Drivers:
    """The GDAL drivers that a child may have, of the GDAL that this library's wheel brings."""

    library: Literal["pyogrio", "rasterio"] = "pyogrio"
    allowed: tuple[str, ...] = ()


# A format that GDAL does not read gets no driver at all.
VECTOR: dict[FileFormat, Drivers] = {
    "shapefile": Drivers(allowed=("ESRI Shapefile",)),
    "shapefile_zip": Drivers(allowed=("ESRI Shapefile",)),
    "flatgeobuf": Drivers(allowed=("FlatGeobuf",)),
    "osm": Drivers(allowed=("OSM",)),
}
# COG and MEM read no file; the pixels are copied through them.
RASTER = Drivers("rasterio", ("GTiff", "netCDF", "COG", "MEM"))

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
        run_child("data.readers.process", asdict(request), Path(name), VECTOR.get(kind, Drivers()))
        return load_table(Path(name))


def run_child(module: str, task: dict[str, Any], scratch: Path, drivers: Drivers) -> dict[str, Any]:
    """Has a limited child process do a task; what it leaves lies in the scratch folder.

    Raises:
        FileFault: what the child says, or that it was stopped.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, str(scratch)],
            input=json.dumps(task),
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            cwd=scratch,
            env=environment(drivers=drivers),
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FileFault("reader_time", f"读取超过 {SECONDS} 秒，已中止", f"reading took more than {SECONDS} seconds") from None
    if (scratch / FAULT).is_file():
        raise FileFault(**json.loads((scratch / FAULT).read_text("utf-8")))
    if done.returncode != 0:
        raise _crashed(done.returncode, done.stderr)
    found: dict[str, Any] = json.loads((scratch / ANSWER).read_text("utf-8"))
    return found


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


@lru_cache(maxsize=2)
def _known(library: str) -> frozenset[str]:
    if library == "pyogrio":
        import pyogrio

        return frozenset(pyogrio.list_drivers())
    import rasterio

    with rasterio.Env() as env:
        return frozenset(env.drivers())


def environment(given: Mapping[str, str] | None = None, drivers: Drivers = Drivers()) -> dict[str, str]:
    """Returns the child's environment: every GDAL driver but those allowed is skipped, nothing may be fetched."""
    names = os.environ if given is None else given
    kept = {key: names[key] for key in KEPT if key in names}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "GDAL_SKIP": ",".join(sorted(_known(drivers.library) - set(drivers.allowed))),
        "PROJ_NETWORK": "OFF",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
        "SHAPE_RESTORE_SHX": "NO",
    }
