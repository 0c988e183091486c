"""``POST /api/unmask``: a masked field for a reason."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy import Engine

from api.access import Action, Actor, Requires
from api.auth.office import OfficeDep
from api.dependencies import RegistryDep, RightDep, StrictQuery, Text, visible_layer
from api.errors import ApiError
from layers.model import Layer
from spatial.audit.record import Entry, record
from spatial.rights.unmask import Unmasked, UnmaskRefused, unmask

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["right"])
STATUS = {"missing": 404, "forbidden": 403, "reason": 422, "too_many": 429}


class Asked(StrictQuery):
    """Which field of which feature, and why."""

    layer: Text
    id: Annotated[int, Field(ge=1, lt=1 << 63)]
    field: Text
    reason: Text


@router.post("/unmask")
async def post_unmask(
    office: OfficeDep, asked: Asked, registry: RegistryDep, right: RightDep, actor: Annotated[Actor, Depends(Requires(Action.UNMASK))]
) -> dict[str, Any]:
    """Answers the field's value; for an hour the feature shows it to this person, and the audit log keeps the reason."""
    layer = visible_layer(registry, right, asked.layer)
    try:
        shown = await office.counter.call(lambda engine: _shown(engine, layer, asked, actor))
    except UnmaskRefused as error:
        raise ApiError(
            STATUS[error.rule], error.rule.replace("_", "-"), error.zh, error.en, "reason" if error.rule == "reason" else None
        ) from None
    # as the items write it: dates and numbers look the same everywhere
    value = json.loads(json.dumps(shown.value, default=str))
    return {"layer": layer.id, "id": asked.id, "field": asked.field, "value": value, "until": shown.until.isoformat()}


def _shown(engine: Engine, layer: Layer, asked: Asked, actor: Actor) -> Unmasked:
    who = Entry("field.unmask", actor=actor.account, actor_name=actor.name, address=actor.address)
    try:
        with engine.begin() as connection:
            return unmask(connection, layer, asked.id, asked.field, asked.reason, who)
    except UnmaskRefused as error:
        what = f"{layer.id}/{asked.id}/{asked.field}"[:300]
        with engine.begin() as connection:
            record(connection, Entry(who.action, "refused", who.actor, who.actor_name, who.address, what, {"rule": error.rule}))
        raise
