"""Issued is issued: what PostgreSQL refuses, in sentences."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION invoice_keeps_its_promises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY[
        'status', 'amount_paid_cents', 'credited_cents', 'written_off_cents', 'amount_due_cents',
        'paid_at', 'voided_at', 'invoice_pdf_url', 'notes', 'metadata', 'updated_at'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' OR OLD.origin = 'stripe' THEN
            RAISE EXCEPTION 'Invoice % is issued and cannot be deleted. Void it, or correct it with a credit note.',
                coalesce(OLD.invoice_number, OLD.stripe_invoice_id)
                USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.origin <> OLD.origin THEN
        RAISE EXCEPTION 'An invoice keeps its origin (%).', OLD.origin
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    IF OLD.origin = 'stripe' OR (OLD.status = 'draft' AND NEW.status IN ('draft', 'open')) THEN
        RETURN NEW;
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'), ('paid', 'open'),
        ('uncollectible', 'open'), ('uncollectible', 'paid')
    ) THEN
        RAISE EXCEPTION 'Invoice % is %; it cannot become %.', coalesce(OLD.invoice_number, OLD.id::text), OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_status_moves';
    END IF;
    IF (to_jsonb(NEW) - may_change) IS DISTINCT FROM (to_jsonb(OLD) - may_change) THEN
        RAISE EXCEPTION 'Invoice % is issued and cannot be changed. Correct it with a credit note.', OLD.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER issued_is_issued BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW EXECUTE FUNCTION invoice_keeps_its_promises();

CREATE FUNCTION invoice_line_follows_its_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    issued_number text;
BEGIN
    SELECT i.invoice_number INTO issued_number FROM invoices i
        WHERE i.id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_id END)
        AND i.origin = 'native' AND i.status <> 'draft' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice % is issued and its lines cannot be changed. Correct it with a credit note.', issued_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER issued_is_issued BEFORE INSERT OR UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION invoice_line_follows_its_invoice();

CREATE FUNCTION invoice_is_the_sum_of_its_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    billed invoices%ROWTYPE;
    summed record;
BEGIN
    SELECT * INTO billed FROM invoices WHERE id = NEW.id;
    SELECT count(*) AS lines, coalesce(sum(amount_cents), 0) AS subtotal,
           coalesce(sum(discount_cents), 0) AS discount, coalesce(sum(tax_cents), 0) AS tax
        INTO summed FROM invoice_lines WHERE invoice_id = NEW.id;
    IF billed.status <> 'draft' AND (
        summed.lines = 0 OR summed.subtotal <> billed.subtotal_cents
        OR summed.discount <> billed.discount_cents OR summed.tax <> billed.tax_cents
    ) THEN
        RAISE EXCEPTION 'Invoice % does not equal the sum of its lines (% + % tax there, % + % tax here).', billed.invoice_number,
            summed.subtotal, summed.tax, billed.subtotal_cents, billed.tax_cents
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_is_the_sum_of_its_lines';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_is_the_sum_of_its_lines
    AFTER INSERT OR UPDATE OF status, subtotal_cents, discount_cents, tax_cents ON invoices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.origin = 'native' AND NEW.status <> 'draft')
    EXECUTE FUNCTION invoice_is_the_sum_of_its_lines();

CREATE FUNCTION credit_note_keeps_its_promises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    billed invoices%ROWTYPE;
    credited bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Credit note % is issued and cannot be deleted.', OLD.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    IF NEW.origin = 'stripe' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (to_jsonb(NEW) - 'status') IS DISTINCT FROM (to_jsonb(OLD) - 'status') OR OLD.status = 'void' AND NEW.status <> 'void' THEN
            RAISE EXCEPTION 'Credit note % is issued and cannot be changed.', OLD.number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO billed FROM invoices WHERE id = NEW.invoice_id FOR UPDATE;
    SELECT coalesce(sum(total_cents), 0) INTO credited FROM credit_notes WHERE invoice_id = NEW.invoice_id AND status = 'issued';
    IF billed.status IN ('draft', 'void') OR billed.currency <> NEW.currency OR credited + NEW.total_cents > billed.total_cents THEN
        RAISE EXCEPTION 'Credit notes of invoice % would exceed what it asked for (% of % already credited), or do not fit it.',
            coalesce(billed.invoice_number, billed.id::text), credited, billed.total_cents
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_invoice';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_note_keeps_its_promises BEFORE INSERT OR UPDATE OR DELETE ON credit_notes
    FOR EACH ROW EXECUTE FUNCTION credit_note_keeps_its_promises();

CREATE FUNCTION number_series_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.last_number > 0 OR TG_OP = 'UPDATE' AND (NEW.last_number < OLD.last_number
        OR (NEW.seller_id, NEW.kind, NEW.year) IS DISTINCT FROM (OLD.seller_id, OLD.kind, OLD.year)) THEN
        RAISE EXCEPTION 'Number series only grow: % numbers of this one are taken.', OLD.last_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'number_series_only_grows';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER number_series_only_grows BEFORE UPDATE OR DELETE ON invoices_numberseries
    FOR EACH ROW EXECUTE FUNCTION number_series_only_grows();

CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON invoices_document FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoices FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoice_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON credit_notes FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoices_document FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

BACKWARD = r"""
DROP TRIGGER keep_records ON invoices;
DROP TRIGGER keep_records ON invoice_lines;
DROP TRIGGER keep_records ON credit_notes;
DROP TRIGGER keep_records ON invoices_document;
DROP TRIGGER only_add ON invoices_document;
DROP TRIGGER number_series_only_grows ON invoices_numberseries;
DROP TRIGGER credit_note_keeps_its_promises ON credit_notes;
DROP TRIGGER invoice_is_the_sum_of_its_lines ON invoices;
DROP TRIGGER issued_is_issued ON invoice_lines;
DROP TRIGGER issued_is_issued ON invoices;
DROP FUNCTION number_series_only_grows();
DROP FUNCTION credit_note_keeps_its_promises();
DROP FUNCTION invoice_is_the_sum_of_its_lines();
DROP FUNCTION invoice_line_follows_its_invoice();
DROP FUNCTION invoice_keeps_its_promises();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial"), ("kit", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
