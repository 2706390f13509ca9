"""The life of a contract: agreed once, from then on kept; what changes is a new version."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing_site.kit.errors import Refused
from partners.enums import ContractStatus
from partners.models import Contract
from partners.services.previews import terms_of
from partners.services.zones import zone_named
from partners.terms import ContractWithoutPrice, ImpossibleTerms

_NOT_COPIED = {"id", "version", "status", "start_date", "end_date", "created_at", "updated_at"}


class NotADraftContract(Refused):
    """Only a draft can be activated."""


class TermsIncomplete(Refused):
    """A contract that could not be billed is not agreed."""


class OverlapsAnother(Refused):
    """A partner has one contract at a time."""


@transaction.atomic
def activate_contract(*, contract: Contract) -> Contract:
    """Agree on a draft; from now on it keeps its terms. Raises NotADraftContract, TermsIncomplete, OverlapsAnother."""
    contract = Contract.objects.select_for_update(of=("self",)).select_related("partner").get(pk=contract.pk)
    if contract.status != ContractStatus.DRAFT:
        raise NotADraftContract(f"{contract} is {contract.get_status_display().lower()}; only a draft is activated.")
    try:
        terms_of(contract)
    except (ContractWithoutPrice, ImpossibleTerms) as error:
        raise TermsIncomplete(str(error)) from error
    zone_named(contract.billing_time_zone, of=str(contract))
    _refuse_overlap(contract)
    contract.status = ContractStatus.ACTIVE
    contract.save(update_fields=["status", "updated_at"])
    return contract


@transaction.atomic
def draft_next_version(*, contract: Contract, starts_on: dt.date) -> Contract:
    """Copy a contract's terms into a draft of its next version; the old one still has to end by then."""
    versions = Contract.objects.select_for_update().filter(reference=contract.reference)
    last = max(versions.values_list("version", flat=True))
    fields = [field.attname for field in Contract._meta.concrete_fields if field.name not in _NOT_COPIED]  # noqa: SLF001
    copied = {name: getattr(contract, name) for name in fields}
    return Contract.objects.create(**copied, version=last + 1, start_date=starts_on)


def _refuse_overlap(contract: Contract) -> None:
    """Name the other contract; the database refuses the overlap in any case."""
    others = Contract.objects.active().of(contract.partner).exclude(pk=contract.pk)
    end = contract.end_date or dt.date.max
    other = others.in_force(start=contract.start_date, end=end).first()
    if other is not None:
        until = f"until {other.end_date:%Y-%m-%d}" if other.end_date else "without an end"
        raise OverlapsAnother(
            f"{contract.partner} has {other} from {other.start_date:%Y-%m-%d} {until}; end it before this one starts."
        )
