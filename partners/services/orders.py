"""Which purchase order a month draws on, and what is left of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from partners.models import Contract, PurchaseOrder


class NoOrderCovers(Refused):
    """The month waits until a purchase order is known that covers it."""


@dataclass
class OrderBook:
    """The orders of some partners, oldest first, and what is left of each while months draw on them in turn."""

    orders: list[PurchaseOrder]
    drawn: dict[int, int] = field(default_factory=dict)

    def order_for(self, contract: Contract, *, total_cents: int, on: dt.date) -> PurchaseOrder | None:
        """Return the oldest order that is valid on a day and covers a total, tax included.

        Raises NoOrderCovers where the contract needs one.
        """
        if not total_cents:
            return None
        fitting = [order for order in self.orders if order.is_for(contract) and order.is_valid_on(on)]
        found = next((order for order in fitting if self._covers(order, total_cents)), None)
        if found is None and contract.needs_purchase_order:
            raise NoOrderCovers(self._what_is_missing(contract, fitting, total_cents, on))
        return found

    def draw(self, order: PurchaseOrder, cents: int) -> None:
        """Count a month against its order."""
        self.drawn[order.pk] = self.drawn.get(order.pk, 0) + cents

    def _left(self, order: PurchaseOrder) -> int | None:
        return None if order.left_cents is None else order.left_cents - self.drawn.get(order.pk, 0)

    def _covers(self, order: PurchaseOrder, cents: int) -> bool:
        left = self._left(order)
        return left is None or left >= cents

    def _what_is_missing(
        self, contract: Contract, fitting: Collection[PurchaseOrder], total_cents: int, on: dt.date
    ) -> str:
        left = [f"{order} has {Money(self._left(order) or 0, order.currency)} left" for order in fitting]
        return (
            f"It needs a purchase order of {contract.partner} that covers {Money(total_cents, contract.currency)} "
            f"on {on:%Y-%m-%d}: {' and '.join(left) or 'none is known'}. Enter one and try again."
        )


def order_book(*, contracts: Collection[Contract], locked: bool = False) -> OrderBook:
    """Read the orders of these contracts' partners; `locked` keeps others from drawing until the transaction ends."""
    orders = PurchaseOrder.objects.of_partners(contracts)
    if locked:
        # A statement of its own: what is drawn is then read after whoever held the lock committed.
        list(orders.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    return OrderBook(list(orders.with_drawn().oldest_first()))
