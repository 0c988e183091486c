"""Every recipe on the real files, run once per test run: one database for all tests and all workers of pytest-xdist."""

from __future__ import annotations

import fcntl
import os
import pickle
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data.recipes.catalogue import load_recipe
from data.recipes.opened import missing_files
from data.recipes.runner import RecipeRun, run_recipe
from data.report import RecipeReport
from layers.catalogue import Registry
from spatial.database import owner_engine
from tests.data.recipes.reading import Files, Loaded
from tests.support.cluster import Server


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Holds a lock on a file, among workers."""
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


class Cities:
    """The cities of the recipes: each is made when a test first asks for it, by whichever worker that is."""

    def __init__(self, engine: Engine, registry: Registry, realdata: Path, folder: Path) -> None:
        self.engine, self.registry, self.realdata, self.folder = engine, registry, realdata, folder
        self.files = Files(realdata)
        self.reports: dict[str, RecipeReport] = {}

    def load(self, name: str) -> Loaded:
        """Returns a recipe with its report; the city bears the key of the recipe.

        The test is skipped where the recipe's files are not there.
        """
        recipe = load_recipe(name)
        if name not in self.reports:
            lacking = missing_files(recipe, self.realdata)
            if lacking:
                pytest.skip(f"{name}: {lacking[0].en}")
            told = self.folder / f"{name}.report"
            with locked(self.folder / f"{name}.lock"):
                if not told.exists():
                    report = run_recipe(self.engine, self.registry, RecipeRun(recipe, self.realdata, self.folder / "rasters"))
                    told.write_bytes(pickle.dumps(report))
            self.reports[name] = pickle.loads(told.read_bytes())
        return Loaded(recipe, self.reports[name], self.files)


@pytest.fixture(scope="session")
def cities(server: Server, template: str, registry: Registry, realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cities]:
    """The cities of the recipes; the last worker to leave drops their database."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recipes"
    folder.mkdir(exist_ok=True)
    name_file = folder / "database"
    with locked(folder / "in-use.lock", fcntl.LOCK_SH):
        with locked(folder / "create.lock"):
            if not name_file.exists():
                name = f"wanmi_recipes_{uuid.uuid4().hex[:8]}"
                server.create(name, template)
                name_file.write_text(name)
        engine = owner_engine(server.owner(name_file.read_text()))
        yield Cities(engine, registry, realdata, folder)
        engine.dispose()
    with (folder / "in-use.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        server.drop(name_file.read_text())
