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

CREATE FUNCTION month_is_billed_again_only_when_undone() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER month_is_billed_again_only_when_undone BEFORE INSERT ON partners_billedperiod
    FOR EACH ROW EXECUTE FUNCTION month_is_billed_again_only_when_undone();

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

CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_billedperiod FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_correction FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_requestbatch FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_requestcount FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_usagearchive FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON api_partner_contracts FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_billedperiod FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_correction FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON usage_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_requestcount FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON api_usage FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

BACKWARD = r"""
DROP TRIGGER keep_records ON api_partner_contracts;
DROP TRIGGER keep_records ON partners_billedperiod;
DROP TRIGGER keep_records ON partners_correction;
DROP TRIGGER keep_records ON usage_events;
DROP TRIGGER keep_records ON partners_requestcount;
DROP TRIGGER keep_records ON api_usage;
DROP TRIGGER only_add ON partners_usagearchive;
DROP TRIGGER only_add ON partners_requestcount;
DROP TRIGGER only_add ON partners_requestbatch;
DROP TRIGGER only_add ON partners_correction;
DROP TRIGGER only_add ON partners_billedperiod;
DROP TRIGGER usage_is_only_added ON usage_events;
DROP TRIGGER month_is_billed_again_only_when_undone ON partners_billedperiod;
DROP TRIGGER contract_keeps_its_terms ON api_partner_contracts;
DROP FUNCTION usage_is_only_added();
DROP FUNCTION month_is_billed_again_only_when_undone();
DROP FUNCTION contract_keeps_its_terms();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial"), ("payments", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
