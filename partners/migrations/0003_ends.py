"""The end of a contract never moves into, or out of, a month that is billed: its days were charged as they were."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION contract_end_leaves_billed_months_alone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved CONSTANT daterange := daterange(least(OLD.end_date, NEW.end_date),
        CASE WHEN OLD.end_date IS NULL OR NEW.end_date IS NULL THEN NULL ELSE greatest(OLD.end_date, NEW.end_date) END);
    billed date;
BEGIN
    SELECT b.period_start INTO billed FROM partners_billedperiod b LEFT JOIN invoices i ON i.id = b.invoice_id
        WHERE b.contract_id = NEW.id AND daterange(b.period_start, b.period_end) && moved
            AND (i.id IS NULL OR i.status <> 'void' AND i.total_cents > (
                SELECT coalesce(sum(total_cents), 0) FROM credit_notes WHERE invoice_id = i.id AND status = 'issued'))
        ORDER BY b.period_start LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The month % of contract % is billed as it ran; end the contract after it, or void or credit that invoice first.',
            to_char(billed, 'YYYY-MM'), NEW.reference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contract_end_leaves_billed_months_alone';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_end_leaves_billed_months_alone BEFORE UPDATE ON api_partner_contracts
    FOR EACH ROW WHEN (OLD.end_date IS DISTINCT FROM NEW.end_date) EXECUTE FUNCTION contract_end_leaves_billed_months_alone();
"""

BACKWARD = r"""
DROP TRIGGER contract_end_leaves_billed_months_alone ON api_partner_contracts;
DROP FUNCTION contract_end_leaves_billed_months_alone();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
