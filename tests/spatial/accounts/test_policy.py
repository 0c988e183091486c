"""Rules of passwords, lock-out and ends, over what people may think of."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.accounts.policy import (
    PROFILES,
    PasswordRefused,
    Profile,
    after_failure,
    check_password,
    classes,
    one_time_password,
    password_expired,
    recent,
    session_ends,
)
from tests.support.people import ASVS, MLPS2, NOW, minutes

PASSWORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=140)
GAPS = st.lists(st.integers(min_value=0, max_value=1200), max_size=40)
profiles = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@pytest.mark.parametrize(
    ("profile", "name", "password", "rule"),
    [
        (MLPS2, "li", "Aa1-xyz", "password_short"),
        (MLPS2, "li", "Aa1-" + "x9K" * 42, "password_long"),
        (MLPS2, "li", "zhengdong4712", "password_classes"),
        (MLPS2, "li", "ZHENGDONGXIN-", "password_classes"),
        (MLPS2, "wangwei", "7-WangWei-31", "password_name"),
        (MLPS2, "wangwei", "7-ieWgnaw-31", "password_name"),
        (MLPS2, "zhao", "Password1", "password_guessed"),
        (MLPS2, "zhao", "Wanmi123", "password_guessed"),
        (MLPS2, "zhao", "1qaz@WSX", "password_guessed"),
        (MLPS2, "zhao", "Zheng\tdong47", "password_character"),
        (MLPS2, "zhao", "Zheng\0dong47", "password_character"),
        (MLPS2, "zhao", "Zheng\ud800dong47", "password_character"),
        (ASVS, "zhao", "Zheng-dong#47x", "password_short"),
        (ASVS, "zhao", "1234567890123456", "password_guessed"),
        (ASVS, "zhao", "aaaaaaaaaaaaaaaaaaaaaaaa", "password_guessed"),
        (ASVS, "zhao", "qwertyuiopasdfgh", "password_guessed"),
        (ASVS, "zhao", "passwordpasswordpassword", "password_guessed"),
    ],
)
def test_a_broken_rule_is_named(profile: Profile, name: str, password: str, rule: str) -> None:
    with pytest.raises(PasswordRefused) as refused:
        check_password(profile, name, password)
    assert refused.value.rule == rule
    assert refused.value.zh and refused.value.en and password not in str(refused.value)


@pytest.mark.parametrize(
    ("profile", "password"),
    [(MLPS2, "Zheng-47"), (MLPS2, "zheng东47"), (ASVS, "kranich tafel siebzehn"), (ASVS, "春眠不觉晓处处闻啼鸟夜来风雨声")],
)
def test_what_the_rules_allow_is_taken(profile: Profile, password: str) -> None:
    check_password(profile, "li", password)  # does not raise
    with pytest.raises(PasswordRefused):
        check_password(profile, "li", password[: profile.shortest - 1])


@given(st.sampled_from(list(PROFILES.values())), st.sampled_from(["li", "wangwei", "a1"]), PASSWORDS)
def test_whatever_is_taken_keeps_every_rule(profile: Profile, name: str, password: str) -> None:
    try:
        check_password(profile, name, password)
    except PasswordRefused:
        return
    assert profile.shortest <= len(password) <= 128
    assert name.casefold() not in password.casefold()
    assert classes(password) >= profile.classes


@given(PASSWORDS)
def test_classes_do_not_depend_on_order_and_grow_with_text(password: str) -> None:
    assert classes(password) == classes(password[::-1])
    assert classes(password + "A") >= classes(password)
    assert classes(password + "aA0 ") == 4


@profiles
def test_one_time_passwords_are_taken_differ_and_can_be_read_aloud(profile: Profile) -> None:
    made = {one_time_password(profile, "ab") for _ in range(20)}
    assert len(made) == 20
    for password in made:
        check_password(profile, "ab", password)
        assert not set(password) & set("0O1lIo") and set(password) <= set(string.ascii_letters + string.digits + "-")


@given(GAPS)
def test_no_window_holds_more_guesses_than_the_rule(gaps: list[int]) -> None:
    """However the attempts are spread, no 15 minutes hold more than five that were let through."""
    now, failures, locked, admitted = NOW, [], None, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if locked is not None and now < locked:
            continue
        admitted.append(now)
        failures, locked = after_failure(MLPS2, failures, now)
    for moment in admitted:
        assert sum(moment <= other < moment + MLPS2.failure_window for other in admitted) <= MLPS2.failures
    assert len(recent(MLPS2, failures, now)) < MLPS2.failures


@given(st.integers(min_value=0, max_value=60 * 11))
def test_ends_are_in_order(passed: int) -> None:
    idle, ends = session_ends(MLPS2, NOW, minutes(passed))
    assert minutes(passed) < idle <= ends == NOW + MLPS2.absolute
    assert idle - minutes(passed) <= MLPS2.idle


def test_the_figures_are_those_of_the_standards() -> None:
    day, minute = timedelta(days=1), timedelta(minutes=1)
    assert (MLPS2.shortest, MLPS2.classes, MLPS2.history, MLPS2.change_after, MLPS2.stale_after) == (8, 3, 5, 90 * day, 90 * day)
    assert (MLPS2.failures, MLPS2.failure_window, MLPS2.lock_time) == (5, 15 * minute, 30 * minute)
    assert (MLPS2.idle, MLPS2.absolute) == (30 * minute, 12 * 60 * minute)
    assert (ASVS.shortest, ASVS.classes, ASVS.change_after) == (15, 1, None)
    assert password_expired(MLPS2, NOW, NOW + 90 * day) and not password_expired(MLPS2, NOW, NOW + 89 * day)
    assert not password_expired(ASVS, NOW, NOW + 9000 * day) and not password_expired(MLPS2, None, NOW)
