"""Codes: what is composed is accepted and read back; one wrong character is named with its part."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid_coding import classes
from grid_coding.errors import CodeError
from grid_coding.profiles import CodeKind, check, check_area, compose, parse, profile, profiles

NATIONAL = ("2005", "2013", "2026")
KINDS: tuple[CodeKind, ...] = ("grid", "component", "event")


@st.composite
def composed(draw: st.DrawFn) -> tuple[str, CodeKind, dict[str, str], str]:
    profile_id = draw(st.sampled_from(NATIONAL))
    kind = draw(st.sampled_from(KINDS))
    rules = profile(profile_id)
    alphabet = "0123456789" + ("ABCXYZ" if "A-Z" in rules.characters else "")
    parts = {part.name: draw(st.text(alphabet, min_size=part.width, max_size=part.width)) for part in rules.structure[kind]}
    return profile_id, kind, parts, compose(profile_id, kind, **parts)


@given(composed())
def test_composed_codes_are_read_back(made: tuple[str, CodeKind, dict[str, str], str]) -> None:
    profile_id, kind, parts, code = made
    assert parse(profile_id, kind, code) == parts
    assert check(profile_id, kind, code) == code
    assert len(code) == profile(profile_id).length(kind)


@given(composed(), st.data())
def test_one_wrong_character_names_its_part(made: tuple[str, CodeKind, dict[str, str], str], data: st.DataObject) -> None:
    profile_id, kind, _, code = made
    place = data.draw(st.integers(0, len(code) - 1))
    with pytest.raises(CodeError) as caught:
        check(profile_id, kind, code[:place] + "é" + code[place + 1 :])
    start = 0
    for part in profile(profile_id).structure[kind]:
        if start <= place < start + part.width:
            assert caught.value.part == part.name
        start += part.width
    assert caught.value.rule == "code_characters"
    assert caught.value.zh and caught.value.en


@given(composed(), st.sampled_from(["", "0"]))
def test_wrong_length_is_refused(made: tuple[str, CodeKind, dict[str, str], str], extra: str) -> None:
    profile_id, kind, _, code = made
    with pytest.raises(CodeError, match="characters") as caught:
        check(profile_id, kind, code + extra if extra else code[:-1])
    assert caught.value.rule == "code_length"


# CJ/T 213: Shangjie's example width; DB11 and GB/T 47678: 15 (standards.md §1.1).
@pytest.mark.parametrize(
    ("profile_id", "lengths"),
    [("2005", (12, 16, 10)), ("2013", (14, 16, 10)), ("2026", (15, 17, 11)), ("local", (None, None, None))],
)
def test_published_lengths(profile_id: str, lengths: tuple[int | None, ...]) -> None:
    assert tuple(profile(profile_id).length(kind) for kind in KINDS) == lengths


def test_composing_needs_every_part() -> None:
    with pytest.raises(CodeError) as missing:
        compose("2005", "grid", county="410106", street=1, community=2)
    assert (missing.value.rule, missing.value.part) == ("code_part_missing", "grid")
    with pytest.raises(CodeError) as wide:
        compose("2005", "grid", county="410106", street=1, community=2, grid=100)
    assert (wide.value.rule, wide.value.part) == ("code_part_width", "grid")
    with pytest.raises(CodeError) as unknown:
        compose("2005", "grid", county="410106", street=1, community=2, grid=1, minor=3)
    assert (unknown.value.rule, unknown.value.part) == ("code_part", "minor")
    with pytest.raises(CodeError) as free:
        compose("local", "grid", county="63")
    assert free.value.rule == "code_not_composable"
    with pytest.raises(CodeError) as nobody:
        profile("1999")
    assert nobody.value.rule == "code_profile"


def test_area_codes_nest_by_level() -> None:
    assert check_area("2013", "street", "410106001") == "410106001"
    with pytest.raises(CodeError) as short:
        check_area("2013", "community", "410106001")
    assert (short.value.rule, short.value.part) == ("code_length", "community")
    assert check_area("local", "community", "6301200042") == "6301200042"
    with pytest.raises(CodeError):
        check_area("local", "community", "63 01")


def test_class_tables_equal_the_shared_lists(realdata: Path) -> None:
    """The package's tables against an independent reading of the collected standards."""
    folder = realdata.parent / "standards"
    if not folder.is_dir():
        pytest.skip("no ../shared/standards")
    for kind in ("component", "event"):
        with (folder / f"{kind}_classes.csv").open(encoding="utf-8", newline="") as stream:
            known = {
                (row["standard"], row["major_code"] + row["minor_code"], row["minor_name"])
                for row in csv.DictReader(stream)
                if row["minor_code"].isdecimal()
            }
        ours = {
            (profile(key).standard, entry.code, entry.name)
            for key in NATIONAL
            for entry in classes.classes(key, kind).values()  # type: ignore[arg-type]
            if len(entry.code) > 2
        }
        assert ours == known


def test_totals_of_the_standards() -> None:
    """85 + 54 classes in 2007, 153 + 250 in 2026 (standards.md §2.1); of 2013 only the majors are public."""
    count = Counter({(key, kind): len(classes.classes(key, kind)) for key in profiles() for kind in ("component", "event")})  # type: ignore[arg-type]
    assert (count[("2005", "component")], count[("2005", "event")]) == (85, 54)
    assert (count[("2026", "component")], count[("2026", "event")]) == (153, 250)
    assert (count[("2013", "component")], count[("2013", "event")]) == (5, 6)
    assert count[("local", "component")] == 0


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(CodeError) as unknown:
        classes.class_of("2005", "component", "0199")
    assert unknown.value.rule == "class_unknown"
    assert classes.class_of("local", "component", "anything") is None
