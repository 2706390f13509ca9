"""The programs of the site: each can be killed and comes back; what ends by itself is noted and started again."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import redis

from billing_site import embedded
from billing_site.serving import children, demo, readiness
from billing_site.serving.children import Child, Program


class Site:
    """PostgreSQL, Valkey and the programs of the demo, on one folder."""

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.ended_unasked: Counter[str] = Counter()
        self.children: dict[str, Child] = {}
        self._programs: dict[str, Program] = {}
        self._left_behind: list[int] = []
        self._door = demo._web_socket(0)
        self.month = dt.date.min  # which month is being billed
        self.commands: list[subprocess.Popen[bytes]] = []  # typed by people

    # --- Start and stop

    def start_servers(self) -> None:
        """Start both; PostgreSQL does not wait for the disk, for processes are killed here and never the machine."""
        self.children["postgres"] = embedded.start_postgres(self.var_dir)
        self.children["valkey"] = embedded.start_valkey(self.var_dir)
        with embedded.connect(self.var_dir) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def start_programs(self) -> str:
        """Start the web server, the worker and the clock; return the address once all are ready."""
        address = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        environment = demo._demo_environment(self.var_dir, address) | {"DEMO_DATA": "false"}
        programs = demo._programs(self._door, address, environment)
        self._programs = {one.name: one for one in programs if one.name in ("web", "worker", "beat")}
        for name in self._programs:
            self.start(name)
        _wait_until(lambda: demo._everybody_ready(self.var_dir / "run", address), what="the site")
        return address

    def start(self, name: str) -> None:
        readiness.forget(self.var_dir / "run", name)
        self.children[name] = children.start(self._programs[name], var_dir=self.var_dir)

    def close(self) -> None:
        """Stop everything; nothing that was started is left."""
        for command in self.commands:
            command.kill()
            command.wait()
        self.end_left_behind()
        for child in reversed(self.children.values()):
            child.stop()
        self._door.close()

    def tend(self) -> None:
        """Start again what ended by itself, as a supervisor does."""
        for name in self._programs:
            if not self.children[name].alive:
                self.ended_unasked[name] += 1
                self.children[name].clear_away()
                self.start(name)

    def wait_for(self, name: str) -> None:
        _wait_until(lambda: readiness.noted(self.var_dir / "run", name), what=name)

    # --- Ask

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        with embedded.connect(self.var_dir, name=embedded.DATABASE) as connection:
            yield connection

    def valkey(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(embedded._valkey_socket(self.var_dir)), socket_timeout=5)

    def busiest_child_of(self, name: str) -> psutil.Process | None:
        """Find the process that is at work: of several, the one that uses the processor."""
        family = psutil.Process(self.children[name].process.pid).children()
        before = {one.pid: _cpu(one) for one in family}
        time.sleep(0.05)
        return max(family, key=lambda one: _cpu(one) - before[one.pid], default=None)

    # --- Kill

    def kill_postgres(self) -> None:
        """Kill the postmaster; it recovers from its log as after a power cut of the process."""
        _kill(self.children["postgres"])
        self.children["postgres"] = _with_patience(lambda: embedded.start_postgres(self.var_dir))

    def kill_backend(self, chance: random.Random) -> None:
        """Kill one server process, at work if any is; the postmaster then throws everybody out and recovers."""
        with self.database() as connection:
            rows = connection.execute(
                "SELECT pid, state <> 'idle' FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        at_work = [pid for pid, is_at_work in rows if is_at_work]
        if rows:
            os.kill(chance.choice(at_work or [pid for pid, _ in rows]), signal.SIGKILL)
        _wait_until(lambda: embedded._answers_sql(self.var_dir), what="PostgreSQL")

    def kill_valkey(self) -> None:
        _kill(self.children["valkey"])
        self.children["valkey"] = embedded.start_valkey(self.var_dir)

    def kill(self, name: str, *, with_children: bool = True) -> None:
        """Kill a program and start it again; children that are left finish beside the new one for a while."""
        group = self.children[name].process.pid
        _kill(self.children[name])
        if with_children:
            _kill_group(group)
        else:
            self._left_behind.append(group)
        self.start(name)

    def end_left_behind(self) -> int:
        """Kill the children whose parents are gone; return how many groups there were."""
        groups, self._left_behind = self._left_behind, []
        return sum(map(_kill_group, groups))

    def restart(self, name: str) -> None:
        """Stop a program as a deployment does, and start it again."""
        self.children[name].stop()
        self.start(name)


def kill_process(process: psutil.Process | None) -> None:
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _kill(child: Child) -> None:
    child.process.kill()
    child.process.wait()


def _kill_group(group: int) -> bool:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _cpu(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return 0.0


def _with_patience(start: Callable[[], Child], *, tries: int = 5) -> Child:
    """The old server processes may hold the memory for a moment after their postmaster is gone."""
    for _ in range(tries - 1):
        with contextlib.suppress(embedded.EmbeddedServerError):
            return start()
    return start()


def _wait_until(is_so: Callable[[], bool], *, what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} was not ready after {seconds:.0f} s")
        time.sleep(0.05)
