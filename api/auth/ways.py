"""The other ways in, joined to the house's log-in: second factors and the identity provider."""

from __future__ import annotations

from fastapi import FastAPI

from api.auth import factors, oidc
from api.auth.door import address_of
from api.auth.joins import Joins
from api.auth.office import office_of
from api.auth.provider import provider_of
from api.auth.session import answer_me, finish_login
from spatial.accounts.sealing import Sealer
from spatial.place import state_folder
from spatial.settings import Settings

__all__ = ["join"]


def join(app: FastAPI, settings: Settings) -> None:
    """Adds the routes and registers what the log-in asks; after ``office.set_up``.

    Raises:
        SettingsError: the provider's settings do not fit together.
    """
    joins = Joins(
        finish=finish_login,
        answer=answer_me,
        owner=lambda request: office_of(request).desk,
        sealer=Sealer(state_folder(settings.state_dir)),
        address=address_of,
        forget=lambda request, account: office_of(request).held.drop(account),
    )
    provider = provider_of(settings)
    app.state.second_factor = factors.second_factor(joins)
    app.state.oidc = settings.oidc_title if provider is not None else None
    app.include_router(factors.router(joins))
    app.include_router(oidc.router(provider, joins))
