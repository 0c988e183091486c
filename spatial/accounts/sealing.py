"""Secrets of second factors at rest: AES-256-GCM under a key that lies in the state folder, not in the database.

A stolen dump alone gives no codes. The key is a file of its own, not a line of ``secrets.json``: that one is made again when it is
lost, which a key must never be.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grid_coding.errors import BilingualError
from spatial.passwords import write_private

__all__ = ["KEY_FILE", "SealError", "Sealer"]

KEY_FILE = "factor.key"
KEY_BYTES, MARK_BYTES, NONCE_BYTES = 32, 8, 12


class SealError(BilingualError):
    """A secret cannot be opened: the key is missing, torn, or another one than it was sealed with."""


class Sealer:
    """Seals and opens secrets of accounts with the key of a state folder; the file is read, or made, when first needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEY_FILE
        self._key: bytes | None = None

    def seal(self, account: int, secret: str) -> bytes:
        """Returns mark of the key, nonce and ciphertext; bound to the account, so that a row copied to another does not open.

        Raises:
            SealError: the key's file is torn.
        """
        if self._key is None and not self._path.exists():
            _make(self._path)
        key, nonce = self._loaded(), secrets.token_bytes(NONCE_BYTES)
        return _mark(key) + nonce + AESGCM(key).encrypt(nonce, secret.encode(), _bound(account))

    def open(self, account: int, sealed: bytes | memoryview) -> str:
        """Returns the secret.

        Raises:
            SealError: the key is missing, torn or another one, or the row was changed.
        """
        key, sealed = self._loaded(), bytes(sealed)
        mark, nonce, rest = sealed[:MARK_BYTES], sealed[MARK_BYTES : MARK_BYTES + NONCE_BYTES], sealed[MARK_BYTES + NONCE_BYTES :]
        if mark != _mark(key):
            zh = f"动态码密钥是用另一把钥匙封存的；请从备份恢复状态目录中的 {KEY_FILE}，或重置该账户的动态码"
            raise SealError(zh, f"the secret was sealed with another key: restore {KEY_FILE} of the state folder, or reset the factor")
        try:
            return AESGCM(key).decrypt(nonce, rest, _bound(account)).decode()
        except InvalidTag:
            zh, en = "动态码密钥已损坏或不属于该账户；请重置该账户的动态码", "the secret is damaged or another account's: reset the factor"
            raise SealError(zh, en) from None

    def _loaded(self) -> bytes:
        if self._key is None:
            try:
                key = base64.urlsafe_b64decode(self._path.read_text("ascii").strip())
            except (OSError, UnicodeDecodeError, binascii.Error):
                key = b""
            if len(key) != KEY_BYTES:
                zh = f"状态目录中的 {KEY_FILE} 缺失、不可读或已损坏；请从备份恢复"
                raise SealError(zh, f"{KEY_FILE} of the state folder is missing, unreadable or torn: restore it")
            self._key = key
        return self._key


def _make(path: Path) -> None:
    """Writes a new key unless another process was first: a link is made once only, a key is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(6)}.new")
    write_private(fresh, base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # the other process's key is as good
    finally:
        fresh.unlink()


def _mark(key: bytes) -> bytes:
    """Tells keys apart without telling them."""
    return hashlib.sha256(b"wanmi factor key" + key).digest()[:MARK_BYTES]


def _bound(account: int) -> bytes:
    return f"account/{account}".encode()
