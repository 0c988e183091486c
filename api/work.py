"""Assembly of the job runner: which kinds of work this house has, where their files lie; ``python -m api.work`` does one job."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from data.jobs import Uploads, import_kind
from layers.catalogue import load
from spatial.jobs.context import run_task
from spatial.jobs.kinds import Kinds
from spatial.jobs.worker import Worker
from spatial.place import state_folder
from spatial.settings import Settings, load_settings
from spatial.supervision import python

__all__ = ["Work", "work_of"]

ENTRY = "api.work"


@dataclass(frozen=True, slots=True)
class Work:
    """What the house does in jobs: the kinds, the folder of uploads, and that of scratch files."""

    settings: Settings
    kinds: Kinds
    uploads: Uploads
    folder: Path

    def worker(self, dsn: str, entry: str = ENTRY) -> Worker:
        """Returns a worker for all queues of the house.

        Args:
            dsn: the owner's connection.
            entry: module that does one job.
        """
        command, environment = python(entry, self.settings.model_dump_json(include={"state_dir", "import_jobs"}))
        queues = {"import": self.settings.import_jobs, "analysis": self.settings.analysis_jobs}
        return Worker(dsn, self.kinds, queues, command, environment, self.folder, self.settings.job_keep_days)


def work_of(settings: Settings) -> Work:
    """Puts the job runner of a house together; opens nothing."""
    state = state_folder(settings.state_dir)
    uploads = Uploads(state / "uploads")
    return Work(settings, Kinds([import_kind(uploads, settings.import_jobs)]), uploads, state / "jobs")


def main() -> None:
    """Does the job that the worker names; the settings that matter are those of the worker."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    work = work_of(load_settings(**json.loads(sys.argv[1])))
    sys.exit(run_task(work.kinds, load()))


if __name__ == "__main__":
    main()
