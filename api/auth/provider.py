"""The identity provider of the intranet: where it sends people, what its codes are worth, whose tokens hold.

OAuth 2.0 and OpenID Connect are Authlib's, signatures joserfc's; here stand only the addresses that may be asked, how long, and what
has to be in a token. Every answer comes through ``Gate``: the issuer's own origin, no redirects, a size and a time.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet

from api.access import LOOPBACK_HOSTS
from grid_coding.errors import BilingualError
from spatial.accounts.flows import Flow
from spatial.settings import Settings, SettingsError

__all__ = ["ALGORITHMS", "Gate", "Provider", "ProviderError", "TokenRefused", "Vouched", "provider_of"]

# Signatures by a key pair only: with a shared secret or with none, anybody could be the provider (RFC 8725 §3.1, §3.2).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEY_TYPES = ("RSA", "EC")
SECONDS = 5.0
MOST_BYTES = 256 * 1024
LEEWAY_SECONDS = 60
KEPT_SECONDS = 600.0
# After a failure nobody waits five seconds again for the same answer, and unknown key ids do not make us ask all the time.
AGAIN_SECONDS = 5.0
NEW_KEYS_SECONDS = 60.0
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderError(BilingualError):
    """The provider does not answer (503) or not as it should (502); ``reason`` is for the log and the audit."""

    def __init__(self, status: int, reason: str) -> None:
        if status == 503:
            super().__init__(
                "统一身份认证暂时无法连接，请稍后再试或用口令登录", "the identity provider cannot be reached; try again or use a password"
            )
        else:
            super().__init__("统一身份认证的应答有误，请联系管理员", "the identity provider answered wrongly; ask an administrator")
        self.status = status
        self.reason = reason


class TokenRefused(BilingualError):
    """What came back proves nothing; ``reason`` is for the audit."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "登录失败：统一身份认证的凭证无效，请重新登录", "log-in failed: the identity provider's proof does not hold; sign in again"
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for: the subject is for good, the name may change hands."""

    subject: str
    name: str


class Gate(httpx2.AsyncBaseTransport):
    """The only way out: one origin, no redirects, no compression, a size and a time for the whole answer."""

    def __init__(self, issuer: str, inner: httpx2.AsyncBaseTransport) -> None:
        self._origin = _origin(issuer)
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Passes a request on and returns the whole answer.

        Raises:
            ProviderError: another origin, no answer in time, a redirect, too much.
        """
        if _origin(str(request.url)) != self._origin:
            raise ProviderError(502, "outside_origin")
        request.headers["Accept-Encoding"] = "identity"
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._inner.handle_async_request(request)
                try:
                    body = await _whole(answer)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise ProviderError(503, "timeout") from None
        except httpx2.TransportError as error:
            raise ProviderError(503, type(error).__name__) from None
        return httpx2.Response(answer.status_code, headers=answer.headers, content=body, request=request)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


async def _whole(answer: httpx2.Response) -> bytes:
    if 300 <= answer.status_code < 400:
        raise ProviderError(502, "redirect")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise ProviderError(502, "content_encoding")
    body = b""
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MOST_BYTES:
            raise ProviderError(502, "too_large")
    return body


class Provider:
    """One provider, with its discovery document and keys remembered for ten minutes. Nothing is asked before somebody signs in."""

    def __init__(self, issuer: str, client_id: str, secret: str, claim: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._client_id, self._secret, self._claim, self._clock = client_id, secret, claim, clock
        self._lock = asyncio.Lock()
        self._trust: ssl.SSLContext | None = None
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = 0.0
        self._failure: tuple[float, ProviderError] | None = None

    async def authorization_url(self, flow: Flow, redirect_uri: str) -> str:
        """Returns the address that a browser is sent to.

        Raises:
            ProviderError: the discovery document could not be had.
        """
        await self._know()
        async with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                self._metadata["authorization_endpoint"], state=flow.state, code_verifier=flow.verifier, nonce=flow.nonce
            )
        return str(address)

    async def vouched(self, flow: Flow, code: str, redirect_uri: str) -> Vouched:
        """Exchanges a code and returns whom the token vouches for.

        Raises:
            ProviderError: the provider does not answer, or not as it should.
            TokenRefused: the code or the token is refused.
        """
        await self._know()
        async with self._client(redirect_uri) as client:
            try:
                token = await client.fetch_token(
                    self._metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=flow.verifier
                )
            except OAuthError as error:
                raise TokenRefused(f"code: {str(error.error)[:60]}") from None
            except (ValueError, httpx2.HTTPError):
                raise ProviderError(502, "token_answer") from None
        given = token.get("id_token")
        if not isinstance(given, str):
            raise ProviderError(502, "no_id_token")
        return await self._read(given, flow.nonce, token.get("access_token"))

    async def _read(self, given: str, nonce: str, access_token: object) -> Vouched:
        try:
            token = jwt.decode(given, await self._signing(given), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": self._client_id},
                 "nonce": {"essential": True, "value": nonce}},
                {"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
            )  # fmt: skip
            claims.validate(leeway=LEEWAY_SECONDS)
        # joserfc and Authlib say ValueError, TypeError or KeyError of what is no token at all
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise TokenRefused(
                f"token: {getattr(error, 'error', type(error).__name__)} {getattr(error, 'claim', '') or ''}".strip()
            ) from None
        name = claims.get(self._claim)
        return Vouched(claims["sub"], name if isinstance(name, str) else "")

    async def _signing(self, given: str) -> KeySet:
        """The keys, read again where the token names one that is new: providers change theirs."""
        keys = self._known_keys()
        try:
            jwt.decode(given, keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            if self._clock() - self._read_at >= NEW_KEYS_SECONDS:
                self._keys = None
                await self._know()
                return self._known_keys()
        except (JoseError, ValueError, TypeError, KeyError):
            pass  # what is wrong with it, the caller finds out and tells
        return keys

    def _known_keys(self) -> KeySet:
        if self._keys is None:
            raise ProviderError(503, "no_keys")
        return self._keys

    async def _know(self) -> None:
        """Reads discovery document and keys unless they are fresh; one at a time, and a failure is remembered for a moment."""
        async with self._lock:
            if self._keys is not None and self._clock() - self._read_at < KEPT_SECONDS:
                return
            if self._failure is not None and self._clock() - self._failure[0] < AGAIN_SECONDS:
                raise self._failure[1]
            try:
                metadata = self._checked(await self._document(get_well_known_url(self.issuer, external=True)))
                keys = _key_set(await self._document(metadata["jwks_uri"]))
            except ProviderError as error:
                self._failure = (self._clock(), error)
                raise
            self._metadata, self._keys, self._read_at, self._failure = metadata, keys, self._clock(), None

    async def _document(self, address: str) -> dict[str, Any]:
        async with self._client() as client:
            answer = await client.request("GET", address, withhold_token=True, headers={"Accept": "application/json"})
        try:
            found = answer.json() if answer.status_code == 200 else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProviderError(503 if answer.status_code >= 500 else 502, f"document_{answer.status_code}")
        return found

    def _checked(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Refuses a discovery document of another issuer, or one that sends us or people elsewhere (OpenID Discovery §4.3)."""
        if metadata.get("issuer") != self.issuer:
            raise ProviderError(502, "issuer")
        for name in ENDPOINTS:
            address = metadata.get(name)
            if not isinstance(address, str) or _origin(address) != _origin(self.issuer):
                raise ProviderError(502, name)
        return metadata

    def _client(self, redirect_uri: str | None = None) -> Any:
        if self._trust is None:
            # the trust of the machine: an intranet's authority is installed there
            self._trust = ssl.create_default_context()
        methods = self._metadata.get("token_endpoint_auth_methods_supported")
        post = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
        return AsyncOAuth2Client(
            client_id=self._client_id, client_secret=self._secret, scope="openid profile", redirect_uri=redirect_uri,
            code_challenge_method="S256", token_endpoint_auth_method="client_secret_post" if post else "client_secret_basic",
            transport=Gate(self.issuer, httpx2.AsyncHTTPTransport(verify=self._trust)), trust_env=False, follow_redirects=False,
            timeout=SECONDS,
        )  # fmt: skip


def provider_of(settings: Settings) -> Provider | None:
    """Returns the provider of the settings, None where there is none; asks nobody.

    Raises:
        SettingsError: half of it is set, or the issuer is reached without encryption beyond this machine.
    """
    if settings.oidc_issuer is None:
        return None
    if not settings.oidc_client_id or settings.oidc_client_secret is None or not settings.oidc_client_secret.get_secret_value():
        zh = "设置了 oidc_issuer 就必须同时设置 oidc_client_id 和 oidc_client_secret"
        raise SettingsError(zh, "oidc_issuer needs oidc_client_id and oidc_client_secret beside it")
    parts = urlsplit(settings.oidc_issuer)
    near = parts.scheme == "http" and (parts.hostname in LOOPBACK_HOSTS or parts.hostname == "::1")
    if not parts.hostname or not (parts.scheme == "https" or near) or parts.query or parts.fragment or parts.username:
        zh = "设置 oidc_issuer 应为 https 地址（本机可用 http），不带查询参数"
        raise SettingsError(zh, "oidc_issuer is an https address (http on this machine only), without a query")
    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret.get_secret_value(), settings.oidc_claim)


def _key_set(document: dict[str, Any]) -> KeySet:
    """Public keys for signatures; what else stands there - for encryption, of another kind, secret, broken - is passed over."""
    keys, listed = [], document.get("keys")
    for data in listed if isinstance(listed, list) else []:
        if isinstance(data, dict) and data.get("kty") in KEY_TYPES and data.get("use", "sig") == "sig" and "d" not in data:
            try:
                keys.append(JWKRegistry.import_key(data))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    if not keys:
        raise ProviderError(502, "jwks")
    return KeySet(keys)


def _origin(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None
