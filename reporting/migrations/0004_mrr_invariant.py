"""One more invariant: the MRR of a subscription is where its movements have led."""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

BEFORE = import_module("reporting.migrations.0002_promises").FORWARD.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")

FORWARD = (
    BEFORE.rstrip().removesuffix(";")
    + r"""
UNION ALL
SELECT 'mrr_equals_its_movements', format('subscription %s', s.stripe_subscription_id)
    FROM subscriptions s LEFT JOIN mrr_movements m ON m.subscription_id = s.id
    WHERE EXISTS (SELECT FROM subscription_versions v WHERE v.subscription_id = s.id)
    GROUP BY s.id HAVING s.mrr_cents <> coalesce(sum(m.change_cents) FILTER (WHERE m.currency = s.currency), 0)
    OR coalesce(sum(m.change_cents) FILTER (WHERE m.currency <> s.currency), 0) <> 0;
"""
)


class Migration(migrations.Migration):
    dependencies = [("reporting", "0003_revenue"), ("payments", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BEFORE)]
