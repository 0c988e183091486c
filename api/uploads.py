"""A multipart form with one file, taken from the stream: fields in memory, the file straight to a place of ours.

Nothing of it is believed: the file's name is only told, sizes are counted as they come (api.security.BodyLimit), and whatever
ends the request early leaves no file behind.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from api.dependencies import checked_text
from api.errors import ApiError, bad_request

__all__ = ["Form", "file_name", "receive"]

FILE = "file"
MOST_FIELDS = 200
MOST_FIELD_BYTES = 4000
MOST_NAME = 200
# "client closed request": nobody is there to read it, but logs are
GONE = 499


@dataclass(slots=True)
class Form:
    """What was sent: texts by field in their order, the person's name of the file, where it lies, its size in bytes."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    file: str = ""
    path: Path | None = None
    size: int = 0

    def one(self, name: str) -> str | None:
        """Returns the value of a field that may be there once; None where it is empty or not there.

        Raises:
            ApiError: it is there more than once.
        """
        values = self.fields.get(name, [])
        if len(values) > 1:
            raise bad_request("invalid-parameter", f"字段“{name}”只能有一个", f"the field {name!r} may be given once", name)
        return (values[0].strip() or None) if values else None


def file_name(given: str) -> str:
    """Returns the last part of a file's name as somebody sent it.

    >>> file_name("C:\\\\data\\\\古树.csv"), file_name("../../etc/树.geojson")
    ('古树.csv', '树.geojson')

    Raises:
        ApiError: nothing is left, it is too long, or it holds characters that no name has.
    """
    name = given.replace("\\", "/").rpartition("/")[2].strip()
    if not name.strip(".") or len(name) > MOST_NAME or not name.isprintable():
        zh, en = f"文件名应为 1–{MOST_NAME} 个可显示的字", f"a file name has 1 to {MOST_NAME} printable characters"
        raise bad_request("file-name", zh, en, FILE, name.encode("ascii", "backslashreplace").decode()[:80])
    return name


async def receive(request: Request, known: Collection[str], place: Callable[[str], Path]) -> Form:
    """Reads the form of a request.

    Args:
        known: fields that may be sent beside ``file``.
        place: where the file of this name is to be written; may refuse it.

    Raises:
        ApiError: not such a form, an unknown field, no file or two, too large, or the sender went away.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(415, "media-type", "请用 multipart/form-data 上传", "upload as multipart/form-data")
    form = Form()
    parts = _Parts(form, known, place)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin, "on_header_field": parts.header_field, "on_header_value": parts.header_value,
                "on_header_end": parts.header_end, "on_headers_finished": parts.headers_finished, "on_part_data": parts.data,
                "on_part_end": parts.end, "on_end": parts.finish,
            },
        )  # fmt: skip
        async for chunk in request.stream():
            parser.write(chunk)
        parts.check_whole()
    except FormParserError:
        parts.drop()
        raise _broken() from None
    except ClientDisconnect:
        parts.drop()
        raise ApiError(GONE, "gone", "上传中断", "the upload was broken off") from None
    except OSError as error:
        parts.drop()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ApiError(507, "disk-full", "服务器磁盘已满，无法接收文件", "the server's disk is full") from None
        raise
    except BaseException:
        parts.drop()
        raise
    return form


def _broken() -> ApiError:
    return bad_request("multipart", "上传的内容不完整或格式有误", "the uploaded form is incomplete or malformed")


class _Parts:
    """Takes the parts of a form as the parser finds them."""

    def __init__(self, form: Form, known: Collection[str], place: Callable[[str], Path]) -> None:
        self.form = form
        self.known = known
        self.place = place
        self.headers: dict[bytes, bytes] = {}
        self.key, self.value = bytearray(), bytearray()
        self.name = ""
        self.text = bytearray()
        self.open: BinaryIO | None = None
        self.whole = False
        self.count = 0

    def begin(self) -> None:
        self.headers = {}
        self.text = bytearray()
        self.count += 1
        if self.count > MOST_FIELDS:
            raise bad_request("invalid-parameter", f"字段超过 {MOST_FIELDS} 个", f"more than {MOST_FIELDS} fields")

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self.key += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def header_end(self) -> None:
        self.headers[bytes(self.key).lower()] = bytes(self.value)
        self.key, self.value = bytearray(), bytearray()

    def headers_finished(self) -> None:
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        self.name = _decoded(options.get(b"name", b""))
        given = options.get(b"filename")
        if self.name == FILE:
            if given is None or self.form.path is not None:
                raise bad_request("one-file", "请上传一个文件", "upload one file", FILE)
            self._open(file_name(_decoded(given)))
        elif self.name not in self.known or given is not None:
            shown = self.name[:60]
            raise bad_request("unknown-parameter", f"没有字段“{shown}”", f"there is no field {shown!r}", shown)

    def _open(self, name: str) -> None:
        path = self.place(name)
        path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(mode=0o700)
        self.form.path, self.form.file = path, name
        self.open = path.open("xb")

    def data(self, data: bytes, start: int, end: int) -> None:
        if self.open is not None:
            self.open.write(memoryview(data)[start:end])
            self.form.size += end - start
            return
        self.text += data[start:end]
        if len(self.text) > MOST_FIELD_BYTES:
            raise bad_request("invalid-parameter", f"字段“{self.name}”过长", f"the field {self.name!r} is too long", self.name)

    def end(self) -> None:
        if self.open is not None:
            self.open.close()
            self.open = None
            return
        try:
            self.form.fields.setdefault(self.name, []).append(checked_text(_decoded(bytes(self.text))))
        except ValueError:
            raise bad_request("invalid-parameter", f"字段“{self.name}”有误", f"the field {self.name!r} is wrong", self.name) from None

    def finish(self) -> None:
        self.whole = True

    def check_whole(self) -> None:
        """Makes sure that everything came, with a file in it."""
        if not self.whole:
            raise _broken()
        if self.form.path is None:
            raise bad_request("one-file", "请上传一个文件", "upload one file", FILE)
        if self.form.size == 0:
            raise bad_request("empty", "文件是空的", "the file is empty", FILE, self.form.file)

    def drop(self) -> None:
        """Removes what was written so far."""
        if self.open is not None:
            self.open.close()
        if self.form.path is not None:
            self.form.path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.form.path.parent.rmdir()


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_request("invalid-parameter", "文字应为 UTF-8", "texts are UTF-8") from None
