"""Numbers without a year, numbers of credit notes, and credit notes that are the sum of their lines."""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

BEFORE = import_module("reporting.migrations.0004_mrr_invariant").FORWARD.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")


def _without(view: str, name: str) -> str:
    """Leave one invariant out."""
    parts = view.split("UNION ALL\n")
    kept = [part for part in parts if f"'{name}'" not in part]
    return "UNION ALL\n".join(kept)


FORWARD = (
    _without(BEFORE, "numbers_have_no_gap").rstrip().removesuffix(";")
    + r"""
UNION ALL
SELECT 'numbers_have_no_gap', format('series %s: %s taken, %s on its papers', s.id, s.last_number, count(p.kind))
    FROM invoices_numberseries s LEFT JOIN (
        SELECT 'invoice' AS kind, seller_id, issue_date FROM invoices WHERE origin = 'native' AND status <> 'draft'
        UNION ALL SELECT 'credit_note', seller_id, issue_date FROM credit_notes WHERE origin = 'native'
    ) p ON p.seller_id = s.seller_id AND p.kind = s.kind AND s.year IN (0, extract(year FROM p.issue_date))
    GROUP BY s.id HAVING count(p.kind) <> s.last_number
UNION ALL
SELECT 'credit_note_is_the_sum_of_its_lines', format('credit note %s', c.number)
    FROM credit_notes c LEFT JOIN (
        SELECT credit_note_id, sum(amount_cents) AS net, sum(tax_cents) AS tax FROM credit_note_lines GROUP BY credit_note_id
    ) l ON l.credit_note_id = c.id
    WHERE c.origin = 'native' AND (l.net, l.tax) IS DISTINCT FROM (c.subtotal_cents::numeric, c.tax_cents::numeric)
UNION ALL
SELECT 'credited_equals_credit_notes', format('invoice %s', i.invoice_number)
    FROM invoices i LEFT JOIN credit_notes c ON c.invoice_id = i.id AND c.status = 'issued'
    WHERE i.origin = 'native' AND i.status <> 'draft'
    GROUP BY i.id HAVING i.credited_cents <> coalesce(sum(c.reduces_due_cents), 0);
"""
)


class Migration(migrations.Migration):
    dependencies = [("reporting", "0004_mrr_invariant"), ("invoices", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BEFORE)]
