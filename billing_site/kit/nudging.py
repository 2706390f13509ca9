"""Owns the nudge: asking a worker to sweep now. Only haste; the scheduled sweep is the guarantee."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

_PATIENCE_SECONDS: Final = 0.25
_SILENCE_SECONDS: Final = 10.0
_IMPATIENT: Final = {"socket_connect_timeout": _PATIENCE_SECONDS, "socket_timeout": _PATIENCE_SECONDS, "max_retries": 0}
_silent_until = 0.0


def nudge(task: Any) -> bool:
    """Send a task's message and say whether it went; an absent broker costs a moment now and then, never an error."""
    global _silent_until  # noqa: PLW0603 - one memory per process, so that not every request waits for a dead broker
    if time.monotonic() < _silent_until:
        return False
    try:
        with task.app.connection_for_write(connect_timeout=_PATIENCE_SECONDS, transport_options=_IMPATIENT) as broker:
            task.apply_async(connection=broker, retry=False)
    except (OperationalError, OSError) as error:
        _silent_until = time.monotonic() + _SILENCE_SECONDS
        log.warning("The broker is away (%s); %s waits for its scheduled sweep.", error, task.name)
        return False
    return True
