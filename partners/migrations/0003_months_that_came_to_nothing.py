"""A month that costs nothing is recorded without an invoice, and may be billed again when usage arrives late."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

FORWARD = r"""
CREATE OR REPLACE FUNCTION month_is_billed_again_only_when_undone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    earlier record;
BEGIN
    SELECT b.invoice_id, i.* INTO earlier FROM partners_billedperiod b LEFT JOIN invoices i ON i.id = b.invoice_id
        WHERE b.contract_id = NEW.contract_id AND b.period_start = NEW.period_start AND b.revision = NEW.revision - 1;
    IF NEW.revision > 1 AND (NOT FOUND OR NOT (earlier.invoice_id IS NULL OR earlier.status = 'void' OR earlier.total_cents = (
        SELECT coalesce(sum(total_cents), 0) FROM credit_notes WHERE invoice_id = earlier.invoice_id AND status = 'issued'))) THEN
        RAISE EXCEPTION 'This month of the contract is billed by invoice %; void or fully credit it before billing again.', earlier.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_billed_again_only_when_undone';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0002_promises"),
        ("partners", "0002_promises"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="billingrunentry", name="run_entry_state_known"),
        migrations.AlterField(
            model_name="billedperiod",
            name="invoice",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="billed_period",
                to="invoices.invoice",
            ),
        ),
        migrations.AlterField(
            model_name="billedperiodevent",
            name="invoice",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                related_query_name="+",
                to="invoices.invoice",
            ),
        ),
        migrations.AlterField(
            model_name="billingrunentry",
            name="state",
            field=models.CharField(
                choices=[
                    ("previewed", "Previewed"),
                    ("billed", "Billed"),
                    ("empty", "Nothing to bill"),
                    ("parked", "Parked"),
                ],
                default="previewed",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="billingrunentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["previewed", "billed", "empty", "parked"])),
                name="run_entry_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingrunentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="run_entry_currency_is_iso"
            ),
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
