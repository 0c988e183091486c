"""Named rules by which a recipe reads odd values: ROC years, times without colons, Twitter's dates, "0" that means nothing.

Each takes a text or number as the file has it and returns what the layer's field can take, None for "no value", or raises
Misfit: what does not fit the rule is named, never bent. Rules run in the order that the recipe lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from data.readers.raw import shown
from data.report import RowFault

__all__ = ["RULES", "ReadingRule", "read_values"]

ROC_FIRST = 1911  # year 0 of the calendar of the Republic of China
NULLS = frozenset({"null", "none", "nil", "<null>", "n/a", "na", "nan", "-", "－", "無", "无"})
FIRST_DAYS = frozenset({"1899-12-30", "1899-12-31", "1900-01-01"})
TWITTER = "%a %b %d %H:%M:%S %z %Y"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)}
NUMBER = re.compile(r"\s*([+-]?\d[\d,]*\.?\d*)\s*(?P<unit>[^\d\s.,+-][^\d]*)?")


class Misfit(ValueError):
    """A value does not follow the rule."""


class ReadingRule(NamedTuple):
    """A rule with what it takes, for people (zh, en) and docs/recipes.md."""

    convert: Callable[[str], Any]
    zh: str
    en: str


def read_values(field: str, rules: Sequence[str], values: Sequence[Any]) -> tuple[list[Any], list[RowFault]]:
    """Returns the values as the rules read them, and a fault for each that does not follow them (None stands in its place).

    >>> read_values("built_on", ["roc_date"], ["73.12.05", "", None, "abc"])[0]
    ['1984-12-05', None, None, None]
    """
    known: dict[Any, Any] = {}
    read: list[Any] = []
    faults: list[RowFault] = []
    for row, given in enumerate(values, 1):
        if given is None or isinstance(given, list | dict):
            read.append(given)
            continue
        text = str(given).strip()
        if text not in known:
            known[text] = _read(rules, text)
        found = known[text]
        if isinstance(found, _Broken):
            told = shown(given)
            zh, en = RULES[found.rule].zh, RULES[found.rule].en
            faults.append(RowFault(row, field, told, found.rule, f"“{told}”不是{zh}", f"{told!r} is not {en}"))
            read.append(None)
        else:
            read.append(found)
    return read, faults


class _Broken(NamedTuple):
    """The rule that a value broke."""

    rule: str


def _read(rules: Sequence[str], text: str) -> Any:
    value: Any = text
    for rule in rules:
        if value is None or value == "":
            return None
        try:
            value = RULES[rule].convert(str(value))
        except (Misfit, ValueError, OverflowError):
            return _Broken(rule)
    return None if value == "" else value


def roc_date(text: str) -> str:
    """A date of the ROC calendar: 112/5/3, 73.12.05, 民國112年5月3日, 1120503.

    >>> roc_date("112/5/3"), roc_date("1120503"), roc_date("民國112年5月3日")
    ('2023-05-03', '2023-05-03', '2023-05-03')
    """
    plain = text.removeprefix("民國").removeprefix("民国")
    match = re.fullmatch(r"(\d{1,3})\s*[./年-]\s*(\d{1,2})\s*[./月-]\s*(\d{1,2})\s*日?", plain) or re.fullmatch(
        r"(\d{2,3})(\d{2})(\d{2})", plain
    )
    if match is None:
        raise Misfit(text)
    year, month, day = (int(part) for part in match.groups())
    return date(year + ROC_FIRST, month, day).isoformat()


def roc_year(text: str) -> str:
    """A year of the ROC calendar, 1 to 199, with or without 年 and a mark behind it.

    >>> roc_year("85"), roc_year("民國102年"), roc_year("74;")
    ('1996', '2013', '1985')
    """
    match = re.fullmatch(r"(?:民國|民国)?\s*(\d{1,3})\s*年?[;；]?", text)
    if match is None or not 1 <= int(match[1]) < 200:
        raise Misfit(text)
    return str(int(match[1]) + ROC_FIRST)


def date_hhmmss(text: str) -> str:
    """A date of eight digits, a blank and a time of up to six digits (leading zeros may be lost).

    >>> date_hhmmss("20230117 90500")
    '2023-01-17T09:05:00'
    """
    match = re.fullmatch(r"(\d{8})\s+(\d{1,6})", text)
    if match is None:
        raise Misfit(text)
    return datetime.strptime(match[1] + match[2].zfill(6), "%Y%m%d%H%M%S").isoformat()


def twitter_time(text: str) -> str:
    """A time as Twitter and Weibo write it.

    >>> twitter_time("Thu Jul 22 08:51:39 +0800 2021")
    '2021-07-22T08:51:39+08:00'
    """
    return datetime.strptime(text, TWITTER).isoformat()


def epoch_ms(text: str) -> str:
    """Milliseconds since 1970, as ArcGIS hands out dates.

    >>> epoch_ms("1626944400000")
    '2021-07-22T09:00:00+00:00'
    """
    return (EPOCH + timedelta(milliseconds=int(float(text)))).isoformat()


def day_of_time(text: str) -> str:
    """The day of a time: what stands before the blank or the T.

    >>> day_of_time("2017/01/03 05:00:00+00"), day_of_time("2021-07-22T09:00:00+00:00")
    ('2017/01/03', '2021-07-22')
    """
    match = re.fullmatch(r"(\d{4}[-/]\d{1,2}[-/]\d{1,2})(?:[T ].*)?", text)
    if match is None:
        raise Misfit(text)
    return match[1]


def year_only(text: str) -> str:
    """A year that stands for its first day.

    >>> year_only("1985")
    '1985-01-01'
    """
    match = re.fullmatch(r"([12]\d{3})(?:\.0*)?", text)
    if match is None:
        raise Misfit(text)
    return f"{match[1]}-01-01"


def us_date(text: str) -> str:
    """A day as month/day/year, with or without a time behind it.

    >>> us_date("7/24/2007 0:00:00")
    '2007-07-24'
    """
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: .*)?", text)
    if match is None:
        raise Misfit(text)
    return date(int(match[3]), int(match[1]), int(match[2])).isoformat()


def whole_number(text: str) -> str:
    """A whole number that a spreadsheet wrote as a decimal.

    >>> whole_number("6025.0"), whole_number("12")
    ('6025', '12')
    """
    match = re.fullmatch(r"(\d+)(?:\.0*)?", text)
    if match is None:
        raise Misfit(text)
    return match[1]


def first_number(text: str) -> str:
    """The first number in a name.

    >>> first_number("PVC110-PN16")
    '110'
    """
    match = re.search(r"\d+(?:\.\d+)?", text)
    if match is None:
        raise Misfit(text)
    return match[0]


def leading_letters(text: str) -> str:
    """The letters that a name begins with.

    >>> leading_letters("PVC110-PN16")
    'PVC'
    """
    match = re.match("[A-Za-z]+", text)
    if match is None:
        raise Misfit(text)
    return match[0]


def strip_unit(text: str) -> str:
    """A number with its unit behind it.

    >>> strip_unit("12.5 m"), strip_unit("1,080㎡")
    ('12.5', '1,080')
    """
    match = NUMBER.fullmatch(text)
    if match is None:
        raise Misfit(text)
    return match[1]


def zero_is_missing(text: str) -> str | None:
    """Zero in a column where it stands for "not known".

    >>> zero_is_missing("0.0"), zero_is_missing("0.5")
    (None, '0.5')
    """
    try:
        return None if float(text) == 0 else text
    except ValueError:
        return text


def first_day_is_missing(text: str) -> str | None:
    """The first day of a spreadsheet's calendar, which stands for an empty cell.

    >>> first_day_is_missing("1899-12-30"), first_day_is_missing("2023-05-13")
    (None, '2023-05-13')
    """
    return None if text in FIRST_DAYS else text


def null_text_is_missing(text: str) -> str | None:
    """A word that stands for nothing.

    >>> null_text_is_missing("NULL"), null_text_is_missing("北區")
    (None, '北區')
    """
    return None if text.lower() in NULLS else text


def half_width(text: str) -> str:
    """Full-width digits become plain ones.

    >>> half_width("８５巷３６號")
    '85巷36號'
    """
    return text.translate(FULL_WIDTH)


def one_line(text: str) -> str:
    """Line breaks and runs of blanks become one blank.

    >>> one_line("路燈失明\\n全失")
    '路燈失明 全失'
    """
    return " ".join(text.split())


def section_size(text: str) -> str:
    """A shape, a width, "×" and a height, each of which may be missing or 0; a pipe known by its width alone has no section.

    >>> section_size("BOX 750×365"), section_size("300×0"), section_size("×300"), section_size("BOX ×0")
    ('BOX 750×365', '', '?×300', 'BOX')
    """
    shape, width, height = _sized(text)
    if not height:
        return shape
    return f"{shape} {width or '?'}×{height}".strip()


def round_size(text: str) -> str:
    """The diameter of a pipe that is written as a shape, a width, "×" and a height: the width, where nothing says that it is not round.

    >>> round_size("300×0"), round_size("300×300"), round_size("BOX 750×750"), round_size("750×365"), round_size("×300")
    ('300', '300', '', '', '')
    """
    shape, width, height = _sized(text)
    return width if not shape and height in ("", width) else ""


def _sized(text: str) -> tuple[str, str, str]:
    """The three parts of a section; a size of 0 is none."""
    match = re.fullmatch(r"([A-Za-z]*)\s*(\d+(?:\.\d+)?)?\s*×\s*(\d+(?:\.\d+)?)?", text.strip())
    if match is None:
        raise Misfit(text)
    width, height = (size if size and float(size) > 0 else "" for size in match.groups()[1:])
    return match[1], width, height


def code_text(text: str) -> str:
    """A code in the characters of a local code: anything else becomes ``-``.

    >>> code_text("SMH 12/3")
    'SMH-12-3'
    """
    return re.sub("[^0-9A-Za-z_-]+", "-", text).strip("-")


def up_to_district(text: str) -> str:
    """The district at the beginning of an address, up to and with the first 区 or 區; a city before it goes.

    >>> up_to_district("中山區臺北市中山區正義里"), up_to_district("南港區園區街3號"), up_to_district("台北市大安區四維路")
    ('中山區', '南港區', '大安區')
    """
    match = re.match(r"(?:[^\d\s区區市]{2,3}市)?([^\d\s区區市]{1,4}[区區])", text)
    if match is None:
        raise Misfit(text)
    return match[1]


RULES: Mapping[str, ReadingRule] = {
    "roc_date": ReadingRule(roc_date, "民国日期（如 112/5/3、73.12.05）", "a date of the ROC calendar (112/5/3, 73.12.05)"),
    "roc_year": ReadingRule(roc_year, "民国年（1–199）", "a year of the ROC calendar (1-199)"),
    "date_hhmmss": ReadingRule(date_hhmmss, "“20230117 165500”式的时间", "a time like 20230117 165500"),
    "twitter_time": ReadingRule(twitter_time, "“Thu Jul 22 08:51:39 +0800 2021”式的时间", "a time like Thu Jul 22 08:51:39 +0800 2021"),
    "epoch_ms": ReadingRule(epoch_ms, "1970 年以来的毫秒数", "milliseconds since 1970"),
    "day_of_time": ReadingRule(day_of_time, "以日期开头的时间", "a time that begins with its day"),
    "year_only": ReadingRule(year_only, "四位年份", "a year of four digits"),
    "us_date": ReadingRule(us_date, "月/日/年", "month/day/year"),
    "whole_number": ReadingRule(whole_number, "整数（可带 .0）", "a whole number (with or without .0)"),
    "first_number": ReadingRule(first_number, "含有数的名称", "a name with a number in it"),
    "leading_letters": ReadingRule(leading_letters, "以字母开头的名称", "a name that begins with letters"),
    "strip_unit": ReadingRule(strip_unit, "带单位的数", "a number with its unit"),
    "zero_is_missing": ReadingRule(zero_is_missing, "（0 表示没有）", "(zero means none)"),
    "first_day_is_missing": ReadingRule(
        first_day_is_missing, "（1899-12-30、1900-01-01 表示没有）", "(1899-12-30 and 1900-01-01 mean none)"
    ),
    "null_text_is_missing": ReadingRule(null_text_is_missing, "（NULL 等字样表示没有）", "(NULL and the like mean none)"),
    "half_width": ReadingRule(half_width, "（全角数字改半角）", "(full-width digits become plain)"),
    "one_line": ReadingRule(one_line, "（换行改空格）", "(line breaks become blanks)"),
    "section_size": ReadingRule(section_size, "断面（形状 宽×高，如 BOX 750×365）", "a section (shape, width × height, as BOX 750×365)"),
    "round_size": ReadingRule(round_size, "断面（形状 宽×高）；圆管取管径", "a section (shape, width × height); the diameter where round"),
    "code_text": ReadingRule(code_text, "（本地编码允许的字符，其余改 -）", "(characters of local codes, others become -)"),
    "up_to_district": ReadingRule(up_to_district, "以区名开头的地址", "an address that begins with its district"),
}
