"""Under which names the server answers. A page of somebody else can be made to reach it under a name of theirs (DNS rebinding).

Always: loopback names, and the very address that the request came in at, which no foreign name equals. Beyond that the names of
``allowed_hosts``; without that setting, on a machine opened to the intranet, its own names. Names are compared whole, never by pattern.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import LOOPBACK_HOSTS
from api.errors import problem

__all__ = ["Hosts", "is_loopback", "own_names"]


def is_loopback(host: str) -> bool:
    """Tells whether an address to listen on is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("wanmi.example")
    (True, True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_names(host: str) -> tuple[str, ...]:
    """Returns the names of this machine where it listens beyond loopback, and the name it was told to listen on.

    >>> own_names("127.0.0.1")
    ()
    """
    return () if is_loopback(host) else (host, socket.gethostname(), socket.getfqdn())


class Hosts:
    """Refuses requests under any other name with a 400."""

    def __init__(self, app: ASGIApp, names: Iterable[str], own: Iterable[str]) -> None:
        self.app = app
        given = [name.strip().lower() for name in names]
        self.names = {*LOOPBACK_HOSTS, *(given or [name.lower() for name in own])}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through whose one Host header is ours."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        hosts = Headers(scope=scope).getlist("host")
        name = _without_port(hosts[0]) if len(hosts) == 1 else ""
        if name in self.names or name == _came_in_at(scope):
            await self.app(scope, receive, send)
            return
        zh, en = "此主机名不属于本服务（见设置 WANMI_ALLOWED_HOSTS）", "this host name is not one of the server's (see WANMI_ALLOWED_HOSTS)"
        await problem(400, "host", zh, en)(scope, receive, send)


def _without_port(host: str) -> str:
    """The name of a Host header.

    >>> _without_port("A.example:8000"), _without_port("[::1]:8000"), _without_port("::1")
    ('a.example', '[::1]', '')
    """
    name, colon, port = host.strip().lower().rpartition(":")
    if host.endswith("]") or not colon:
        return host.strip().lower()
    return name if port.isdigit() and (":" not in name or name.startswith("[")) else ""


def _came_in_at(scope: Scope) -> str:
    """The address of this end of the connection; '' for what is none."""
    server = scope.get("server")
    try:
        address = ipaddress.ip_address(server[0] if server else "")
    except ValueError:
        return ""
    return f"[{address}]" if address.version == 6 else str(address)
