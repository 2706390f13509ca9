"""Invoices from draft to paid, void or given up, and the payments made against them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from payments.stripe.sim.charging import Terms
from payments.stripe.sim.ledger import At, Ref, id_of, listed
from payments.stripe.sim.lines import Item, discounts_of, invoice_item_parent, pricing, tax_of, totals
from payments.stripe.sim.refunding import Refunding
from payments.stripe.sim.schema import Obj

DAY = 86_400
DAYS_BETWEEN_ATTEMPTS = 3
HOSTED = "https://invoice.stripe.example/i"


class NotPossible(ValueError):
    """The invoice's status does not allow it."""


class Invoicing(Refunding):
    """Asking for money."""

    def invoice(
        self,
        customer: Ref,
        items: Sequence[tuple[str, int]],
        currency: str = "usd",
        *,
        at: At = None,
        days_until_due: int | None = 30,
        tax_rates: Sequence[Ref] = (),
        finalize: bool = True,
        **fields: Any,
    ) -> Obj:
        """Invoice a customer for described amounts, open and sent; `days_until_due=None` charges the card instead."""
        at = self.now(at)
        for description, amount in items:
            self.invoice_item(customer, amount, currency, description=description, at=at)
        draft = self.draft_invoice(
            customer, currency, at=at, days_until_due=days_until_due, tax_rates=tax_rates, **fields
        )
        return self.finalize(draft, at=at) if finalize else draft

    def invoice_item(
        self, customer: Ref, amount: int, currency: str = "usd", *, description: str = "Service", at: At = None
    ) -> Obj:
        """Note something to put on a customer's next invoice."""
        at = self.now(at)
        made = self._make(
            "invoiceitem",
            amount=amount,
            currency=currency,
            customer=id_of(customer),
            date=at,
            description=description,
            discountable=True,
            discounts=[],
            metadata={},
            net_amount=amount,
            period={"start": at, "end": at},
            pricing={"type": "price_details", "unit_amount_decimal": str(amount)},
            quantity=1,
            quantity_decimal="1",
            tax_rates=[],
        )
        self._tell("invoiceitem.created", made, at)
        return made

    def draft_invoice(
        self,
        customer: Ref,
        currency: str = "usd",
        *,
        at: At = None,
        days_until_due: int | None = None,
        tax_rates: Sequence[Ref] = (),
        **fields: Any,
    ) -> Obj:
        """Draw up a draft from the invoice items that wait."""
        at, customer_id = self.now(at), id_of(customer)
        waiting = [row for row in self.store.newest_first("invoiceitem") if _waits(row, customer_id, currency)]
        items = [_as_item(row) for row in reversed(waiting)]
        rates = [self.get("tax_rate", rate) for rate in tax_rates]
        made = self._draft_invoice(customer_id, currency, items, at, rates=rates, due=days_until_due, **fields)
        for row in waiting:
            self._change("invoiceitem", row, invoice=made["id"])
        return made

    def _draft_invoice(
        self,
        customer_id: str,
        currency: str,
        items: Sequence[Item],
        at: int,
        *,
        rates: Sequence[Obj] = (),
        discounts: Sequence[Obj] = (),
        due: int | None = None,
        **fields: Any,
    ) -> Obj:
        """Make the draft and say so; the first event of every invoice."""
        buyer, invoice_id = self.get("customer", customer_id), self.store.new_id("in")
        rows = self._lines(invoice_id, currency, items, rates, discounts)
        periods = {"period_start": at, "period_end": at, "billing_reason": "manual", "metadata": {}}
        made = self._make(
            "invoice",
            **{
                **periods,
                **totals(rows),
                **_buyer_fields(buyer),
                "id": invoice_id,
                "account_country": self.account["country"],
                "account_name": self.account["settings"]["dashboard"]["display_name"],
                "auto_advance": True,
                "collection_method": "charge_automatically" if due is None else "send_invoice",
                "created": at,
                "currency": currency,
                "default_tax_rates": list(rates),
                "discounts": [discount["id"] for discount in discounts],
                "due_date": None if due is None else at + due * DAY,
                "lines": listed(f"/v1/invoices/{invoice_id}/lines", rows),
                "status": "draft",
                **fields,
            },
        )
        self._tell("invoice.created", made, at)
        return made

    def _lines(
        self, invoice_id: str, currency: str, items: Sequence[Item], rates: Sequence[Obj], discounts: Sequence[Obj]
    ) -> list[Obj]:
        coupons = [self.get("coupon", discount["source"]["coupon"]) for discount in discounts]
        cut = discounts_of([item.amount for item in items], discounts, coupons)
        return [self._line(invoice_id, currency, *row, rates) for row in zip(items, cut, strict=True)]

    def _line(self, invoice_id: str, currency: str, item: Item, cut: list[Obj], rates: Sequence[Obj]) -> Obj:
        net = item.amount - sum(part["amount"] for part in cut)
        details = item.parent["subscription_item_details"]
        return self._draft(
            "line_item",
            amount=item.amount,
            currency=currency,
            description=item.description,
            discount_amounts=cut,
            discountable=True,
            invoice=invoice_id,
            parent=item.parent,
            period={"start": item.start, "end": item.end},
            pretax_credit_amounts=[{**part, "type": "discount"} for part in cut],
            pricing=pricing(item),
            quantity=item.quantity,
            quantity_decimal=str(item.quantity),
            subscription=details and details["subscription"],
            subtotal=item.amount,
            taxes=[tax_of(net, rate) for rate in rates],
        )

    def finalize(self, invoice: Ref, *, at: At = None) -> Obj:
        """Give a draft its number and open it; nothing to pay means paid."""
        at, draft = self.now(at), self._in_status(invoice, "draft")
        buyer = self.get("customer", draft["customer"])
        sequence = buyer["next_invoice_sequence"]
        self._change("customer", buyer, next_invoice_sequence=sequence + 1)
        opened, _ = self._change(
            "invoice",
            draft,
            number=f"{buyer['invoice_prefix']}-{sequence:04}",
            status="open",
            effective_at=at,
            hosted_invoice_url=f"{HOSTED}/{draft['id']}",
            invoice_pdf=f"{HOSTED}/{draft['id']}/pdf",
            status_transitions={**draft["status_transitions"], "finalized_at": at},
        )
        self._tell("invoice.finalized", opened, at)
        if not opened["amount_due"]:
            return self._mark_paid(opened, at)
        if opened["collection_method"] == "send_invoice":
            self._tell("invoice.sent", opened, at)
        self._expect_payment(opened, at)
        return opened

    def _expect_payment(self, opened: Obj, at: int) -> None:
        intent = self._intent(opened["amount_due"], opened["currency"], opened["customer"], at, metadata={})
        self._make(
            "invoice_payment",
            amount_requested=opened["amount_due"],
            created=at,
            currency=opened["currency"],
            invoice=opened["id"],
            is_default=True,
            payment={"payment_intent": intent["id"], "type": "payment_intent"},
            status="open",
        )

    def pay(self, invoice: Ref, *, at: At = None, **terms: Unpack[Terms]) -> Obj:
        """Try to collect an open invoice; return it, paid or, with `decline=`, still open."""
        at, opened = self.now(at), self._in_status(invoice, "open", "uncollectible")
        payment = self._expected_payment(opened)
        intent = self.get("payment_intent", payment["payment"]["payment_intent"])
        self._attempt(intent, at, **terms)
        attempts = opened["attempt_count"] + 1
        if terms.get("decline"):
            return self._not_paid(opened, at, attempts)
        return self._mark_paid(opened, at, payment=payment, attempts=attempts)

    def _expected_payment(self, opened: Obj) -> Obj:
        payments = self.store.newest_first("invoice_payment")
        return next(row for row in payments if row["invoice"] == opened["id"] and row["status"] == "open")

    def _not_paid(self, opened: Obj, at: int, attempts: int) -> Obj:
        again = at + DAYS_BETWEEN_ATTEMPTS * DAY if opened["collection_method"] == "charge_automatically" else None
        fields = {"attempted": True, "attempt_count": attempts, "next_payment_attempt": again}
        unpaid = self._change_and_tell("invoice.updated", "invoice", opened, at, **fields)
        self._tell("invoice.payment_failed", unpaid, at)
        return unpaid

    def _mark_paid(self, opened: Obj, at: int, payment: Obj | None = None, attempts: int = 0) -> Obj:
        paid = self._change_and_tell(
            "invoice.updated",
            "invoice",
            opened,
            at,
            status="paid",
            amount_paid=opened["amount_due"],
            amount_remaining=0,
            attempted=True,
            attempt_count=attempts,
            next_payment_attempt=None,
            status_transitions={**opened["status_transitions"], "paid_at": at},
        )
        self._tell("invoice.paid", paid, at)
        self._tell("invoice.payment_succeeded", paid, at)
        if payment:
            transitions = {"canceled_at": None, "paid_at": at}
            fields = {"status": "paid", "amount_paid": payment["amount_requested"], "status_transitions": transitions}
            self._tell("invoice_payment.paid", self._change("invoice_payment", payment, **fields)[0], at)
        return paid

    def void(self, invoice: Ref, *, at: At = None) -> Obj:
        """Annul an open invoice and cancel what would have paid it."""
        return self._give_up(invoice, "void", "voided_at", "invoice.voided", self.now(at))

    def mark_uncollectible(self, invoice: Ref, *, at: At = None) -> Obj:
        """Stop expecting the money; it may still come."""
        at = self.now(at)
        opened = self._in_status(invoice, "open")
        moved = {**opened["status_transitions"], "marked_uncollectible_at": at}
        return self._change_and_tell(
            "invoice.marked_uncollectible", "invoice", opened, at, status="uncollectible", status_transitions=moved
        )

    def _give_up(self, invoice: Ref, status: str, moment: str, event_type: str, at: int) -> Obj:
        opened = self._in_status(invoice, "open", "uncollectible")
        moved = {**opened["status_transitions"], moment: at}
        payment = self._expected_payment(opened)
        self.cancel_intent(payment["payment"]["payment_intent"], at=at)
        transitions = {"canceled_at": at, "paid_at": None}
        self._change("invoice_payment", payment, status="canceled", status_transitions=transitions)
        return self._change_and_tell(event_type, "invoice", opened, at, status=status, status_transitions=moved)

    def _in_status(self, invoice: Ref, *statuses: str) -> Obj:
        found = self.get("invoice", invoice)
        if found["status"] not in statuses:
            raise NotPossible(
                f"Invoice {found['id']} is {found['status']}; this needs one that is {' or '.join(statuses)}."
            )
        return found


def _waits(row: Obj, customer_id: str, currency: str) -> bool:
    return (row["customer"], row["currency"], row["invoice"]) == (customer_id, currency, None)


def _as_item(row: Obj) -> Item:
    period = row["period"]
    parent = invoice_item_parent(row["id"])
    return Item(row["description"], row["amount"], period["start"], period["end"], parent, row["quantity"])


def _buyer_fields(buyer: Obj) -> Obj:
    copied = {f"customer_{key}": buyer[key] for key in ("address", "email", "name", "phone", "shipping", "tax_exempt")}
    return {**copied, "customer": buyer["id"], "customer_tax_ids": []}
