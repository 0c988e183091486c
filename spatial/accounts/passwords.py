"""Hashes of passwords: argon2id, never anything else; the same work is done where there is no hash to compare with."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

__all__ = ["Verdict", "hash_password", "is_same", "verify"]

# OWASP Password Storage Cheat Sheet: 19 MiB, 2 rounds, 1 lane is the least; one lane leaves the other core to everyone else.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
# The hash of nothing, of the same parameters: comparing with it is the same work and is never right.
NOTHING = f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}${'A' * 22}${'A' * 43}"
# No password is longer (policy.LONGEST characters of 4 bytes), so what is cut off could only have been wrong.
MOST_BYTES = 1024


class Verdict:
    """What a comparison gave: ``right``, and a new hash where the stored one was made with other parameters."""

    __slots__ = ("new_hash", "right")

    def __init__(self, right: bool, new_hash: str | None = None) -> None:
        self.right = right
        self.new_hash = new_hash


def hash_password(password: str) -> str:
    """Returns the argon2id hash of a password.

    >>> hash_password("Zheng-dong#47").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    True
    """
    return HASHER.hash(password.encode("utf-8", "surrogatepass"))


def verify(stored: str | None, password: str) -> Verdict:
    """Compares a password with a stored hash; without one, with a hash of nothing, so that the time tells nothing.

    Takes tens of milliseconds of a core and 19 MiB: call it in a thread and outside of transactions.

    >>> verify(hash_password("a"), "a").right, verify(hash_password("a"), "b").right, verify(None, "a").right
    (True, False, False)
    """
    right = is_same(stored or NOTHING, password)
    if right and stored is not None and HASHER.check_needs_rehash(stored):
        return Verdict(True, hash_password(password))
    return Verdict(right)


def is_same(stored: str, password: str) -> bool:
    """Tells whether a hash is that of a password; a hash that is none is nobody's."""
    try:
        return HASHER.verify(stored, password.encode("utf-8", "surrogatepass")[:MOST_BYTES])
    except (VerificationError, InvalidHashError):
        return False
