"""What counts as revenue, as one query: each row is a movement of money, signed as it changes the net."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
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
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0002_promises"), ("payments", "0002_promises")]

    operations = [
        migrations.AlterModelOptions(
            name="reconciliation", options={"permissions": [("view_revenue", "Can view revenue")]}
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
