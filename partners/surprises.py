"""Owns what should surprise a person about a run: facts in, flags with a sentence in figures out. No framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from billing_site.kit.money import Money, total
from billing_site.kit.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

_UNITS: Final = {"deed": ("deed", "deeds"), "request": ("request", "requests")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """One flag: of a contract's month, or of a partner that has none in the run."""

    kind: str
    partner_id: int
    sentence: str
    contract_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMonth:
    """What a run knows of one contract: this month beside the one before; `total` is None where nothing can be priced.

    `beside` is what its other versions come to in a month they share: they are set together against `previous`, in each
    currency, as `usage` is against `previous_usage`; empty where there is nothing to compare with. `rates` is the meter
    the contract prices, `late` the sentences about usage of months that were billed before.
    """

    contract_id: int
    partner_id: int
    begun: date
    is_new_partner: bool
    total: Money | None
    previous: Sequence[Money]
    beside: Sequence[Money] = ()
    rates: str = ""
    usage: Mapping[str, Decimal] = field(default_factory=dict)
    previous_usage: Mapping[str, Decimal] = field(default_factory=dict)
    was_ever_used: bool = True
    late: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GonePartner:
    """A partner that was billed for the month before and has nothing in this run."""

    partner_id: int
    billed: Sequence[Money]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnagreedUsage:
    """What a partner used of one meter on days without a contract."""

    partner_id: int
    meter: str
    quantity: Decimal
    days: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneMonth:
    """A billed month whose invoice people took back, and that nobody billed again; `left_by` somebody, or waiting."""

    contract_id: int
    partner_id: int
    month: str
    invoice: str
    total: Money
    is_void: bool
    left_by: str = ""
    left_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Everything that can surprise about a run; `month` and `before` are labels such as 2026-10."""

    month: str
    before: str
    contracts: Sequence[ContractMonth]
    gone: Sequence[GonePartner] = ()
    unagreed: Sequence[UnagreedUsage] = ()
    undone: Sequence[UndoneMonth] = ()


def surprises(facts: RunFacts, *, change_percent: int) -> Iterator[Surprise]:
    """Yield the flags of a run; a month that differs by `change_percent` or more is one."""
    for one in facts.contracts:
        for kind, sentence in _of_contract(one, facts, change_percent):
            yield Surprise(kind=kind, partner_id=one.partner_id, contract_id=one.contract_id, sentence=sentence)
    for gone in facts.gone:
        said = f"Billed {_all_of(gone.billed)} for {facts.before}, and nothing in this run."
        yield Surprise(kind="gone", partner_id=gone.partner_id, sentence=said)
    for used in facts.unagreed:
        yield Surprise(kind="usage_without_contract", partner_id=used.partner_id, sentence=_without_contract(used))
    for month in facts.undone:
        kind, told = _undone(month)
        yield Surprise(kind=kind, partner_id=month.partner_id, contract_id=month.contract_id, sentence=told)


def change_in_percent(before: Money, now: Money) -> Decimal | None:
    """Return by how many per cent a month differs from the one before; None where there was nothing to differ from."""
    if before.currency != now.currency or before.cents == 0:
        return None
    return Decimal(now.cents - before.cents) * 100 / abs(before.cents)


def counted_text(quantity: Decimal, meter: str) -> str:
    """Write a count of a meter: 1 deed, 1,240 requests."""
    one, many = _UNITS.get(meter, (meter, meter))
    text = f"{quantity:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {one if quantity == 1 else many}"


def _of_contract(one: ContractMonth, facts: RunFacts, change_percent: int) -> Iterator[tuple[str, str]]:
    if one.is_new_partner:
        yield (
            "new",
            f"First month of this partner: {one.total.format()}." if one.total else "First month of this partner.",
        )
    elif one.total is not None:
        yield from _changed(one, facts, change_percent)
    if one.rates and one.total is not None:
        yield from _unused(one, facts)
    for sentence in one.late:
        yield "late_usage", sentence


def _changed(one: ContractMonth, facts: RunFacts, change_percent: int) -> Iterator[tuple[str, str]]:
    if one.total is None or not one.previous:
        return
    now = _per_currency([one.total, *one.beside])
    on_versions = f" on {1 + len(one.beside)} versions" if one.beside else ""
    if [money.currency for money in now] != [money.currency for money in one.previous]:
        yield (
            "changed",
            f"{_all_of(now)}{on_versions} after {_all_of(one.previous)} in {facts.before}: another currency.",
        )
        return
    for money, before in zip(now, one.previous, strict=True):
        percent = change_in_percent(before, money)
        told = f"{money.format()}{on_versions}"
        if percent is None and money.cents:
            yield "changed", f"{told} after nothing in {facts.before}."
        elif percent is not None and abs(percent) >= change_percent:
            yield "changed", f"{told} after {before.format()} in {facts.before}: {percent:+,.1f} %."


def _per_currency(moneys: Sequence[Money]) -> list[Money]:
    currencies = sorted({money.currency for money in moneys})
    return [total((money for money in moneys if money.currency == currency), currency) for currency in currencies]


def _all_of(moneys: Sequence[Money]) -> str:
    return listed(money.format() for money in moneys)


def _unused(one: ContractMonth, facts: RunFacts) -> Iterator[tuple[str, str]]:
    if one.usage.get(one.rates):
        return
    many = _UNITS[one.rates][1]
    before = one.previous_usage.get(one.rates, Decimal(0))
    if not one.was_ever_used:
        yield "contract_without_usage", f"No {many} were ever counted since it began on {one.begun}."
    elif before:
        yield "zero_usage", f"No {many} in {facts.month} after {counted_text(before, one.rates)} in {facts.before}."


def _without_contract(used: UnagreedUsage) -> str:
    days = counted(used.days, "day")
    when = f"on {used.first}" if used.first == used.last else f"from {used.first} to {used.last}"
    return f"{counted_text(used.quantity, used.meter)} on {days} without a contract, {when}: nobody will pay for them."


def _undone(one: UndoneMonth) -> tuple[str, str]:
    fate = f"{one.month}: {one.invoice} of {one.total.format()} is {'void' if one.is_void else 'credited in full'}"
    if one.left_by:
        return "left_unbilled", f"{fate}, and {one.left_by} left the month unbilled: {one.left_because}"
    return "undone", f"{fate}, and nobody billed the month again."
