"""The second factor: six digits of a clock (TOTP, RFC 6238) from an app on the person's phone, and codes on paper for when it is lost.

Failures of codes are counted apart from those of passwords: a right password forgives the account's failures, so whoever knows it
could otherwise try codes for ever; and only who knows it can lock the factor, so no stranger locks anybody out.
Recovery codes are kept as SHA-256: with 100 random bits there is nothing to guess, and unlike the secret they open without the key
of the state folder, which is when they are needed most.
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pyotp
from sqlalchemy import Connection, RowMapping, text

from grid_coding.errors import BilingualError
from spatial.accounts.keys import PREFIX_ALPHABET
from spatial.accounts.model import Account
from spatial.accounts.policy import Profile, after_failure
from spatial.accounts.sealing import Sealer
from spatial.accounts.tokens import digest

__all__ = [
    "Enrolment", "FactorError", "FactorState", "Outcome", "begin_enrolment", "check", "code_at", "confirm_enrolment", "factor_state",
    "must_enrol", "pending", "plain_code", "remove", "step_at",
]  # fmt: skip

ISSUER = "万米 Wanmi"
STEP_SECONDS = 30
# One step before and after: a phone's clock may be half a minute off, and people type slowly (RFC 6238 §5.2).
WINDOW = 1
ENROL_WITHIN = timedelta(minutes=15)
RECOVERY_CODES, RECOVERY_LENGTH, RECOVERY_GROUP = 10, 20, 4
DIGITS = re.compile(r"[0-9]{6}")
RECOVERY = re.compile(f"[{PREFIX_ALPHABET}]{{{RECOVERY_LENGTH}}}")


class Outcome(StrEnum):
    """What came of a code."""

    RIGHT = "right"
    RECOVERY = "recovery"  # a recovery code, now used up
    WRONG = "wrong"
    REPLAYED = "replayed"  # right once, but accepted before
    LOCKED = "locked"
    NONE = "none"  # there is no factor to check with

    @property
    def granted(self) -> bool:
        """Whether it lets somebody in.

        >>> [outcome.value for outcome in Outcome if outcome.granted]
        ['right', 'recovery']
        """
        return self in (Outcome.RIGHT, Outcome.RECOVERY)


class FactorError(BilingualError):
    """Something about a factor that is not so; ``rule`` is stable, e.g. ``factor_enrolled``."""

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret told this once: as text to type and as the address that a QR code carries."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class FactorState:
    """What may be said of a factor: since when, and how many recovery codes are left; None = there is none."""

    enrolled_at: datetime | None = None
    recovery_left: int = 0


def step_at(at: datetime) -> int:
    """Returns the step of the clock: half minutes since 1970.

    >>> step_at(datetime(1970, 1, 1, 0, 0, 59, tzinfo=UTC))
    1
    """
    return int(at.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """Returns the six digits of a secret (base32) at a step; the example is RFC 6238, appendix B, its last six digits.

    >>> code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 1)
    '287082'
    """
    return pyotp.TOTP(secret, interval=STEP_SECONDS).generate_otp(step)


def plain_code(given: str) -> str:
    """Returns a code as it is compared: groups joined, and the wide digits of a Chinese keyboard made plain.

    >>> plain_code(" １２３ 456"), plain_code("ABCD-efgh-2345-wxyz-6789")
    ('123456', 'abcdefgh2345wxyz6789')
    """
    return re.sub(r"[\s-]+", "", unicodedata.normalize("NFKC", given)).lower()


def factor_state(connection: Connection, account: int) -> FactorState:
    """Returns what may be said of an account's factor."""
    row = connection.execute(
        text("""
            SELECT f.enrolled_at, (SELECT count(*) FROM account.recovery_code c WHERE c.account = f.account AND c.used_at IS NULL)
            FROM account.factor f WHERE f.account = :account AND f.enrolled_at IS NOT NULL
        """),
        {"account": account},
    ).one_or_none()
    return FactorState() if row is None else FactorState(*row)


def pending(connection: Connection, account: int, mode: str) -> bool:
    """Tells whether a code is due after the password; ``mode`` is the setting ``totp``."""
    return mode != "off" and factor_state(connection, account).enrolled_at is not None


def must_enrol(connection: Connection, account: int, mode: str) -> bool:
    """Tells whether an account has to enrol before it may do anything else; ``mode`` is the setting ``totp``."""
    return mode == "required" and factor_state(connection, account).enrolled_at is None


def begin_enrolment(connection: Connection, sealer: Sealer, account: Account, at: datetime | None = None) -> Enrolment:
    """Makes a secret that counts once a code has confirmed it; an unconfirmed one of before is replaced.

    Raises:
        FactorError: the account has a factor.
        SealError: the secret cannot be sealed.
    """
    now, secret = at or datetime.now(UTC), pyotp.random_base32()
    stored = connection.scalar(
        text("""
            INSERT INTO account.factor (account, secret, begun_at) VALUES (:account, :secret, :at)
            ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, begun_at = excluded.begun_at
            WHERE account.factor.enrolled_at IS NULL RETURNING account
        """),
        {"account": account.id, "secret": sealer.seal(account.id, secret), "at": now},
    )
    if stored is None:
        zh, en = "该账户已启用动态码；更换手机请先停用", "the account has a second factor; to change phones, remove it first"
        raise FactorError("factor_enrolled", zh, en)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=account.name, issuer_name=ISSUER))


def confirm_enrolment(connection: Connection, sealer: Sealer, account: int, code: str, at: datetime | None = None) -> tuple[str, ...]:
    """Puts the factor into force and returns its recovery codes, told this once.

    Raises:
        FactorError: nothing was begun, it took too long, or the code is wrong.
        SealError: the secret cannot be opened.
    """
    now = at or datetime.now(UTC)
    row = (
        connection.execute(
            text("SELECT secret, begun_at FROM account.factor WHERE account = :account AND enrolled_at IS NULL FOR UPDATE"),
            {"account": account},
        )
        .mappings()
        .one_or_none()
    )
    if row is None or now - row["begun_at"] > ENROL_WITHIN:
        zh, en = "没有待确认的动态码，或已超过 15 分钟；请重新开始", "there is nothing to confirm, or 15 minutes are over: begin again"
        raise FactorError("factor_not_begun", zh, en)
    step = _matching(sealer.open(account, row["secret"]), plain_code(code), now)
    if step is None:
        zh = "动态码不正确；请确认手机时间准确，输入应用当前显示的 6 位数字"
        raise FactorError("code_wrong", zh, "the code is wrong: check the phone's clock and type the six digits shown now")
    connection.execute(
        text(
            "UPDATE account.factor SET enrolled_at = :at, last_step = :step, failures = '{}', locked_until = NULL WHERE account = :account"
        ),
        {"account": account, "at": now, "step": step},
    )
    codes = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
    connection.execute(
        text("INSERT INTO account.recovery_code (account, code_hash) VALUES (:account, :hash)"),
        [{"account": account, "hash": digest(plain_code(made))} for made in codes],
    )
    return codes


def check(connection: Connection, sealer: Sealer, account: int, code: str, profile: Profile, at: datetime | None = None) -> Outcome:
    """Checks a code of the app or a recovery code, uses it up, and counts it when it is wrong; the caller commits in any case.

    Raises:
        SealError: the secret cannot be opened; recovery codes are accepted even so.
    """
    now = at or datetime.now(UTC)
    # the row's lock puts guesses made at the same moment in a line
    row = (
        connection.execute(
            text("""
                SELECT secret, last_step, failures, locked_until FROM account.factor
                WHERE account = :account AND enrolled_at IS NOT NULL FOR UPDATE
            """),
            {"account": account},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return Outcome.NONE
    if row["locked_until"] is not None and now < row["locked_until"]:
        return Outcome.LOCKED
    outcome, step = _judged(connection, sealer, account, plain_code(code), row, now)
    failures, until = ([], None) if outcome.granted else after_failure(profile, row["failures"], now)
    connection.execute(
        text("UPDATE account.factor SET last_step = :step, failures = :failures, locked_until = :until WHERE account = :account"),
        {"account": account, "step": step, "failures": failures, "until": until},
    )
    return outcome


def remove(connection: Connection, account: int) -> bool:
    """Takes the factor and its recovery codes away, one under way too; returns whether there was one in force."""
    gone = connection.scalar(
        text("DELETE FROM account.factor WHERE account = :account RETURNING enrolled_at IS NOT NULL"), {"account": account}
    )
    return bool(gone)


def _judged(connection: Connection, sealer: Sealer, account: int, code: str, row: RowMapping, now: datetime) -> tuple[Outcome, int]:
    """What a code is worth, and the last step accepted from now on."""
    last: int = row["last_step"]
    if RECOVERY.fullmatch(code):
        used = connection.execute(
            text("UPDATE account.recovery_code SET used_at = :at WHERE account = :account AND code_hash = :hash AND used_at IS NULL"),
            {"account": account, "hash": digest(code), "at": now},
        ).rowcount
        return (Outcome.RECOVERY if used else Outcome.WRONG), last
    step = _matching(sealer.open(account, row["secret"]), code, now) if DIGITS.fullmatch(code) else None
    if step is None:
        return Outcome.WRONG, last
    return (Outcome.RIGHT, step) if step > last else (Outcome.REPLAYED, last)


def _matching(secret: str, code: str, now: datetime) -> int | None:
    """The latest step of the window whose code this is; every step is compared, so that the time tells nothing."""
    found = None
    for step in range(step_at(now) - WINDOW, step_at(now) + WINDOW + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def _recovery_code() -> str:
    letters = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(RECOVERY_LENGTH))
    return "-".join(letters[start : start + RECOVERY_GROUP] for start in range(0, RECOVERY_LENGTH, RECOVERY_GROUP))
