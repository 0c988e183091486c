"""``up``, ``serve`` and ``doctor``."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import closing
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from api.app import create_app
from api.cli.house import CliError, House, Steps, open_house
from api.cli.users import given_passwords, make_first, tell_made
from api.cli.worker import supervised_worker
from api.hosts import is_loopback
from data.sample_city import make_sample
from layers.catalogue import load as load_registry
from spatial.accounts.first import has_password
from spatial.audit import sealer
from spatial.audit.heads import head_files
from spatial.audit.state import sealing
from spatial.cities import cities
from spatial.database import owner_engine
from spatial.doctor import Finding, examine
from spatial.place import raster_folder
from spatial.settings import Settings, load_settings
from spatial.supervision import supervised
from spatial.upgrade import pending, upgrade

__all__ = ["doctor", "serve", "server_config", "up"]

GRACE_SECONDS = 3
Port = Annotated[int | None, typer.Option(help="端口，0 表示任意空闲端口 / port, 0 = any free one")]
Host = Annotated[str | None, typer.Option(help="监听地址，缺省仅限本机 / address to listen on, loopback by default")]


def up(
    port: Port = None,
    host: Host = None,
    empty: Annotated[bool, typer.Option("--empty", help="不生成示范城市 / without the sample city")] = False,
    profile: Annotated[str, typer.Option(help="示范城市的编码规则：2005、2013、2026 / code profile of the sample city")] = "2005",
) -> None:
    """准备一切并启动，含示范城市 / sets everything up and serves, with a sample city."""
    settings = load_settings(port=port, host=host)
    given_passwords(settings)
    _check_roles_apart(settings)
    listener = _listen(settings.host, settings.port)
    steps = Steps()
    with closing(listener), open_house(settings, steps) as house:
        steps("升级数据库 upgrading the database")
        changes = upgrade(house.engine, house.registry)
        steps.done(f"{len(changes)} 处改动 changes" if changes else "")
        with house.engine.connect() as connection:
            present = cities(connection)
        if not present and not empty:
            rasters = raster_folder(settings.raster_dir, settings.state_dir)
            make_sample(house.engine, house.registry, size="S", profile=profile, report=steps, rasters=rasters)
            steps.done()
        tell_made(make_first(house))
        _run(house, listener)


def serve(port: Port = None, host: Host = None) -> None:
    """只启动服务，不做准备 / serves without setting anything up."""
    settings = load_settings(port=port, host=host)
    _check_roles_apart(settings)
    listener = _listen(settings.host, settings.port)
    with closing(listener), open_house(settings) as house:
        _run(house, listener)


def doctor() -> None:
    """检查运行环境 / examines the machine and the database."""
    marks = {"ok": "✓", "warn": "!", "fail": "✗"}
    findings = examine(load_settings(), [_tables, sealing])
    for finding in findings:
        typer.echo(f"{marks[finding.state]} {finding.name_zh} {finding.name_en}: {finding.zh} / {finding.en}")
        if finding.state != "ok" and finding.remedy_zh:
            typer.echo(f"    → {finding.remedy_zh} / {finding.remedy_en}")
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _tables(dsn: str) -> Finding:
    """Whether the tables are those of this version's layer files."""
    engine = owner_engine(dsn)
    try:
        waiting = pending(engine, load_registry())
    finally:
        engine.dispose()
    if not waiting:
        return Finding("tables", "表结构", "tables", "ok", "与图层文件一致", "as the layer files declare")
    zh, en = f"有 {len(waiting)} 处与图层文件不同，如 {waiting[0]}", f"{len(waiting)} differences from the layer files, e.g. {waiting[0]}"
    return Finding("tables", "表结构", "tables", "fail", zh, en, "运行 ./wanmi db upgrade", "run ./wanmi db upgrade")


def _check_roles_apart(settings: Settings) -> None:
    """Refuses to open requests of the intranet to the owner of the database.

    Raises:
        CliError: there is a database of one's own without a connection of the serving role.
    """
    if not is_loopback(settings.host) and settings.database_url is not None and settings.app_database_url is None:
        raise CliError(
            f"监听 {settings.host} 须设置 WANMI_APP_DATABASE_URL（角色 wanmi_app）：否则请求以数据库所有者身份执行，权限规则不起作用",
            f"to listen on {settings.host} set WANMI_APP_DATABASE_URL (role wanmi_app): requests would run as the owner, past every right",
        )


def _check_somebody_can_log_in(house: House) -> None:
    """Refuses to open a house to the intranet that nobody could enter.

    Raises:
        CliError: no account has a password.
    """
    if is_loopback(house.settings.host):
        return
    with house.engine.connect() as connection:
        if not has_password(connection):
            raise CliError(
                f"还没有能登录的账户，不能监听 {house.settings.host}；请先运行 ./wanmi user first",
                f"nobody can log in yet, so {house.settings.host} is not listened on; run ./wanmi user first",
            )


def _listen(host: str, port: int) -> socket.socket:
    """Takes the port before anything slow happens.

    Raises:
        CliError: the address is none of this machine, or the port is taken or not allowed.
    """
    address = "127.0.0.1" if host == "localhost" else host
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise CliError(f"{host} 不是本机的地址", f"{host} is no address of this machine") from None
        if error.errno == errno.EACCES:
            raise CliError(
                f"没有使用端口 {port} 的权限；请用 --port 另选", f"port {port} is not allowed; choose another by --port"
            ) from None
        raise CliError(
            f"端口 {port} 已被占用；请用 --port 另选，例如 --port {port + 1}",
            f"port {port} is taken; choose another, e.g. --port {port + 1}",
        ) from None
    return listener


class _Server(uvicorn.Server):
    """Says where the map is as soon as requests are taken."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if sockets and self.started:
            host, port = sockets[0].getsockname()[:2]
            sys.stdout.write(f"万米已就绪 Wanmi is ready: http://{f'[{host}]' if ':' in host else host}:{port}  (Ctrl-C 结束 to end)\n")
            sys.stdout.flush()


def _run(house: House, listener: socket.socket) -> None:
    _check_somebody_can_log_in(house)
    app = create_app(house.settings, house.app_dsn, house.registry, house.owner_dsn)
    with supervised(*sealer.child(house.owner_dsn, head_files(house.settings))), supervised_worker(house):
        _Server(server_config(app, house.settings)).run(sockets=[listener])


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Returns how the server runs.

    What ``X-Forwarded-For`` says is anybody's word unless a proxy of ours says it: it decides whose failures a lock-out counts, and
    what the audit log calls the client.
    """
    proxies = list(settings.trusted_proxies)
    return uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS, h11_max_incomplete_event_size=65536, server_header=False,
        proxy_headers=bool(proxies), forwarded_allow_ips=proxies,
    )  # fmt: skip
