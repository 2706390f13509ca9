"""A whole company on the fake Stripe: every scenario as a verb."""

from __future__ import annotations

from payments.stripe.sim.checkout import Checkout


class Sim(Checkout):
    """The fake Stripe's books. Verbs take `at` (an instant, or the clock's), return what they made, and emit the events.

    The same seed, clock and verbs give the same ids, numbers and events.
    """
