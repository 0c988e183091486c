"""The command line (``./wanmi …``): assembly only; each group of commands has a module of its own."""

from __future__ import annotations

import sys

import typer

from api.cli import audit, cities, database, imports, recipes, rights, samples, server, users, worker
from grid_coding.errors import BilingualError

__all__ = ["app", "main"]

app = typer.Typer(
    name="wanmi",
    help="万米 Wanmi：城市管理地理信息服务 / GIS server of city supervision",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(server.up)
app.command("serve")(server.serve)
app.command("doctor")(server.doctor)
app.add_typer(database.app, name="db")
app.add_typer(cities.app, name="city")
app.add_typer(samples.app, name="sample")
app.add_typer(users.app, name="user")
app.add_typer(audit.app, name="audit")
app.add_typer(rights.app, name="rights")
app.command("import")(imports.import_file)
app.command("worker")(worker.worker)
app.command("recipes")(recipes.list_recipes)


def main() -> None:
    """Runs the command line; an error that we foresee is one sentence in each language and exit code 2."""
    try:
        app()
    except BilingualError as error:
        typer.echo(f"错误：{error.zh}\nerror: {error.en}", err=True)
        sys.exit(2)
