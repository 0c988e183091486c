"""``wanmi db``: upgrade, the administrator's SQL, connection strings; dump and restore are next door."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from api.cli import backup
from api.cli.house import open_house
from spatial.cluster import Cluster
from spatial.prepare import prepare_sql
from spatial.settings import load_settings
from spatial.upgrade import upgrade

__all__ = ["app"]

app = typer.Typer(help="数据库 / database", no_args_is_help=True)
app.command("dump")(backup.dump_database)
app.command("restore")(backup.restore_database)


@app.command("upgrade")
def upgrade_database() -> None:
    """升级核心表并按图层文件增加表和字段；拒绝会丢失数据的差异 / brings tables to the layer files; refuses what would lose data."""
    with open_house(load_settings()) as house:
        changes = upgrade(house.engine, house.registry)
    for line in changes:
        typer.echo(line)
    typer.echo(f"完成，{len(changes)} 处改动 / done, {len(changes)} changes")


@app.command("prepare")
def prepare_database(
    show: Annotated[bool, typer.Option("--print", help="只输出管理员要执行的 SQL / only print the administrator's SQL")] = False,
) -> None:
    """准备私有数据库，或输出给管理员的 SQL / prepares the private database, or prints the SQL for an administrator."""
    if show:
        typer.echo(prepare_sql(), nl=False)
        return
    with open_house(load_settings()):
        typer.echo("数据库已准备好 / the database is prepared")


@app.command("url")
def url(role: Annotated[Literal["owner", "app"], typer.Argument(help="角色 / role")] = "owner") -> None:
    """输出连接字符串，供 psql、QGIS 等使用 / prints a connection string for psql, QGIS and others."""
    settings = load_settings()
    if settings.database_url is None:
        typer.echo(Cluster.for_settings(settings).dsn(role))
        return
    given = settings.app_database_url if role == "app" and settings.app_database_url else settings.database_url
    typer.echo(given.get_secret_value())
