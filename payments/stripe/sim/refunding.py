"""Giving money back: refunds by choice, disputes by force."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from payments.stripe.sim.charging import Charging
from payments.stripe.sim.ledger import At, Ref
from payments.stripe.sim.schema import Obj

DAYS_TO_ANSWER = 14
DAY = 86_400
DISPUTE_FEE = 1500


class TooMuchRefunded(ValueError):
    """A charge gives back at most what it took."""


class NothingToDispute(ValueError):
    """A charge without a successful payment, or one disputed already."""


class Refunding(Charging):
    """Giving money back."""

    def refund(
        self,
        charge: Ref,
        amount: int | None = None,
        *,
        at: At = None,
        reason: str | None = None,
        exchange_rate: Decimal | None = None,
        fee: int = 0,
        **fields: Any,
    ) -> Obj:
        """Refund a charge, all that is left of it without an amount; return the refund."""
        at, paid = self.now(at), self.get("charge", charge)
        left = paid["amount_captured"] - paid["amount_refunded"]
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            raise TooMuchRefunded(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).")
        made = self._refunded(paid, amount, at, reason=reason, **fields)
        movement = self._book("refund", made, at=at, sign=-1, rate=exchange_rate, fee=fee)
        made, _ = self._change("refund", made, balance_transaction=movement["id"])
        refunded = {"amount_refunded": paid["amount_refunded"] + amount, "refunded": amount == left}
        self._change_and_tell("charge.refunded", "charge", paid, at, **refunded)
        self._tell("refund.created", made, at)
        return made

    def _refunded(self, paid: Obj, amount: int, at: int, **fields: Any) -> Obj:
        fields = {"metadata": {}, **fields}
        return self._make(
            "refund",
            amount=amount,
            charge=paid["id"],
            created=at,
            currency=paid["currency"],
            destination_details={"card": {"type": "refund"}, "type": "card"},
            payment_intent=paid["payment_intent"],
            status="succeeded",
            **fields,
        )

    def fail_refund(self, refund: Ref, *, at: At = None, reason: str = "lost_or_stolen_card") -> Obj:
        """Let the bank send a refund back: the money returns to the balance, the charge is owed again."""
        at, failed = self.now(at), self.get("refund", refund)
        movement = self._book("refund_failure", failed, at=at, category="refund_failure")
        failed, before = self._change(
            "refund", failed, status="failed", failure_reason=reason, failure_balance_transaction=movement["id"]
        )
        paid = self.get("charge", failed["charge"])
        self._change("charge", paid, amount_refunded=paid["amount_refunded"] - failed["amount"], refunded=False)
        for event_type in ("refund.updated", "charge.refund.updated", "refund.failed"):
            self._tell(event_type, failed, at, before)
        return failed

    def dispute(
        self,
        charge: Ref,
        *,
        at: At = None,
        fee: int = DISPUTE_FEE,
        amount: int | None = None,
        reason: str = "fraudulent",
        exchange_rate: Decimal | None = None,
    ) -> Obj:
        """Let the cardholder's bank take a payment back, and Stripe a fee; return the dispute."""
        at, paid = self.now(at), self.get("charge", charge)
        if not paid["paid"] or paid["disputed"]:
            raise NothingToDispute(f"Charge {paid['id']} cannot be disputed.")
        made = self._disputed(paid, paid["amount"] if amount is None else amount, at, reason)
        movement = self._book("adjustment", made, at=at, sign=-1, fee=fee, rate=exchange_rate, category="dispute")
        self._change("charge", paid, disputed=True)
        made, _ = self._change("dispute", made, balance_transactions=[movement])
        self._tell("charge.dispute.created", made, at)
        self._tell("charge.dispute.funds_withdrawn", made, at)
        return made

    def _disputed(self, paid: Obj, amount: int, at: int, reason: str) -> Obj:
        brand = paid["payment_method_details"]["card"]["brand"]
        card = {"brand": brand, "case_type": "chargeback", "network_reason_code": "10.4"}
        due = {"due_by": at + DAYS_TO_ANSWER * DAY, "enhanced_eligibility": {}, "has_evidence": False}
        return self._make(
            "dispute",
            amount=amount,
            charge=paid["id"],
            created=at,
            currency=paid["currency"],
            evidence_details={**due, "past_due": False, "submission_count": 0},
            payment_intent=paid["payment_intent"],
            payment_method_details={"card": card, "type": "card"},
            reason=reason,
            status="needs_response",
        )

    def close_dispute(
        self,
        dispute: Ref,
        *,
        won: bool,
        at: At = None,
        fee_returned: int = 0,
        exchange_rate: Decimal | None = None,
    ) -> Obj:
        """End a dispute: won brings the money back, and of the fee what is said; return the dispute."""
        at, open_ = self.now(at), self.get("dispute", dispute)
        closed, before = self._change("dispute", open_, status="won" if won else "lost")
        self._tell("charge.dispute.closed", closed, at, before)
        if not won:
            return closed
        movement = self._book(
            "adjustment", open_, at=at, fee=-fee_returned, rate=exchange_rate, category="dispute_reversal"
        )
        movements = [*closed["balance_transactions"], movement]
        return self._change_and_tell(
            "charge.dispute.funds_reinstated", "dispute", closed, at, balance_transactions=movements
        )
