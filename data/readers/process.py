"""The child process that opens a foreign file: ``python -m data.readers.process SCRATCH``, the request on stdin.

It limits itself before it touches the file (memory, processor time, size of what it writes, open files), has
no credentials and no proxy in its environment, and leaves its answer in the scratch folder: ``answer.json`` and a table, or
``fault.json``.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.readers.raw import RawTable, ReadRequest, save_table
from data.report import FileFault

__all__ = ["ANSWER", "FAULT", "limit", "read", "serve"]

FAULT = "fault.json"
ANSWER = "answer.json"
# Files at the limit of their format need about 5 GB (formats.MOST_BYTES).
LIMITS = {
    resource.RLIMIT_AS: 8 << 30,
    resource.RLIMIT_CPU: 900,
    resource.RLIMIT_FSIZE: 16 << 30,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_CORE: 0,
}


def limit(limits: dict[int, int] = LIMITS) -> None:
    """Lowers this process's limits; a hard limit that is lower already stays."""
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def read(request: ReadRequest, scratch: Path) -> RawTable:
    """Reads a file with the reader of its format; only that reader's libraries are loaded.

    Raises:
        FileFault: the file as a whole cannot be taken.
    """
    path = Path(request.path)
    if request.format == "shapefile":
        from data.readers.shapefile import read_shapefile

        return read_shapefile(path, request, scratch)
    if request.format == "shapefile_zip":
        from data.readers.zipped import read_zipped

        return read_zipped(path, request, scratch)
    if request.format == "flatgeobuf":
        from data.readers.flatgeobuf import read_flatgeobuf

        return read_flatgeobuf(path, scratch)
    if request.format == "xlsx":
        from data.readers.xlsx import read_xlsx

        return read_xlsx(path, request)
    if request.format == "osm":
        from data.readers.osm import read_osm

        return read_osm(path, request, scratch)
    if request.format == "geopackage":
        from data.readers.geopackage import read_geopackage

        return read_geopackage(path, request)
    from data.readers.formats import read_bytes

    data = read_bytes(path, request.format)
    if request.format == "geojson":
        from data.readers.geojson import read_geojson

        return read_geojson(data, request)
    from data.readers.delimited import read_delimited

    return read_delimited(data, request)


def serve(answer: Callable[[dict[str, Any], Path], dict[str, Any]]) -> None:
    """Does the task on stdin within the limits and leaves the answer, or the fault, in the scratch folder."""
    limit()
    scratch = Path(sys.argv[1])
    try:
        (scratch / ANSWER).write_text(json.dumps(answer(json.load(sys.stdin), scratch)), "utf-8")
    except FileFault as fault:
        _tell(scratch, fault)
    except MemoryError:
        _tell(
            scratch,
            FileFault("reader_memory", "读取文件所需内存超过限制", "reading the file needs more memory than allowed"),
        )


def _answer(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    save_table(read(ReadRequest(**task), scratch), scratch)
    return {}


def _tell(scratch: Path, fault: FileFault) -> None:
    document = {key: getattr(fault, key) for key in ("rule", "zh", "en", "field", "value", "row")}
    (scratch / FAULT).write_text(json.dumps(document), "utf-8")


if __name__ == "__main__":
    serve(_answer)
