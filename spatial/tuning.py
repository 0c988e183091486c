"""The private server's settings, worked out from the machine; pure, so that they can be read and tested."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "configuration", "quoted"]

MB = 1024 * 1024
GB = 1024 * MB
SMALL_SHARED_MEMORY = 256 * MB


@dataclass(frozen=True, slots=True)
class Machine:
    """What the settings depend on: memory, free disk space and the size of /dev/shm, in bytes."""

    memory: int
    free: int
    shared_memory: int

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """Measures this machine; the limit of a container counts as its memory."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limit = Path("/sys/fs/cgroup/memory.max")
        if limit.is_file() and (text := limit.read_text("ascii").strip()).isdigit():
            memory = min(memory, int(text))
        shared = shutil.disk_usage("/dev/shm").total if Path("/dev/shm").is_dir() else 0  # noqa: S108 (size only)
        return cls(memory, shutil.disk_usage(folder).free, shared)


def quoted(value: str) -> str:
    r"""Quotes a value for ``postgresql.conf``.

    >>> print(quoted("/srv/it's here"))
    '/srv/it''s here'
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def configuration(machine: Machine, *, port: int, socket: Path, durable: bool = True) -> str:
    """Returns the text of ``wanmi.conf``.

    JIT stays off and parallel plans are left to the roles: JIT adds 3 ms to a tile of 0.3 ms, and a
    gather plan costs a tile ×8. ``durable=False`` is for throw-away clusters of the tests only.

    >>> text = configuration(Machine(24 * GB, 80 * GB, 12 * GB), port=54320, socket=Path("/run/wanmi"))
    >>> [line for line in text.splitlines() if line.startswith(("shared_b", "max_wal", "fsync"))]
    ["shared_buffers = '2048MB'", "max_wal_size = '4096MB'", "fsync = 'on'"]
    """
    buffers = max(128 * MB, min(2 * GB, machine.memory // 4))
    wal = max(256 * MB, min(4 * GB, machine.free // 8))
    values = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(socket),
        "max_connections": "60",
        "password_encryption": "scram-sha-256",
        "cluster_name": "wanmi",
        "shared_buffers": f"{buffers // MB}MB",
        "effective_cache_size": f"{max(256 * MB, machine.memory // 2) // MB}MB",
        "maintenance_work_mem": f"{max(64 * MB, min(512 * MB, machine.memory // 16)) // MB}MB",
        "work_mem": "16MB",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "jit": "off",
        "max_wal_size": f"{wal // MB}MB",
        "min_wal_size": f"{min(512 * MB, wal) // MB}MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "fsync": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_timezone": "Asia/Shanghai",
        "log_min_duration_statement": "5s",
        "log_lock_waits": "on",
        "lc_messages": "C",
    }
    if machine.shared_memory < SMALL_SHARED_MEMORY:
        # Containers give /dev/shm 64 MB: a parallel query would fail with "no space left on device".
        values["dynamic_shared_memory_type"] = "sysv"
    head = "# Written at each start by wanmi; own settings go into postgresql.conf behind the include.\n"
    return head + "".join(f"{key} = {quoted(value)}\n" for key, value in values.items())
