"""Credit notes: corrections of invoices, with or without money going back."""

from __future__ import annotations

from typing import Any

from payments.stripe.sim.invoicing import NotPossible
from payments.stripe.sim.ledger import At, Ref, listed
from payments.stripe.sim.schema import Obj
from payments.stripe.sim.subscribing import Subscribing


class Crediting(Subscribing):
    """Taking back what an invoice asked for."""

    def credit_note(
        self,
        invoice: Ref,
        amount: int,
        *,
        refund_amount: int = 0,
        reason: str | None = None,
        memo: str | None = None,
        at: At = None,
        **fields: Any,
    ) -> Obj:
        """Reduce an open invoice, or one that is paid: then `refund_amount` of it goes back to the card."""
        at, credited = self.now(at), self._in_status(invoice, "open", "paid")
        paid = credited["status"] == "paid"
        if not 0 < amount <= credited["total"] - _noted(credited):
            raise NotPossible("The sum of credit notes cannot exceed the amount of the invoice.")
        refunds = [self._refund_for(credited, refund_amount, at)] if refund_amount else []
        made = self._credited(credited, amount, at, paid=paid, refunds=refunds, reason=reason, memo=memo, **fields)
        self._tell("credit_note.created", made, at)
        self._reduce(credited, amount, at, paid=paid)
        return made

    def _refund_for(self, credited: Obj, amount: int, at: int) -> Obj:
        payments = [row for row in self.store.newest_first("invoice_payment") if row["invoice"] == credited["id"]]
        intent = self.get("payment_intent", payments[0]["payment"]["payment_intent"])
        made = self.refund(intent["latest_charge"], amount, at=at)
        return {"amount_refunded": amount, "payment_record_refund": None, "refund": made["id"], "type": "refund"}

    def _credited(self, credited: Obj, amount: int, at: int, *, paid: bool, refunds: list[Obj], **fields: Any) -> Obj:
        note_id = self.store.new_id("cn")
        count = sum(row["invoice"] == credited["id"] for row in self.store.newest_first("credit_note"))
        line = self._draft(
            "credit_note_line_item",
            amount=amount,
            description=f"Correction of invoice {credited['number']}",
            quantity=1,
            type="custom_line_item",
            unit_amount=amount,
            unit_amount_decimal=str(amount),
        )
        return self._make(
            "credit_note",
            id=note_id,
            amount=amount,
            created=at,
            currency=credited["currency"],
            customer=credited["customer"],
            effective_at=at,
            invoice=credited["id"],
            lines=listed(f"/v1/credit_notes/{note_id}/lines", [line]),
            number=f"{credited['number']}-CN-{count + 1:02}",
            pdf=f"https://invoice.stripe.example/credit_notes/{note_id}/pdf",
            post_payment_amount=amount if paid else 0,
            pre_payment_amount=0 if paid else amount,
            refunds=refunds,
            subtotal=amount,
            subtotal_excluding_tax=amount,
            total=amount,
            total_excluding_tax=amount,
            total_taxes=[],
            type="post_payment" if paid else "pre_payment",
            **fields,
        )

    def _reduce(self, credited: Obj, amount: int, at: int, *, paid: bool) -> None:
        if paid:
            noted = credited["post_payment_credit_notes_amount"] + amount
            self._change_and_tell("invoice.updated", "invoice", credited, at, post_payment_credit_notes_amount=noted)
            return
        left = credited["amount_due"] - amount
        noted = credited["pre_payment_credit_notes_amount"] + amount
        fields = {"amount_due": left, "amount_remaining": left, "pre_payment_credit_notes_amount": noted}
        reduced = self._change_and_tell("invoice.updated", "invoice", credited, at, **fields)
        payment = self._expected_payment(credited)
        if left:
            self._change("payment_intent", payment["payment"]["payment_intent"], amount=left)
            self._change("invoice_payment", payment, amount_requested=left)
        else:
            self._change("invoice_payment", payment, status="canceled")
            self._mark_paid(reduced, at)

    def void_credit_note(self, note: Ref, *, at: At = None) -> Obj:
        """Annul a credit note of an invoice that is still open."""
        at, issued = self.now(at), self.get("credit_note", note)
        credited = self._in_status(issued["invoice"], "open")
        back = credited["amount_due"] + issued["amount"]
        voided = self._change_and_tell("credit_note.voided", "credit_note", issued, at, status="void", voided_at=at)
        noted = credited["pre_payment_credit_notes_amount"] - issued["amount"]
        fields = {"amount_due": back, "amount_remaining": back, "pre_payment_credit_notes_amount": noted}
        self._change_and_tell("invoice.updated", "invoice", credited, at, **fields)
        return voided


def _noted(invoice: Obj) -> int:
    return int(invoice["post_payment_credit_notes_amount"] + invoice["pre_payment_credit_notes_amount"])
