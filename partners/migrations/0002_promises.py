"""A month is billed once, on the terms it was agreed on: what PostgreSQL refuses, in sentences."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION contract_keeps_its_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['status', 'end_date', 'purchase_order', 'updated_at'];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
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
    SELECT i.* INTO earlier FROM partners_billedperiod b JOIN invoices i ON i.id = b.invoice_id
        WHERE b.contract_id = NEW.contract_id AND b.period_start = NEW.period_start AND b.revision = NEW.revision - 1;
    IF NEW.revision > 1 AND (NOT FOUND OR NOT (earlier.status = 'void' OR earlier.total_cents = (
        SELECT coalesce(sum(total_cents), 0) FROM credit_notes WHERE invoice_id = earlier.id AND status = 'issued'))) THEN
        RAISE EXCEPTION 'This month of the contract is billed by invoice %; void or fully credit it before billing again.', earlier.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_billed_again_only_when_undone';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER month_is_billed_again_only_when_undone BEFORE INSERT ON partners_billedperiod
    FOR EACH ROW EXECUTE FUNCTION month_is_billed_again_only_when_undone();

CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON partners_billedperiod FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON usage_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON api_partner_contracts FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON partners_billedperiod FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON usage_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON api_usage FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

BACKWARD = r"""
DROP TRIGGER keep_records ON api_partner_contracts;
DROP TRIGGER keep_records ON partners_billedperiod;
DROP TRIGGER keep_records ON usage_events;
DROP TRIGGER keep_records ON api_usage;
DROP TRIGGER only_add ON usage_events;
DROP TRIGGER only_add ON partners_billedperiod;
DROP TRIGGER month_is_billed_again_only_when_undone ON partners_billedperiod;
DROP TRIGGER contract_keeps_its_terms ON api_partner_contracts;
DROP FUNCTION month_is_billed_again_only_when_undone();
DROP FUNCTION contract_keeps_its_terms();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial"), ("payments", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
