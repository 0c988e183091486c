"""The allow-list of formats: chosen by the file's name, confirmed by its content, before any library opens it.

A file in disguise (a GDAL VRT named ``.geojson`` hands out the rows of another file, reliability_security.md §1.2) is
refused here, and again by the reader, which has no driver but the one chosen.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path

from data.readers.raw import FileFormat
from data.report import FileFault

__all__ = ["EXTENSIONS", "MOST_BYTES", "check_content", "check_parts", "format_of", "part_of", "read_bytes", "too_large"]

EXTENSIONS: dict[str, FileFormat] = {
    ".shp": "shapefile",
    ".zip": "shapefile_zip",
    ".gpkg": "geopackage",
    ".fgb": "flatgeobuf",
    ".geojson": "geojson",
    ".json": "geojson",
    ".csv": "csv",
    ".xlsx": "xlsx",
    ".osm": "osm",
}
PACKED = ".gz"
PACKABLE = ("geojson", "csv")
HEAD = 4096
SHAPEFILE_CODE = 9994
SQLITE_MAGIC = b"SQLite format 3\x00"
GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")
ZIP_MAGIC = b"PK\x03\x04"
FLATGEOBUF_MAGIC = b"fgb\x03fgb"
# No DOCTYPE before the root element, hence none at all (XML 1.0 §2.8): no entities, neither bombs nor files.
OSM_START = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*\?>)?\s*(<!--.*?-->\s*)*<osm[\s>]", re.DOTALL)
# How a file of the format begins, for those that one look tells.
STARTS: dict[FileFormat, tuple[str, re.Pattern[bytes]]] = {
    "shapefile_zip": ("ZIP", re.compile(re.escape(ZIP_MAGIC))),
    "xlsx": ("XLSX", re.compile(re.escape(ZIP_MAGIC))),
    "flatgeobuf": ("FlatGeobuf", re.compile(re.escape(FLATGEOBUF_MAGIC))),
    "osm": ("OSM XML", OSM_START),
}
# Counted as produced, never as a header says. Memory to read n bytes: GeoJSON 10-11 n, CSV 19 n (measured with 300,000
# and a million rows); the child has 8 GiB.
MOST_BYTES: dict[FileFormat, int] = {
    "geojson": 384 << 20,
    "csv": 256 << 20,
    "xlsx": 1 << 30,
    "osm": 512 << 20,
    "flatgeobuf": 1 << 30,
    "shapefile": 4 << 30,
    "shapefile_zip": 4 << 30,
    "geopackage": 16 << 30,
}


def format_of(path: Path) -> FileFormat:
    """Returns the format by the file's name.

    >>> format_of(Path("a/树.CSV.gz")), format_of(Path("b.shp"))
    ('csv', 'shapefile')

    Raises:
        FileFault: the name is not on the list.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    packed = bool(suffixes) and suffixes[-1] == PACKED
    suffix = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    found = EXTENSIONS.get(suffix[0])
    if found is None or (packed and found not in PACKABLE):
        raise FileFault(
            "format",
            f"不支持这种文件；可导入：{'、'.join(EXTENSIONS)}，以及 .csv.gz、.geojson.gz",
            f"this kind of file is not taken; known: {', '.join(EXTENSIONS)} and .csv.gz, .geojson.gz",
            value=path.name,
        )
    return found


def check_content(path: Path, kind: FileFormat) -> None:
    """Checks that a file is what its name says.

    Raises:
        FileFault: not there, empty, in disguise, or too large.
    """
    if not path.is_file():
        raise FileFault("file_missing", f"找不到文件 {path.name}", f"there is no file {path.name}", value=str(path))
    size = path.stat().st_size
    if size == 0:
        raise FileFault("empty", "文件是空的", "the file is empty", value=path.name)
    if size > MOST_BYTES[kind]:
        raise too_large(kind, size)
    with path.open("rb") as file:
        head = file.read(HEAD)
    if path.suffix.lower() == PACKED:
        if not head.startswith(b"\x1f\x8b"):
            raise _disguised(head, "gzip")
        return
    if kind == "shapefile":
        check_parts(path)
    elif kind == "geopackage":
        if not head.startswith(SQLITE_MAGIC) or head[68:72] not in GEOPACKAGE_IDS:
            raise _disguised(head, "GeoPackage")
    elif kind in STARTS:
        title, start = STARTS[kind]
        if not start.match(head):
            raise _disguised(head, title)
    else:
        check_text(head, kind)


def check_parts(path: Path) -> None:
    """Checks that a Shapefile is one and has its parts beside it.

    Raises:
        FileFault: in disguise, or a part is missing.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or struct.unpack(">i", head[:4])[0] != SHAPEFILE_CODE:
        raise _disguised(head, "Shapefile")
    for suffix in (".shx", ".dbf"):
        if part_of(path, suffix) is None:
            raise FileFault(
                "shapefile_part",
                f"缺少 {path.stem}{suffix}：Shapefile 的各部分必须放在一起",
                f"{path.stem}{suffix} is missing: the parts of a Shapefile belong together",
                value=path.stem + suffix,
            )


def check_text(head: bytes, kind: FileFormat) -> None:
    """Refuses what cannot be text of this format.

    Raises:
        FileFault: XML, an archive, or binary content.
    """
    title = {"geojson": "GeoJSON", "csv": "CSV"}[kind]
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\x00" in head and not wide:
        raise _disguised(head, title)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<", b"PK\x03\x04", b"%PDF", b"\x1f\x8b")) or (kind == "geojson" and not wide and not start.startswith(b"{")):
        raise _disguised(head, title)


def _disguised(head: bytes, title: str) -> FileFault:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    what = ""
    for magic, name in (
        (b"<OGRVRT", "VRT"),
        (b"<VRT", "VRT"),
        (b"<", "XML"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x1f\x8b", "gzip"),
        (b"SQLite", "SQLite"),
        (b"%PDF", "PDF"),
    ):
        if start.startswith(magic):
            what = name
            break
    zh = f"文件内容不是 {title}" + (f"，而是 {what}" if what else "") + "；未打开"
    en = f"the content is not {title}" + (f" but {what}" if what else "") + "; it was not opened"
    return FileFault("content", zh, en, value=repr(start[:24])[2:-1])


def too_large(kind: FileFormat, size: int) -> FileFault:
    """Returns the fault of a file beyond the limit of its format."""
    most = MOST_BYTES[kind] >> 20
    return FileFault(
        "too_large",
        f"文件超过 {most} MB；请分成几份，或改用 GeoPackage",
        f"more than {most} MB; split the file or use a GeoPackage",
        value=f"{size >> 20} MB",
    )


def part_of(path: Path, suffix: str) -> Path | None:
    """Returns the part of a Shapefile with this suffix, whatever its case, or None."""
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    return next((item for item in path.parent.iterdir() if item.stem == path.stem and item.suffix.lower() == suffix), None)


def read_bytes(path: Path, kind: FileFormat) -> bytes:
    """Returns the content of a text file, unpacked when it is gzipped; counts the bytes produced.

    Raises:
        FileFault: truncated or broken gzip, too large, or not this kind of text.
    """
    most = MOST_BYTES[kind]
    if path.suffix.lower() != PACKED:
        data = path.read_bytes()
    else:
        pieces: list[bytes] = []
        done = 0
        try:
            with gzip.open(path, "rb") as file:
                while piece := file.read(1 << 20):
                    done += len(piece)
                    if done > most:
                        raise too_large(kind, done)
                    pieces.append(piece)
        except EOFError:
            raise FileFault(
                "gzip",
                f"gzip 文件不完整：解出 {done} 字节后中断",
                f"the gzip file is cut off after {done} unpacked bytes",
                value=f"{done}",
            ) from None
        except (OSError, zlib.error) as error:
            raise FileFault("gzip", "gzip 文件已损坏", "the gzip file is broken", value=str(error)[:80]) from None
        data = b"".join(pieces)
    if not data.strip():
        raise FileFault("empty", "文件是空的", "the file is empty", value=path.name)
    check_text(data[:HEAD], kind)
    return data
