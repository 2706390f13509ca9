"""What the books must say, told from the fake Stripe's own objects and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from invoices.models import CreditNote, Invoice
from payments.models import Dispute, Payment, Payout, Refund, Subscription

Said: TypeAlias = tuple[Any, ...]


def assert_books_equal_stripe(sim: Any) -> None:
    """Compare every object that has a row, as Stripe shows it now; name what differs."""
    wrong = [
        f"{stripe_id} is {ours.get(stripe_id)} in the books and {theirs.get(stripe_id)} at Stripe"
        for ours, theirs in _compared(sim)
        for stripe_id in sorted(ours.keys() | theirs.keys())
        if ours.get(stripe_id) != theirs.get(stripe_id)
    ]
    if wrong:
        raise AssertionError("\n".join(wrong))


def _compared(sim: Any) -> Iterator[tuple[dict[str, Said], dict[str, Said]]]:
    yield (
        _ours(Subscription, "stripe_subscription_id", "status", "cancel_at_period_end"),
        _theirs(sim, "subscription", "status", "cancel_at_period_end"),
    )
    yield (
        _ours(Invoice, "stripe_invoice_id", "status", "total_cents", "amount_paid_cents", "amount_due_cents"),
        {row["id"]: _invoice(row) for row in sim.store.newest_first("invoice")},
    )
    for model, kind in ((Refund, "refund"), (Dispute, "dispute"), (Payout, "payout")):
        yield _ours(model, f"stripe_{kind}_id", "status", "amount_cents"), _theirs(sim, kind, "status", "amount")
    yield (
        _ours(CreditNote, "stripe_credit_note_id", "status", "total_cents"),
        _theirs(sim, "credit_note", "status", "total"),
    )
    yield _payments(sim)


def _payments(sim: Any) -> tuple[dict[str, Said], dict[str, Said]]:
    """Compare what each intent that was tried took, gave back and cost; its last charge tells."""
    charges = {row["payment_intent"]: row for row in reversed(sim.store.newest_first("charge"))}
    columns = ("amount_cents", "refund_amount_cents", "stripe_fee_cents", "net_amount_cents")
    ours = _ours(Payment, "stripe_payment_intent_id", *columns)
    theirs = {intent: (row["amount"], row["amount_refunded"], *_movement(sim, row)) for intent, row in charges.items()}
    return {intent: said for intent, said in ours.items() if intent in theirs}, theirs


def _movement(sim: Any, charge: dict[str, Any]) -> tuple[int | None, int | None]:
    if charge["balance_transaction"] is None:
        return None, None
    movement = sim.get("balance_transaction", charge["balance_transaction"])
    return movement["fee"], movement["net"]


def _ours(model: Any, key: str, *fields: str) -> dict[str, Said]:
    rows = model.objects.exclude(**{key: None}).values_list(key, *fields)
    return {stripe_id: tuple(said) for stripe_id, *said in rows}


def _theirs(sim: Any, kind: str, *fields: str) -> dict[str, Said]:
    return {row["id"]: tuple(row[name] for name in fields) for row in sim.store.newest_first(kind)}


def _invoice(row: dict[str, Any]) -> Said:
    due = 0 if row["status"] == "void" else row["amount_remaining"]
    return row["status"], row["total"], row["amount_paid"], due
