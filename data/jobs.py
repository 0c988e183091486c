"""Imports as jobs: what the browser uploads is read, checked and written exactly as by ``wanmi import``, with the actor's right."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from data.importing import ImportSource, import_file
from data.readers.formats import EXTENSIONS, PACKED, format_of
from data.report import FileFault, ImportReport
from spatial.audit.record import Entry, record
from spatial.jobs.context import JobContext
from spatial.jobs.kinds import Kind, Outcome, Title

__all__ = ["IMPORT", "Uploads", "import_kind", "uploadable"]

IMPORT = "import"
# A Shapefile has several parts: it comes as .zip.
ALONE = (".shp",)
STAGES = {
    "read": Title("读取文件", "reading the file"),
    "values": Title("转换字段", "converting fields"),
    "copy": Title("送入数据库", "copying to the database"),
    "check": Title("检查几何与编码", "checking geometry and codes"),
    "insert": Title("写入图层", "writing the layer"),
}
FACTS = ("layer", "city", "read", "written", "refused", "set_aside", "faults", "failed", "rules", "notes", "seconds")
OPTIONS = ("x", "y", "crs", "datum", "encoding", "source_layer", "on_bad", "dry_run", "publisher", "licence", "title")
NAME = re.compile(r"[0-9a-f]{32}/upload(\.[a-z]{3,7}){1,2}")
# An upload without a job is one that is just being made, or one whose server died in between.
ORPHAN_SECONDS = 3600


def uploadable() -> list[str]:
    """Returns the endings of files that may be uploaded.

    >>> ".csv.gz" in uploadable(), ".shp" in uploadable()
    (True, False)
    """
    return [*(ending for ending in EXTENSIONS if ending not in ALONE), ".csv.gz", ".geojson.gz"]


@dataclass(frozen=True, slots=True)
class Uploads:
    """The folder of uploaded files; each has a folder of its own and a name of ours, the person's name is only told."""

    folder: Path

    def name_for(self, token: str, file: str) -> str:
        """Returns the name under which a file is kept.

        Raises:
            FileFault: not a kind of file that may be uploaded.
        """
        suffixes = [suffix.lower() for suffix in Path(file).suffixes]
        format_of(Path(file))
        kept = "".join(suffixes[-2:]) if suffixes[-1] == PACKED else suffixes[-1]
        if kept in ALONE:
            zh = "Shapefile 的各部分必须放在一起：请把 .shp、.shx、.dbf、.prj、.cpg 压缩成一个 .zip"
            raise FileFault("format", zh, "the parts of a Shapefile belong together: pack them into one .zip", value=file)
        return f"{token}/upload{kept}"

    def path(self, name: str) -> Path:
        """Returns where an upload lies.

        Raises:
            ValueError: not a name of ours.
        """
        if not NAME.fullmatch(name):
            raise ValueError(f"not an upload: {name!r}")
        return self.folder / name

    def remove(self, name: str) -> None:
        """Removes an upload with its folder."""
        shutil.rmtree(self.path(name).parent, ignore_errors=True)

    def sweep(self, wanted: Sequence[str]) -> None:
        """Removes what has no job and was not touched for an hour."""
        if not self.folder.is_dir():
            return
        kept = {name.partition("/")[0] for name in wanted}
        for entry in self.folder.iterdir():
            if entry.name not in kept and time.time() - _touched(entry) > ORPHAN_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)


def _touched(folder: Path) -> float:
    try:
        return max(item.stat().st_mtime for item in [folder, *folder.iterdir()])
    except FileNotFoundError:
        return time.time()


def import_kind(uploads: Uploads, most_running: int) -> Kind:
    """Returns the declaration of imports.

    Parameters of such a job are those of ``wanmi import``: ``layer city mapping constants x y crs datum encoding source_layer on_bad
    dry_run publisher licence title``, with ``file`` (the person's name of it) and ``upload`` (ours).
    """

    def run(context: JobContext, parameters: Mapping[str, Any]) -> Outcome:
        return _import(context, parameters, uploads)

    return Kind(
        IMPORT, Title("导入", "import"), "import", "import", run, STAGES, most_running=most_running, most_per_actor=5, timeout=3 * 3600,
        resumable=True, clean=lambda parameters: uploads.remove(parameters["upload"]),
        sweep=lambda unfinished: uploads.sweep([parameters["upload"] for parameters in unfinished]),
    )  # fmt: skip


def _import(context: JobContext, parameters: Mapping[str, Any], uploads: Uploads) -> Outcome:
    options = {key: parameters[key] for key in OPTIONS if key in parameters}
    source = ImportSource(
        uploads.path(parameters["upload"]), parameters["layer"], [tuple(pair) for pair in parameters.get("mapping", ())],
        [tuple(pair) for pair in parameters.get("constants", ())], file=parameters["file"], **options,
    )  # fmt: skip

    def also(connection: Connection, report: ImportReport) -> None:
        detail = {"file": report.file, "written": report.written, "set_aside": report.set_aside, "job": context.job.id}
        place = f"layer/{report.layer}"
        record(connection, Entry("import", "ok", context.job.actor, context.job.actor_name, object=place, detail=detail))
        context.written(connection)

    report = import_file(context.engine, context.registry, parameters.get("city"), source, context.progress, also, context.job.actor)
    facts = {key: getattr(report, key) for key in FACTS}
    failed = report.failed or report.refused > 0
    return Outcome(facts, report.as_text(), failed, _told(report, source.dry_run))


def _told(report: ImportReport, dry_run: bool) -> Title:
    """One sentence about a report."""
    if report.failed:
        first = report.rows[0]
        return Title(first.zh, first.en)
    if report.refused:
        zh = f"{report.read} 行中有 {report.refused} 行不合格，整份未写入"
        return Title(zh, f"{report.refused} of {report.read} rows break a rule; nothing was written")
    good = report.read - report.set_aside
    if dry_run:
        zh = f"试运行：{report.read} 行中有 {good} 行可以写入，未写入"
        en = f"dry run: {good} of {report.read} rows could be written, none was"
    else:
        zh, en = f"读取 {report.read} 行，写入 {report.written} 行", f"{report.read} rows read, {report.written} written"
    if report.set_aside:
        zh, en = f"{zh}；{report.set_aside} 行不合格，放在一边", f"{en}; {report.set_aside} that break a rule set aside"
    return Title(zh, en)
