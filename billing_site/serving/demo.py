"""The demo: every server of the site in one foreground process, with data to look at."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from billing_site import embedded
from billing_site.serving import children, native, progress, readiness
from billing_site.serving.children import Child, Program
from billing_site.serving.supervisor import FailedError, Supervisor
from payments.stripe.sim.company import API_KEY

OK = 200
SECONDS_BETWEEN_EVENTS = 20


class RefusedError(Exception):
    """The demo cannot start here; the message says what to do."""


class StopRequested(BaseException):
    """Ctrl-C, or a polite kill."""


def serve(*, var_dir: Path, port: int, once: bool) -> None:
    """Start everything, tell where it is, and stay until Ctrl-C; `once` checks the site and leaves instead."""
    begun = time.monotonic()
    for variable in ("DATABASE_URL", "REDIS_URL"):
        if os.environ.get(variable):
            raise RefusedError(f"The demo brings its own servers and fills them: unset {variable} first.")
    with _only_instance(var_dir, port), contextlib.closing(_web_socket(port)) as door, _polite_end():
        native.ensure_libraries()
        supervisor = Supervisor(var_dir=var_dir)
        try:
            address = _start(supervisor, door)
            progress.say(f"\n[bold green]READY[/] {address}/admin/ [dim]after {time.monotonic() - begun:.0f} s[/]")
            if once:
                _check(address)
                return
            progress.say("Ctrl-C stops everything; the data stays for the next start.")
            while True:
                supervisor.tend()
                time.sleep(0.3)
        finally:
            _ignore_signals()
            with progress.told("Stopping everything"):
                supervisor.stop()


def _start(supervisor: Supervisor, door: socket.socket) -> str:
    var_dir = supervisor.var_dir
    address = f"http://127.0.0.1:{door.getsockname()[1]}"
    environment = _demo_environment(var_dir, address)
    run = var_dir / "run"
    for name in ("steps", "site", "worker", "beat"):
        readiness.forget(run, name)
    with progress.told("Starting PostgreSQL"):
        supervisor.run("PostgreSQL", lambda: embedded.start_postgres(var_dir))
    with progress.told("Starting Valkey"):
        supervisor.run("Valkey", lambda: embedded.start_valkey(var_dir))
    steps = _start_steps(supervisor, environment)
    try:
        _wait_for_steps(supervisor, steps, lambda: readiness.noted(run, "steps"))
        with progress.told("Starting the web server, the worker, the clock and a pretended Stripe"):
            for program in _programs(door, address, environment):
                supervisor.run(program.name, partial(children.start, program, var_dir=var_dir))
            supervisor.wait_until(lambda: _everybody_ready(run, address), what="The site", seconds=90)
        readiness.ready_file(run, "site").touch()
        _wait_for_steps(supervisor, steps, lambda: not steps.alive)
    finally:
        steps.stop()
    return address


def _start_steps(supervisor: Supervisor, environment: dict[str, str]) -> Child:
    argv = [sys.executable, "-m", "billing_site.serving.steps"]
    program = Program(name="steps", argv=argv, environment=environment, in_sight=True)
    return children.start(program, var_dir=supervisor.var_dir)


def _wait_for_steps(supervisor: Supervisor, steps: Child, done: Callable[[], bool]) -> None:
    supervisor.wait_until(lambda: done() or not steps.alive, what="The demo's preparation", seconds=900)
    if steps.process.poll():
        raise FailedError("The demo could not be prepared; the reason stands above.")


def _programs(door: socket.socket, address: str, environment: dict[str, str]) -> list[Program]:
    python = [sys.executable, "-m"]
    gunicorn = [*python, "gunicorn", "billing_site.wsgi", "--bind", f"fd://{door.fileno()}", "--no-control-socket"]
    gunicorn += ["--preload", "--workers", "2", "--threads", "4", "--graceful-timeout", "5", "--access-logfile", "-"]
    stripe = [sys.executable, "manage.py", "stripe_sim", "--port", environment["STRIPE_API_BASE"].rpartition(":")[2]]
    stripe += ["--webhook-url", f"{address}/stripe/webhook/", "--webhook-secret", environment["STRIPE_WEBHOOK_SECRETS"]]
    stripe += ["--live", str(SECONDS_BETWEEN_EVENTS), "--state", f"{environment['VAR_DIR']}/stripe_sim.json.gz"]
    celery = [*python, "billing_site.serving.worker", "--concurrency", "2"]
    return [
        Program(name="stripe", argv=stripe, environment=environment),
        Program(name="beat", argv=[*python, "billing_site.serving.beat"], environment=environment),
        Program(name="worker", argv=celery, environment=environment),
        Program(name="web", argv=gunicorn, environment=environment, keep_open=(door.fileno(),)),
    ]


def _everybody_ready(folder: Path, address: str) -> bool:
    noted = readiness.noted(folder, "worker") and readiness.noted(folder, "beat")
    return noted and _status(f"{address}/healthz") is not None


def _demo_environment(var_dir: Path, address: str) -> dict[str, str]:
    """Return what every child of the demo is told: the pretended Stripe instead of the real one."""
    return {
        "VAR_DIR": str(var_dir),
        "DEMO_DATA": "true",
        "DEMO_ADDRESS": address,
        "EMAIL_URL": f"file:///{var_dir.resolve()}/mail",
        "STRIPE_API_BASE": f"http://127.0.0.1:{_free_port()}",
        "STRIPE_API_KEY": API_KEY,
        "STRIPE_WEBHOOK_SECRETS": "whsec_" + "demo" * 8,
        readiness.VARIABLE: str(var_dir / "run"),
    }


def _check(address: str) -> None:
    for path in ("/healthz", "/admin/login/"):
        if (status := _status(address + path)) != OK:
            raise FailedError(f"{address}{path} answered {status} instead of 200.")
    progress.say("Checked: the site answers.")


def _status(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own loopback address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


# --- One instance, one port, one end -----------------------------------------------------------------------------


@contextlib.contextmanager
def _only_instance(var_dir: Path, port: int) -> Iterator[None]:
    """Hold the folder; the kernel lets go of it however this process ends."""
    var_dir.mkdir(parents=True, exist_ok=True)
    with (var_dir / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RefusedError(
                f"The demo already runs here ({lock.read().strip()}): stop it with Ctrl-C first."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, port {port}")
        lock.flush()
        yield


def _web_socket(port: int) -> socket.socket:
    """Take the port before anything starts; gunicorn inherits it."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
    except OSError as error:
        door.close()
        reasons = {errno.EADDRINUSE: "is taken by another program", errno.EACCES: "is reserved for root"}
        reason = reasons.get(error.errno or 0, f"cannot be used ({error})")
        raise RefusedError(f"Port {port} {reason}: choose another with PORT={port % 60000 + 1000}.") from error
    door.listen(128)
    return door


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _polite_end() -> Iterator[None]:
    """Turn Ctrl-C and friends into StopRequested, once."""

    def stop(*_: Any) -> None:
        _ignore_signals()
        raise StopRequested

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with contextlib.suppress(StopRequested):
        yield


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
