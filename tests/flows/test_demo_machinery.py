"""`make demo` as a newcomer meets it: it starts, survives kills, says what is wrong, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CHILDREN = ("web", "worker", "beat", "stripe", "valkey", "postgres")


@pytest.fixture
def var_dir(tmp_path) -> Path:
    (tmp_path / "var").mkdir()
    return tmp_path / "var"


@pytest.fixture
def demo(var_dir):
    """Start the demo; the environment of this test run, with its own servers, is kept out of it."""
    with ExitStack() as started:

        def start(**variables: str) -> subprocess.Popen[bytes]:
            kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM") if name in os.environ}
            (var_dir / "seen").unlink(missing_ok=True)  # each start speaks into a file of its own
            process = subprocess.Popen(
                [sys.executable, "-m", "billing_site.serving"],
                cwd=ROOT,
                env=kept | {"VAR_DIR": str(var_dir), "PORT": "0"} | variables,
                stdout=started.enter_context((var_dir / "seen").open("wb")),
                stderr=subprocess.STDOUT,
            )
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        yield start


def seen(var_dir: Path) -> str:
    return (var_dir / "seen").read_text()


def eventually(is_so, *, seconds: float, or_show: Path) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, seen(or_show)
        time.sleep(0.1)


def child_of(var_dir: Path, name: str) -> int | None:
    pid_file = var_dir / "run" / f"{name}.pid"
    return int(pid_file.read_text().split()[0]) if pid_file.exists() and pid_file.read_text() else None


def is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:  # noqa: S310 - our own loopback address
            return answer.status == 200
    except OSError:
        return False


def test_demo_survives_the_kill_of_every_child_and_of_itself(demo, var_dir):
    running = demo()
    eventually(lambda: "READY" in seen(var_dir) or running.poll() is not None, seconds=180, or_show=var_dir)
    assert running.poll() is None, seen(var_dir)
    address = seen(var_dir).split("READY ")[1].split("/admin")[0]
    for name in CHILDREN:
        killed = child_of(var_dir, name)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda n=name, k=killed: child_of(var_dir, n) not in {None, k}, seconds=30, or_show=var_dir)
    eventually(lambda: is_healthy(address), seconds=60, or_show=var_dir)

    family = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    running.wait()
    _, left = psutil.wait_procs(family, timeout=30)
    assert left == []

    again = demo(ONCE="1")
    assert again.wait(timeout=180) == 0, seen(var_dir)
    assert [name for name in CHILDREN if child_of(var_dir, name)] == []


def test_a_busy_port_is_one_sentence(demo, var_dir):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert demo(PORT=str(port)).wait(timeout=30) == 1
    assert seen(var_dir).startswith(f"Port {port} is taken by another program: choose another with PORT=")
    assert seen(var_dir).count("\n") == 1


def test_a_second_demo_on_the_same_folder_is_refused(demo, var_dir):
    first = demo()
    eventually((var_dir / "run").exists, seconds=30, or_show=var_dir)
    second = demo()
    assert second.wait(timeout=30) == 1
    assert seen(var_dir).splitlines()[0].startswith(f"The demo already runs here (process {first.pid}")
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT='eighty' is no port"),
        ("PORT", "70000", "PORT='70000' is no port"),
        ("DATABASE_URL", "postgresql://books/production", "unset DATABASE_URL first"),
    ],
)
def test_a_wrong_variable_is_one_sentence(demo, var_dir, variable, value, sentence):
    assert demo(**{variable: value}).wait(timeout=30) == 1
    assert sentence in seen(var_dir)
    assert seen(var_dir).count("\n") == 1
