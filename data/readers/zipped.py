"""Shapefiles in a ZIP: the one inside, or the one named; its parts are unpacked under our own names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from data.readers.archive import Archive, open_archive
from data.readers.formats import MOST_BYTES, check_parts
from data.readers.raw import RawTable, ReadRequest
from data.readers.shapefile import read_shapefile
from data.report import FileFault

__all__ = ["read_zipped"]

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
NEEDED = PARTS[:3]


def read_zipped(path: Path, request: ReadRequest, scratch: Path) -> RawTable:
    """Reads one Shapefile of an archive.

    Raises:
        FileFault: the archive is broken or hostile, holds no Shapefile, or several and none is named.
    """
    folder = scratch / "unpacked"
    folder.mkdir()
    with open_archive(path, MOST_BYTES["shapefile_zip"]) as archive:
        name, parts = _chosen(archive, request.source_layer)
        for suffix in NEEDED:
            if suffix not in parts:
                raise FileFault(
                    "shapefile_part",
                    f"压缩包中缺少 {name}{suffix}",
                    f"{name}{suffix} is missing in the archive",
                    value=name + suffix,
                )
        for suffix, member in parts.items():
            archive.unpack(member, folder / f"layer{suffix}")
    check_parts(folder / "layer.shp")
    table = read_shapefile(folder / "layer.shp", replace(request, source_layer=None), scratch)
    table.notes.insert(0, f"压缩包中的 {name}.shp / {name}.shp of the archive")
    return table


def _chosen(archive: Archive, wanted: str | None) -> tuple[str, dict[str, str]]:
    """Returns the Shapefile's path without suffix, and its members by suffix."""
    layers: dict[str, dict[str, str]] = {}
    for member in archive.members:
        plain = PurePosixPath(member.replace("\\", "/"))
        suffix = plain.suffix.lower()
        if suffix not in PARTS or "__MACOSX" in plain.parts or plain.name.startswith("._"):
            continue
        parts = layers.setdefault(str(plain.with_suffix("")), {})
        if suffix in parts:
            raise FileFault("zip_member", f"压缩包中有两个 {plain}", f"{plain} stands twice in the archive", field=member, value=member)
        parts[suffix] = member
    layers = {name: parts for name, parts in layers.items() if ".shp" in parts}
    if not layers:
        listed = "、".join(list(archive.members)[:10]) or "（空）"
        raise FileFault(
            "source_layer", f"压缩包中没有 .shp；有：{listed}", f"no .shp in the archive; it holds: {listed}", value=listed[:80]
        )
    found = [name for name in layers if wanted in (None, name, PurePosixPath(name).name)]
    if wanted in layers:
        found = [str(wanted)]
    if len(found) != 1:
        names = "、".join(layers)
        zh = f"压缩包中没有“{wanted}”；有：{names}" if not found else f"压缩包中有几个 Shapefile，请用 --source-layer 指明：{names}"
        en = f"there is no {wanted!r} in the archive; there are: {names}" if not found else f"name one with --source-layer: {names}"
        raise FileFault("source_layer", zh, en, field="source_layer", value=wanted or names)
    return found[0], layers[found[0]]
