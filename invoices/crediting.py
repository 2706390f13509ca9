"""Owns how much of an invoice can be taken back: per line and per tax, exactly to the end. No framework."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from billing_site.kit.money import Money, round_half_up
from invoices.totals import TaxGroup


class TakesBackTooMuch(ValueError):
    """A line or a tax would be taken back beyond what was asked for."""


class Part(NamedTuple):
    """What was asked for, or is taken back: without tax, and its tax. `line` names the invoice's line, if one."""

    line: Hashable | None
    group: TaxGroup
    net_cents: int
    tax_cents: int = 0


@dataclass(slots=True)
class _Account:
    """What was asked for, and what of it is taken back so far."""

    net_cents: int = 0
    tax_cents: int = 0
    taken_net_cents: int = 0
    taken_tax_cents: int = 0

    @property
    def left_net_cents(self) -> int:
        return self.net_cents - self.taken_net_cents

    @property
    def left_tax_cents(self) -> int:
        return self.tax_cents - self.taken_tax_cents

    def tax_on(self, net_cents: int) -> int:
        """Round the tax of all that is taken back then, less what was: so many steps end exactly at the whole tax."""
        if not self.net_cents:
            return 0
        return round_half_up(Fraction(self.tax_cents * (self.taken_net_cents + net_cents), self.net_cents)) - (
            self.taken_tax_cents
        )

    def take(self, net_cents: int, tax_cents: int) -> None:
        self.taken_net_cents += net_cents
        self.taken_tax_cents += tax_cents


def taxes_taken_back(
    *, billed: Iterable[Part], earlier: Iterable[Part], wanted: Sequence[Part], currency: str
) -> list[int]:
    """Return the tax of each part that is wanted back. Raises TakesBackTooMuch.

    A part of a line takes that line's tax in proportion, any other part that of all lines taxed alike; whoever takes
    the last of a net amount takes the last of its tax.
    """
    lines, groups = _accounts(billed, earlier)
    left = {group: (account.left_net_cents, account.left_tax_cents) for group, account in groups.items()}
    taxes = []
    for part in wanted:
        group = groups.setdefault(part.group, _Account())
        account = group if part.line is None else lines.get(part.line, _Account())
        what = _taxed(part) if part.line is None else "of this line"
        _refuse_beyond(part.net_cents, account.left_net_cents, what, currency)
        tax = account.tax_on(part.net_cents)
        for one in (account, group) if account is not group else (group,):
            one.take(part.net_cents, tax)
        taxes.append(tax)
    for taxed_as, (net_cents, tax_cents) in left.items():
        places = [i for i, part in enumerate(wanted) if part.group == taxed_as]
        if places:
            _keep_within(wanted, taxes, places, net_cents, tax_cents, currency)
    return taxes


def net_left(*, billed: Sequence[Part], earlier: Iterable[Part]) -> dict[Hashable, int]:
    """Return what is left of each line, without tax."""
    lines, _ = _accounts(billed, earlier)
    return {line: account.left_net_cents for line, account in lines.items()}


def _accounts(
    billed: Iterable[Part], earlier: Iterable[Part]
) -> tuple[dict[Hashable, _Account], dict[TaxGroup, _Account]]:
    lines: dict[Hashable, _Account] = {}
    groups: dict[TaxGroup, _Account] = {}
    for part in billed:
        lines[part.line] = _Account(part.net_cents, part.tax_cents)
        group = groups.setdefault(part.group, _Account())
        group.net_cents, group.tax_cents = group.net_cents + part.net_cents, group.tax_cents + part.tax_cents
    for part in earlier:
        groups.setdefault(part.group, _Account()).take(part.net_cents, part.tax_cents)
        if part.line in lines:
            lines[part.line].take(part.net_cents, part.tax_cents)
    return lines, groups


def _keep_within(
    wanted: Sequence[Part], taxes: list[int], places: Sequence[int], net_cents: int, tax_cents: int, currency: str
) -> None:
    """Let a group end at exactly its tax, and never pass it; the cent is the largest part's."""
    net, tax = sum(wanted[i].net_cents for i in places), sum(taxes[i] for i in places)
    _refuse_beyond(net, net_cents, _taxed(wanted[places[0]]), currency)
    wanted_tax = tax_cents if net == net_cents else min(max(tax, min(tax_cents, 0)), max(tax_cents, 0))
    largest = max(places, key=lambda i: (abs(wanted[i].net_cents), -i))
    taxes[largest] += wanted_tax - tax


def _refuse_beyond(cents: int, left_cents: int, what: str, currency: str) -> None:
    if not min(left_cents, 0) <= cents <= max(left_cents, 0):
        raise TakesBackTooMuch(f"Take back at most {Money(left_cents, currency).format()} {what}, before tax.")


def _taxed(part: Part) -> str:
    percent = (part.group.rate * 100).normalize()
    return f"of what is taxed at {percent:f} % ({part.group.category})"
