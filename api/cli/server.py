"""``up``, ``serve`` and ``doctor``."""

from __future__ import annotations

import ipaddress
import socket
import sys
from contextlib import closing
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from api.cli.house import CliError, House, Steps, open_house
from data.sample_city import make_sample
from layers.catalogue import load as load_registry
from spatial.cities import cities
from spatial.database import owner_engine
from spatial.doctor import Finding, examine
from spatial.place import raster_folder
from spatial.settings import load_settings
from spatial.upgrade import pending, upgrade

__all__ = ["doctor", "serve", "up"]

GRACE_SECONDS = 3
Port = Annotated[int | None, typer.Option(help="端口，0 表示任意空闲端口 / port, 0 = any free one")]
Host = Annotated[str | None, typer.Option(help="监听地址（账户功能完成前仅限本机） / address, loopback only for now")]


def up(
    port: Port = None,
    host: Host = None,
    empty: Annotated[bool, typer.Option("--empty", help="不生成示范城市 / without the sample city")] = False,
    profile: Annotated[str, typer.Option(help="示范城市的编码规则：2005、2013、2026 / code profile of the sample city")] = "2005",
) -> None:
    """准备一切并启动，含示范城市 / sets everything up and serves, with a sample city."""
    settings = load_settings(port=port, host=host)
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
        _run(house, listener)


def serve(port: Port = None, host: Host = None) -> None:
    """只启动服务，不做准备 / serves without setting anything up."""
    settings = load_settings(port=port, host=host)
    listener = _listen(settings.host, settings.port)
    with closing(listener), open_house(settings) as house:
        _run(house, listener)


def doctor() -> None:
    """检查运行环境 / examines the machine and the database."""
    marks = {"ok": "✓", "warn": "!", "fail": "✗"}
    findings = examine(load_settings(), [_tables])
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


def _listen(host: str, port: int) -> socket.socket:
    """Takes the port before anything slow happens.

    Raises:
        CliError: not a loopback address, or the port is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise CliError(
            f"账户功能完成前只能监听本机地址，不能是 {host}", f"until accounts exist only a loopback address may be listened on, not {host}"
        )
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
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
    app = create_app(house.settings, house.app_dsn, house.registry)
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS, h11_max_incomplete_event_size=65536, server_header=False
    )
    _Server(config).run(sockets=[listener])
