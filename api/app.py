"""Assembly of the application; nothing is read from the environment or opened at import."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from api import audit, datasets, grants, health, imports, jobs, measure, onemap, rights, search, unmask, users
from api.auth import login, me
from api.auth.office import open_office, set_up
from api.auth.ways import join
from api.dependencies import OpenDep, ReaderDep, SelfDep
from api.errors import register_error_handlers
from api.hosts import Hosts, own_names
from api.ogc import items, landing, openapi, styles, tiles
from api.security import BodyLimit, SecurityHeaders, content_security_policy
from api.work import work_of
from layers.catalogue import Registry
from layers.catalogue import load as load_registry
from spatial.database import open_pools
from spatial.settings import Settings

__all__ = ["create_app"]

MOST_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings, dsn: str, registry: Registry | None = None, owner_dsn: str | None = None) -> FastAPI:
    """Returns the application.

    Args:
        dsn: connection string of the serving role.
        registry: layers to serve; by default those of the package.
        owner_dsn: connection string of the owner, for accounts and administration; by default that of the serving role.
    """
    web = Path(str(resources.files("web")))
    for ending in (".js", ".mjs"):
        # some machines map them to something that a browser refuses as a module
        mimetypes.add_type("text/javascript", ending)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_pools(dsn, settings) as pools, open_office(app):
            app.state.pools = pools
            yield

    app = FastAPI(title="Wanmi 万米", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.settings = settings
    app.state.registry = registry or load_registry()
    set_up(app, settings, dsn, owner_dsn or dsn)
    join(app, settings)
    app.state.work = work_of(settings)
    ogc = (landing.router, openapi.router, items.router, tiles.router, styles.router)
    business = (onemap.router, datasets.router, search.router, measure.router, unmask.router, jobs.router, imports.router)
    administration = (users.router, users.organisation_router, rights.router, grants.router, audit.router)
    for router in (health.router, login.router, me.router, *administration, *ogc, *business):
        app.include_router(router)
    app.include_router(_pages(web))
    app.mount("/static", StaticFiles(directory=web), name="static")
    register_error_handlers(app)
    # a form is a little larger than the file in it
    app.add_middleware(BodyLimit, most=MOST_BODY_BYTES, streamed={imports.IMPORTS_PATH: (settings.upload_mb << 20) + MOST_BODY_BYTES})
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(SecurityHeaders, policy=content_security_policy(web / "index.html", web / "login.html", web / "admin.html"))
    app.add_middleware(Hosts, names=settings.allowed_hosts, own=own_names(settings.host))
    return app


def _pages(web: Path) -> APIRouter:
    """Pages for people; each is a file of ``web/``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def one_map(_: ReaderDep) -> FileResponse:
        return FileResponse(web / "index.html", media_type="text/html; charset=utf-8")

    @router.get("/login")
    async def login_page(_: OpenDep) -> FileResponse:
        return FileResponse(web / "login.html", media_type="text/html; charset=utf-8")

    @router.get("/admin")
    async def administration(_: SelfDep) -> FileResponse:
        return FileResponse(web / "admin.html", media_type="text/html; charset=utf-8")

    return router
