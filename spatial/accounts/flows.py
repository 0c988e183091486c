"""Log-ins at an outside provider under way: state, nonce and verifier stay here; what comes back is used once, by the same browser."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from grid_coding.errors import BilingualError
from spatial.accounts.policy import network_address
from spatial.accounts.tokens import digest, is_token, new_token

__all__ = ["HOLDS", "Flow", "TooManyFlows", "begin_flow", "take_flow"]

HOLDS = timedelta(minutes=10)
# An office behind one address signs in of a morning; a script that fills the table does not.
MOST_PER_ADDRESS = 500


class TooManyFlows(BilingualError):
    """One address has begun too many log-ins without ending them."""

    def __init__(self) -> None:
        super().__init__("未完成的登录太多，请 10 分钟后再试", "too many log-ins begun and not ended; try again in 10 minutes")


@dataclass(frozen=True, slots=True)
class Flow:
    """One log-in under way.

    Attributes:
        state: goes to the provider and comes back in the address.
        browser: goes into a cookie: who brings ``state`` back has to be who was sent.
        nonce: has to stand in the token.
        verifier: of PKCE (RFC 7636): without it the code is worth nothing to whoever sees it.
        next: page to go to afterwards.
    """

    state: str
    browser: str
    nonce: str
    verifier: str
    next: str


def begin_flow(connection: Connection, next_page: str, address: str | None, at: datetime | None = None) -> Flow:
    """Stores a new log-in under way; those whose time is over go.

    Raises:
        TooManyFlows: from this address.
    """
    now, address = at or datetime.now(UTC), network_address(address)
    flow = Flow(new_token(), new_token(), new_token(), secrets.token_urlsafe(48), next_page)
    connection.execute(text("DELETE FROM account.login_flow WHERE ends_at <= :at"), {"at": now})
    held = connection.scalar(
        text("SELECT count(*) FROM account.login_flow WHERE address IS NOT DISTINCT FROM CAST(:address AS inet)"), {"address": address}
    )
    if int(held or 0) >= MOST_PER_ADDRESS:
        raise TooManyFlows
    connection.execute(
        text("""
            INSERT INTO account.login_flow (state_hash, browser_hash, nonce, verifier, next, address, ends_at)
            VALUES (:state, :browser, :nonce, :verifier, :next, CAST(:address AS inet), :ends)
        """),
        {"state": digest(flow.state), "browser": digest(flow.browser), "nonce": flow.nonce, "verifier": flow.verifier,
         "next": next_page, "address": address, "ends": now + HOLDS},
    )  # fmt: skip
    return flow


def take_flow(connection: Connection, state: str, browser: str, at: datetime | None = None) -> Flow | None:
    """Returns the log-in that a state and a browser belong to and forgets it; the caller commits before it goes on."""
    if not (is_token(state) and is_token(browser)):
        return None
    row = connection.execute(
        text("""
            DELETE FROM account.login_flow WHERE state_hash = :state AND browser_hash = :browser
            RETURNING nonce, verifier, next, ends_at
        """),
        {"state": digest(state), "browser": digest(browser)},
    ).one_or_none()
    if row is None or row.ends_at <= (at or datetime.now(UTC)):
        return None
    return Flow(state, browser, row.nonce, row.verifier, row.next)
