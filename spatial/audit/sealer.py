"""The sealing process: ``python -m spatial.audit.sealer``, started and watched over by ``up`` and ``serve``.

It gets its connection as one line of JSON on its standard input (arguments and environment can be read by others), which its parent
keeps open: when the parent ends, however it ends, the input ends too and the sealer seals once more and goes.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from spatial.audit.sealing import Sealed, seal
from spatial.database import owner_engine
from spatial.supervision import given_by_parent, python, when_parent_ends

__all__ = ["SEAL_SECONDS", "child", "keep_sealing", "main"]

SEAL_SECONDS = 4.0  # with the sealing itself within 5


def keep_sealing(engine: Engine, files: Sequence[Path], ended: Callable[[float], bool], say: Callable[[str], None]) -> None:
    """Seals every few seconds until told to end, then once more.

    A database that is away or a file that cannot be written is said once, and tried again.

    Args:
        ended: waits so many seconds and tells whether to end.
    """
    said = ""
    last = False
    while True:
        trouble = _trouble(engine, files)
        if trouble and trouble != said:
            say(trouble)
        said = trouble
        if last:
            return
        last = ended(SEAL_SECONDS)


def _trouble(engine: Engine, files: Sequence[Path]) -> str:
    """Seals once and returns what went wrong, in a sentence of each language."""
    try:
        done: Sealed = seal(engine, files)
    except DBAPIError as error:
        reason = type(error.orig).__name__
        return f"审计封存暂停，数据库不可用（{reason}） / sealing of the audit log waits: the database is away ({reason})"
    return "；".join(f"{error.zh} / {error.en}" for error in done.unwritten)


def child(dsn: str, files: Sequence[Path]) -> tuple[str, list[str], dict[str, str], str]:
    """Returns what ``supervised`` needs to keep the sealing process running."""
    command, environment = python("spatial.audit.sealer")
    return "sealer", command, environment, json.dumps({"dsn": dsn, "files": [str(file) for file in files]})


def main() -> None:
    """Runs as a child: reads what is needed, seals until the input ends."""
    given = json.loads(given_by_parent())
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    when_parent_ends(ended.set)
    engine = owner_engine(given["dsn"])
    files = [Path(name) for name in given["files"]]
    try:
        keep_sealing(engine, files, ended.wait, lambda sentence: print(sentence, file=sys.stderr, flush=True))
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
