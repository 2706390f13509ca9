"""Owns the nudge: asking a worker to sweep now. Only haste; the scheduled sweep is the guarantee."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any, Final

from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 1.0
_IMPATIENT: Final = {"socket_connect_timeout": PATIENCE_SECONDS, "socket_timeout": PATIENCE_SECONDS, "max_retries": 0}
_STALE_AFTER_SECONDS: Final = 60.0  # beat swept meanwhile; workers that come back need not sweep once for each nudge


class Messenger:
    """Takes nudges to the broker in a thread of its own, so that who answers a request never waits for a broker.

    The first nudge leaves at once. Those that follow within the pause are one message for each task, sent when it ends:
    so each event of a burst, the last one too, has a message that was sent after it. While the broker is away the wish
    stays, and is tried again. A process that ends takes its wishes along; beat sweeps for them within the minute.
    """

    def __init__(self, *, pause_seconds: float = 0.5, silence_seconds: float = 5.0) -> None:
        self._pause_seconds, self._silence_seconds = pause_seconds, silence_seconds
        self._lock = threading.Lock()
        self._wanted: dict[str, Any] = {}
        self._is_under_way = False

    def nudge(self, task: Any) -> None:
        with self._lock:
            self._wanted[task.name] = task
            if not self._is_under_way:
                threading.Thread(target=self._carry, name="nudges", daemon=True).start()
                self._is_under_way = True

    def _carry(self) -> None:
        while tasks := self._taken():
            if _found_broker(tasks):
                time.sleep(self._pause_seconds)
            else:
                self._put_back(tasks)
                time.sleep(self._silence_seconds)

    def _taken(self) -> dict[str, Any]:
        with self._lock:
            tasks, self._wanted = self._wanted, {}
            self._is_under_way = bool(tasks)
            return tasks

    def _put_back(self, tasks: dict[str, Any]) -> None:
        with self._lock:
            self._wanted = tasks | self._wanted


_messenger = Messenger()


def nudge(task: Any) -> None:
    """Ask for a run of a task, without waiting for the broker and whether or not there is one."""
    _messenger.nudge(task)


def _found_broker(tasks: dict[str, Any]) -> bool:
    """Send each task's message; False when there is no broker to take it."""
    names = ", ".join(tasks)
    try:
        app = next(iter(tasks.values())).app
        with app.connection_for_write(connect_timeout=PATIENCE_SECONDS, transport_options=_IMPATIENT) as broker:
            for task in tasks.values():
                task.apply_async(connection=broker, retry=False, expires=_STALE_AFTER_SECONDS)
    except (OperationalError, OSError) as error:
        log.warning("The broker is away (%s); %s waits for it, or for the scheduled sweep.", error, names)
        return False
    except Exception:  # trying again would not mend it, and a thread that died of it would take the others along
        log.exception("A nudge failed; %s waits for the scheduled sweep.", names)
    return True


def _begin_anew() -> None:
    """Forget what the parent process was carrying: its thread did not come along."""
    global _messenger  # noqa: PLW0603 - one per process
    _messenger = Messenger()


os.register_at_fork(after_in_child=_begin_anew)
