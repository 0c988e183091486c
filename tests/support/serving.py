"""A real server on a real port, in a thread of the test process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.request import Request

import uvicorn
from fastapi import FastAPI

from api.auth.credentials import COOKIE


class Address(str):
    """Address of a server, with a session's token and a key of somebody who may use it."""

    token: str
    key: str

    def __new__(cls, origin: str, token: str, key: str = "") -> Self:
        """Adds credentials to an address."""
        made = super().__new__(cls, origin)
        made.token, made.key = token, key
        return made

    def request(self, path: str) -> Request:
        """A request of the person signed in, for ``urlopen``."""
        return Request(f"{self}{path}", headers={"Cookie": f"{COOKIE}={self.token}"})

    @property
    def gdal(self) -> dict[str, str]:
        """Environment in which GDAL's programs send the key as a password."""
        return os.environ | {"GDAL_HTTP_USERPWD": f":{self.key}"}


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves the application on a free loopback port and answers its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
