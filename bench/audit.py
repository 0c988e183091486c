"""The audit log's cost: ``python -m bench.audit [ROWS]`` in a throw-away cluster set up like a city's.

Prints what a row adds to a single write (an UPDATE or INSERT of a layer's row in a transaction of its own, with and without a row
of the log, interleaved in one run), then sealing, verification and removal of ROWS rows (default one million), with sizes, the
peak memory of this process, and the load of the machine beside them.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from layers.catalogue import load
from layers.model import Layer
from spatial.audit.record import Entry, record
from spatial.audit.sealing import seal
from spatial.audit.verify import verify
from spatial.cluster import Cluster
from spatial.database import owner_engine
from spatial.upgrade import upgrade
from tests.support.cluster import Server
from tests.support.town import build

DATABASE = "wanmi_bench_audit"
WRITES = 2000
GOAL = 1.2
FILL = """
    INSERT INTO audit.entry (actor, address, action, object, result, detail)
    SELECT 1 + n % 50, '10.1.2.3', 'edit', 'layer/case/' || n, 'ok', jsonb_build_object('n', n, 'why', '现场核实 ' || n)
    FROM generate_series(1, :rows) AS n
"""
WAYS = {
    "UPDATE": "UPDATE {table} SET name = :name WHERE id = :id",
    "INSERT": """
        INSERT INTO {table} (city, area, geom, {others}, code, name)
        SELECT city, area, geom, {others}, :code, :name FROM {table} WHERE id = :id
    """,
}


def single_writes(engine: Engine, layer: Layer) -> None:
    """Prints the ratio of a write with a row of the log to one without."""
    table = f"layer.{layer.id}"
    others = ", ".join(key for key, field in layer.fields.items() if field.required and key not in ("code", "name"))
    with engine.connect() as connection:
        ids = list(connection.scalars(text(f"SELECT id FROM {table} ORDER BY id LIMIT 100")))
    for way, statement in WAYS.items():
        question = text(statement.format(table=table, others=others))

        def write(connection: Connection, number: int, question: object = question) -> None:
            values = {"id": ids[number % len(ids)], "name": f"名称 {number}", "code": f"9{number:09d}"}
            connection.execute(question, values)  # type: ignore[call-overload]

        def audited(connection: Connection, number: int, write: Callable[[Connection, int], None] = write) -> None:
            write(connection, number)
            record(connection, Entry("edit", actor=7, address="10.1.2.3", object=f"{table}/{number}", detail={"fields": ["name"]}))

        spent: dict[str, list[float]] = {"plain": [], "audited": []}
        with engine.connect() as connection:
            for number in range(WRITES):
                for place, (name, work) in enumerate((("plain", write), ("audited", audited))):
                    began = time.perf_counter()
                    work(connection, 2 * number + place)
                    connection.commit()
                    spent[name].append(time.perf_counter() - began)
        plain, with_row = (statistics.median(spent[name]) * 1000 for name in ("plain", "audited"))
        ratio = sum(spent["audited"]) / sum(spent["plain"])
        verdict = "ok" if with_row / plain <= GOAL else "over"
        said = f"{way}: median {plain:.3f} ms without, {with_row:.3f} ms with: x{with_row / plain:.2f} (means x{ratio:.2f})"
        print(f"{said}, goal x{GOAL}: {verdict}, load {os.getloadavg()[0]:.1f}", flush=True)


def timed(name: str, work: Callable[[], object]) -> None:
    """Prints how long something took."""
    began = time.perf_counter()
    found = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {time.perf_counter() - began:.1f} s, peak {peak:.0f} MiB, load {os.getloadavg()[0]:.1f}  {found}", flush=True)


def measure(engine: Engine, rows: int, heads: Path) -> None:
    """Fills, seals, verifies and removes."""
    registry = load()
    upgrade(engine, registry)
    build(engine, registry)
    single_writes(engine, registry.by_role("component"))

    def fill() -> None:
        with engine.begin() as connection:
            connection.execute(text(FILL), {"rows": rows})

    def prune() -> object:
        with engine.begin() as connection:
            for table in ("entry", "seal"):
                connection.execute(text(f"ALTER TABLE audit.{table} DISABLE TRIGGER kept"))
            connection.execute(
                text("CREATE OR REPLACE FUNCTION audit.kept() RETURNS interval LANGUAGE sql IMMUTABLE AS 'SELECT interval ''-1 day'''")
            )
            return connection.scalar(text("SELECT audit.prune(now())"))

    timed(f"insert {rows} rows", fill)
    timed("seal", lambda: seal(engine, [heads]))
    timed("verify", lambda: verify(engine, [heads]))
    with engine.connect() as connection:
        for table in ("entry", "seal"):
            size = connection.execute(
                text("SELECT pg_size_pretty(pg_table_size(:t)), pg_size_pretty(pg_indexes_size(:t))"), {"t": f"audit.{table}"}
            )
            print(f"audit.{table}: table and indexes {size.one()}")
        era = "EXPLAIN (ANALYZE, TIMING OFF) SELECT count(wanmi.current_era()) FROM generate_series(1, 100000)"
        print("current_era, 100000 calls:", connection.execute(text(era)).all()[-1][0])
    timed("prune", prune)


def main() -> None:
    """Measures and prints."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="wanmi-bench-"))
    cluster = Cluster(folder, minimum_free_mb=2000)  # durable, as in a city: a commit waits for the disk
    try:
        with cluster.use():
            server = Server(cluster.dsn("admin"), cluster.password("owner"), cluster.password("app"))
            server.create(DATABASE)
            engine = owner_engine(server.owner(DATABASE))
            measure(engine, rows, folder / "heads")
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
