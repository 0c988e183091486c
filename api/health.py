"""``/healthz`` touches nothing; ``/readyz`` asks the database, the migration head and the disk."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import psycopg
from fastapi import APIRouter, Response
from psycopg_pool import PoolClosed, PoolTimeout

from api.dependencies import Connect, OpenDep, SettingsDep
from spatial.upgrade import head_revision

__all__ = ["router"]

router = APIRouter(tags=["health"])
READY_SECONDS = 1.5
SPARE_BYTES = 256 * 1024 * 1024


@router.get("/healthz")
async def healthz(_: OpenDep) -> dict[str, str]:
    """Answers that the process lives."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(response: Response, connect: Connect, settings: SettingsDep, _: OpenDep) -> dict[str, Any]:
    """Answers whether requests can be served; 503 with the failing checks otherwise."""
    checks = {"database": False, "migrations": False, "disk": _disk_has_room(settings.state_dir)}
    try:
        async with asyncio.timeout(READY_SECONDS), connect.queries() as connection:
            row = await (await connection.execute("SELECT version_num FROM seen.migration")).fetchone()
        checks["database"] = True
        checks["migrations"] = row is not None and row[0] == head_revision()
    except (TimeoutError, PoolTimeout, PoolClosed, psycopg.Error):
        checks["database"] = False
    ready = all(checks.values())
    response.status_code = 200 if ready else 503
    return {"status": "ready" if ready else "not ready", "checks": checks}


def _disk_has_room(folder: Any) -> bool:
    existing = folder if folder.exists() else folder.absolute().parent
    try:
        return shutil.disk_usage(existing).free > SPARE_BYTES
    except OSError:
        return False
