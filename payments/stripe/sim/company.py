"""A whole company on the fake Stripe: every scenario as a verb, its bad days, its post."""

from __future__ import annotations

from typing import Any

from payments.stripe.sim.checkout import Checkout
from payments.stripe.sim.faults import Faults
from payments.stripe.sim.ledger import Ref
from payments.stripe.sim.schema import Obj
from payments.stripe.sim.webhooks import Delivery, deliver

API_KEY = "sk_test_" + "Simulated" * 3
"""The key the sim knows; it opens nothing anywhere else."""


class Sim(Checkout):
    """The fake Stripe's books. Verbs take `at` (by default the clock's now), return what they made, emit the events.

    The same seed, clock and verbs give the same ids, numbers and events.
    """

    def __init__(self, **rest: Any) -> None:
        self.faults = Faults()
        self.api_keys = {API_KEY}
        super().__init__(**rest)

    def memory(self) -> Obj:
        """Return what is remembered beside the store, as JSON; `recall` takes it back, once the store is filled."""
        return {"lines_of": self._lines_of, "paid_out": self.paid_out, "tiers": self.tiers}

    def recall(self, memory: Obj) -> None:
        """Take back what `memory` returned."""
        self._lines_of, self.paid_out, self.tiers = memory["lines_of"], memory["paid_out"], memory["tiers"]
        self._events = [event["id"] for event in reversed(self.store.newest_first("event"))]

    def deliver(self, url: str, secret: str, since: Ref | None = None) -> list[Delivery]:
        """Post the events after `since` (all without it) once each; return how each was received."""
        return deliver(self, url, secret, since)
