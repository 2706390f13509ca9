"""Keeps the test servers while somebody holds the lock: `python -m tests.keeper VAR_DIR`.

Every pytest process shares `users.lock`; the kernel drops its share however it ends. Alone again, the keeper stops the
servers and leaves. Killed itself, it takes them with it.
"""

from __future__ import annotations

import fcntl
import sys
import time
from contextlib import ExitStack
from pathlib import Path

GRACE_SECONDS = 3


def main(var_dir: Path) -> None:
    from billing_site import embedded

    with (var_dir / "keeper.lock").open("a") as own, ExitStack() as servers:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another keeper was faster
        servers.callback(embedded.start_postgres(var_dir, durable=False).stop)
        servers.callback(embedded.start_valkey(var_dir).stop)
        _drop_databases_of_past_runs(var_dir)
        (var_dir / "ready").touch()
        servers.callback((var_dir / "ready").unlink)
        _wait_until_unused(var_dir / "users.lock")


def _drop_databases_of_past_runs(var_dir: Path) -> None:
    from billing_site import embedded

    with embedded.connect(var_dir) as connection:
        query = r"SELECT datname FROM pg_database WHERE datname LIKE 'test\_%' OR datname LIKE 'making\_%'"
        for (name,) in connection.execute(query).fetchall():
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _wait_until_unused(lock: Path) -> None:
    unused_since = time.monotonic()
    with lock.open("a") as users:
        while time.monotonic() - unused_since < GRACE_SECONDS:
            time.sleep(0.2)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(users, fcntl.LOCK_UN)
            except BlockingIOError:
                unused_since = time.monotonic()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
