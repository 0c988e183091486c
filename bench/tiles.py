"""Uncached tiles through HTTP against the same statement in a raw SQL loop: ``python -m bench.tiles OWNER_DSN KEY [URL]``.

Interleaved, one client, the tiles of the sample city at each zoom; prints the ratio (1 = HTTP costs nothing).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import httpx2
import mercantile
import psycopg

from layers.catalogue import load
from tiles.vector import statement

ROUNDS = 3
BOX = (113.99, 34.76, 114.08, 34.83)


def timed(work: Callable[[mercantile.Tile], object], tiles: list[mercantile.Tile]) -> float:
    """Returns seconds a tile."""
    began = time.perf_counter()
    for tile in tiles:
        work(tile)
    return (time.perf_counter() - began) / len(tiles)


def main() -> None:
    """Measures and prints."""
    key, address = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "http://127.0.0.1:8000"
    credentials = {"Authorization": f"Bearer {key}"}
    layer = load().by_role("component")
    options = "-c jit=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_custom_plan"
    with psycopg.connect(sys.argv[1], options=options) as connection, httpx2.Client(base_url=address, headers=credentials) as client:

        def raw(tile: mercantile.Tile) -> object:
            params = {"z": tile.z, "x": tile.x, "y": tile.y, "city": None}
            return connection.execute(statement(layer, tile.z, by_city=False), params, prepare=True, binary=True).fetchone()

        def over_http(tile: mercantile.Tile) -> object:
            return client.get(f"/tiles/{layer.id}/{tile.z}/{tile.x}/{tile.y}", headers={"Accept-Encoding": "identity"}).content

        for zoom in (12, 14, 16, 17):
            tiles = list(mercantile.tiles(*BOX, zoom))[:200]
            timed(raw, tiles), timed(over_http, tiles)
            pairs = [(timed(raw, tiles), timed(over_http, tiles)) for _ in range(ROUNDS)]
            sql, http = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
            print(f"z{zoom}: sql {sql * 1000:.2f} ms, http {http * 1000:.2f} ms, ratio {sql / http:.2f}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
