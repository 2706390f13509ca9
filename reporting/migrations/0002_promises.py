"""The invariants of the books, and what counts as revenue, as one query each."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
-- The invariants of the books: empty when all is well.
CREATE VIEW billing_invariants AS
SELECT 'issued_invoice_is_the_sum_of_its_lines' AS name, format('invoice %s', i.invoice_number) AS detail
    FROM invoices i LEFT JOIN (
        SELECT invoice_id, sum(amount_cents) AS subtotal, sum(discount_cents) AS discount, sum(tax_cents) AS tax FROM invoice_lines GROUP BY invoice_id
    ) l ON l.invoice_id = i.id
    WHERE i.origin = 'native' AND i.status <> 'draft'
    AND (l.subtotal, l.discount, l.tax) IS DISTINCT FROM (i.subtotal_cents::numeric, i.discount_cents::numeric, i.tax_cents::numeric)
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
    WHERE e.quantity > coalesce(u.quantity, 0)
UNION ALL
SELECT 'mrr_equals_its_movements', format('subscription %s', s.stripe_subscription_id)
    FROM subscriptions s LEFT JOIN mrr_movements m ON m.subscription_id = s.id
    WHERE EXISTS (SELECT FROM subscription_versions v WHERE v.subscription_id = s.id)
    GROUP BY s.id HAVING s.mrr_cents <> coalesce(sum(m.change_cents) FILTER (WHERE m.currency = s.currency), 0)
    OR coalesce(sum(m.change_cents) FILTER (WHERE m.currency <> s.currency), 0) <> 0
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

-- What counts as revenue: each row is a movement of money, signed as it changes the net.
CREATE VIEW revenue_movements AS
-- Money that came in, Stripe's and manual alike; its month is that of the movement in Stripe's ledger.
SELECT 'gross' AS kind, p.currency, p.amount_cents, coalesce(b.created_at, p.received_at, p.created_at) AS moved_at,
        p.id AS payment_id, coalesce(p.stripe_charge_id, p.stripe_payment_intent_id, p.reference) AS source
    FROM payment_history p LEFT JOIN balance_transactions b ON b.stripe_id = p.stripe_balance_transaction_id
    WHERE p.status IN ('succeeded', 'partially_refunded', 'refunded')
UNION ALL
-- A refund counts in its own month; one that failed counts only where Stripe's ledger shows both ways.
SELECT 'refund', r.currency, -r.amount_cents, coalesce(b.created_at, r.created_at), r.payment_id, coalesce(r.stripe_refund_id, '')
    FROM refunds r LEFT JOIN balance_transactions b ON b.stripe_id = r.stripe_balance_transaction_id
    WHERE r.status NOT IN ('failed', 'canceled')
    OR EXISTS (SELECT FROM balance_transactions f WHERE f.source_id = r.stripe_refund_id AND f.reporting_category = 'refund_failure')
UNION ALL
SELECT 'refund', r.currency, r.amount_cents, f.created_at, r.payment_id, r.stripe_refund_id
    FROM refunds r JOIN balance_transactions f ON f.source_id = r.stripe_refund_id AND f.reporting_category = 'refund_failure'
UNION ALL
SELECT 'dispute', d.currency, -d.amount_cents, d.funds_withdrawn_at, d.payment_id, d.stripe_dispute_id
    FROM disputes d WHERE d.funds_withdrawn_at IS NOT NULL
UNION ALL
SELECT 'dispute', d.currency, d.amount_cents, d.funds_reinstated_at, d.payment_id, d.stripe_dispute_id
    FROM disputes d WHERE d.funds_reinstated_at IS NOT NULL
UNION ALL
-- Fees are in the currency Stripe settles in: those of a movement, and those that are a movement of their own.
SELECT 'fee', b.currency, -b.fee_cents, b.created_at, NULL, b.stripe_id FROM balance_transactions b WHERE b.fee_cents <> 0
UNION ALL
SELECT 'fee', b.currency, b.amount_cents, b.created_at, NULL, b.stripe_id
    FROM balance_transactions b WHERE b.reporting_category IN ('fee', 'network_cost')
UNION ALL
-- A fee that is known before its movement is.
SELECT 'fee', coalesce(nullif(p.settlement_currency, ''), p.currency), -p.stripe_fee_cents, coalesce(p.received_at, p.created_at),
        p.id, coalesce(p.stripe_charge_id, p.stripe_payment_intent_id)
    FROM payment_history p
    WHERE p.stripe_fee_cents <> 0 AND p.status IN ('succeeded', 'partially_refunded', 'refunded')
    AND NOT EXISTS (SELECT FROM balance_transactions b WHERE b.stripe_id = p.stripe_balance_transaction_id OR b.source_id = p.stripe_charge_id)
UNION ALL
-- Money that left at another rate than it came in at: what was settled now, against its share of what was settled then.
-- Shares of partial refunds are cut from the running total, so that together they are the whole.
SELECT 'exchange', b.currency, b.amount_cents - sign(b.amount_cents)::bigint * back.share_cents, b.created_at, back.payment_id, back.source
    FROM (
        SELECT payment_id, source, settlement_currency,
            (round(settlement_amount_cents * running / paid_cents) - round(settlement_amount_cents * (running - amount_cents) / paid_cents))::bigint AS share_cents
        FROM (
            SELECT r.payment_id, r.stripe_refund_id AS source, p.settlement_currency, p.settlement_amount_cents, r.amount_cents, p.amount_cents AS paid_cents,
                sum(r.amount_cents) OVER (PARTITION BY r.payment_id ORDER BY r.status NOT IN ('failed', 'canceled'), r.created_at, r.id) AS running
            FROM refunds r JOIN payment_history p ON p.id = r.payment_id
            WHERE p.amount_cents > 0 AND p.settlement_currency NOT IN ('', p.currency)
        ) refunded
        UNION ALL
        SELECT d.payment_id, d.stripe_dispute_id, p.settlement_currency, round(p.settlement_amount_cents * d.amount_cents::numeric / p.amount_cents)::bigint
            FROM disputes d JOIN payment_history p ON p.id = d.payment_id
            WHERE p.amount_cents > 0 AND p.settlement_currency NOT IN ('', p.currency)
    ) back JOIN balance_transactions b ON b.source_id = back.source AND b.currency = back.settlement_currency AND b.amount_cents <> 0
    WHERE b.amount_cents <> sign(b.amount_cents)::bigint * back.share_cents;
"""

BACKWARD = r"""
DROP VIEW revenue_movements;
DROP VIEW billing_invariants;
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0001_initial"), ("partners", "0002_promises")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
