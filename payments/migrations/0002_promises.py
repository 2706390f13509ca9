"""Money is never placed twice: what PostgreSQL refuses, in sentences."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION payment_keeps_its_promises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Payment % is on record and cannot be deleted. Reverse it.', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_are_kept';
    END IF;
    IF OLD.origin = 'manual' AND (NEW.origin, NEW.amount_cents, NEW.currency) IS DISTINCT FROM (OLD.origin, OLD.amount_cents, OLD.currency) THEN
        RAISE EXCEPTION 'The amount of payment % is on record and cannot be changed. Reverse it and enter the right one.', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_are_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_keeps_its_promises BEFORE UPDATE OR DELETE ON payment_history
    FOR EACH ROW EXECUTE FUNCTION payment_keeps_its_promises();

CREATE FUNCTION stripe_event_is_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.event_id, NEW.type, NEW.payload, NEW.received_at, NEW.account, NEW.source) IS DISTINCT FROM (OLD.event_id, OLD.type, OLD.payload, OLD.received_at, OLD.account, OLD.source) THEN
        RAISE EXCEPTION 'Stripe event % is evidence; it can be neither changed nor deleted.', OLD.event_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'events_are_evidence';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stripe_event_is_evidence BEFORE UPDATE OR DELETE ON stripe_events
    FOR EACH ROW EXECUTE FUNCTION stripe_event_is_evidence();

CREATE FUNCTION balances_equal_their_allocations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    IF TG_TABLE_NAME IN ('allocations', 'payment_history') THEN
        SELECT format('payment %s', p.id) INTO wrong FROM payment_history p
            WHERE p.id = CASE TG_TABLE_NAME WHEN 'allocations' THEN (to_jsonb(NEW) ->> 'payment_id')::bigint ELSE NEW.id END
            AND p.allocated_cents <> (SELECT coalesce(sum(a.amount_cents), 0) FROM allocations a WHERE a.payment_id = p.id);
    END IF;
    IF wrong IS NULL AND TG_TABLE_NAME IN ('allocations', 'credits') THEN
        SELECT format('credit %s', c.id) INTO wrong FROM credits c
            WHERE c.id = CASE TG_TABLE_NAME WHEN 'allocations' THEN (to_jsonb(NEW) ->> 'credit_id')::bigint ELSE NEW.id END
            AND c.amount_cents - c.remaining_cents <> (SELECT coalesce(sum(a.amount_cents), 0) FROM allocations a WHERE a.credit_id = c.id);
    END IF;
    IF wrong IS NULL AND TG_TABLE_NAME IN ('allocations', 'invoices') THEN
        SELECT format('invoice %s', coalesce(i.invoice_number, i.id::text)) INTO wrong FROM invoices i
            WHERE i.origin = 'native'
            AND i.id = CASE TG_TABLE_NAME WHEN 'allocations' THEN (to_jsonb(NEW) ->> 'invoice_id')::bigint ELSE NEW.id END
            AND i.amount_paid_cents <> (SELECT coalesce(sum(a.amount_cents), 0) FROM allocations a WHERE a.invoice_id = i.id);
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'The balance of % does not equal its allocations.', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'balances_equal_their_allocations';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balances_equal_their_allocations AFTER INSERT ON allocations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION balances_equal_their_allocations();
CREATE CONSTRAINT TRIGGER balances_equal_their_allocations AFTER INSERT OR UPDATE OF allocated_cents ON payment_history
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION balances_equal_their_allocations();
CREATE CONSTRAINT TRIGGER balances_equal_their_allocations AFTER INSERT OR UPDATE OF remaining_cents, amount_cents ON credits
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION balances_equal_their_allocations();
CREATE CONSTRAINT TRIGGER balances_equal_their_allocations AFTER UPDATE OF amount_paid_cents ON invoices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.origin = 'native') EXECUTE FUNCTION balances_equal_their_allocations();
-- Most invoices begin with nothing paid; what is allocated to one all the same is found by the trigger of the allocation.
CREATE CONSTRAINT TRIGGER new_balances_equal_their_allocations AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.origin = 'native' AND NEW.amount_paid_cents <> 0) EXECUTE FUNCTION balances_equal_their_allocations();

CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON allocations FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON stripe_objects FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON payment_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON stripe_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON stripe_objects FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON allocations FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON credits FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON refunds FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON disputes FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON balance_transactions FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

BACKWARD = r"""
DROP TRIGGER keep_records ON payment_history;
DROP TRIGGER keep_records ON stripe_events;
DROP TRIGGER keep_records ON stripe_objects;
DROP TRIGGER keep_records ON allocations;
DROP TRIGGER keep_records ON credits;
DROP TRIGGER keep_records ON refunds;
DROP TRIGGER keep_records ON disputes;
DROP TRIGGER keep_records ON balance_transactions;
DROP TRIGGER only_add ON stripe_objects;
DROP TRIGGER only_add ON allocations;
DROP TRIGGER new_balances_equal_their_allocations ON invoices;
DROP TRIGGER balances_equal_their_allocations ON invoices;
DROP TRIGGER balances_equal_their_allocations ON credits;
DROP TRIGGER balances_equal_their_allocations ON payment_history;
DROP TRIGGER balances_equal_their_allocations ON allocations;
DROP TRIGGER stripe_event_is_evidence ON stripe_events;
DROP TRIGGER payment_keeps_its_promises ON payment_history;
DROP FUNCTION balances_equal_their_allocations();
DROP FUNCTION stripe_event_is_evidence();
DROP FUNCTION payment_keeps_its_promises();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("invoices", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
