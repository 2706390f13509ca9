"""What is drawn on a purchase order, and that it is never more than the order has."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
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
    IF EXISTS (SELECT FROM partners_billedperiod WHERE purchase_order_id = OLD.id) THEN
        RAISE EXCEPTION 'Invoices name purchase order %: its number, partner and currency stay. Enter a new order.', OLD.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'drawn_order_keeps_its_parties';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drawn_order_keeps_its_parties BEFORE UPDATE ON partners_purchaseorder FOR EACH ROW
    WHEN ((OLD.number, OLD.partner_id, OLD.currency) IS DISTINCT FROM (NEW.number, NEW.partner_id, NEW.currency))
    EXECUTE FUNCTION drawn_order_keeps_its_parties();
"""

BACKWARD = r"""
DROP TRIGGER drawn_order_keeps_its_parties ON partners_purchaseorder;
DROP TRIGGER purchase_order_is_not_exceeded ON partners_purchaseorder;
DROP TRIGGER purchase_order_is_not_exceeded ON partners_billingrunentry;
DROP TRIGGER purchase_order_is_not_exceeded ON partners_billedperiod;
DROP FUNCTION drawn_order_keeps_its_parties();
DROP FUNCTION purchase_order_is_not_exceeded();
DROP FUNCTION drawn_on_order(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0006_run_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
