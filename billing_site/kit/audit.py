"""Who changed what: PostgreSQL triggers write every insert, update and delete of a money table, whoever made it."""

from __future__ import annotations

from typing import TypeVar

import pghistory
from django.db import models

Model = TypeVar("Model", bound=type[models.Model])


def audited(model: Model) -> Model:
    """Keep each version of each row in `<model>event`, with the user and request of the change where there is one.

    New rows are kept by the statement, so that a thousand of them cost one insert and not a thousand.
    """
    new = pghistory.InsertEvent(level=pghistory.Statement)
    track = pghistory.track(new, pghistory.UpdateEvent(), pghistory.DeleteEvent())
    return track(model)
