"""Sessions and keys that a worker remembers, so that a request costs a look into a dictionary instead of a query.

Nothing here asks the database. What is remembered holds for as long as the database need not be told that it was used
(``TOUCH_AFTER``), never past its own end, and only while the watch is alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from spatial.accounts.keys import ApiKey
from spatial.accounts.model import Account
from spatial.accounts.sessions import TOUCH_AFTER, Session
from spatial.accounts.tokens import digest

__all__ = ["Held", "Proof"]

# A worker of a city has some hundreds of people; more would be an attack on its memory.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Proof:
    """What a token proves: an account, by its session or by its key.

    ``fresh_until``: from then on the database is asked again, because the use is to be noted there or the end is reached.
    """

    account: Account
    fresh_until: datetime
    session: Session | None = None
    key: ApiKey | None = None
    must_enrol: bool = False

    @classmethod
    def of_session(cls, session: Session, must_enrol: bool = False) -> Proof:
        """The proof that a session gives; ``must_enrol``: until there is a second factor it opens one's own account only."""
        return cls(session.account, min(session.seen_at + TOUCH_AFTER, session.idle_ends_at), session=session, must_enrol=must_enrol)

    @classmethod
    def of_key(cls, key: ApiKey, account: Account) -> Proof:
        """The proof that a key gives."""
        return cls(account, min((key.last_used_at or key.created_at) + TOUCH_AFTER, key.expires_at), key=key)


class Held:
    """Proofs by the hash of their token; used on the event loop only."""

    def __init__(self, alive: Callable[[], bool]) -> None:
        self._alive = alive
        self._proofs: dict[bytes, Proof] = {}
        self.generation = 0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._proofs)

    def find(self, token: str, now: datetime) -> Proof | None:
        """Returns what a token proves if that is remembered and may be used."""
        proof = self._proofs.get(digest(token))
        return proof if proof is not None and self._alive() and now < proof.fresh_until else None

    def keep(self, token: str, proof: Proof, generation: int) -> None:
        """Remembers a proof that was read while ``generation`` was the newest: one read before a change is forgotten."""
        if generation != self.generation or not self._alive():
            return
        if len(self._proofs) >= MOST:
            self._proofs.clear()
        self._proofs[digest(token)] = proof

    def drop(self, account: int | None) -> None:
        """Forgets what concerns an account; None: everything. For ``Watch.subscribe``."""
        self.generation += 1
        if account is None:
            self._proofs.clear()
        else:
            self._proofs = {token: proof for token, proof in self._proofs.items() if proof.account.id != account}
