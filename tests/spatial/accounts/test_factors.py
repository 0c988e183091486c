"""The second factor: RFC 6238's own vectors, a code once, the clock's window, lock-out, recovery codes, secrets at rest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from spatial.accounts.factors import (
    FactorError,
    Outcome,
    begin_enrolment,
    check,
    code_at,
    confirm_enrolment,
    factor_state,
    must_enrol,
    pending,
    plain_code,
    remove,
    step_at,
)  # fmt: skip
from spatial.accounts.model import Account
from spatial.accounts.sealing import KEY_FILE, Sealer, SealError
from tests.support.cluster import Server
from tests.support.people import MLPS2, NOW, add_person, minutes

# RFC 6238, appendix B, SHA-1: time and eight digits, of which ours are the last six.
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.fixture
def app_dsn(server: Server, database: str) -> str:
    return server.app(database)


@pytest.fixture
def server_owner(server: Server, database: str) -> str:
    return server.owner(database)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer(tmp_path)


def enrolled(engine: Engine, sealer: Sealer, name: str) -> tuple[Account, str, tuple[str, ...]]:
    """An account with a factor since ``NOW``, its secret and its recovery codes."""
    account = add_person(engine, name)
    with engine.begin() as connection:
        made = begin_enrolment(connection, sealer, account, NOW)
        codes = confirm_enrolment(connection, sealer, account.id, code_at(made.secret, step_at(NOW)), NOW)
    return account, made.secret, codes


def tried(engine: Engine, sealer: Sealer, account: Account, code: str, at: datetime) -> Outcome:
    with engine.begin() as connection:
        return check(connection, sealer, account.id, code, MLPS2, at)


@pytest.mark.parametrize(("seconds", "digits"), VECTORS.items())
def test_the_vectors_of_the_rfc(seconds: int, digits: str) -> None:
    assert code_at(RFC_SECRET, step_at(datetime.fromtimestamp(seconds, UTC))) == digits[-6:]


@given(secret=st.binary(min_size=20, max_size=20), step=st.integers(min_value=0, max_value=2**40))
def test_codes_agree_with_the_definition(secret: bytes, step: int) -> None:
    """RFC 4226 §5.3 written out."""
    mac = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    start = mac[-1] & 15
    expected = (int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF) % 1_000_000
    assert code_at(base64.b32encode(secret).decode(), step) == f"{expected:06}"


@given(st.text(max_size=80))
def test_whatever_is_typed_is_compared_and_never_an_error(given_text: str) -> None:
    assert not set(plain_code(given_text)) & set(" \t\n-－")


def test_a_code_holds_once_and_never_an_earlier_one(engine: Engine, sealer: Sealer) -> None:
    account, secret, _ = enrolled(engine, sealer, "once")
    first = code_at(secret, step_at(NOW))
    assert tried(engine, sealer, account, first, NOW) is Outcome.REPLAYED, "the code that confirmed the factor is used up"
    later = after(60)
    assert tried(engine, sealer, account, code_at(secret, step_at(later)), later) is Outcome.RIGHT
    assert tried(engine, sealer, account, code_at(secret, step_at(later)), later) is Outcome.REPLAYED
    assert tried(engine, sealer, account, code_at(secret, step_at(later) - 1), later) is Outcome.REPLAYED, "an earlier step came out later"


@pytest.mark.parametrize(
    ("off", "outcome"), [(-2, Outcome.WRONG), (-1, Outcome.RIGHT), (0, Outcome.RIGHT), (1, Outcome.RIGHT), (2, Outcome.WRONG)]
)
def test_the_clock_may_be_off_by_one_step(engine: Engine, sealer: Sealer, off: int, outcome: Outcome) -> None:
    account, secret, _ = enrolled(engine, sealer, f"clock{off + 2}")
    later = after(600)
    assert tried(engine, sealer, account, code_at(secret, step_at(later) + off), later) is outcome


def test_wide_digits_and_blanks_are_the_same_code(engine: Engine, sealer: Sealer) -> None:
    account, secret, _ = enrolled(engine, sealer, "wide")
    later = after(600)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code_at(secret, step_at(later)))
    assert tried(engine, sealer, account, f" {wide[:3]} {wide[3:]} ", later) is Outcome.RIGHT


def test_five_wrong_codes_lock_and_a_right_one_forgives(engine: Engine, sealer: Sealer) -> None:
    account, secret, codes = enrolled(engine, sealer, "locked")
    for seconds in range(4):
        assert tried(engine, sealer, account, "000000x", after(600 + seconds)) is Outcome.WRONG
    assert tried(engine, sealer, account, code_at(secret, step_at(after(610))), after(610)) is Outcome.RIGHT
    for seconds in range(5):
        assert tried(engine, sealer, account, "12345", after(700 + seconds)) is Outcome.WRONG
    assert tried(engine, sealer, account, code_at(secret, step_at(after(710))), after(710)) is Outcome.LOCKED
    assert tried(engine, sealer, account, codes[0], after(710)) is Outcome.LOCKED, "recovery codes are locked with it"
    free = minutes(60)
    assert tried(engine, sealer, account, code_at(secret, step_at(free)), free) is Outcome.RIGHT


def test_a_recovery_code_is_used_up(engine: Engine, sealer: Sealer) -> None:
    account, _, codes = enrolled(engine, sealer, "paper")
    other, _, _ = enrolled(engine, sealer, "paper2")
    assert len(set(codes)) == 10 and all(len(plain_code(code)) == 20 for code in codes)
    assert tried(engine, sealer, other, codes[1], after(60)) is Outcome.WRONG, "they are one account's"
    assert tried(engine, sealer, account, codes[1].upper().replace("-", " "), after(60)) is Outcome.RECOVERY
    assert tried(engine, sealer, account, codes[1], after(61)) is Outcome.WRONG
    with engine.connect() as connection:
        assert factor_state(connection, account.id).recovery_left == 9
        stored = connection.scalars(text("SELECT code_hash FROM account.recovery_code WHERE account = :id"), {"id": account.id}).all()
    assert hashlib.sha256(plain_code(codes[0]).encode()).digest() in [bytes(one) for one in stored]


def test_enrolment_needs_a_right_code_in_time_and_comes_once(engine: Engine, sealer: Sealer) -> None:
    account = add_person(engine, "begins")
    with engine.begin() as connection:
        with pytest.raises(FactorError) as refused:
            confirm_enrolment(connection, sealer, account.id, "123456", NOW)
        assert refused.value.rule == "factor_not_begun"
        first = begin_enrolment(connection, sealer, account, NOW)
        second = begin_enrolment(connection, sealer, account, minutes(1))
        assert first.secret != second.secret and second.secret in second.uri and "begins" in second.uri
        assert not pending(connection, account.id, "optional"), "unconfirmed, it is asked of nobody"
        with pytest.raises(FactorError) as refused:
            confirm_enrolment(connection, sealer, account.id, code_at(first.secret, step_at(minutes(1))), minutes(1))
        assert refused.value.rule == "code_wrong"
        with pytest.raises(FactorError):
            confirm_enrolment(connection, sealer, account.id, code_at(second.secret, step_at(minutes(17))), minutes(17))
        confirm_enrolment(connection, sealer, account.id, code_at(second.secret, step_at(minutes(2))), minutes(2))
        with pytest.raises(FactorError) as refused:
            begin_enrolment(connection, sealer, account, minutes(3))
        assert refused.value.rule == "factor_enrolled"


def test_the_setting_decides_what_is_due(engine: Engine, sealer: Sealer) -> None:
    account, _, _ = enrolled(engine, sealer, "has")
    without = add_person(engine, "hasnot")
    with engine.begin() as connection:
        assert [pending(connection, account.id, mode) for mode in ("off", "optional", "required")] == [False, True, True]
        assert [must_enrol(connection, account.id, mode) for mode in ("off", "optional", "required")] == [False, False, False]
        assert [pending(connection, without.id, mode) for mode in ("off", "optional", "required")] == [False, False, False]
        assert [must_enrol(connection, without.id, mode) for mode in ("off", "optional", "required")] == [False, False, True]
        assert check(connection, sealer, without.id, "123456", MLPS2, NOW) is Outcome.NONE
        assert remove(connection, account.id) and not remove(connection, account.id)
        assert must_enrol(connection, account.id, "required")
        assert connection.scalar(text("SELECT count(*) FROM account.recovery_code WHERE account = :id"), {"id": account.id}) == 0


def test_the_step_never_goes_back_whoever_writes(engine: Engine, sealer: Sealer) -> None:
    account, _, _ = enrolled(engine, sealer, "steps")
    for value in ("last_step - 1", "NULL"):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text(f"UPDATE account.factor SET last_step = {value} WHERE account = :id"), {"id": account.id})


def test_two_at_once_use_a_code_once(engine: Engine, sealer: Sealer) -> None:
    """The second waits for the first one's row and then finds the step taken."""
    account, secret, _ = enrolled(engine, sealer, "twice")
    later = after(60)
    code = code_at(secret, step_at(later))
    first = engine.connect()
    assert _begun(first, sealer, account, code, later) is Outcome.RIGHT
    with engine.begin() as second:
        second.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            check(second, sealer, account.id, code, MLPS2, later)
    first.commit()
    first.close()
    assert tried(engine, sealer, account, code, later) is Outcome.REPLAYED


def _begun(connection: Connection, sealer: Sealer, account: Account, code: str, at: datetime) -> Outcome:
    return check(connection, sealer, account.id, code, MLPS2, at)


def test_the_secret_lies_sealed_and_only_in_its_own_row(engine: Engine, sealer: Sealer, tmp_path: Path) -> None:
    account, secret, codes = enrolled(engine, sealer, "sealed")
    other, _, _ = enrolled(engine, sealer, "moved")
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and list(tmp_path.iterdir()) == [path]
    with engine.begin() as connection:
        stored = bytes(connection.scalar(text("SELECT secret FROM account.factor WHERE account = :id"), {"id": account.id}))
        assert secret.encode() not in stored and base64.b32decode(secret) not in stored
        assert Sealer(tmp_path).open(account.id, stored) == secret
        with pytest.raises(SealError):
            sealer.open(other.id, stored)
        with pytest.raises(SealError):
            sealer.open(account.id, stored[:-1] + bytes([stored[-1] ^ 1]))
        path.write_text(base64.urlsafe_b64encode(os.urandom(32)).decode())
        with pytest.raises(SealError, match="another key"):
            Sealer(tmp_path).open(account.id, stored)
        path.unlink()
        lost = Sealer(tmp_path)
        with pytest.raises(SealError, match="missing"):
            check(connection, lost, account.id, "123456", MLPS2, after(60))
        assert check(connection, lost, account.id, codes[0], MLPS2, after(60)) is Outcome.RECOVERY, "paper helps when the key is lost"
        path.write_text("torn")
        with pytest.raises(SealError):
            lost.seal(account.id, secret)
        assert path.read_text() == "torn", "a key is never replaced"


def test_the_serving_role_reads_nothing_of_it(engine: Engine, app_dsn: str) -> None:
    with psycopg2.connect(app_dsn) as connection, connection.cursor() as cursor:
        for table in ("factor", "recovery_code", "login_ticket", "identity", "identity_permit", "login_flow"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT count(*) FROM account.{table}")
            connection.rollback()


def test_workers_are_told_who_has_enrolled(engine: Engine, server_owner: str, sealer: Sealer) -> None:
    account = add_person(engine, "told")
    with closing(psycopg2.connect(server_owner)) as listener:
        listener.autocommit = True
        listener.cursor().execute("LISTEN wanmi_account")

        def told() -> list[str]:
            listener.cursor().execute("SELECT 1")
            found = [note.payload for note in listener.notifies]
            listener.notifies.clear()
            return found

        with engine.begin() as connection:
            made = begin_enrolment(connection, sealer, account, NOW)
        told()
        with engine.begin() as connection:
            confirm_enrolment(connection, sealer, account.id, code_at(made.secret, step_at(NOW)), NOW)
        assert told() == [str(account.id)]
        with engine.begin() as connection:
            check(connection, sealer, account.id, "123456", MLPS2, NOW)
        assert told() == [], "a code typed is nobody else's news"
        with engine.begin() as connection:
            remove(connection, account.id)
        assert told() == [str(account.id)]
