"""The life of a contract: agreed once, from then on kept; what changes is a new version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from billing_site.kit.errors import Refused
from invoices.enums import TaxCategory
from invoices.services import CannotBeAsked
from invoices.totals import NotATaxRate
from partners.enums import RATES_DEEDS, RATES_REQUESTS, ContractStatus, Proration
from partners.models import BilledPeriod, Contract
from partners.pricing import rate
from partners.services.agreed import refuse_other_days, terms_of
from partners.services.asking import totals_with_tax
from partners.services.zones import zone_named
from partners.terms import ContractWithoutPrice, ImpossibleTerms

_NOT_COPIED = {"id", "version", "status", "start_date", "end_date", "created_at", "updated_at"}
_NEEDS_TAX_IDS = {TaxCategory.REVERSE_CHARGE, TaxCategory.WITHIN_EU}


class NotADraftContract(Refused):
    """Only a draft can be activated."""


class TermsIncomplete(Refused):
    """A contract that could not be billed is not agreed."""


class OverlapsAnother(Refused):
    """A partner has one contract for a product at a time, and each meter is rated by one."""


class NotInForceToChange(Refused):
    """What is changed is the version in force, from a day on which it runs."""


class AlreadyChanged(Refused):
    """A contract is changed once; what changes next is its newest version."""


class MonthsAreBilled(Refused):
    """A billed month keeps the terms it was billed with."""


class SplitsAWholeMonth(Refused):
    """A month that is billed whole belongs to one version."""


@transaction.atomic
def activate_contract(*, contract: Contract) -> Contract:
    """Agree on a draft; from now on it keeps its terms. Raises NotADraftContract, TermsIncomplete, OverlapsAnother."""
    contract = Contract.objects.select_for_update(of=("self",)).with_parties().get(pk=contract.pk)
    if contract.status != ContractStatus.DRAFT:
        raise NotADraftContract(f"{contract} is {contract.get_status_display().lower()}; only a draft is activated.")
    refuse_incomplete(contract)
    _refuse_overlap(contract)
    contract.status = ContractStatus.ACTIVE
    contract.save(update_fields=["status", "updated_at"])
    return contract


@transaction.atomic
def change_contract(*, contract: Contract, starts_on: dt.date, terms: Mapping[str, Any], today: dt.date) -> Contract:
    """Agree on a contract's next version: it starts when this one ends. `terms` are the columns that change.

    Raises NotInForceToChange, AlreadyChanged, MonthsAreBilled, SplitsAWholeMonth, and what `activate_contract` raises.
    """
    contract = Contract.objects.select_for_update(of=("self",)).with_parties().get(pk=contract.pk)
    newest = Contract.objects.filter(reference=contract.reference).latest("version")
    if newest != contract:
        raise AlreadyChanged(f"{contract} was changed already: {newest} follows it. Change that one.")
    draft = next_version(contract, starts_on=starts_on, terms=terms)
    refuse_change(contract, draft)
    _end(contract, starts_on, today)
    draft.save()
    return activate_contract(contract=draft)


def next_version(contract: Contract, *, starts_on: dt.date, terms: Mapping[str, Any]) -> Contract:
    """Return the next version, unsaved: the terms of this one but for those given."""
    fields = [field.attname for field in Contract._meta.concrete_fields if field.name not in _NOT_COPIED]  # noqa: SLF001
    draft = Contract(**{name: getattr(contract, name) for name in fields})
    goes_on = contract.end_date is not None and contract.end_date > starts_on
    draft.version, draft.start_date = contract.version + 1, starts_on
    draft.end_date = contract.end_date if goes_on else None
    for name, value in terms.items():
        setattr(draft, name, value)
    return draft


def refuse_change(contract: Contract, draft: Contract) -> None:
    """Raise what stands against ending a contract on the day its next version starts."""
    if contract.status == ContractStatus.DRAFT:
        raise NotInForceToChange(f"{contract} is a draft: change it on its own page.")
    end = contract.end_date or dt.date.max
    if not contract.start_date < draft.start_date <= end:
        until = f" and not after {end:%Y-%m-%d}" if contract.end_date else ""
        raise NotInForceToChange(f"A new version starts after {contract.start_date:%Y-%m-%d}{until}.")
    _refuse_billed_months(contract, draft.start_date)
    if draft.start_date.day != 1 and Proration.NONE in (contract.proration, draft.proration):
        raise SplitsAWholeMonth(
            "A started month is billed whole by these terms, so both versions would bill it: start on the 1st."
        )
    refuse_incomplete(draft)


def refuse_incomplete(contract: Contract) -> None:
    """Raise TermsIncomplete, UnknownTimeZone or DaysDiffer where a contract could not be billed."""
    try:
        totals_with_tax(contract, rate(terms_of(contract), {}))  # a month without usage
    except (ContractWithoutPrice, ImpossibleTerms, CannotBeAsked, NotATaxRate) as error:
        raise TermsIncomplete(str(error)) from error
    zone_named(contract.billing_time_zone, of=str(contract))
    refuse_other_days(contract)
    _refuse_unexplained_tax(contract)


def _refuse_unexplained_tax(contract: Contract) -> None:
    customer, seller = contract.partner.customer, contract.seller
    if contract.tax_category in _NEEDS_TAX_IDS and not (customer.tax_id and seller.tax_id):
        nameless = customer if not customer.tax_id else seller
        raise TermsIncomplete(
            f"{contract.get_tax_category_display()} needs the tax ids of both sides: enter that of {nameless}."
        )
    if contract.tax_category == TaxCategory.EXEMPT and not contract.tax_note:
        raise TermsIncomplete("An exempt contract says in its tax note which law exempts it.")


def _refuse_overlap(contract: Contract) -> None:
    """Name the other contract; the database refuses the overlap in any case."""
    end = contract.end_date or dt.date.max
    others = Contract.objects.of(contract.partner).in_force(start=contract.start_date, end=end).exclude(pk=contract.pk)
    for other in others.order_by("start_date"):
        if other.product == contract.product:
            _refuse(contract, other, f"for {contract.product}")
        for models, units in ((RATES_DEEDS, "deeds"), (RATES_REQUESTS, "requests")):
            if {other.pricing_model, contract.pricing_model} <= set(models):
                _refuse(contract, other, f"that rates its {units}")


def _refuse(contract: Contract, other: Contract, what: str) -> None:
    until = f"until {other.end_date:%Y-%m-%d}" if other.end_date else "without an end"
    raise OverlapsAnother(
        f"{contract.partner} has {other} {what} from {other.start_date:%Y-%m-%d} {until}; "
        "end it before this one starts."
    )


def _refuse_billed_months(contract: Contract, starts_on: dt.date) -> None:
    last = BilledPeriod.objects.standing().filter(contract=contract).order_by("period_end").last()
    if last is not None and last.period_end > starts_on:
        raise MonthsAreBilled(
            f"{last.period_start:%B %Y} is billed and keeps its terms: start on {last.period_end:%Y-%m-%d} or later."
        )


def _end(contract: Contract, on: dt.date, today: dt.date) -> None:
    contract.end_date = on
    if on <= today:
        contract.status = ContractStatus.ENDED
    contract.save(update_fields=["end_date", "status", "updated_at"])
