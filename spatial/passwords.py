"""The passwords of the private database: made once, kept in one file that only its owner reads."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from spatial.place import give_to_owner

__all__ = ["ROLES", "SECRETS_FILE", "load", "load_or_make", "write_private"]

SECRETS_FILE = "secrets.json"
# What the code asks for -> the database role.
ROLES = {"admin": "wanmi_admin", "owner": "wanmi_owner", "app": "wanmi_app"}


def load(folder: Path) -> dict[str, str] | None:
    """Returns the passwords by database role, or None when the file is missing, torn or not ours to read."""
    try:
        known = json.loads((folder / SECRETS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if isinstance(known, dict) and all(isinstance(known.get(role), str) and known[role] for role in ROLES.values()):
        return {str(key): str(value) for key, value in known.items()}
    return None


def load_or_make(folder: Path) -> tuple[dict[str, str], bool]:
    """Returns the passwords by database role, and whether they had to be made anew.

    A lost or torn file is made again: whoever runs the server can set the passwords again as well.
    A file that others may read is closed.
    """
    path = folder / SECRETS_FILE
    if path.exists() and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    known = load(folder)
    if known is not None:
        return known, False
    made = {role: secrets.token_urlsafe(24) for role in ROLES.values()}
    write_private(path, json.dumps(made, indent=1) + "\n")
    return made, True


def write_private(path: Path, text: str) -> None:
    """Writes a file of mode 0600 in one step: a reader sees the old file or the new one, never half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        give_to_owner(file.fileno(), path.parent)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
