"""The list of events is read in the order of time, a page at a time, however many there are."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("partners", "0007_order_promises")]

    operations = [
        AddIndexConcurrently(
            model_name="usageevent", index=models.Index(fields=["occurred_at"], name="usage_in_order_of_time")
        ),
        RemoveIndexConcurrently(model_name="usageevent", name="usage_by_time"),
    ]
