"""Discounts by percentage, categories of tax, the seller of a credit note; lines that stay as they were issued."""

from decimal import Decimal
from importlib import import_module

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


NAME_SELLERS = r"""
ALTER TABLE credit_notes DISABLE TRIGGER credit_note_keeps_its_promises;
UPDATE credit_notes SET seller_id = invoices.seller_id FROM invoices
    WHERE invoices.id = credit_notes.invoice_id AND credit_notes.origin = 'native';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE credit_notes ENABLE TRIGGER credit_note_keeps_its_promises;

-- A pattern without {year} counts through all years: its series is that of year 0.
ALTER TABLE invoices_numberseries DISABLE TRIGGER number_series_only_grows;
UPDATE invoices_numberseries SET year = 0 FROM invoices_seller WHERE invoices_seller.id = seller_id AND strpos(
    CASE kind WHEN 'invoice' THEN invoice_number_pattern ELSE credit_note_number_pattern END, '{year}') = 0;
ALTER TABLE invoices_numberseries ENABLE TRIGGER number_series_only_grows;
"""

FORWARD = r"""
-- The invoice's row is locked, so that no line changes while the invoice is being issued.
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

CREATE OR REPLACE FUNCTION credit_note_keeps_its_promises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    billed invoices%ROWTYPE;
    credited bigint;
    summed record;
    beyond text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Credit note % is issued and cannot be deleted.', OLD.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    IF TG_OP = 'UPDATE' AND 'native' IN (OLD.origin, NEW.origin) AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'Credit note % is issued and cannot be changed or voided. Bill again what it took back too much.', OLD.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    IF TG_OP = 'UPDATE' OR NEW.origin = 'stripe' THEN
        RETURN NEW;
    END IF;
    SELECT * INTO billed FROM invoices WHERE id = NEW.invoice_id FOR UPDATE;
    SELECT coalesce(sum(total_cents), 0) INTO credited FROM credit_notes WHERE invoice_id = NEW.invoice_id AND status = 'issued';
    IF billed.status IN ('draft', 'void') OR billed.origin <> 'native' OR NEW.status <> 'issued' OR billed.currency <> NEW.currency
        OR billed.seller_id IS DISTINCT FROM NEW.seller_id OR credited + NEW.total_cents > billed.total_cents THEN
        RAISE EXCEPTION 'Credit notes of invoice % would exceed what it asked for (% of % is credited already), or do not fit it.',
            coalesce(billed.invoice_number, billed.id::text), credited, billed.total_cents
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_invoice';
    END IF;
    SELECT coalesce(sum(to_credit_cents + to_refund_cents), 0) INTO credited
        FROM credit_notes WHERE invoice_id = NEW.invoice_id AND status = 'issued';
    IF NEW.reduces_due_cents NOT BETWEEN 0 AND billed.amount_due_cents + billed.written_off_cents OR NEW.to_credit_cents < 0
        OR NEW.to_refund_cents < 0 OR NEW.to_credit_cents + NEW.to_refund_cents > billed.amount_paid_cents - credited THEN
        RAISE EXCEPTION 'Credit note % would give back more than was paid on invoice %, or reduce it by more than it asks for.',
            NEW.number, billed.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_gives_back_what_was_paid';
    END IF;
    SELECT count(*) AS lines, sum(amount_cents) AS subtotal, sum(tax_cents) AS tax INTO summed
        FROM credit_note_lines WHERE credit_note_id = NEW.id;
    IF summed.lines = 0 OR (summed.subtotal, summed.tax) IS DISTINCT FROM (NEW.subtotal_cents::numeric, NEW.tax_cents::numeric) THEN
        RAISE EXCEPTION 'Credit note % does not equal the sum of its lines, which are written before it.', NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_is_the_sum_of_its_lines';
    END IF;
    SELECT billed_line.description INTO beyond FROM credit_note_lines taken
        LEFT JOIN credit_notes earlier ON earlier.id = taken.credit_note_id
        JOIN invoice_lines billed_line ON billed_line.id = taken.invoice_line_id
        WHERE (taken.credit_note_id = NEW.id OR earlier.status = 'issued') AND taken.invoice_line_id IN (
            SELECT invoice_line_id FROM credit_note_lines WHERE credit_note_id = NEW.id)
        GROUP BY billed_line.id HAVING billed_line.invoice_id <> NEW.invoice_id OR sum(taken.amount_cents) NOT BETWEEN
            least(0, billed_line.amount_cents - billed_line.discount_cents)
            AND greatest(0, billed_line.amount_cents - billed_line.discount_cents) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Credit notes would take back more of "%" than invoice % asked for.', beyond, billed.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_line';
    END IF;
    WITH billed_taxes AS (
        SELECT coalesce(nullif(tax_category, ''), CASE WHEN tax_rate > 0 THEN 'S' ELSE 'Z' END) AS category, tax_rate AS rate,
            sum(amount_cents - discount_cents) AS net, sum(tax_cents) AS tax
        FROM invoice_lines WHERE invoice_id = NEW.invoice_id GROUP BY 1, 2
    ), taken_taxes AS (
        SELECT coalesce(nullif(tax_category, ''), CASE WHEN tax_rate > 0 THEN 'S' ELSE 'Z' END) AS category, tax_rate AS rate,
            sum(amount_cents) AS net, sum(tax_cents) AS tax
        FROM credit_note_lines WHERE credit_note_id = NEW.id
            OR credit_note_id IN (SELECT id FROM credit_notes WHERE invoice_id = NEW.invoice_id AND status = 'issued')
        GROUP BY 1, 2
    )
    SELECT taken.category || ' at ' || round(taken.rate * 100, 2) || ' %' INTO beyond
        FROM taken_taxes taken LEFT JOIN billed_taxes asked USING (category, rate)
        WHERE taken.net NOT BETWEEN least(0, coalesce(asked.net, 0)) AND greatest(0, coalesce(asked.net, 0))
        OR taken.tax NOT BETWEEN least(0, coalesce(asked.tax, 0)) AND greatest(0, coalesce(asked.tax, 0)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Credit notes would take back more taxed % than invoice % asked for.', beyond, billed.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_tax';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION credit_note_line_follows_its_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    issued_number text;
BEGIN
    SELECT number INTO issued_number FROM credit_notes
        WHERE id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.credit_note_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.credit_note_id END)
        AND origin = 'native' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Credit note % is issued and its lines cannot be changed.', issued_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER issued_is_issued BEFORE INSERT OR UPDATE OR DELETE ON credit_note_lines
    FOR EACH ROW EXECUTE FUNCTION credit_note_line_follows_its_note();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON credit_note_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

CREATE FUNCTION seller_numbers_its_papers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pattern text;
    plain CONSTANT text := '([A-Za-z0-9 ._/#-]|\{year\})*';
BEGIN
    FOREACH pattern IN ARRAY ARRAY[NEW.invoice_number_pattern, NEW.credit_note_number_pattern] LOOP
        IF pattern !~ ('^' || plain || '\{seq(:0([1-9]|1[0-2]))?\}' || plain || '$') OR pattern LIKE '%..%' THEN
            RAISE EXCEPTION 'Number pattern "%" cannot be filled in: write it with {seq} or {seq:06} once, {year} where you like, and letters, digits and . _ / # - between them.', pattern
                USING ERRCODE = 'check_violation', CONSTRAINT = 'number_pattern_can_be_filled_in';
        END IF;
    END LOOP;
    IF regexp_replace(NEW.invoice_number_pattern, ':0\d+', '') = regexp_replace(NEW.credit_note_number_pattern, ':0\d+', '') THEN
        RAISE EXCEPTION 'Invoices and credit notes are numbered apart: give each a pattern of its own.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'number_patterns_differ';
    END IF;
    IF TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM invoices_numberseries WHERE seller_id = NEW.id AND last_number > 0 AND (year = 0) <> (strpos(
            CASE kind WHEN 'invoice' THEN NEW.invoice_number_pattern ELSE NEW.credit_note_number_pattern END, '{year}') = 0)
    ) THEN
        RAISE EXCEPTION 'Numbers of this series are taken: a pattern with {year} keeps it, and one without cannot gain it.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'number_pattern_keeps_its_year';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER numbers_its_papers BEFORE INSERT OR UPDATE OF invoice_number_pattern, credit_note_number_pattern ON invoices_seller
    FOR EACH ROW EXECUTE FUNCTION seller_numbers_its_papers();
"""

_BEFORE = import_module("invoices.migrations.0002_promises").FORWARD
_FUNCTIONS = ("invoice_line_follows_its_invoice", "credit_note_keeps_its_promises")


def _as_before(function: str) -> str:
    begun = _BEFORE.index(f"CREATE FUNCTION {function}")
    return _BEFORE[begun : _BEFORE.index("END $$;", begun)].replace("CREATE", "CREATE OR REPLACE") + "END $$;\n"


BACKWARD = "".join(map(_as_before, _FUNCTIONS)) + r"""
DROP TRIGGER numbers_its_papers ON invoices_seller;
DROP TRIGGER keep_records ON credit_note_lines;
DROP TRIGGER issued_is_issued ON credit_note_lines;
DROP FUNCTION seller_numbers_its_papers();
DROP FUNCTION credit_note_line_follows_its_note();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0005_sending'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditnote',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditnote',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditnote',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditnoteline',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditnoteline',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditnoteline',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoiceline',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoiceline',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoiceline',
            name='delete_delete',
        ),
        migrations.RemoveConstraint(
            model_name='creditnote',
            name='credit_note_number_once',
        ),
        migrations.AddField(
            model_name='creditnote',
            name='seller',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='invoices.seller'),
        ),
        migrations.AddField(
            model_name='creditnoteevent',
            name='seller',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='invoices.seller'),
        ),
        migrations.AddField(
            model_name='creditnoteline',
            name='tax_category',
            field=models.CharField(blank=True, choices=[('S', 'Taxed at a rate'), ('Z', 'Zero rated'), ('E', 'Exempt from tax'), ('AE', 'Reverse charge'), ('K', 'Supply within the EU'), ('G', 'Export'), ('O', 'Outside the scope of tax'), ('L', 'Canary Islands (IGIC)'), ('M', 'Ceuta and Melilla (IPSI)')], max_length=2),
        ),
        migrations.AddField(
            model_name='creditnotelineevent',
            name='tax_category',
            field=models.CharField(blank=True, choices=[('S', 'Taxed at a rate'), ('Z', 'Zero rated'), ('E', 'Exempt from tax'), ('AE', 'Reverse charge'), ('K', 'Supply within the EU'), ('G', 'Export'), ('O', 'Outside the scope of tax'), ('L', 'Canary Islands (IGIC)'), ('M', 'Ceuta and Melilla (IPSI)')], max_length=2),
        ),
        migrations.AddField(
            model_name='invoice',
            name='document_discount_rate',
            field=models.DecimalField(decimal_places=6, default=Decimal('0'), help_text='Instead of an amount; a fraction: 0.1 is 10 % off.', max_digits=7),
        ),
        migrations.AddField(
            model_name='invoice',
            name='tax_note',
            field=models.CharField(blank=True, help_text='Why no tax is charged, as printed; an exemption must name its law.', max_length=300),
        ),
        migrations.AddField(
            model_name='invoiceevent',
            name='document_discount_rate',
            field=models.DecimalField(decimal_places=6, default=Decimal('0'), help_text='Instead of an amount; a fraction: 0.1 is 10 % off.', max_digits=7),
        ),
        migrations.AddField(
            model_name='invoiceevent',
            name='tax_note',
            field=models.CharField(blank=True, help_text='Why no tax is charged, as printed; an exemption must name its law.', max_length=300),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='discount_rate',
            field=models.DecimalField(decimal_places=6, default=Decimal('0'), help_text='Instead of an amount; a fraction: 0.1 is 10 % off.', max_digits=7),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='tax_category',
            field=models.CharField(blank=True, choices=[('S', 'Taxed at a rate'), ('Z', 'Zero rated'), ('E', 'Exempt from tax'), ('AE', 'Reverse charge'), ('K', 'Supply within the EU'), ('G', 'Export'), ('O', 'Outside the scope of tax'), ('L', 'Canary Islands (IGIC)'), ('M', 'Ceuta and Melilla (IPSI)')], help_text='Without one the rate says it: taxed above zero, zero rated at zero.', max_length=2),
        ),
        migrations.AddField(
            model_name='invoicelineevent',
            name='discount_rate',
            field=models.DecimalField(decimal_places=6, default=Decimal('0'), help_text='Instead of an amount; a fraction: 0.1 is 10 % off.', max_digits=7),
        ),
        migrations.AddField(
            model_name='invoicelineevent',
            name='tax_category',
            field=models.CharField(blank=True, choices=[('S', 'Taxed at a rate'), ('Z', 'Zero rated'), ('E', 'Exempt from tax'), ('AE', 'Reverse charge'), ('K', 'Supply within the EU'), ('G', 'Export'), ('O', 'Outside the scope of tax'), ('L', 'Canary Islands (IGIC)'), ('M', 'Ceuta and Melilla (IPSI)')], help_text='Without one the rate says it: taxed above zero, zero rated at zero.', max_length=2),
        ),
        migrations.RunSQL(NAME_SELLERS, migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name='creditnote',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_creditnoteevent" ("created_at", "currency", "id", "invoice_id", "issue_date", "issued_by", "number", "origin", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "reduces_due_cents", "seller_id", "status", "stripe_credit_note_id", "subtotal_cents", "tax_cents", "to_credit_cents", "to_refund_cents", "total_cents") VALUES (NEW."created_at", NEW."currency", NEW."id", NEW."invoice_id", NEW."issue_date", NEW."issued_by", NEW."number", NEW."origin", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."reduces_due_cents", NEW."seller_id", NEW."status", NEW."stripe_credit_note_id", NEW."subtotal_cents", NEW."tax_cents", NEW."to_credit_cents", NEW."to_refund_cents", NEW."total_cents"); RETURN NULL;', hash='b145ec521b2f00db5d5c291531298ef1ec9c4674', operation='INSERT', pgid='pgtrigger_insert_insert_098d0', table='credit_notes', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditnote',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_creditnoteevent" ("created_at", "currency", "id", "invoice_id", "issue_date", "issued_by", "number", "origin", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "reduces_due_cents", "seller_id", "status", "stripe_credit_note_id", "subtotal_cents", "tax_cents", "to_credit_cents", "to_refund_cents", "total_cents") VALUES (NEW."created_at", NEW."currency", NEW."id", NEW."invoice_id", NEW."issue_date", NEW."issued_by", NEW."number", NEW."origin", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."reduces_due_cents", NEW."seller_id", NEW."status", NEW."stripe_credit_note_id", NEW."subtotal_cents", NEW."tax_cents", NEW."to_credit_cents", NEW."to_refund_cents", NEW."total_cents"); RETURN NULL;', hash='c1e62521e8704973680fec6fc330a73e2016fcc4', operation='UPDATE', pgid='pgtrigger_update_update_38089', table='credit_notes', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditnote',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_creditnoteevent" ("created_at", "currency", "id", "invoice_id", "issue_date", "issued_by", "number", "origin", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "reduces_due_cents", "seller_id", "status", "stripe_credit_note_id", "subtotal_cents", "tax_cents", "to_credit_cents", "to_refund_cents", "total_cents") VALUES (OLD."created_at", OLD."currency", OLD."id", OLD."invoice_id", OLD."issue_date", OLD."issued_by", OLD."number", OLD."origin", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."reduces_due_cents", OLD."seller_id", OLD."status", OLD."stripe_credit_note_id", OLD."subtotal_cents", OLD."tax_cents", OLD."to_credit_cents", OLD."to_refund_cents", OLD."total_cents"); RETURN NULL;', hash='d7c17131cc9c82d92292371ada5aa1a59c9a7151', operation='DELETE', pgid='pgtrigger_delete_delete_d4cdd', table='credit_notes', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditnoteline',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_creditnotelineevent" ("amount_cents", "credit_note_id", "description", "id", "invoice_line_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "stripe_line_id", "tax_category", "tax_cents", "tax_rate") VALUES (NEW."amount_cents", NEW."credit_note_id", NEW."description", NEW."id", NEW."invoice_line_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."stripe_line_id", NEW."tax_category", NEW."tax_cents", NEW."tax_rate"); RETURN NULL;', hash='a14aebd40fe33fd4c1ccfd49a55be24ea623f8d8', operation='INSERT', pgid='pgtrigger_insert_insert_26f5a', table='credit_note_lines', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditnoteline',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_creditnotelineevent" ("amount_cents", "credit_note_id", "description", "id", "invoice_line_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "stripe_line_id", "tax_category", "tax_cents", "tax_rate") VALUES (NEW."amount_cents", NEW."credit_note_id", NEW."description", NEW."id", NEW."invoice_line_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."stripe_line_id", NEW."tax_category", NEW."tax_cents", NEW."tax_rate"); RETURN NULL;', hash='da6f1f60b752f49ab46bce68c693cd58b17d05e1', operation='UPDATE', pgid='pgtrigger_update_update_9e417', table='credit_note_lines', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditnoteline',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_creditnotelineevent" ("amount_cents", "credit_note_id", "description", "id", "invoice_line_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "stripe_line_id", "tax_category", "tax_cents", "tax_rate") VALUES (OLD."amount_cents", OLD."credit_note_id", OLD."description", OLD."id", OLD."invoice_line_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."stripe_line_id", OLD."tax_category", OLD."tax_cents", OLD."tax_rate"); RETURN NULL;', hash='85c39088739fcdcdb8b32a5ecec1cfea54a13bb1', operation='DELETE', pgid='pgtrigger_delete_delete_98e4c', table='credit_note_lines', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_invoiceevent" ("amount_due_cents", "amount_paid_cents", "api_key_prefix", "bill_to", "billing_period_end", "billing_period_start", "contract_reference", "created_at", "credited_cents", "currency", "customer_id", "discount_cents", "document_discount_cents", "document_discount_rate", "due_date", "id", "invoice_number", "invoice_pdf_url", "issue_date", "issued_at", "language", "metadata", "notes", "origin", "paid_at", "payment_terms_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_order", "rounding", "seller_id", "sold_by", "status", "stripe_invoice_id", "subtotal_cents", "tax_cents", "tax_inclusive", "tax_note", "total_cents", "updated_at", "user_id", "voided_at", "written_off_cents") VALUES (NEW."amount_due_cents", NEW."amount_paid_cents", NEW."api_key_prefix", NEW."bill_to", NEW."billing_period_end", NEW."billing_period_start", NEW."contract_reference", NEW."created_at", NEW."credited_cents", NEW."currency", NEW."customer_id", NEW."discount_cents", NEW."document_discount_cents", NEW."document_discount_rate", NEW."due_date", NEW."id", NEW."invoice_number", NEW."invoice_pdf_url", NEW."issue_date", NEW."issued_at", NEW."language", NEW."metadata", NEW."notes", NEW."origin", NEW."paid_at", NEW."payment_terms_days", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."purchase_order", NEW."rounding", NEW."seller_id", NEW."sold_by", NEW."status", NEW."stripe_invoice_id", NEW."subtotal_cents", NEW."tax_cents", NEW."tax_inclusive", NEW."tax_note", NEW."total_cents", NEW."updated_at", NEW."user_id", NEW."voided_at", NEW."written_off_cents"); RETURN NULL;', hash='a7a0545a157605ecab91568f84bc065131623c70', operation='INSERT', pgid='pgtrigger_insert_insert_b68e1', table='invoices', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_invoiceevent" ("amount_due_cents", "amount_paid_cents", "api_key_prefix", "bill_to", "billing_period_end", "billing_period_start", "contract_reference", "created_at", "credited_cents", "currency", "customer_id", "discount_cents", "document_discount_cents", "document_discount_rate", "due_date", "id", "invoice_number", "invoice_pdf_url", "issue_date", "issued_at", "language", "metadata", "notes", "origin", "paid_at", "payment_terms_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_order", "rounding", "seller_id", "sold_by", "status", "stripe_invoice_id", "subtotal_cents", "tax_cents", "tax_inclusive", "tax_note", "total_cents", "updated_at", "user_id", "voided_at", "written_off_cents") VALUES (NEW."amount_due_cents", NEW."amount_paid_cents", NEW."api_key_prefix", NEW."bill_to", NEW."billing_period_end", NEW."billing_period_start", NEW."contract_reference", NEW."created_at", NEW."credited_cents", NEW."currency", NEW."customer_id", NEW."discount_cents", NEW."document_discount_cents", NEW."document_discount_rate", NEW."due_date", NEW."id", NEW."invoice_number", NEW."invoice_pdf_url", NEW."issue_date", NEW."issued_at", NEW."language", NEW."metadata", NEW."notes", NEW."origin", NEW."paid_at", NEW."payment_terms_days", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."purchase_order", NEW."rounding", NEW."seller_id", NEW."sold_by", NEW."status", NEW."stripe_invoice_id", NEW."subtotal_cents", NEW."tax_cents", NEW."tax_inclusive", NEW."tax_note", NEW."total_cents", NEW."updated_at", NEW."user_id", NEW."voided_at", NEW."written_off_cents"); RETURN NULL;', hash='19c44517d0cc8d643a9ccbf504e6f95522d7ad7f', operation='UPDATE', pgid='pgtrigger_update_update_2ec8f', table='invoices', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_invoiceevent" ("amount_due_cents", "amount_paid_cents", "api_key_prefix", "bill_to", "billing_period_end", "billing_period_start", "contract_reference", "created_at", "credited_cents", "currency", "customer_id", "discount_cents", "document_discount_cents", "document_discount_rate", "due_date", "id", "invoice_number", "invoice_pdf_url", "issue_date", "issued_at", "language", "metadata", "notes", "origin", "paid_at", "payment_terms_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "purchase_order", "rounding", "seller_id", "sold_by", "status", "stripe_invoice_id", "subtotal_cents", "tax_cents", "tax_inclusive", "tax_note", "total_cents", "updated_at", "user_id", "voided_at", "written_off_cents") VALUES (OLD."amount_due_cents", OLD."amount_paid_cents", OLD."api_key_prefix", OLD."bill_to", OLD."billing_period_end", OLD."billing_period_start", OLD."contract_reference", OLD."created_at", OLD."credited_cents", OLD."currency", OLD."customer_id", OLD."discount_cents", OLD."document_discount_cents", OLD."document_discount_rate", OLD."due_date", OLD."id", OLD."invoice_number", OLD."invoice_pdf_url", OLD."issue_date", OLD."issued_at", OLD."language", OLD."metadata", OLD."notes", OLD."origin", OLD."paid_at", OLD."payment_terms_days", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."purchase_order", OLD."rounding", OLD."seller_id", OLD."sold_by", OLD."status", OLD."stripe_invoice_id", OLD."subtotal_cents", OLD."tax_cents", OLD."tax_inclusive", OLD."tax_note", OLD."total_cents", OLD."updated_at", OLD."user_id", OLD."voided_at", OLD."written_off_cents"); RETURN NULL;', hash='bc6bd53a03fc91c98466d455f99f62cc3255cea4', operation='DELETE', pgid='pgtrigger_delete_delete_87c50', table='invoices', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoiceline',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_invoicelineevent" ("amount_cents", "description", "detail", "discount_cents", "discount_given_cents", "discount_rate", "id", "invoice_id", "kind", "metadata", "meter", "package_size", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "quantity", "service_period_end", "service_period_start", "stripe_line_id", "tax_category", "tax_cents", "tax_rate", "unit_label", "unit_price") VALUES (NEW."amount_cents", NEW."description", NEW."detail", NEW."discount_cents", NEW."discount_given_cents", NEW."discount_rate", NEW."id", NEW."invoice_id", NEW."kind", NEW."metadata", NEW."meter", NEW."package_size", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."position", NEW."quantity", NEW."service_period_end", NEW."service_period_start", NEW."stripe_line_id", NEW."tax_category", NEW."tax_cents", NEW."tax_rate", NEW."unit_label", NEW."unit_price"); RETURN NULL;', hash='dc67e0fdfc0bfc7f08ef4ed9c40f6e442cd7bd39', operation='INSERT', pgid='pgtrigger_insert_insert_0336c', table='invoice_lines', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoiceline',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "invoices_invoicelineevent" ("amount_cents", "description", "detail", "discount_cents", "discount_given_cents", "discount_rate", "id", "invoice_id", "kind", "metadata", "meter", "package_size", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "quantity", "service_period_end", "service_period_start", "stripe_line_id", "tax_category", "tax_cents", "tax_rate", "unit_label", "unit_price") VALUES (NEW."amount_cents", NEW."description", NEW."detail", NEW."discount_cents", NEW."discount_given_cents", NEW."discount_rate", NEW."id", NEW."invoice_id", NEW."kind", NEW."metadata", NEW."meter", NEW."package_size", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."position", NEW."quantity", NEW."service_period_end", NEW."service_period_start", NEW."stripe_line_id", NEW."tax_category", NEW."tax_cents", NEW."tax_rate", NEW."unit_label", NEW."unit_price"); RETURN NULL;', hash='9b7f87ff3ee2e77ad3bb58781c6d2dad0db587f2', operation='UPDATE', pgid='pgtrigger_update_update_cbede', table='invoice_lines', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoiceline',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "invoices_invoicelineevent" ("amount_cents", "description", "detail", "discount_cents", "discount_given_cents", "discount_rate", "id", "invoice_id", "kind", "metadata", "meter", "package_size", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "position", "quantity", "service_period_end", "service_period_start", "stripe_line_id", "tax_category", "tax_cents", "tax_rate", "unit_label", "unit_price") VALUES (OLD."amount_cents", OLD."description", OLD."detail", OLD."discount_cents", OLD."discount_given_cents", OLD."discount_rate", OLD."id", OLD."invoice_id", OLD."kind", OLD."metadata", OLD."meter", OLD."package_size", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."position", OLD."quantity", OLD."service_period_end", OLD."service_period_start", OLD."stripe_line_id", OLD."tax_category", OLD."tax_cents", OLD."tax_rate", OLD."unit_label", OLD."unit_price"); RETURN NULL;', hash='06eaa82f21d49d9068f1df14ded3d32f940df09e', operation='DELETE', pgid='pgtrigger_delete_delete_619cd', table='invoice_lines', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.CheckConstraint(condition=models.Q(('origin', 'stripe'), ('seller__isnull', False), _connector='OR'), name='credit_note_has_its_seller'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.UniqueConstraint(condition=models.Q(('origin', 'native')), fields=('seller', 'number'), name='credit_note_number_once_per_seller', violation_error_message="Another credit note has this number; change the seller's number pattern."),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=models.CheckConstraint(condition=models.Q(('tax_category', ''), ('tax_category__in', ['S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M']), _connector='OR'), name='credited_tax_category_known'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('document_discount_rate', 0), models.Q(('document_discount_cents', 0), ('document_discount_rate__gt', 0), ('document_discount_rate__lte', 1)), _connector='OR'), name='invoice_discount_is_amount_or_rate', violation_error_message='Give a discount as an amount or as a percentage up to 100, not both.'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(('discount_rate', 0), models.Q(('discount_given_cents', 0), ('discount_rate__gt', 0), ('discount_rate__lte', 1)), _connector='OR'), name='line_discount_is_amount_or_rate', violation_error_message='Give a discount as an amount or as a percentage up to 100, not both.'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(('tax_category', ''), ('tax_category__in', ['S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M']), _connector='OR'), name='line_tax_category_known'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('tax_category', 'S'), ('tax_rate', 0), _negated=True), models.Q(('tax_category__in', ('Z', 'E', 'AE', 'K', 'G', 'O')), ('tax_rate__gt', 0), _negated=True)), name='line_tax_fits_its_category', violation_error_message='A line taxed at a rate needs one above zero; every other category has none.'),
        ),
        migrations.AlterConstraint(
            model_name='invoice',
            name='invoice_number_once_per_seller',
            constraint=models.UniqueConstraint(condition=models.Q(('origin', 'native')), fields=('seller', 'invoice_number'), name='invoice_number_once_per_seller', violation_error_message="Another invoice has this number; change the seller's number pattern."),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
