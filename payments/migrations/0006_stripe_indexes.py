"""The sweeps find what is missing without reading every payment and every event."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_mrr_movements"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="stripeevent",
            name="stripe_event_unmirrored",
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("origin", "stripe"), ("stripe_fee_cents", None)),
                fields=["id"],
                name="payment_without_fee",
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("refund_amount_cents__gt", 0)), fields=["id"], name="payment_given_back"
            ),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(
                models.OrderBy(models.F("next_mirror_at"), nulls_first=True),
                models.F("stripe_created_at"),
                models.F("id"),
                condition=models.Q(("mirrored_at", None)),
                name="stripe_event_to_mirror",
            ),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(
                condition=models.Q(("status__in", ["dead", "skipped"])),
                fields=["status"],
                name="stripe_event_laid_aside",
            ),
        ),
    ]
