"""Making, loading and removing a sample city in a throw-away database: ``python -m bench.sample [S|M|L] [SEED]``.

Prints rows, seconds, rows/s, the processors' seconds and the peak memory of the Python processes, the size of the database, and
the machine's load beside them.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, text

from data.sample_city import make_sample, remove_sample
from layers.catalogue import load
from spatial.database import owner_engine
from spatial.upgrade import upgrade
from tests.support.cluster import running_server

DATABASE = "wanmi_bench_sample"


def measure(engine: Engine, size: str, seed: int | None, rasters: Path) -> None:
    """Makes the city and removes it again."""
    registry = load()
    upgrade(engine, registry)
    began = time.perf_counter()

    def told(sentence: str) -> None:
        print(f"{time.perf_counter() - began:8.1f} s  load {os.getloadavg()[0]:.1f}  {sentence}", flush=True)

    made = make_sample(engine, registry, size=size, profile="2005", seed=seed, report=told, rasters=rasters)
    seconds, rows = time.perf_counter() - began, sum(made.rows.values())
    for layer, count in made.rows.items():
        print(f"{layer}\t{count}")
    print(f"{rows} rows in {seconds:.1f} s: {rows / seconds:.0f} rows/s, load {os.getloadavg()[0]:.1f}")
    print(f"waiting for rows {made.making_seconds:.1f} s, COPY {made.loading_seconds:.1f} s, indexes {made.indexing_seconds:.1f} s")
    children, own = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    print(f"making {children.ru_utime + children.ru_stime:.0f} s of processor, at most {children.ru_maxrss / 1024:.0f} MiB each")
    print(f"loading {own.ru_utime + own.ru_stime:.0f} s of processor, at most {own.ru_maxrss / 1024:.0f} MiB")
    with engine.connect() as connection:
        print(f"database {connection.scalar(text('SELECT pg_size_pretty(pg_database_size(current_database()))'))}")
    began = time.perf_counter()
    gone = remove_sample(engine, registry, told, rasters, size)
    print(f"{gone} rows removed in {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Measures and prints."""
    size = sys.argv[1] if len(sys.argv) > 1 else "S"
    with running_server() as server:
        server.create(DATABASE)
        engine = owner_engine(server.owner(DATABASE))
        try:
            with TemporaryDirectory() as rasters:
                measure(engine, size, int(sys.argv[2]) if len(sys.argv) > 2 else None, Path(rasters))
        finally:
            engine.dispose()
            server.drop(DATABASE)


if __name__ == "__main__":
    main()
