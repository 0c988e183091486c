"""Code profiles: composing and checking the codes of grids, components and events.

A profile is data (``data/profiles.toml``): a list of named parts with widths per kind of code.
Sources: CJ/T 213-2005, CJ/T 214-2007, GB/T 30428, GB/T 47678; see the file for confidence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

from grid_coding.errors import CodeError

__all__ = ["AreaLevel", "CodeKind", "CodePart", "CodeProfile", "check", "check_area", "compose", "parse", "profile", "profiles"]

CodeKind = Literal["grid", "component", "event"]
AreaLevel = Literal["county", "street", "community"]
AREA_LEVELS: tuple[AreaLevel, ...] = ("county", "street", "community")
KINDS: tuple[CodeKind, ...] = ("grid", "component", "event")
KIND_TITLES: dict[CodeKind, tuple[str, str]] = {
    "grid": ("单元网格代码", "unit grid code"),
    "component": ("部件代码", "component code"),
    "event": ("事件代码", "event code"),
}
MAX_LOCAL_LENGTH = 32


@dataclass(frozen=True, slots=True)
class CodePart:
    """One part of a code: its name, its width in characters and its titles."""

    name: str
    width: int
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CodeProfile:
    """One edition of the coding rules.

    ``structure`` maps a kind of code to its parts in order; an empty structure means that codes are
    free text of the allowed characters (profile ``local``).
    """

    id: str
    zh: str
    en: str
    standard: str
    characters: str
    confidence: str
    structure: Mapping[CodeKind, tuple[CodePart, ...]]

    def length(self, kind: CodeKind) -> int | None:
        """Returns the length of a code of this kind, or None where the profile fixes none.

        >>> [profile(p).length("grid") for p in ("2005", "2013", "2026", "local")]
        [12, 14, 15, None]
        """
        parts = self.structure.get(kind)
        return sum(part.width for part in parts) if parts else None


@lru_cache(maxsize=1)
def profiles() -> Mapping[str, CodeProfile]:
    """Returns every known profile by id, in the order of the data file.

    >>> list(profiles())
    ['2005', '2013', '2026', 'local']
    """
    text = resources.files("grid_coding").joinpath("data/profiles.toml").read_text("utf-8")
    raw = tomllib.loads(text)
    titles = raw["parts"]
    return {
        key: CodeProfile(
            id=key,
            zh=value["title"]["zh"],
            en=value["title"]["en"],
            standard=value["standard"],
            characters=value["characters"],
            confidence=value["confidence"],
            structure={
                kind: tuple(CodePart(name, width, titles[name]["zh"], titles[name]["en"]) for name, width in value[kind])
                for kind in KINDS
                if kind in value
            },
        )
        for key, value in raw["profiles"].items()
    }


def profile(profile_id: str) -> CodeProfile:
    """Returns the profile with this id.

    Raises:
        CodeError: rule ``code_profile`` when there is none.
    """
    found = profiles().get(profile_id)
    if found is None:
        known = "、".join(profiles())
        raise CodeError(
            "code_profile", profile_id,
            f"没有编码规则“{profile_id}”；可用：{known}", f"no code profile {profile_id!r}; known: {known}",
        )  # fmt: skip
    return found


def compose(profile_id: str, kind: CodeKind, **parts: str | int) -> str:
    """Composes a code from its parts; integers are padded with zeros on the left.

    >>> compose("2005", "grid", county="410106", street=1, community=3, grid=7)
    '410106010307'
    >>> compose("2026", "component", county="410106", major="01", minor="004", serial=1)
    '41010601004000001'

    Raises:
        CodeError: a part is missing, unknown, too long or holds a character outside the profile.
    """
    rules = profile(profile_id)
    structure = rules.structure.get(kind, ())
    if not structure:
        raise CodeError(
            "code_not_composable", profile_id,
            f"编码规则“{profile_id}”没有规定{KIND_TITLES[kind][0]}的结构，不能自动编码",
            f"profile {profile_id!r} fixes no structure of a {KIND_TITLES[kind][1]}",
        )  # fmt: skip
    unknown = set(parts) - {part.name for part in structure}
    if unknown:
        name = sorted(unknown)[0]
        raise CodeError("code_part", str(parts[name]), f"{KIND_TITLES[kind][0]}没有“{name}”段", f"no part {name!r}", name)
    pieces = [_piece(part, parts.get(part.name)) for part in structure]
    return check(profile_id, kind, "".join(pieces))


def _piece(part: CodePart, value: str | int | None) -> str:
    if value is None:
        raise CodeError("code_part_missing", "", f"缺少{part.zh}", f"{part.en} is missing", part.name)
    text = f"{value:0{part.width}d}" if isinstance(value, int) else value
    if len(text) != part.width:
        raise CodeError(
            "code_part_width", text,
            f"{part.zh}应为 {part.width} 位，得到“{text}”", f"{part.en} must have {part.width} characters, got {text!r}",
            part.name,
        )  # fmt: skip
    return text


def check(profile_id: str, kind: CodeKind, code: str) -> str:
    """Returns the code unchanged when it follows the profile.

    Raises:
        CodeError: with the broken rule and, where it can be told, the wrong part.

    >>> check("2013", "grid", "41010600100307")
    '41010600100307'
    >>> try:
    ...     check("2005", "grid", "4101060X0307")
    ... except CodeError as error:
    ...     print(error.rule, error.part, error.en)
    code_characters street street code (GB/T 10114): '0X' holds a character outside 0-9
    """
    parse(profile_id, kind, code)
    return code


def parse(profile_id: str, kind: CodeKind, code: str) -> dict[str, str]:
    """Splits a code into its named parts and checks each.

    >>> parse("2005", "component", "3205080101000001")
    {'county': '320508', 'major': '01', 'minor': '01', 'serial': '000001'}

    Raises:
        CodeError: wrong length or characters.
    """
    rules = profile(profile_id)
    title_zh, title_en = KIND_TITLES[kind]
    structure = rules.structure.get(kind, ())
    allowed = re.compile(f"[{rules.characters}]+")
    if not structure:
        if not allowed.fullmatch(code) or len(code) > MAX_LOCAL_LENGTH:
            raise CodeError(
                "code_characters", code,
                f"{title_zh}“{code}”只能由 {rules.characters} 组成且不超过 {MAX_LOCAL_LENGTH} 位",
                f"{title_en} {code!r} may hold only {rules.characters}, at most {MAX_LOCAL_LENGTH} characters",
            )  # fmt: skip
        return {}
    length = rules.length(kind)
    if len(code) != length:
        raise CodeError(
            "code_length", code,
            f"{title_zh}应为 {length} 位（{rules.zh}），得到 {len(code)} 位“{code}”",
            f"{title_en} must have {length} characters ({rules.en}), got {len(code)}: {code!r}",
        )  # fmt: skip
    parts: dict[str, str] = {}
    start = 0
    for part in structure:
        text = code[start : start + part.width]
        if not allowed.fullmatch(text):
            raise CodeError(
                "code_characters", code,
                f"{part.zh}“{text}”含有 {rules.characters} 以外的字符",
                f"{part.en}: {text!r} holds a character outside {rules.characters}", part.name,
            )  # fmt: skip
        parts[part.name] = text
        start += part.width
    return parts


def check_area(profile_id: str, level: AreaLevel, code: str) -> str:
    """Returns an administrative code unchanged when it has the profile's width for its level.

    A street's code is county + street, a community's county + street + community, so that prefixes nest
    (GB/T 2260, GB/T 10114); the widths are those of the grid code.

    >>> check_area("2005", "community", "4101060103")
    '4101060103'

    Raises:
        CodeError: wrong length or characters.
    """
    rules = profile(profile_id)
    upto = AREA_LEVELS[: AREA_LEVELS.index(level) + 1]
    parts = [part for part in rules.structure.get("grid", ()) if part.name in upto]
    length = sum(part.width for part in parts)
    if parts and len(code) != length:
        zh, en = parts[-1].zh, parts[-1].en
        raise CodeError(
            "code_length", code,
            f"{zh}应为 {length} 位（{rules.zh}），得到 {len(code)} 位“{code}”",
            f"{en} must have {length} characters in full ({rules.en}), got {len(code)}: {code!r}", level,
        )  # fmt: skip
    if not re.fullmatch(f"[{rules.characters}]{{1,{MAX_LOCAL_LENGTH}}}", code):
        raise CodeError(
            "code_characters", code,
            f"代码“{code}”含有 {rules.characters} 以外的字符", f"code {code!r} holds a character outside {rules.characters}", level,
        )  # fmt: skip
    return code
