"""A line looks its invoice up by one key: with two, PostgreSQL read the whole table for each line of a large block."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE OR REPLACE FUNCTION invoice_line_follows_its_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    billed record;
    owner bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.invoice_id IS DISTINCT FROM OLD.invoice_id THEN
        -- It moves: both invoices are locked, in the order of everybody.
        PERFORM FROM invoices WHERE id IN (OLD.invoice_id, NEW.invoice_id) AND origin = 'native' ORDER BY id FOR NO KEY UPDATE;
        SELECT invoice_number, status INTO billed FROM invoices WHERE id = OLD.invoice_id AND origin = 'native';
        IF billed.status <> 'draft' THEN
            RAISE EXCEPTION 'Invoice % is issued and its lines cannot be changed. Correct it with a credit note.', billed.invoice_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
        END IF;
    END IF;
    SELECT invoice_number, status INTO billed FROM invoices WHERE id = owner AND origin = 'native' FOR NO KEY UPDATE;
    IF billed.status <> 'draft' THEN
        RAISE EXCEPTION 'Invoice % is issued and its lines cannot be changed. Correct it with a credit note.', billed.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""

BACKWARD = r"""
CREATE OR REPLACE FUNCTION invoice_line_follows_its_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    billed record;
BEGIN
    FOR billed IN SELECT invoice_number, status FROM invoices
        WHERE id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_id END)
        AND origin = 'native' ORDER BY id FOR NO KEY UPDATE
    LOOP
        IF billed.status <> 'draft' THEN
            RAISE EXCEPTION 'Invoice % is issued and its lines cannot be changed. Correct it with a credit note.', billed.invoice_number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
        END IF;
    END LOOP;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0008_line_kinds")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
