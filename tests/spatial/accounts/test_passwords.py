"""Hashes: argon2id with OWASP's parameters, made again when they change, the same work for nobody."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from spatial.accounts import passwords
from spatial.accounts.passwords import hash_password, is_same, verify
from tests.support.people import PASSWORD


def test_hashes_are_argon2id_salted_and_as_owasp_says() -> None:
    made = [hash_password(PASSWORD) for _ in range(2)]
    assert made[0] != made[1] and PASSWORD not in made[0]
    found = extract_parameters(made[0])
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 19 * 1024, 2, 1)
    assert (found.salt_len, found.hash_len) == (16, 32)


def test_a_hash_of_other_parameters_is_made_again_when_the_password_is_right() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    verdict = verify(old, PASSWORD)
    assert verdict.right and verdict.new_hash is not None
    assert extract_parameters(verdict.new_hash) == extract_parameters(hash_password(""))
    again = verify(verdict.new_hash, PASSWORD)
    assert again.right and again.new_hash is None
    wrong = verify(old, PASSWORD + "x")
    assert not wrong.right and wrong.new_hash is None


def test_nobody_costs_as_much_as_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is the parameters' and the compared bytes', so it is compared by them and not by the clock."""
    done = []

    class Counting:
        def verify(self, stored: str, password: bytes) -> bool:
            done.append((extract_parameters(stored), password))
            return real.verify(stored, password)

        def check_needs_rehash(self, stored: str) -> bool:
            return real.check_needs_rehash(stored)

    real = passwords.HASHER
    stored = hash_password(PASSWORD)
    monkeypatch.setattr(passwords, "HASHER", Counting())
    assert not verify(None, "guess").right
    assert not verify(stored, "guess").right
    assert done[0] == done[1] and len(done) == 2


@pytest.mark.parametrize("guess", ["", PASSWORD + "x", PASSWORD[:-1], PASSWORD.lower(), PASSWORD + "\0", "\ud800", "x" * 1_000_000])
def test_only_the_very_password_is_right(guess: str) -> None:
    assert not verify(hash_password(PASSWORD), guess).right
    assert not verify(None, guess).right


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$AAAA", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_torn_hash_lets_nobody_in(stored: str) -> None:
    assert not is_same(stored, "")
    assert not is_same(stored, PASSWORD)


def test_the_longest_password_is_compared_to_its_end() -> None:
    longest = "万" * 127
    assert verify(hash_password(longest + "a"), longest + "a").right
    assert not verify(hash_password(longest + "a"), longest + "b").right
