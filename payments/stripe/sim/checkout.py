"""Checkouts that end in a payment or a subscription."""

from __future__ import annotations

from typing import Any, Unpack

from payments.stripe.sim.charging import Terms
from payments.stripe.sim.crediting import Crediting
from payments.stripe.sim.invoicing import NotPossible
from payments.stripe.sim.ledger import At, Ref, id_of, listed
from payments.stripe.sim.schema import Obj

DAY = 86_400


class Checkout(Crediting):
    """Buying on Stripe's page."""

    def checkout(
        self,
        price: Ref,
        *,
        customer: Ref | None = None,
        quantity: int = 1,
        email: str | None = "buyer@example.com",
        client_reference_id: str | None = None,
        metadata: dict[str, str] | None = None,
        at: At = None,
        **terms: Unpack[Terms],
    ) -> Obj:
        """Let somebody buy a price to the end; return the completed session."""
        begun = self.begin_checkout(
            price,
            customer=customer,
            quantity=quantity,
            at=at,
            client_reference_id=client_reference_id,
            metadata=metadata,
        )
        return self.complete_checkout(begun, email=email, at=at, **terms)

    def begin_checkout(
        self, price: Ref, *, customer: Ref | None = None, quantity: int = 1, at: At = None, **fields: Any
    ) -> Obj:
        """Open a checkout page, which no event tells of; return the session."""
        at, bought = self.now(at), self.get("price", price)
        session_id, amount = self.store.new_id("cs_test"), (bought["unit_amount"] or 0) * quantity
        fields = {"success_url": "https://example.com/thanks", **fields}
        made = self._make(
            "checkout.session",
            id=session_id,
            amount_subtotal=amount,
            amount_total=amount,
            created=at,
            currency=bought["currency"],
            customer=customer and id_of(customer),
            expires_at=at + DAY,
            mode="subscription" if bought["recurring"] else "payment",
            payment_method_types=["card"],
            status="open",
            total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            ui_mode="hosted_page",
            url=f"https://checkout.stripe.example/c/pay/{session_id}",
            **fields,
        )
        self._lines_of[session_id] = [self._session_line(bought, quantity, amount)]
        return made

    def __init__(self, **rest: Any) -> None:
        self._lines_of: dict[str, list[Obj]] = {}
        super().__init__(**rest)

    def session_lines(self, session: Ref) -> Obj:
        """Return what a session sells, as Stripe lists it."""
        session_id = id_of(session)
        return listed(f"/v1/checkout/sessions/{session_id}/line_items", self._lines_of[session_id])

    def _session_line(self, price: Obj, quantity: int, amount: int) -> Obj:
        name = self.get("product", price["product"])["name"]
        return {
            "id": self.store.new_id("li"),
            "object": "item",
            "adjustable_quantity": None,
            "amount_discount": 0,
            "amount_subtotal": amount,
            "amount_tax": 0,
            "amount_total": amount,
            "currency": price["currency"],
            "description": name,
            "metadata": {},
            "price": price,
            "quantity": quantity,
        }

    def complete_checkout(
        self, session: Ref, *, email: str | None = "buyer@example.com", at: At = None, **terms: Unpack[Terms]
    ) -> Obj:
        """Pay an open session; a subscription comes with its own customer and invoice."""
        at, begun = self.now(at), self._open_session(session)
        line = self._lines_of[begun["id"]][0]
        buyer = begun["customer"] or self._buyer(begun, email, at)
        bought = self._bought(begun, line, buyer, at, **terms)
        details = dict.fromkeys(("address", "business_name", "individual_name", "name", "phone", "tax_ids"))
        return self._change_and_tell(
            "checkout.session.completed",
            "checkout.session",
            begun,
            at,
            customer=buyer,
            customer_details={**details, "email": email, "tax_exempt": "none"},
            payment_status="paid",
            status="complete",
            url=None,
            **bought,
        )

    def _buyer(self, begun: Obj, email: str | None, at: int) -> str | None:
        """A payment leaves a guest without a customer; a subscription needs one."""
        return str(self.customer(email=email, at=at)["id"]) if begun["mode"] == "subscription" else None

    def _bought(self, begun: Obj, line: Obj, buyer: str | None, at: int, **terms: Unpack[Terms]) -> Obj:
        if begun["mode"] == "payment":
            paid = self.charge(
                buyer, begun["amount_total"], begun["currency"], at=at, metadata=begun["metadata"], **terms
            )
            return {"payment_intent": paid["payment_intent"]}
        made = self.subscribe(buyer or "", line["price"], quantity=line["quantity"], at=at, **terms)
        return {"subscription": made["id"], "invoice": made["latest_invoice"]}

    def expire_checkout(self, session: Ref, *, at: At = None) -> Obj:
        """Close a page nobody paid on."""
        begun = self._open_session(session)
        return self._change_and_tell(
            "checkout.session.expired", "checkout.session", begun, self.now(at), status="expired", url=None
        )

    def _open_session(self, session: Ref) -> Obj:
        found = self.get("checkout.session", session)
        if found["status"] != "open":
            raise NotPossible(f"Checkout session {found['id']} is {found['status']}, no longer open.")
        return found
