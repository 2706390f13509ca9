"""What was approved is what is billed: PostgreSQL keeps a run's approval and the amounts of its entries."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION approved_totals_are_locked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The run of % is approved and keeps the totals that were approved. Cancel it and build a new preview.', to_char(OLD.period_start, 'YYYY-MM')
        USING ERRCODE = 'check_violation', CONSTRAINT = 'approved_totals_are_locked';
END $$;
CREATE TRIGGER approved_totals_are_locked BEFORE UPDATE ON partners_billingrun FOR EACH ROW
    WHEN (OLD.status IN ('approved', 'issued') AND (OLD.approved_totals, OLD.approved_by, OLD.approved_at, OLD.period_start, OLD.partner_id)
        IS DISTINCT FROM (NEW.approved_totals, NEW.approved_by, NEW.approved_at, NEW.period_start, NEW.partner_id))
    EXECUTE FUNCTION approved_totals_are_locked();

CREATE FUNCTION approved_entries_keep_their_amounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM partners_billingrun WHERE id = OLD.run_id AND status IN ('approved', 'issued')) THEN
        RAISE EXCEPTION 'An approved run keeps its entries and their amounts. What it leaves out is billed by the next run of the month.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approved_entries_keep_their_amounts';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approved_entries_keep_their_amounts BEFORE UPDATE ON partners_billingrunentry FOR EACH ROW
    WHEN ((OLD.run_id, OLD.contract_id, OLD.currency, OLD.total_cents) IS DISTINCT FROM (NEW.run_id, NEW.contract_id, NEW.currency, NEW.total_cents)
        OR (NEW.state = 'previewed' AND OLD.state <> 'previewed'))
    EXECUTE FUNCTION approved_entries_keep_their_amounts();

CREATE FUNCTION approved_runs_take_no_more_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM after_rows AS a JOIN partners_billingrun AS run ON run.id = a.run_id WHERE run.status IN ('approved', 'issued')) THEN
        RAISE EXCEPTION 'An approved run takes no more contracts. The next run of the month bills them.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approved_runs_take_no_more_entries';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER approved_runs_take_no_more_entries AFTER INSERT ON partners_billingrunentry
    REFERENCING NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION approved_runs_take_no_more_entries();
"""

BACKWARD = r"""
DROP TRIGGER approved_runs_take_no_more_entries ON partners_billingrunentry;
DROP TRIGGER approved_entries_keep_their_amounts ON partners_billingrunentry;
DROP TRIGGER approved_totals_are_locked ON partners_billingrun;
DROP FUNCTION approved_runs_take_no_more_entries();
DROP FUNCTION approved_entries_keep_their_amounts();
DROP FUNCTION approved_totals_are_locked();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0005_run_steps")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
