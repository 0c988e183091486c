"""``wanmi worker``: takes jobs from the queues; ``up`` and ``serve`` keep one running beside the server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from api.cli.house import House, open_house
from api.work import work_of
from spatial.settings import load_settings
from spatial.supervision import Supervised, end_with_parent, given_by_parent, python, supervised

__all__ = ["supervised_worker", "worker"]


def worker(
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True, help="连接由父进程给出 / told by the parent")] = False,
) -> None:
    """执行排队的任务（导入等）；up 与 serve 会自动带一个 / does queued jobs; up and serve bring one along."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # the worker itself says when its database is away
    if supervised:
        told = json.loads(given_by_parent())
        end_with_parent()
        work_of(load_settings(state_dir=told["state_dir"])).worker(told["dsn"]).run()
        return
    settings = load_settings()
    with open_house(settings) as house:
        work_of(settings).worker(house.owner_dsn).run()


@contextmanager
def supervised_worker(house: House) -> Iterator[Supervised]:
    """Keeps a worker running within the block."""
    command, environment = python("api.cli", "worker", "--supervised")
    given = json.dumps({"dsn": house.owner_dsn, "state_dir": str(house.settings.state_dir)})
    with supervised("worker", command, environment, given) as child:
        yield child
