"""The schema of dj-stripe 2.11 in one step; a database that ran upstream's three is recognised as having it."""  # noqa: N999 (Django's name)

from __future__ import annotations

from importlib import import_module

from django.db import migrations

from billing_site.djstripe_migrations._squash import surviving

SQUASHED = ("0001_initial", "0002_2_10", "0003_2_11")
HISTORY = [import_module(f"billing_site.djstripe_migrations.{name}").Migration for name in SQUASHED]


class Migration(migrations.Migration):
    initial = True
    replaces = [("djstripe", name) for name in SQUASHED]
    dependencies = [needed for step in HISTORY for needed in step.dependencies if needed[0] != "djstripe"]
    operations = surviving([operation for step in HISTORY for operation in step.operations], "djstripe")
