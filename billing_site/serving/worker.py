"""A Celery worker on every queue of the site: `python -m billing_site.serving.worker`."""

from __future__ import annotations

import sys

QUEUES = ("billing", "mirror")


def main(arguments: list[str]) -> None:
    from billing_site.celery import app

    app.worker_main(["worker", "--queues", ",".join(QUEUES), "--without-gossip", "--without-mingle", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
