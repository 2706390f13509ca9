"""The currencies of ISO 4217 and how many digits each one counts: one table, one source."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Source: ISO 4217 list one (SIX Group, the maintenance agency), column "minor unit".
# Left out on purpose: the units of account nobody is paid in (CLF and UYW with four digits, XAD) and the codes
# without a minor unit (metals, XDR, XSU, XUA, bond market units, XTS, XXX). They are unknown here.
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER "
    "ZAR ZMW ZWG"
)
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
# Books outlive currencies: codes withdrawn since 2021 that an old payment may still carry. Not offered for new rows.
_WITHDRAWN = "ANG BGN CUC HRK SLL ZWL"

_ACTIVE: Final = {
    code: digits for digits, codes in ((0, _NO_DIGITS), (2, _TWO_DIGITS), (3, _THREE_DIGITS)) for code in codes.split()
}
CODES: Final[tuple[str, ...]] = tuple(sorted(_ACTIVE))
EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(_ACTIVE | dict.fromkeys(_WITHDRAWN.split(), 2))


class UnknownCurrency(ValueError):
    """Not a currency of ISO 4217 that money can be counted in."""

    def __init__(self, code: object) -> None:
        """Name the code and the form expected."""
        super().__init__(f"{code!r} is not a known currency: write its ISO 4217 code in capitals, such as 'USD'.")


def is_known(code: str) -> bool:
    """Tell whether money can be counted in this currency, withdrawn codes included."""
    return code in EXPONENTS


def exponent(code: str) -> int:
    """Return the digits after the decimal sign: 0 for JPY, 2 for USD, 3 for KWD; raise UnknownCurrency."""
    try:
        return EXPONENTS[code]
    except (KeyError, TypeError):
        raise UnknownCurrency(code) from None
