"""Child processes that die with their parent, leave a pid file while they live, and stop when asked."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
LARGEST_LOG = 10 * 2**20
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: dlopen after one may hang


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how it wants to be asked to stop."""

    name: str
    argv: Sequence[str]
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 10
    environment: Mapping[str, str] | None = None
    keep_open: Sequence[int] = ()
    in_sight: bool = False  # writes to the terminal instead of its log


@dataclass(frozen=True, kw_only=True)
class Child:
    """A running program and the file that names it."""

    program: Program
    process: subprocess.Popen[bytes]
    pid_file: Path
    log_file: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask, wait, then insist; its own children go with it."""
        family = _family(self.process.pid) if self.alive else []
        _end(family, by=self.program.stop_signal, patience=self.program.patience)
        self.process.wait()
        self.pid_file.unlink(missing_ok=True)

    def clear_away(self) -> None:
        """Kill what a child that ended by itself has left in its process group."""
        self.process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    def last_words(self, lines: int = 5) -> str:
        """Return the end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""


def start(program: Program, *, var_dir: Path) -> Child:
    """Start `program` in a session of its own; a predecessor that outlived its parent is ended first."""
    pid_file = var_dir / "run" / f"{program.name}.pid"
    log_file = var_dir / "log" / f"{program.name}.log"
    for folder in (pid_file.parent, log_file.parent):
        folder.mkdir(parents=True, exist_ok=True)
    end_left_over(pid_file, by=program.stop_signal, patience=program.patience)
    if log_file.exists() and log_file.stat().st_size > LARGEST_LOG:
        log_file.replace(log_file.with_suffix(".log.old"))
    with log_file.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - every argv is written in this package
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=None if program.in_sight else log,
            stderr=None if program.in_sight else log,
            env={**os.environ, **(program.environment or {})},
            pass_fds=program.keep_open,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the others in order
            preexec_fn=_die_with_parent(program.stop_signal),  # noqa: PLW1509 - one system call, library preloaded
        )
    pid_file.write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}\n")
    return Child(program=program, process=process, pid_file=pid_file, log_file=log_file)


def end_left_over(pid_file: Path, *, by: signal.Signals, patience: float) -> bool:
    """End the process that `pid_file` names, if it still is the one that was started; return whether it was."""
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        pid, born = pid_file.read_text().split()
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(born)) < 1:
            _end(_family(process.pid), by=by, patience=patience)
            return True
    return False


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end(family: Sequence[psutil.Process], *, by: signal.Signals, patience: float) -> None:
    """Signal the head of `family`; whoever still lives after `patience` seconds is killed."""
    if not family:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        family[0].send_signal(by)
    _, living = psutil.wait_procs(family, timeout=patience)
    for process in living:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(living, timeout=5)


def _die_with_parent(by: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None

    def ask_the_kernel() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, by)

    return ask_the_kernel
