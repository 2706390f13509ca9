"""Owns what a payment learns from its neighbours: invoice, customer and user, fee and net, what was given back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from payments.models import Dispute, Payment, Refund

# Derived anew each time from all that is known, so it does not matter who was heard of first. One statement for any
# number of payments; rows that say it already are not written.
_SETTLE: Final = """
WITH payment AS MATERIALIZED (
    SELECT (jsonb_populate_record(kept, coalesce(%s::jsonb -> kept.id::text, jsonb_build_object()))).*
    FROM payment_history AS kept WHERE kept.origin = 'stripe' AND kept.id IN ({chosen})
), settled AS (
    SELECT
        payment.id, {as_told},
        tie.invoice_id, holder.id AS customer_id, coalesce(nullif(payment.user_id, ''), holder.user_id, '') AS user_id,
        coalesce(movement.stripe_id, payment.stripe_balance_transaction_id) AS stripe_balance_transaction_id,
        coalesce(movement.fee_cents, payment.stripe_fee_cents) AS stripe_fee_cents,
        coalesce(movement.net_cents, payment.net_amount_cents) AS net_amount_cents,
        coalesce(movement.currency, payment.settlement_currency) AS settlement_currency,
        coalesce(movement.amount_cents, payment.settlement_amount_cents) AS settlement_amount_cents,
        coalesce(movement.exchange_rate, payment.exchange_rate) AS exchange_rate,
        coalesce(movement.created_at, payment.received_at) AS received_at,
        given_back.cents AS refund_amount_cents, given_back.at AS refunded_at, given_back.reason AS refund_reason,
        CASE
            WHEN payment.status NOT IN ('succeeded', 'partially_refunded', 'refunded') THEN payment.status
            WHEN given_back.cents = 0 THEN 'succeeded'
            WHEN given_back.cents < payment.amount_cents THEN 'partially_refunded'
            ELSE 'refunded'
        END AS status
    FROM payment
    -- An attempt that failed belongs to its invoice also when Stripe has given up their tie.
    LEFT JOIN LATERAL (
        SELECT invoice.id AS invoice_id, invoice.customer_id
        FROM stripe_invoice_payments AS link JOIN invoices AS invoice USING (stripe_invoice_id)
        WHERE (link.stripe_payment_intent_id = payment.stripe_payment_intent_id
                OR link.stripe_charge_id = payment.stripe_charge_id)
            AND (link.status <> 'canceled' OR payment.status IN ('failed', 'canceled'))
        ORDER BY link.status = 'canceled', link.paid_at DESC NULLS LAST, link.stripe_id
        LIMIT 1
    ) AS tie ON true
    LEFT JOIN invoices_customer AS holder ON holder.id = coalesce(payment.customer_id, tie.customer_id)
    LEFT JOIN LATERAL (
        SELECT entry.* FROM balance_transactions AS entry
        WHERE (entry.stripe_id = payment.stripe_balance_transaction_id OR entry.source_id = payment.stripe_charge_id)
            AND entry.reporting_category = 'charge' AND payment.status NOT IN ('failed', 'canceled')
        ORDER BY entry.created_at, entry.stripe_id
        LIMIT 1
    ) AS movement ON true
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(refund.amount_cents), 0) AS told_cents,
            coalesce(sum(refund.amount_cents) FILTER (WHERE stands), 0) AS cents,
            max(refund.created_at) FILTER (WHERE stands) AS at,
            (array_agg(refund.reason ORDER BY refund.created_at DESC, refund.stripe_refund_id DESC)
                FILTER (WHERE stands))[1] AS reason
        FROM refunds AS refund, LATERAL (SELECT refund.status NOT IN ('failed', 'canceled') AS stands) AS state
        WHERE refund.stripe_payment_intent_id = payment.stripe_payment_intent_id
            OR refund.stripe_charge_id = payment.stripe_charge_id
    ) AS refunds
    -- The refunds tell how much went back once they make up what the charge says: they know which failed.
    CROSS JOIN LATERAL (
        SELECT refunds.cents, refunds.at, coalesce(refunds.reason, '')
        WHERE refunds.told_cents > 0 AND refunds.told_cents >= payment.refund_amount_cents
        UNION ALL
        SELECT payment.refund_amount_cents, payment.refunded_at, payment.refund_reason
        WHERE refunds.told_cents = 0 OR refunds.told_cents < payment.refund_amount_cents
    ) AS given_back (cents, at, reason)
), written AS (
    UPDATE payment_history AS kept SET ({columns}) = ROW({settled})
    FROM settled WHERE settled.id = kept.id AND ROW({kept}) IS DISTINCT FROM ROW({settled})
    RETURNING 1
), refund AS (
    UPDATE refunds AS kept SET payment_id = payment.id FROM payment
    WHERE kept.payment_id IS DISTINCT FROM payment.id
        AND (kept.stripe_payment_intent_id = payment.stripe_payment_intent_id
            OR kept.stripe_charge_id = payment.stripe_charge_id)
    RETURNING 1
), dispute AS (
    UPDATE disputes AS kept SET payment_id = payment.id FROM payment
    WHERE kept.payment_id IS DISTINCT FROM payment.id
        AND (kept.stripe_payment_intent_id = payment.stripe_payment_intent_id
            OR kept.stripe_charge_id = payment.stripe_charge_id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM refund), (SELECT count(*) FROM dispute)
"""


_AS_TOLD: Final = (
    "stripe_payment_intent_id",
    "stripe_charge_id",
    "amount_cents",
    "currency",
    "payment_method",
    "failure_code",
    "failure_message",
    "created_at",
)
_COMPLETED: Final = (
    "invoice_id",
    "customer_id",
    "user_id",
    "stripe_balance_transaction_id",
    "stripe_fee_cents",
    "net_amount_cents",
    "settlement_currency",
    "settlement_amount_cents",
    "exchange_rate",
    "received_at",
    "refund_amount_cents",
    "refunded_at",
    "refund_reason",
    "status",
)


def settle(payments: Sequence[QuerySet[Payment]], told: Mapping[int, Mapping[str, Any]]) -> Counter[str]:
    """Complete payments by their neighbours and what was told of them, by primary key; return changed rows by table."""
    chosen, params = _chosen(payments)
    if not chosen:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(_statement(chosen), [json.dumps(told, default=str), *params])
        written = cursor.fetchone()
    tables = (model._meta.db_table for model in (Payment, Refund, Dispute))  # noqa: SLF001 - Django's documented Options
    return +Counter(dict(zip(tables, written, strict=True)))


def _chosen(payments: Sequence[QuerySet[Payment]]) -> tuple[str, list[Any]]:
    """Return the SELECT of every payment meant; a UNION, as each part has its own index."""
    parts: list[str] = []
    params: list[Any] = []
    for some in payments:
        try:
            part, values = some.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:
            continue
        parts.append(f"({part})")
        params.extend(values)
    return " UNION ".join(parts), params


def _statement(chosen: str) -> str:
    columns = (*_AS_TOLD, *_COMPLETED)
    return _SETTLE.format(
        chosen=chosen,
        columns=", ".join(columns),
        as_told=", ".join(f"payment.{column}" for column in _AS_TOLD),
        settled=", ".join(f"settled.{column}" for column in columns),
        kept=", ".join(f"kept.{column}" for column in columns),
    )
