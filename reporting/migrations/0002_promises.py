"""The invariants of the books as a query: empty when all is well."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE VIEW billing_invariants AS
SELECT 'issued_invoice_is_the_sum_of_its_lines' AS name, format('invoice %s', i.invoice_number) AS detail
    FROM invoices i LEFT JOIN (
        SELECT invoice_id, sum(amount_cents) AS subtotal, sum(discount_cents) AS discount, sum(tax_cents) AS tax FROM invoice_lines GROUP BY invoice_id
    ) l ON l.invoice_id = i.id
    WHERE i.origin = 'native' AND i.status <> 'draft'
    AND (l.subtotal, l.discount, l.tax) IS DISTINCT FROM (i.subtotal_cents::numeric, i.discount_cents::numeric, i.tax_cents::numeric)
UNION ALL
SELECT 'numbers_have_no_gap', format('series %s: %s taken, %s on invoices', s.id, s.last_number, count(i.id))
    FROM invoices_numberseries s LEFT JOIN invoices i
        ON i.seller_id = s.seller_id AND i.origin = 'native' AND i.status <> 'draft' AND extract(year FROM i.issue_date) = s.year
    WHERE s.kind = 'invoice' GROUP BY s.id HAVING count(i.id) <> s.last_number
UNION ALL
SELECT 'credit_notes_within_invoice', format('invoice %s', i.invoice_number)
    FROM invoices i JOIN credit_notes c ON c.invoice_id = i.id AND c.status = 'issued'
    WHERE i.origin = 'native' GROUP BY i.id HAVING sum(c.total_cents) > i.total_cents
UNION ALL
SELECT 'paid_equals_allocations', format('invoice %s', coalesce(i.invoice_number, i.id::text))
    FROM invoices i LEFT JOIN allocations a ON a.invoice_id = i.id
    WHERE i.origin = 'native' GROUP BY i.id HAVING i.amount_paid_cents <> coalesce(sum(a.amount_cents), 0)
UNION ALL
SELECT 'payment_equals_allocations', format('payment %s', p.id)
    FROM payment_history p LEFT JOIN allocations a ON a.payment_id = p.id
    GROUP BY p.id HAVING p.allocated_cents <> coalesce(sum(a.amount_cents), 0)
UNION ALL
SELECT 'credit_equals_allocations', format('credit %s', c.id)
    FROM credits c LEFT JOIN allocations a ON a.credit_id = c.id
    GROUP BY c.id HAVING c.amount_cents - c.remaining_cents <> coalesce(sum(a.amount_cents), 0)
UNION ALL
SELECT 'allocation_in_the_currency_of_its_invoice', format('allocation %s', a.id)
    FROM allocations a JOIN invoices i ON i.id = a.invoice_id LEFT JOIN payment_history p ON p.id = a.payment_id
        LEFT JOIN credits c ON c.id = a.credit_id
    WHERE a.currency <> i.currency OR a.currency <> coalesce(p.currency, c.currency)
UNION ALL
SELECT 'refunded_equals_refunds', format('payment %s', p.id)
    FROM payment_history p JOIN refunds r ON r.payment_id = p.id AND r.status IN ('succeeded', 'pending', 'requires_action')
    GROUP BY p.id HAVING sum(r.amount_cents) > p.amount_cents
UNION ALL
SELECT 'billed_month_goes_to_the_partners_customer', format('invoice %s', i.invoice_number)
    FROM partners_billedperiod b JOIN invoices i ON i.id = b.invoice_id
        JOIN api_partner_contracts k ON k.id = b.contract_id JOIN partners_partner p ON p.id = k.partner_id
    WHERE i.customer_id <> p.customer_id OR i.currency <> k.currency OR i.billing_period_start <> b.period_start
UNION ALL
SELECT 'daily_usage_covers_the_events', format('partner %s, %s', e.partner_id, e.event_type)
    FROM (SELECT partner_id, event_type, sum(quantity) AS quantity FROM usage_events GROUP BY partner_id, event_type) e
        LEFT JOIN (SELECT partner_id, event_type, sum(quantity) AS quantity FROM api_usage GROUP BY partner_id, event_type) u
        ON u.partner_id = e.partner_id AND u.event_type = e.event_type
    WHERE e.quantity > coalesce(u.quantity, 0);
"""

BACKWARD = r"""
DROP VIEW billing_invariants;
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0001_initial"), ("partners", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
