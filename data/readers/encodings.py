"""Text encodings: what is declared is taken strictly, else some are tried, and the report says which was found.

Python's GB18030 codec stands for GBK, GB 2312 and code page 936 too: it is their superset.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from data.readers.raw import shown
from data.report import FileFault, RowFault

__all__ = ["Decoded", "broken_bytes", "codec", "decode", "decode_fault", "language_codec"]

ALIASES = {
    "ansi936": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "gb18030": "gb18030",
    "936": "gb18030",
    "ansi950": "cp950",
    "big5": "cp950",
    "950": "cp950",
    "65001": "utf-8",
    "utf8": "utf-8",
    "iso88591": "iso-8859-1",
    "88591": "iso-8859-1",
}
# Language driver ids of dBASE that name one code page (0x00 and 0x57 "ANSI" say nothing).
LANGUAGES = {
    0x4D: "gb18030",
    0x7A: "gb18030",
    0x4F: "cp950",
    0x78: "cp950",
    0x7B: "cp932",
    0x13: "cp932",
    0x4E: "cp949",
    0x03: "cp1252",
    0x01: "cp437",
}
GUESSES = ("utf-8", "gb18030")
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Lead bytes of characters in daily use. Nearly every Big5 text is valid GB18030 too, but reads as rare characters: of
# nine real files the right reading had >= 69 % common ones, the wrong one <= 33 % (or 44-68 % against 98-100 %).
COMMON = {"gb18030": ("gb2312", 0xB0, 0xD7), "cp950": ("big5", 0xA4, 0xC6)}
PUNCTUATION = (0xA1, 0xA2, 0xA3)
SAMPLE = 20_000
HAN = re.compile("[\u4e00-\u9fff]")
# Of 290,000 real cells in GBK and 65,000 in Big5 none, read as UTF-8, held a single one; four on a line do not happen.
CERTAIN_HAN = 4
# What "surrogateescape" leaves where a byte could not be decoded; never part of a decoded text.
ESCAPED = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded text; when ``broken``, undecodable bytes stand in it escaped, for ``decode_fault`` to tell.

    ``certain`` is False when nothing declared the encoding and no guess fitted.
    """

    text: str
    encoding: str
    broken: bool = False
    certain: bool = True
    note: str | None = None


def codec(name: str) -> str:
    """Returns Python's name of a declared encoding.

    >>> codec("GBK"), codec("UTF-8"), codec("ANSI 936"), codec("Big5")
    ('gb18030', 'utf-8', 'gb18030', 'cp950')

    Raises:
        FileFault: unknown.
    """
    plain = re.sub("[^a-z0-9]", "", name.lower())
    try:
        found = codecs.lookup(ALIASES.get(plain) or (f"cp{plain}" if plain.isdigit() else name.strip()))
        "".encode(found.name, "surrogateescape")
    except (LookupError, ValueError, UnicodeError):
        raise FileFault(
            "encoding_unknown",
            f"没有文字编码“{name}”；常用：UTF-8、GB18030、Big5",
            f"no text encoding {name!r}; common: UTF-8, GB18030, Big5",
            value=name[:40],
        ) from None
    return found.name


def language_codec(byte: int) -> str | None:
    """Returns the encoding that the language byte of a DBF names, or None."""
    return LANGUAGES.get(byte)


def decode(data: bytes, declared: str | None = None, guesses: tuple[str, ...] = GUESSES) -> Decoded:
    """Decodes a text: the declared encoding, else the byte order mark, else the guesses in turn, all strictly.

    >>> decode("古樹".encode()).encoding, decode("古树".encode("gbk")).encoding
    ('utf-8', 'gb18030')
    >>> decode(b"\\xff\\x80 a").broken
    True
    """
    if declared is None:
        for mark, name in MARKS:
            if data.startswith(mark):
                return _decode_as(data, name)
        for name in guesses:
            try:
                text = data.decode(name)
            except UnicodeDecodeError:
                continue
            if name == "gb18030":
                _refuse_utf8(data, name)
                _refuse_big5(data, text)
            return Decoded(text, name, note=_found(name))
        return Decoded(data.decode(guesses[0], "surrogateescape"), guesses[0], broken=True, certain=False)
    name = codec(declared)
    if name in COMMON:
        _refuse_utf8(data, name)
    return _decode_as(data, "utf-8-sig" if name == "utf-8" else name)


def _refuse_utf8(data: bytes, name: str) -> None:
    """Refuses UTF-8 under another name, and lines of UTF-8 among others: they would decode, into rubbish.

    Raises:
        FileFault: all of the text, or one line of it, is UTF-8.
    """
    title = name.upper()
    first: int | None = None
    other: tuple[int, bytes] | None = None
    seen = 0
    for number, line in enumerate(data.splitlines(), 1):
        if line.isascii():
            continue
        try:
            found = len(HAN.findall(line.decode("utf-8")))
        except UnicodeDecodeError:
            other = other or (number, line)
            continue
        seen += found
        if found >= CERTAIN_HAN and first is None:
            first = number
    if other is None and seen >= 2:
        raise FileFault(
            "encoding",
            f"声明的编码是 {title}，内容却是 UTF-8；请用 --encoding UTF-8 指明",
            f"{title} is declared but the text is UTF-8; say --encoding UTF-8",
            value="UTF-8",
        )
    if other is not None and first is not None:
        bad = next(re.finditer(rb"[^\x00-\x7f]+", other[1]))[0]
        raise FileFault(
            "encoding",
            f"文件混有两种编码：第 {first} 行是 UTF-8，第 {other[0]} 行不是",
            f"two encodings in one file: line {first} is UTF-8, line {other[0]} is not",
            value=shown(repr(bad)[2:-1]),
        )


def _refuse_big5(data: bytes, text: str) -> None:
    """Refuses to guess GB18030 where Big5 fits better.

    Raises:
        FileFault: to be settled by --encoding.
    """
    try:
        other = data.decode("cp950")
    except UnicodeDecodeError:
        return
    if _common(other, "cp950") > _common(text, "gb18030"):
        raise FileFault(
            "encoding",
            "文件未声明编码：GB18030 与 Big5 都能读，像是 Big5；请用 --encoding Big5（或 GB18030）指明",
            "no encoding is declared: both GB18030 and Big5 fit, it looks like Big5; say --encoding Big5 (or GB18030)",
            value="".join(char for char in other if ord(char) > 127)[:20],
        )


def _common(text: str, name: str) -> float:
    """Returns the share of characters in daily use among the first that are not ASCII."""
    plain, first, last = COMMON[name]
    sample = [char for char in text if ord(char) > 127][:SAMPLE]
    codes = [char.encode(plain, "ignore") for char in sample]
    common = sum(1 for code in codes if len(code) == 2 and (first <= code[0] <= last or code[0] in PUNCTUATION))
    return common / max(1, len(sample))


def _decode_as(data: bytes, name: str) -> Decoded:
    plain = "utf-8" if name == "utf-8-sig" else name
    try:
        return Decoded(data.decode(name), plain)
    except UnicodeDecodeError as error:
        if name == "utf-16":
            raise FileFault("encoding", "UTF-16 文本不完整", "the UTF-16 text is broken", value=f"byte {error.start}") from None
        return Decoded(data.decode(name, "surrogateescape"), plain, broken=True)


def _found(name: str) -> str | None:
    if name == GUESSES[0]:
        return None
    return f"文件未声明编码，按 {name.upper()} 读取 / no encoding declared, read as {name.upper()}"


def broken_bytes(text: str, encoding: str) -> str | None:
    """Returns the bytes of a text that could not be decoded, for people to see; None when all is well."""
    if not ESCAPED.search(text):
        return None
    try:
        return shown(repr(text.encode(encoding, "surrogateescape"))[2:-1])
    except UnicodeEncodeError:  # a lone surrogate written as such, e.g. "\ud800" in JSON
        return shown(text.encode("unicode_escape").decode("ascii"))


def decode_fault(row: int, field: str, text: str, encoding: str) -> RowFault | None:
    """Returns the fault of a text with undecodable bytes, or None."""
    value = broken_bytes(text, encoding)
    if value is None:
        return None
    name = encoding.upper()
    return RowFault(row, field, value, "encoding", f"不是有效的 {name} 文字", f"not valid {name} text")
