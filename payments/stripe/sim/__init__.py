"""A fake Stripe that speaks HTTP: scenarios as verbs, Stripe's own shapes, signed webhooks, injected faults.

Owns: a make-believe account in memory. Does not own: anything of the product; nothing here is imported by it but the
command, the demo and tests. May import: nothing of ours, no framework.
"""

from __future__ import annotations

from payments.stripe.sim.amounts import CardFees, Settlement
from payments.stripe.sim.company import Sim

__all__ = ["CardFees", "Settlement", "Sim"]
