"""A Celery worker on every queue of the site: `python -m billing_site.serving.worker`."""

from __future__ import annotations

import sys
from typing import Any

QUEUES = ("billing", "mirror")


def main(arguments: list[str]) -> None:
    from celery.signals import worker_ready

    from billing_site.celery import app
    from billing_site.serving.readiness import note

    def ready(**_: Any) -> None:
        note("worker")

    worker_ready.connect(ready, weak=False)
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    app.worker_main(["worker", "--queues", ",".join(QUEUES), *quiet, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
