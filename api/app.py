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
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from api import datasets, health, measure, onemap, search
from api.access import LOOPBACK_HOSTS
from api.dependencies import OpenDep
from api.errors import register_error_handlers
from api.ogc import items, landing, openapi, styles, tiles
from api.security import BodyLimit, SecurityHeaders, content_security_policy
from layers.catalogue import Registry
from layers.catalogue import load as load_registry
from spatial.database import open_pools
from spatial.settings import Settings

__all__ = ["create_app"]

MOST_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings, dsn: str, registry: Registry | None = None) -> FastAPI:
    """Returns the application.

    Args:
        dsn: connection string of the serving role.
        registry: layers to serve; by default those of the package.
    """
    web = Path(str(resources.files("web")))
    for ending in (".js", ".mjs"):
        # some machines map them to something that a browser refuses as a module
        mimetypes.add_type("text/javascript", ending)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_pools(dsn, settings) as pools:
            app.state.pools = pools
            yield

    app = FastAPI(title="Wanmi 万米", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.settings = settings
    app.state.registry = registry or load_registry()
    ogc = (landing.router, openapi.router, items.router, tiles.router, styles.router)
    for router in (health.router, *ogc, onemap.router, datasets.router, search.router, measure.router):
        app.include_router(router)
    app.include_router(_pages(web))
    app.mount("/static", StaticFiles(directory=web), name="static")
    register_error_handlers(app)
    app.add_middleware(BodyLimit, most=MOST_BODY_BYTES)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(SecurityHeaders, policy=content_security_policy(web / "index.html"))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS))
    return app


def _pages(web: Path) -> APIRouter:
    """Pages for people; each is a file of ``web/``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def one_map(_: OpenDep) -> FileResponse:
        return FileResponse(web / "index.html", media_type="text/html; charset=utf-8")

    return router
