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

-- Invoices are locked, in the order of everybody, so that no line changes while its invoice is being issued. They are
-- looked up by their keys alone: a session keeps its plans, and any other index, or none, reads all of a grown table.
CREATE FUNCTION refuse_other_lines_of_issued(owners bigint[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    issued text;
BEGIN
    WITH held AS MATERIALIZED (
        SELECT invoice_number, status FROM invoices
            WHERE id = ANY (owners) AND origin <> 'stripe' ORDER BY id FOR NO KEY UPDATE
    )
    SELECT invoice_number INTO issued FROM held WHERE status <> 'draft' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice % is issued and its lines cannot be changed. Correct it with a credit note.', issued
            USING ERRCODE = 'check_violation', CONSTRAINT = 'issued_is_issued';
    END IF;
END $$;

CREATE FUNCTION new_lines_follow_their_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_other_lines_of_issued(ARRAY(SELECT DISTINCT invoice_id FROM new_lines));
    RETURN NULL;
END $$;
CREATE TRIGGER new_lines_follow_their_invoices AFTER INSERT ON invoice_lines REFERENCING NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION new_lines_follow_their_invoices();

CREATE FUNCTION invoice_line_follows_its_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_other_lines_of_issued(ARRAY[OLD.invoice_id, CASE WHEN TG_OP = 'UPDATE' THEN NEW.invoice_id END]);
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER issued_is_issued BEFORE UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION invoice_line_follows_its_invoice();

-- By their keys alone, as above.
CREATE FUNCTION refuse_other_sums_than_lines(issued bigint[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    wrong record;
BEGIN
    -- Its number goes back with this transaction: the sentence names what stays.
    SELECT CASE billed.contract_reference WHEN '' THEN 'Draft ' || billed.id ELSE 'The invoice of ' || billed.contract_reference END AS named,
            billed.subtotal_cents, billed.tax_cents, summed.* INTO wrong
        FROM invoices AS billed, LATERAL (
            SELECT count(*) AS lines, coalesce(sum(amount_cents), 0) AS subtotal,
                coalesce(sum(discount_cents), 0) AS discount, coalesce(sum(tax_cents), 0) AS tax
            FROM invoice_lines WHERE invoice_id = billed.id) AS summed
        WHERE billed.id = ANY (issued) AND billed.status <> 'draft' AND (summed.lines = 0
            OR (summed.subtotal, summed.discount, summed.tax)
            <> (billed.subtotal_cents::numeric, billed.discount_cents::numeric, billed.tax_cents::numeric))
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% does not equal the sum of its lines (% + % tax there, % + % tax here).', wrong.named,
            wrong.subtotal, wrong.tax, wrong.subtotal_cents, wrong.tax_cents
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_is_the_sum_of_its_lines';
    END IF;
END $$;

-- Who writes an invoice that is issued already has written its lines: they may not follow.
CREATE FUNCTION new_invoices_are_the_sum_of_their_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_other_sums_than_lines(ARRAY(SELECT id FROM new_invoices WHERE origin = 'native' AND status <> 'draft'));
    RETURN NULL;
END $$;
CREATE TRIGGER new_invoices_are_the_sum_of_their_lines AFTER INSERT ON invoices REFERENCING NEW TABLE AS new_invoices
    FOR EACH STATEMENT EXECUTE FUNCTION new_invoices_are_the_sum_of_their_lines();

CREATE FUNCTION invoice_is_the_sum_of_its_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_other_sums_than_lines(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_is_the_sum_of_its_lines
    AFTER UPDATE OF status, subtotal_cents, discount_cents, tax_cents ON invoices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.origin = 'native' AND NEW.status <> 'draft')
    EXECUTE FUNCTION invoice_is_the_sum_of_its_lines();

CREATE FUNCTION credit_note_keeps_its_promises() RETURNS trigger LANGUAGE plpgsql AS $$
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
        RAISE EXCEPTION 'The credit note would give back more than was paid on invoice %, or reduce it by more than it asks for.',
            billed.invoice_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_gives_back_what_was_paid';
    END IF;
    SELECT count(*) AS lines, sum(amount_cents) AS subtotal, sum(tax_cents) AS tax INTO summed
        FROM credit_note_lines WHERE credit_note_id = NEW.id;
    IF summed.lines = 0 OR (summed.subtotal, summed.tax) IS DISTINCT FROM (NEW.subtotal_cents::numeric, NEW.tax_cents::numeric) THEN
        RAISE EXCEPTION 'The credit note on invoice % does not equal the sum of its lines, which are written before it.',
            billed.invoice_number
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
CREATE TRIGGER credit_note_keeps_its_promises BEFORE INSERT OR UPDATE OR DELETE ON credit_notes
    FOR EACH ROW EXECUTE FUNCTION credit_note_keeps_its_promises();

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

CREATE FUNCTION delivery_keeps_its_promises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paper record;
    before invoice_deliveries%ROWTYPE;
    may_change text[] := ARRAY['state', 'attempts', 'next_attempt_at', 'claimed_at', 'sent_at', 'error'];
    the_mail CONSTANT text[] := ARRAY['subject', 'body_text', 'body_html', 'message_id', 'document_sha256'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Deliveries are a log of what went out; none can be deleted.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deliveries_are_kept';
    END IF;
    IF TG_OP = 'INSERT' THEN
        SELECT number, status, origin INTO paper FROM (
            SELECT 'Invoice ' || coalesce(invoice_number, id::text) AS number, status, origin FROM invoices WHERE id = NEW.invoice_id
            UNION ALL SELECT 'Credit note ' || number, status, origin FROM credit_notes WHERE id = NEW.credit_note_id
        ) AS papers;
        IF paper.status IN ('draft', 'void') OR paper.origin <> 'native' THEN
            RAISE EXCEPTION '% is %; it cannot be sent.', paper.number,
                CASE WHEN paper.origin <> 'native' THEN 'Stripe''s own' ELSE paper.status END
                USING ERRCODE = 'check_violation', CONSTRAINT = 'only_issued_papers_are_sent';
        END IF;
        IF NEW.state NOT IN ('queued', 'marked') THEN
            RAISE EXCEPTION 'A delivery begins by waiting, or as marked; it cannot begin as %.', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'delivery_state_moves';
        END IF;
        SELECT * INTO before FROM invoice_deliveries WHERE id = NEW.follows_id;
        IF before.state IN ('queued', 'sending') OR before.id IS NOT NULL
            AND (before.invoice_id, before.credit_note_id) IS DISTINCT FROM (NEW.invoice_id, NEW.credit_note_id) THEN
            RAISE EXCEPTION '% is still on its way, or this would follow the delivery of another paper.', paper.number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'one_delivery_under_way';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('queued', 'sending'), ('queued', 'failed'), ('sending', 'sent'), ('sending', 'queued'), ('sending', 'failed'),
        ('sending', 'unknown'), ('unknown', 'sent')
    ) THEN
        RAISE EXCEPTION 'A delivery that is % cannot become %. Resend it instead.', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'delivery_state_moves';
    END IF;
    IF (OLD.state, NEW.state) = ('queued', 'sending') THEN
        may_change := may_change || the_mail;
    ELSIF OLD.state IN ('sent', 'marked', 'failed') OR (OLD.state, NEW.state) = ('sending', 'sending') THEN
        may_change := ARRAY[]::text[];
    END IF;
    IF (to_jsonb(NEW) - may_change) IS DISTINCT FROM (to_jsonb(OLD) - may_change) THEN
        RAISE EXCEPTION 'What was sent, to whom and by whom cannot be changed. Resend it instead.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deliveries_are_kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delivery_keeps_its_promises BEFORE INSERT OR UPDATE OR DELETE ON invoice_deliveries
    FOR EACH ROW EXECUTE FUNCTION delivery_keeps_its_promises();

CREATE TRIGGER only_add BEFORE UPDATE OR DELETE ON invoices_document FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoices FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoice_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON credit_notes FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON credit_note_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoices_document FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER keep_records BEFORE TRUNCATE ON invoice_deliveries FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

BACKWARD = r"""
DROP TRIGGER keep_records ON invoices;
DROP TRIGGER keep_records ON invoice_lines;
DROP TRIGGER keep_records ON credit_notes;
DROP TRIGGER keep_records ON credit_note_lines;
DROP TRIGGER keep_records ON invoices_document;
DROP TRIGGER keep_records ON invoice_deliveries;
DROP TRIGGER only_add ON invoices_document;
DROP TRIGGER delivery_keeps_its_promises ON invoice_deliveries;
DROP TRIGGER numbers_its_papers ON invoices_seller;
DROP TRIGGER number_series_only_grows ON invoices_numberseries;
DROP TRIGGER issued_is_issued ON credit_note_lines;
DROP TRIGGER credit_note_keeps_its_promises ON credit_notes;
DROP TRIGGER invoice_is_the_sum_of_its_lines ON invoices;
DROP TRIGGER new_invoices_are_the_sum_of_their_lines ON invoices;
DROP TRIGGER issued_is_issued ON invoice_lines;
DROP TRIGGER new_lines_follow_their_invoices ON invoice_lines;
DROP TRIGGER issued_is_issued ON invoices;
DROP FUNCTION delivery_keeps_its_promises();
DROP FUNCTION seller_numbers_its_papers();
DROP FUNCTION number_series_only_grows();
DROP FUNCTION credit_note_line_follows_its_note();
DROP FUNCTION credit_note_keeps_its_promises();
DROP FUNCTION invoice_is_the_sum_of_its_lines();
DROP FUNCTION new_invoices_are_the_sum_of_their_lines();
DROP FUNCTION refuse_other_sums_than_lines(bigint[]);
DROP FUNCTION invoice_line_follows_its_invoice();
DROP FUNCTION new_lines_follow_their_invoices();
DROP FUNCTION refuse_other_lines_of_issued(bigint[]);
DROP FUNCTION invoice_keeps_its_promises();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial"), ("kit", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
