"""What authentication needs while the server runs, made once per application: engine, bulkheads, memory, watch, door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, FastAPI, Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.auth.bulkhead import Bulkhead
from api.auth.denials import Denials
from api.auth.door import Door
from spatial.accounts.held import Held
from spatial.accounts.housekeeping import tidy
from spatial.accounts.policy import PROFILES, Profile
from spatial.accounts.watch import Watch, watching
from spatial.database import owner_engine
from spatial.rights.held import RightCache
from spatial.settings import Settings

__all__ = ["Office", "OfficeDep", "office_of", "open_office", "set_up"]

# Places at once: looking up and one's own account; log-in, where each holds a core and 19 MiB for some 50 ms (argon2).
# The counters of people (administration, audit, jobs, unmasking) have places of their own: a long preview must not keep anybody out.
DESK_PLACES, GATE_PLACES, COUNTER_PLACES = 2, 2, 4
DAY_SECONDS = 86_400
log = logging.getLogger("wanmi.auth")


@dataclass(frozen=True, slots=True)
class Office:
    """The parts of authentication, and the bulkheads of all owner's work.

    ``desk`` looks up who asks, ``gate`` logs in, ``counter`` does what people came for: apart, so that none keeps another waiting.
    """

    engine: Engine
    desk: Bulkhead
    gate: Bulkhead
    counter: Bulkhead
    held: Held
    watch: Watch
    denials: Denials
    profile: Profile


def set_up(app: FastAPI, settings: Settings, dsn: str, owner_dsn: str) -> None:
    """Makes the parts and leaves them in ``app.state``: ``engine``, ``rights``, ``office``, ``door``; opens nothing."""
    engine = owner_engine(owner_dsn, settings)
    desk, gate, counter = (Bulkhead(engine, places, settings.queue_seconds) for places in (DESK_PLACES, GATE_PLACES, COUNTER_PLACES))
    watch = Watch(dsn)
    held = Held(lambda: watch.alive)
    rights = RightCache(lambda: watch.alive)
    watch.subscribe(held.drop)
    watch.subscribe(rights.drop)
    denials, profile = Denials(desk), PROFILES[settings.security_profile]
    app.state.engine = engine
    app.state.rights = rights
    app.state.office = Office(engine, desk, gate, counter, held, watch, denials, profile)
    app.state.door = Door(desk, held, denials, profile, settings.public, settings.totp)
    # Other ways in register here: see ``api.auth.login``.
    app.state.second_factor = None
    app.state.oidc = None


def office_of(request: Request) -> Office:
    """Returns the parts."""
    office: Office = request.app.state.office
    return office


async def _office(request: Request) -> Office:
    return office_of(request)


OfficeDep = Annotated[Office, Depends(_office)]


@asynccontextmanager
async def open_office(app: FastAPI) -> AsyncIterator[None]:
    """Listens and keeps house within the block."""
    office: Office = app.state.office
    async with watching(office.watch):
        housekeeping = asyncio.create_task(_keep_house(office))
        try:
            yield
        finally:
            housekeeping.cancel()
            with suppress(asyncio.CancelledError):
                await housekeeping
            office.engine.dispose()


async def _keep_house(office: Office) -> None:
    """Tidies at the start and once a day; of all workers one does it."""
    while True:
        try:
            await to_thread.run_sync(partial(tidy, office.engine, office.profile))
        except SQLAlchemyError as error:
            log.warning("daily work of the accounts was not done: %s", type(error).__name__)
        await asyncio.sleep(DAY_SECONDS)
