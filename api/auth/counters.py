"""Which counters are whose: by role, by the way somebody came, and by the scope of a key. What data they see is the right's business."""

from __future__ import annotations

from collections.abc import Mapping

from api.access import ADMINISTRATOR, Action, Actor
from spatial.accounts.model import SEPARATED

__all__ = ["KEY_SCOPES", "allowed", "counters", "only_administrates", "scope_missing"]

# A counter that is not named here is for persons: a key neither unmasks nor manages accounts, keys and sessions. The scopes
# ``ingest`` and ``exchange`` open no counter of people; they are for the gates of sensors and of exchange peers.
KEY_SCOPES: Mapping[Action, frozenset[str]] = {
    Action.ME: frozenset({"read", "write", "ingest", "exchange"}),
    Action.READ: frozenset({"read"}),
    Action.EXPORT: frozenset({"read"}),
    Action.JOBS: frozenset({"read", "write"}),
    Action.EDIT: frozenset({"write"}),
    Action.IMPORT: frozenset({"write"}),
}
STRANGERS = frozenset({Action.OPEN, Action.ME, Action.READ})
PERSONAL = frozenset({Action.OPEN, Action.ME, Action.SELF})


def allowed(actor: Actor, action: Action) -> bool:
    """Tells whether an actor may come to a counter.

    >>> auditor, planner = Actor(1, "a", "a", ("auditor",)), Actor(2, "p", "p", ("planner",))
    >>> [allowed(auditor, action) for action in (Action.AUDIT, Action.READ, Action.RIGHTS, Action.SELF)]
    [True, False, False, True]
    >>> [allowed(planner, action) for action in (Action.AUDIT, Action.READ, Action.UNMASK)]
    [False, True, True]
    >>> key = Actor(2, "p", "p", ("planner",), "key", ("read",))
    >>> [allowed(key, action) for action in (Action.READ, Action.EDIT, Action.UNMASK, Action.SELF)]
    [True, False, False, False]
    """
    if actor.via == "stranger":
        return action is Action.OPEN
    if actor.via == "public" and action not in STRANGERS:
        return False
    if scope_missing(actor, action):
        return False
    if action in ADMINISTRATOR:
        return ADMINISTRATOR[action] in actor.roles
    if action is Action.JOBS and ADMINISTRATOR[Action.USERS] in actor.roles:
        return True  # who looks after the machine sees what runs on it, not what it is about (``api.jobs``)
    return action in PERSONAL or any(role not in SEPARATED for role in actor.roles)


def scope_missing(actor: Actor, action: Action) -> bool:
    """Tells whether an actor came by a key that does not open this counter."""
    return actor.via == "key" and action is not Action.OPEN and not KEY_SCOPES.get(action, frozenset()) & set(actor.scopes)


def counters(actor: Actor) -> list[str]:
    """Returns the counters that an actor may come to, as screens ask for them.

    >>> counters(Actor(1, "a", "a", ("secadmin",)))
    ['self', 'rights']
    """
    return [action.value for action in Action if action not in (Action.OPEN, Action.ME) and allowed(actor, action)]


def only_administrates(actor: Actor) -> bool:
    """Tells whether somebody is one of the three administrators, who see no business data."""
    return bool(actor.roles) and all(role in SEPARATED for role in actor.roles)
