"""ZIP archives from strangers: every member is judged by its name and flags before one byte is unpacked.

What is unpacked is counted as produced; nothing is ever written under a name that the archive gives.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data.readers.encodings import decode
from data.report import FileFault

__all__ = ["Archive", "open_archive"]

MOST_MEMBERS = 10_000
# DEFLATE packs 1032 : 1 at most and honest tables reach some 100 : 1; small members may be what they like.
MOST_RATIO, SMALL = 200, 64 << 20
PIECE = 1 << 20
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 0x1
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Archive:
    """An open archive whose members have been judged, by their readable names."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    most: int

    def pieces(self, name: str) -> Iterator[bytes]:
        """Unpacks a member piece by piece.

        Raises:
            FileFault: broken, or it unpacks to too much.
        """
        info = self.members[name]
        done = 0
        try:
            with self.file.open(info) as member:
                while piece := member.read(PIECE):
                    done += len(piece)
                    if done > self.most or (done > SMALL and done > MOST_RATIO * max(1, info.compress_size)):
                        raise FileFault(
                            "zip_bomb",
                            f"压缩包成员“{name}”解压后过大（已解出 {done >> 20} MB），已停止",
                            f"member {name!r} unpacks to too much (stopped after {done >> 20} MB)",
                            field=name,
                            value=f"{info.compress_size} → {done}",
                        )
                    yield piece
        except BROKEN as error:
            raise _broken(name, error) from None

    def unpack(self, name: str, target: Path) -> None:
        """Unpacks a member into a file of our own naming.

        Raises:
            FileFault: broken, or it unpacks to too much.
        """
        with target.open("wb") as file:
            for piece in self.pieces(name):
                file.write(piece)


@contextmanager
def open_archive(path: Path, most: int) -> Iterator[Archive]:
    """Opens an archive and judges all its members.

    Raises:
        FileFault: broken, too many members, encrypted, a link, a path that leads out of the archive, a name twice.
    """
    try:
        file = zipfile.ZipFile(path)
    except BROKEN as error:
        raise _broken("", error) from None
    with file:
        infos = file.infolist()
        if len(infos) > MOST_MEMBERS:
            raise FileFault("zip", f"压缩包成员超过 {MOST_MEMBERS} 个", f"more than {MOST_MEMBERS} members", value=str(len(infos)))
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = _name(info)
            _judge(name, info)
            if name in members:
                raise _refused(name, "出现两次", "stands twice")
            if not info.is_dir():
                members[name] = info
        if sum(info.file_size for info in members.values()) > most:
            raise FileFault("zip_bomb", f"压缩包解压后超过 {most >> 20} MB", f"the archive unpacks to more than {most >> 20} MB")
        yield Archive(file, members, most)


def _name(info: zipfile.ZipInfo) -> str:
    """Returns the member's name: Windows writes it in the local code page and sets no flag."""
    if info.flag_bits & UTF8_FLAG:
        return info.orig_filename
    data = info.orig_filename.encode("cp437", "replace")
    try:
        return decode(data).text
    except FileFault:  # both GB18030 and Big5 fit, Big5 better
        return data.decode("cp950")


def _judge(name: str, info: zipfile.ZipInfo) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or name[1:2] == ":" or ".." in parts or "\x00" in name:
        raise _refused(name, "路径指向压缩包之外", "leads out of the archive")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _refused(name, "是链接", "is a link")
    if info.flag_bits & ENCRYPTED_FLAG:
        raise _refused(name, "已加密", "is encrypted")


def _refused(name: str, zh: str, en: str) -> FileFault:
    shown = name.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")[:80]
    return FileFault("zip_member", f"压缩包成员“{shown}”{zh}，不接受", f"member {shown!r} {en}; it is not taken", field=shown, value=shown)


def _broken(name: str, error: Exception) -> FileFault:
    where = f"成员“{name}”" if name else ""
    member = f"member {name!r} of " if name else ""
    return FileFault(
        "zip", f"压缩包{where}不完整或已损坏", f"{member}the archive is cut off or broken", field=name or None, value=str(error)[:80]
    )
