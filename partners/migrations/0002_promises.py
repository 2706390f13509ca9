"""A month is billed once, on the terms it was agreed on: what PostgreSQL refuses, in sentences."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION contract_keeps_its_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change text[] := ARRAY['status', 'end_date', 'needs_purchase_order', 'updated_at'];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.billing_time_zone = (SELECT billing_time_zone FROM partners_partner WHERE id = NEW.partner_id) THEN
        may_change := may_change || 'billing_time_zone'::text;  -- a contract follows its partner's move to another zone
    END IF;
    IF TG_OP = 'DELETE' OR NEW.status = 'draft' OR (to_jsonb(NEW) - may_change) IS DISTINCT FROM (to_jsonb(OLD) - may_change) THEN
        RAISE EXCEPTION 'Contract % version % is agreed and keeps its terms. End it and add a new version.', OLD.reference, OLD.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contract_keeps_its_terms';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_keeps_its_terms BEFORE UPDATE OR DELETE ON api_partner_contracts
    FOR EACH ROW EXECUTE FUNCTION contract_keeps_its_terms();

-- People took an invoice back: they voided it, or credited all that it still asked for. One that late usage brought down
-- to nothing is not undone, whatever people gave before: its months are billed, for nothing.
CREATE FUNCTION invoice_is_undone(asked bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT invoice.status = 'void' OR invoice.total_cents = sum(note.total_cents)
            AND NOT EXISTS (SELECT FROM partners_correction WHERE credit_note_id = max(note.id))
        FROM invoices AS invoice LEFT JOIN credit_notes AS note ON note.invoice_id = invoice.id AND note.status = 'issued'
        WHERE invoice.id = asked GROUP BY invoice.id
    ), false)
$$;

-- The end of a contract never moves into, or out of, a month that is billed: its days were charged as they were.
CREATE FUNCTION contract_end_leaves_billed_months_alone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved CONSTANT daterange := daterange(least(OLD.end_date, NEW.end_date),
        CASE WHEN OLD.end_date IS NULL OR NEW.end_date IS NULL THEN NULL ELSE greatest(OLD.end_date, NEW.end_date) END);
    is_longer CONSTANT boolean := coalesce(NEW.end_date > OLD.end_date, NEW.end_date IS NULL);
    month record;
BEGIN
    -- One that came to nothing, or that late usage brought down to nothing, has no invoice that anybody could take back.
    SELECT billed.period_start, billed.period_end, paper.invoice_number, paper.total_cents > (
            SELECT coalesce(sum(total_cents), 0) FROM credit_notes WHERE invoice_id = paper.id AND status = 'issued') AS asks INTO month
        FROM partners_billedperiod AS billed LEFT JOIN invoices AS paper ON paper.id = billed.invoice_id
        WHERE billed.contract_id = NEW.id AND daterange(billed.period_start, billed.period_end) && moved
            AND NOT invoice_is_undone(billed.invoice_id)
        ORDER BY billed.period_start DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The month % of contract % is billed as it ran: %.', to_char(month.period_start, 'YYYY-MM'), NEW.reference,
            CASE WHEN is_longer THEN 'agree on a new contract from ' || OLD.end_date ELSE 'end it on ' || month.period_end || ' or later' END
            || CASE WHEN month.asks THEN ', or void invoice ' || month.invoice_number || ' or credit it in full first' ELSE '' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contract_end_leaves_billed_months_alone';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_end_leaves_billed_months_alone BEFORE UPDATE ON api_partner_contracts
    FOR EACH ROW WHEN (OLD.end_date IS DISTINCT FROM NEW.end_date) EXECUTE FUNCTION contract_end_leaves_billed_months_alone();

CREATE FUNCTION month_is_billed_again_only_when_undone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before_it partners_billedperiod;
BEGIN
    -- Whoever bills it again waits here for whoever leaves it unbilled, and the other way round.
    SELECT * INTO before_it FROM partners_billedperiod
        WHERE contract_id = NEW.contract_id AND period_start = NEW.period_start AND revision = NEW.revision - 1 FOR NO KEY UPDATE;
    IF invoice_is_undone(before_it.invoice_id) IS NOT TRUE THEN
        RAISE EXCEPTION 'This month of the contract is billed%; void or fully credit its invoice before billing again.',
            coalesce((SELECT ' by invoice ' || invoice_number FROM invoices WHERE id = before_it.invoice_id), '')
            USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_billed_again_only_when_undone';
    END IF;
    IF EXISTS (SELECT FROM partners_leftunbilled WHERE billed_period_id = before_it.id AND reopened_at IS NULL) THEN
        RAISE EXCEPTION 'This month of the contract is left unbilled; reopen it before billing it again.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'month_left_unbilled_is_not_billed';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER month_is_billed_again_only_when_undone AFTER INSERT ON partners_billedperiod
    FOR EACH ROW WHEN (NEW.revision > 1) EXECUTE FUNCTION month_is_billed_again_only_when_undone();

CREATE FUNCTION only_an_undone_month_is_left_unbilled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    month partners_billedperiod;
BEGIN
    SELECT * INTO month FROM partners_billedperiod WHERE id = NEW.billed_period_id FOR NO KEY UPDATE;
    IF invoice_is_undone(month.invoice_id) IS NOT TRUE OR EXISTS (SELECT FROM partners_billedperiod
            WHERE contract_id = month.contract_id AND period_start = month.period_start AND revision > month.revision) THEN
        RAISE EXCEPTION 'Only a month whose invoice is void or fully credited, and that nobody billed again, is left unbilled.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'only_an_undone_month_is_left_unbilled';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_an_undone_month_is_left_unbilled AFTER INSERT ON partners_leftunbilled
    FOR EACH ROW EXECUTE FUNCTION only_an_undone_month_is_left_unbilled();

CREATE FUNCTION decision_is_only_reopened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.reopened_at IS NOT NULL
        OR (to_jsonb(NEW) - ARRAY['reopened_by', 'reopened_at']) <> (to_jsonb(OLD) - ARRAY['reopened_by', 'reopened_at']) THEN
        RAISE EXCEPTION 'Who left a month unbilled, when and why stays on record. Reopen the month, or decide about it again.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_is_only_reopened';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decision_is_only_reopened BEFORE UPDATE OR DELETE ON partners_leftunbilled
    FOR EACH ROW EXECUTE FUNCTION decision_is_only_reopened();

CREATE FUNCTION usage_is_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM partners_usagearchive AS kept
            WHERE kept.partner_id = OLD.partner_id AND OLD.occurred_at >= kept.starts_at AND OLD.occurred_at < kept.ends_at) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'Usage is only added to: take an event back with a reversal; only what is archived may be deleted.'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'usage_is_only_added';
END $$;
CREATE TRIGGER usage_is_only_added BEFORE UPDATE OR DELETE ON usage_events FOR EACH ROW EXECUTE FUNCTION usage_is_only_added();

CREATE FUNCTION revoked_key_stays_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked AND NOT NEW.revoked THEN
        RAISE EXCEPTION 'The key % is revoked for good. Make a new one.', OLD.prefix
            USING ERRCODE = 'check_violation', CONSTRAINT = 'revoked_key_stays_revoked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER revoked_key_stays_revoked BEFORE UPDATE OF revoked ON partners_partnerapikey
    FOR EACH ROW EXECUTE FUNCTION revoked_key_stays_revoked();

-- What was approved is what is billed: a run keeps its approval, and the amounts of its entries.
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

-- What is drawn on a purchase order, and that it is never more than the order has.
CREATE FUNCTION drawn_on_order(asked bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(invoice.total_cents - (
        SELECT coalesce(sum(note.total_cents), 0) FROM credit_notes AS note WHERE note.invoice_id = invoice.id AND note.status = 'issued'
    )), 0)::bigint
    FROM invoices AS invoice
    WHERE invoice.status <> 'void' AND invoice.id IN (
        SELECT billed.invoice_id FROM partners_billedperiod AS billed WHERE billed.purchase_order_id = asked
        UNION SELECT entry.invoice_id FROM partners_billingrunentry AS entry WHERE entry.purchase_order_id = asked AND entry.kind = 'final')
$$;

CREATE FUNCTION purchase_order_is_not_exceeded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    -- Whoever draws waits here for whoever drew; the sum below then sees what was committed.
    SELECT * INTO held FROM partners_purchaseorder WHERE id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint FOR NO KEY UPDATE;
    IF held.amount_cents IS NOT NULL AND drawn_on_order(held.id) > held.amount_cents THEN
        RAISE EXCEPTION 'Purchase order % has not that much left. Enter another one, or its higher amount.', held.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'purchase_order_is_not_exceeded';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER purchase_order_is_not_exceeded AFTER INSERT ON partners_billedperiod DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.purchase_order_id IS NOT NULL AND NEW.invoice_id IS NOT NULL)
    EXECUTE FUNCTION purchase_order_is_not_exceeded('purchase_order_id');
CREATE CONSTRAINT TRIGGER purchase_order_is_not_exceeded AFTER INSERT OR UPDATE OF invoice_id, purchase_order_id ON partners_billingrunentry
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'final' AND NEW.purchase_order_id IS NOT NULL AND NEW.invoice_id IS NOT NULL)
    EXECUTE FUNCTION purchase_order_is_not_exceeded('purchase_order_id');
CREATE TRIGGER purchase_order_is_not_exceeded AFTER UPDATE OF amount_cents ON partners_purchaseorder
    FOR EACH ROW EXECUTE FUNCTION purchase_order_is_not_exceeded('id');

CREATE FUNCTION drawn_order_keeps_its_parties() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM partners_billedperiod WHERE purchase_order_id = OLD.id)
        OR EXISTS (SELECT FROM partners_billingrunentry WHERE purchase_order_id = OLD.id AND invoice_id IS NOT NULL) THEN
        RAISE EXCEPTION 'Invoices name purchase order %: its number, partner and currency stay. Enter a new order.', OLD.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'drawn_order_keeps_its_parties';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drawn_order_keeps_its_parties BEFORE UPDATE ON partners_purchaseorder FOR EACH ROW
    WHEN ((OLD.number, OLD.partner_id, OLD.currency) IS DISTINCT FROM (NEW.number, NEW.partner_id, NEW.currency))
    EXECUTE FUNCTION drawn_order_keeps_its_parties();

CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_billedperiod FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_correction FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_requestbatch FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_requestcount FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_usagearchive FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON api_partner_contracts FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_billedperiod FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_leftunbilled FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_correction FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON usage_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_requestcount FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON api_usage FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

BACKWARD = r"""
DROP TRIGGER keep_records ON api_partner_contracts;
DROP TRIGGER keep_records ON partners_billedperiod;
DROP TRIGGER keep_records ON partners_leftunbilled;
DROP TRIGGER keep_records ON partners_correction;
DROP TRIGGER keep_records ON usage_events;
DROP TRIGGER keep_records ON partners_requestcount;
DROP TRIGGER keep_records ON api_usage;
DROP TRIGGER only_add ON partners_usagearchive;
DROP TRIGGER only_add ON partners_requestcount;
DROP TRIGGER only_add ON partners_requestbatch;
DROP TRIGGER only_add ON partners_correction;
DROP TRIGGER only_add ON partners_billedperiod;
DROP TRIGGER drawn_order_keeps_its_parties ON partners_purchaseorder;
DROP TRIGGER purchase_order_is_not_exceeded ON partners_purchaseorder;
DROP TRIGGER purchase_order_is_not_exceeded ON partners_billingrunentry;
DROP TRIGGER purchase_order_is_not_exceeded ON partners_billedperiod;
DROP TRIGGER approved_runs_take_no_more_entries ON partners_billingrunentry;
DROP TRIGGER approved_entries_keep_their_amounts ON partners_billingrunentry;
DROP TRIGGER approved_totals_are_locked ON partners_billingrun;
DROP TRIGGER revoked_key_stays_revoked ON partners_partnerapikey;
DROP TRIGGER usage_is_only_added ON usage_events;
DROP TRIGGER decision_is_only_reopened ON partners_leftunbilled;
DROP TRIGGER only_an_undone_month_is_left_unbilled ON partners_leftunbilled;
DROP TRIGGER month_is_billed_again_only_when_undone ON partners_billedperiod;
DROP TRIGGER contract_end_leaves_billed_months_alone ON api_partner_contracts;
DROP TRIGGER contract_keeps_its_terms ON api_partner_contracts;
DROP FUNCTION drawn_order_keeps_its_parties();
DROP FUNCTION purchase_order_is_not_exceeded();
DROP FUNCTION drawn_on_order(bigint);
DROP FUNCTION approved_runs_take_no_more_entries();
DROP FUNCTION approved_entries_keep_their_amounts();
DROP FUNCTION approved_totals_are_locked();
DROP FUNCTION revoked_key_stays_revoked();
DROP FUNCTION usage_is_only_added();
DROP FUNCTION decision_is_only_reopened();
DROP FUNCTION only_an_undone_month_is_left_unbilled();
DROP FUNCTION month_is_billed_again_only_when_undone();
DROP FUNCTION contract_end_leaves_billed_months_alone();
DROP FUNCTION invoice_is_undone(bigint);
DROP FUNCTION contract_keeps_its_terms();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial"), ("payments", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
