"""Words the ground uses."""

from __future__ import annotations

from django.db import models


class JobState(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    NOTHING_TO_DO = "nothing_to_do", "Nothing to do"
