"""Headers of every answer: content security policy, no sniffing, no framing. Pure ASGI, so streams stay streams."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, problem

__all__ = ["BodyLimit", "SecurityHeaders", "content_security_policy"]

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def content_security_policy(*pages: Path) -> str:
    """Returns the policy; inline scripts of our own pages (import maps) are allowed by their hash alone."""
    hashes = []
    for page in pages:
        for script in INLINE_SCRIPT.findall(page.read_text("utf-8")):
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            hashes.append(f"'sha256-{digest}'")
    script_source = " ".join(["'self'", *dict.fromkeys(hashes)])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {script_source}",
            "worker-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "font-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


class SecurityHeaders:
    """Adds the security headers, and ``no-cache`` to whatever says nothing of caching."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wraps ``send``."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self.policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "private, no-cache")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses bodies over a size before anything parses them, whatever their header says (reliability_security.md T10).

    ``streamed`` names the paths that take a body as it comes, with a limit of their own: counted on the way, never held in memory.
    A packed body (``Content-Encoding``) is refused: its size says nothing of what it unpacks to (T7).
    """

    def __init__(self, app: ASGIApp, most: int, streamed: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.most = most
        self.streamed = dict(streamed or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads the body up to the limit and hands it on in one piece, or counts it on its way."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        if any(key == b"content-encoding" and value.strip().lower() != b"identity" for key, value in scope["headers"]):
            answer = problem(415, "content-encoding", "请求体不能压缩", "a body may not be packed (Content-Encoding)")
            await answer(scope, receive, send)
            return
        if scope["path"] in self.streamed:
            await self.app(scope, _counted(receive, self.streamed[scope["path"]]), send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > self.most:
                limit = f"{self.most // 1024} KiB"
                answer = problem(413, "too-large", f"请求体超过 {limit}", f"the body is larger than {limit}")
                await answer(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        handed = False

        async def receive_whole() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receive_whole, send)


def _counted(receive: Receive, most: int) -> Receive:
    """Returns a ``receive`` that raises once more than so many bytes came."""
    seen = 0

    async def receive_counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            limit = f"{most >> 20} MB"
            raise ApiError(413, "too-large", f"文件超过 {limit}", f"the file is larger than {limit}")
        return message

    return receive_counted
