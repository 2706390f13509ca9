"""Owns what a valid tax id, IBAN and BIC look like, country by country. No framework."""

from __future__ import annotations

from typing import Any

# Beside what a country calls its VAT number: ids that are printed in its place.
_ALSO = {
    "AT": ("tin",),
    "BR": ("cpf",),
    "CH": ("uid",),
    "DE": ("stnr",),
    "IT": ("codicefiscale",),
    "NO": ("orgnr",),
    "SE": ("orgnr",),
    "US": ("ein",),
    "ZA": ("tin",),
}
_WHY = {
    "InvalidChecksum": "its check digit does not fit, so look for a mistyped or swapped digit",
    "InvalidLength": "it has too few or too many characters",
    "InvalidComponent": "a part of it does not exist",
}


def fault_of_tax_id(tax_id: str, *, country: str) -> str:
    """Say what is wrong with a tax id of a country (ISO 3166); nothing when it fits, or no rule is known."""
    from stdnum.exceptions import ValidationError

    kinds = _kinds(country)
    faults = []
    for kind in kinds:
        try:
            kind.validate(_plain(tax_id, country))
        except ValidationError as error:
            faults.append(type(error).__name__)
        else:
            return ""
    if not faults or _is_vat_of_eu(tax_id):  # a company may be registered for VAT in another country of the EU
        return ""
    why = _WHY.get(faults[0], "it is not written as such ids are")
    return f"{tax_id} is no valid tax id of {country}: {why}."


def is_checked(country: str) -> bool:
    """Tell whether tax ids of a country are checked; those of others are kept as they are written."""
    return bool(_kinds(country))


def fault_of_iban(iban: str) -> str:
    """Say what is wrong with an IBAN; nothing when it can be paid to."""
    from stdnum import iban as ibans
    from stdnum.exceptions import ValidationError

    try:
        ibans.validate(iban)
    except ValidationError as error:
        why = _WHY.get(type(error).__name__, "it is not written as IBANs are")
        return f"{iban} is no valid IBAN: {why}. Accounts of countries without IBANs go into the other details."
    return ""


def fault_of_bic(bic: str) -> str:
    """Say what is wrong with a BIC; nothing when it is written as BICs are."""
    from stdnum import bic as bics

    return "" if bics.is_valid(bic) else f"{bic} is no valid BIC: it has 8 or 11 characters, such as COBADEFFXXX."


def compact(code: str) -> str:
    """Write an IBAN or BIC as machines do: capital letters, no spaces."""
    return "".join(code.split()).upper()


def _kinds(country: str) -> list[Any]:
    from stdnum import get_cc_module

    names = ("vat", *_ALSO.get(country, ())) if country else ()
    found = (get_cc_module(country, name) for name in names)
    return [kind for kind in found if kind is not None]


def _is_vat_of_eu(tax_id: str) -> bool:
    from stdnum.eu import vat

    return bool(vat.is_valid(tax_id))


def _plain(tax_id: str, country: str) -> str:
    """Japan prints the corporate number of who may charge consumption tax behind a T."""
    return tax_id.strip().removeprefix("T") if country == "JP" else tax_id
