"""The Celery application. Messages are haste; the sweeps in `schedule` are the guarantee."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_site.settings")

app = Celery("billing_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()  # for every thread: else a web server's threads would look for a broker of their own
app.autodiscover_tasks()
