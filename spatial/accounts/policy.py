"""The two profiles of rules for passwords, lock-out and sessions, as data; and the decisions that follow from them.

``mlps2`` is level 2 of GB/T 22239-2019 (7.1.4.1: identity, complexity, periodic change, lock-out, idle end) with the figures
that assessors in China ask for. ``asvs`` is OWASP ASVS 5.0: length instead of composition (6.2.1, 6.2.5), no periodic change
(6.2.10), passwords that are easily guessed refused (6.2.4). The two contradict each other, hence one switch. Nothing here does I/O.
"""

from __future__ import annotations

import ipaddress
import secrets
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from grid_coding.errors import BilingualError

__all__ = [
    "CONTEXT_WORDS", "PROFILES", "PasswordRefused", "Profile", "after_failure", "check_password", "classes", "is_stale", "network_address",
    "one_time_password", "password_expired", "password_rules", "recent", "session_ends",
]  # fmt: skip

CONTEXT_WORDS = ("wanmi", "万米")
# argon2 itself takes more, but a limit keeps a request from buying work with megabytes.
LONGEST = 128
GUESSED_PART = 72  # zxcvbn reads no more; what is easily guessed shows in its first 72 characters
# No characters that look alike on paper.
ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lIo")))


@dataclass(frozen=True, slots=True)
class Profile:
    """Rules of one profile; None = there is no such rule.

    ``guesses_log10``: passwords that zxcvbn finds in fewer guesses are refused. ``history``: how many passwords back may not come
    again. ``failures`` within ``failure_window`` lock for ``lock_time``; ``address_failures`` is the same for one network address.
    """

    key: str
    shortest: int
    classes: int
    guesses_log10: float
    history: int
    change_after: timedelta | None
    failures: int
    failure_window: timedelta
    lock_time: timedelta
    address_failures: int
    idle: timedelta
    absolute: timedelta
    stale_after: timedelta | None
    key_longest: timedelta


MLPS2 = Profile(
    key="mlps2", shortest=8, classes=3, guesses_log10=6, history=5, change_after=timedelta(days=90),
    failures=5, failure_window=timedelta(minutes=15), lock_time=timedelta(minutes=30), address_failures=100,
    idle=timedelta(minutes=30), absolute=timedelta(hours=12), stale_after=timedelta(days=90), key_longest=timedelta(days=366),
)  # fmt: skip
# 15 characters: ASVS 5.0 6.2.1 allows 8 and strongly recommends 15; without composition and change, length has to carry it.
# 10^8 guesses: zxcvbn's border of "safely unguessable".
ASVS = Profile(
    key="asvs", shortest=15, classes=1, guesses_log10=8, history=0, change_after=None,
    failures=5, failure_window=timedelta(minutes=15), lock_time=timedelta(minutes=30), address_failures=100,
    idle=timedelta(minutes=30), absolute=timedelta(hours=12), stale_after=None, key_longest=timedelta(days=366),
)  # fmt: skip
PROFILES: Mapping[str, Profile] = {profile.key: profile for profile in (MLPS2, ASVS)}


class PasswordRefused(BilingualError):
    """A password breaks a rule of the profile; never holds the password. ``rule`` is stable, e.g. ``password_short``."""

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule


def classes(password: str) -> int:
    """Counts the classes of characters: capital, small, digit, everything else (Chinese too).

    >>> classes("Wanmi2026"), classes("wanmi"), classes("万米a1")
    (3, 1, 3)
    """
    return len(
        {
            "A" if c in string.ascii_uppercase else "a" if c in string.ascii_lowercase else "0" if c in string.digits else "."
            for c in password
        }
    )


def check_password(profile: Profile, name: str, password: str) -> None:
    """Refuses a password that breaks a rule; history is for who holds the hashes.

    >>> check_password(MLPS2, "li", "Zheng-dong#47")
    >>> check_password(MLPS2, "li", "short")
    Traceback (most recent call last):
    ...
    spatial.accounts.policy.PasswordRefused: 口令至少 8 个字符 / a password has at least 8 characters

    Raises:
        PasswordRefused: with the first rule broken.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise PasswordRefused("password_character", "口令不能含有控制字符", "a password holds no control characters")
    if len(password) < profile.shortest:
        raise PasswordRefused(
            "password_short", f"口令至少 {profile.shortest} 个字符", f"a password has at least {profile.shortest} characters"
        )
    if len(password) > LONGEST:
        raise PasswordRefused("password_long", f"口令最多 {LONGEST} 个字符", f"a password has at most {LONGEST} characters")
    if classes(password) < profile.classes:
        raise PasswordRefused(
            "password_classes",
            f"口令须含大写字母、小写字母、数字、其他字符中的至少 {profile.classes} 类",
            f"a password holds at least {profile.classes} of: capitals, small letters, digits, other characters",
        )
    if name and (name.casefold() in password.casefold() or name.casefold()[::-1] in password.casefold()):
        raise PasswordRefused(
            "password_name", "口令不能包含用户名（正写或倒写）", "a password does not contain the name, forward or backward"
        )
    if _guesses_log10(password, (name, *CONTEXT_WORDS)) < profile.guesses_log10:
        raise PasswordRefused(
            "password_guessed", "口令太常见或太容易猜到，请换一个", "the password is common or easily guessed; choose another"
        )


def password_rules(profile: Profile) -> tuple[str, str]:
    """Returns what a profile asks of a password, in Chinese and English, for whoever has to think of one.

    >>> password_rules(MLPS2)[1]
    'At least 8 characters, 3 of: capitals, small letters, digits, others; without your user name; hard to guess; none of the last 5.'
    >>> password_rules(ASVS)[0]
    '至少 15 个字符；不含用户名；不易猜到。'
    """
    zh, en = [f"至少 {profile.shortest} 个字符"], [f"At least {profile.shortest} characters"]
    if profile.classes > 1:
        zh[0] += f"，含大写字母、小写字母、数字、其他字符中的 {profile.classes} 类"
        en[0] += f", {profile.classes} of: capitals, small letters, digits, others"
    zh += ["不含用户名", "不易猜到"]
    en += ["without your user name", "hard to guess"]
    if profile.history:
        zh.append(f"不同于最近 {profile.history} 次的口令")
        en.append(f"none of the last {profile.history}")
    return "；".join(zh) + "。", "; ".join(en) + "."


def _guesses_log10(password: str, words: Iterable[str]) -> float:
    # 100 000 words are built at import, needed only where a password is set
    from zxcvbn import zxcvbn

    return float(zxcvbn(password[:GUESSED_PART], user_inputs=list(words))["guesses_log10"])


def one_time_password(profile: Profile, name: str) -> str:
    """Makes a random password that the profile takes: 16 characters in groups of four, over 90 bits.

    >>> len(one_time_password(MLPS2, "li")), len(one_time_password(ASVS, "li"))
    (19, 19)
    """
    while True:
        letters = "".join(secrets.choice(ALPHABET) for _ in range(16))
        made = "-".join(letters[start : start + 4] for start in range(0, 16, 4))
        try:
            check_password(profile, name, made)
        except PasswordRefused:  # e.g. a name of two letters that chance brought in
            continue
        return made


def recent(profile: Profile, failures: Sequence[datetime], now: datetime) -> list[datetime]:
    """Returns the failures that still count, i.e. that lie within the window; it slides, so no border can be straddled.

    >>> now = datetime(2026, 1, 1, 12)
    >>> recent(MLPS2, [now - timedelta(minutes=15), now - timedelta(minutes=14)], now)
    [datetime.datetime(2026, 1, 1, 11, 46)]
    """
    return [failure for failure in failures if now - failure < profile.failure_window]


def after_failure(profile: Profile, failures: Sequence[datetime], now: datetime) -> tuple[list[datetime], datetime | None]:
    """Returns the failures to keep after one more, and until when the account is locked if that was one too many.

    >>> now = datetime(2026, 1, 1, 12)
    >>> after_failure(MLPS2, [now] * 3, now)[1]
    >>> after_failure(MLPS2, [now] * 4, now)
    ([], datetime.datetime(2026, 1, 1, 12, 30))
    """
    kept = [*recent(profile, failures, now), now]
    return ([], now + profile.lock_time) if len(kept) >= profile.failures else (kept, None)


def password_expired(profile: Profile, changed_at: datetime | None, now: datetime) -> bool:
    """Tells whether a password is old enough that it has to be changed.

    >>> changed, now = datetime(2026, 1, 1), datetime(2026, 4, 1)
    >>> password_expired(MLPS2, changed, now), password_expired(ASVS, changed, now)
    (True, False)
    """
    return profile.change_after is not None and changed_at is not None and now - changed_at >= profile.change_after


def is_stale(profile: Profile, last_used: datetime, now: datetime) -> bool:
    """Tells whether an account was left unused for so long that it is to be disabled.

    >>> is_stale(MLPS2, datetime(2026, 1, 1), datetime(2026, 3, 31)), is_stale(MLPS2, datetime(2026, 1, 1), datetime(2026, 4, 1))
    (False, True)
    """
    return profile.stale_after is not None and now - last_used >= profile.stale_after


def session_ends(profile: Profile, opened_at: datetime, seen_at: datetime) -> tuple[datetime, datetime]:
    """Returns the idle end and the absolute end of a session; the first never lies behind the second.

    >>> session_ends(MLPS2, datetime(2026, 1, 1, 8), datetime(2026, 1, 1, 19, 45))
    (datetime.datetime(2026, 1, 1, 20, 0), datetime.datetime(2026, 1, 1, 20, 0))
    """
    ends = opened_at + profile.absolute
    return min(seen_at + profile.idle, ends), ends


def network_address(given: str | None) -> str | None:
    """Returns an address as the database takes it, without a zone; None for what is none, e.g. the peer of a local socket.

    >>> network_address("fe80::1%eth0"), network_address("10.0.0.7"), network_address("testclient"), network_address(None)
    ('fe80::1', '10.0.0.7', None, None)
    """
    try:
        return str(ipaddress.ip_address((given or "").partition("%")[0]))
    except ValueError:
        return None
