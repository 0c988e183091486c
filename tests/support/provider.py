"""A real little identity provider on loopback: discovery, keys, codes with PKCE, tokens; and every way in which one can be wrong."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import anyio
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

__all__ = ["CLIENT", "SECRET", "IdentityProvider"]

CLIENT, SECRET = "wanmi", "s3cret of the client"
RSA, EC, STRANGER = (
    RSAKey.generate_key(2048, {"kid": "rsa"}), ECKey.generate_key("P-256", {"kid": "ec"}), RSAKey.generate_key(2048, {"kid": "rsa"}),
)  # fmt: skip


@dataclass
class IdentityProvider:
    """Settings of its misbehaviour, and what it has seen.

    Attributes:
        person: claims about who signs in at it.
        change: claims put over the right ones; None takes one away.
        sign: how tokens are signed: rs256, es256, ps256, none, hs256 (with the public key as secret), stranger, unknown_kid.
        broken: address -> what it answers instead.
        refuse: error it sends people back with.
        asked: what the token endpoint was given.
    """

    person: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "li"})
    change: dict[str, Any] = field(default_factory=dict)
    sign: str = "rs256"
    broken: dict[str, str] = field(default_factory=dict)
    refuse: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    hits: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    issuer: str = ""

    def app(self) -> Starlette:
        """The application to serve."""
        routes = [
            Route("/realm/.well-known/openid-configuration", self._discovery),
            Route("/realm/keys", self._keys),
            Route("/realm/authorize", self._authorize),
            Route("/realm/token", self._token, methods=["POST"]),
            Route("/elsewhere", self._elsewhere),
        ]
        return Starlette(routes=routes)

    async def _wrong(self, request: Request) -> Response | None:
        name = request.url.path.rsplit("/", 1)[-1]
        self.hits.append(name)
        match self.broken.get(name):
            case "redirect":
                return RedirectResponse("/elsewhere", 302)
            case "huge":
                return Response(b'{"keys": ["' + b"x" * 1_000_000 + b'"]}', media_type="application/json")
            case "slow":
                await anyio.sleep(30)
            case "text":
                return Response("<p>Bad gateway</p>", 200, media_type="text/html")
            case "error":
                return Response("{}", 500)
            case "deep":
                return Response("[" * 100_000, media_type="application/json")
        return None

    async def _discovery(self, request: Request) -> Response:
        found = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }  # fmt: skip
        return await self._wrong(request) or JSONResponse(found | self.metadata)

    async def _keys(self, request: Request) -> Response:
        keys = [{**key.as_dict(private=False), "use": "sig"} for key in (RSA, EC)]
        return await self._wrong(request) or JSONResponse({"keys": keys})

    async def _elsewhere(self, request: Request) -> Response:
        self.hits.append("elsewhere")
        return JSONResponse({"keys": [STRANGER.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """As if the person had typed the password there."""
        given = dict(request.query_params)
        if self.refuse is not None:
            return RedirectResponse(f"{given['redirect_uri']}?{urlencode({'error': self.refuse, 'state': given['state']})}", 303)
        code = f"code-{len(self.codes)}"
        self.codes[code] = given
        answer = {"code": code, "state": given["state"], "session_state": "x", "iss": self.issuer}
        return RedirectResponse(f"{given['redirect_uri']}?{urlencode(answer)}", 303)

    async def _token(self, request: Request) -> Response:
        wrong = await self._wrong(request)
        if wrong is not None:
            return wrong
        given = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        self.asked.append({**given, "authorization": request.headers.get("authorization", "")})
        begun = self.codes.pop(given.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return JSONResponse({"error": "invalid_client"}, 401)
        if begun is None or begun["client_id"] != CLIENT or begun["redirect_uri"] != given["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if begun["code_challenge_method"] != "S256" or begun["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"], **self.person, **self.change}
        token = self.signed({key: value for key, value in claims.items() if value is not None})
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def signed(self, claims: dict[str, Any]) -> str:
        """A token, as ``sign`` says."""
        match self.sign:
            case "es256":
                return jwt.encode({"alg": "ES256", "kid": "ec"}, claims, EC)
            case "ps256":
                return jwt.encode({"alg": "PS256", "kid": "rsa"}, claims, RSA, algorithms=["PS256"])
            case "none":
                head, body, _ = jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, RSA).split(".")
                head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"rsa"}').rstrip(b"=").decode()
                return f"{head}.{body}."
            case "hs256":
                return jwt.encode({"alg": "HS256", "kid": "rsa"}, claims, OctKey.import_key(RSA.as_pem(private=False).hex()))
            case "stranger":
                return jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, STRANGER)
            case "unknown_kid":
                return jwt.encode({"alg": "RS256", "kid": "tomorrow"}, claims, RSA)
            case "garbage":
                return "no.token.at-all"
        return jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, RSA)
