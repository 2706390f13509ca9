"""Celery's clock, which only ticks: `python -m billing_site.serving.beat`."""

from __future__ import annotations

import sys
from typing import Any


def main(arguments: list[str]) -> None:
    from celery.signals import beat_init

    from billing_site.celery import app
    from billing_site.serving.readiness import note

    def ready(**_: Any) -> None:
        note("beat")

    beat_init.connect(ready, weak=False)
    app.start(["beat", "--pidfile=", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
