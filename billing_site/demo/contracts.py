"""The partners of the demo: their customer records, keys and contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_site.demo import cast
from billing_site.demo.agenda import as_if
from billing_site.demo.company import set_key
from billing_site.demo.dates import Dates
from billing_site.kit.money import Money
from invoices.models import Customer, Seller
from partners.enums import RATES_DEEDS, RATES_REQUESTS, ContractStatus, PackageRounding
from partners.models import Contract, Partner, PartnerApiKey, PurchaseOrder

KEY_NAMES = ("Production", "Batch import")


@dataclass(frozen=True)
class Player:
    """A partner and what the file says about it."""

    partner: Partner
    row: cast.Role

    @property
    def customer(self) -> Customer:
        return self.partner.customer

    @property
    def keys(self) -> list[str]:
        return list(self.row["key_prefixes"])


def sign_partners(dates: Dates, sellers: Mapping[str, Seller], *, count: int | None = None) -> list[Player]:
    """Make the first `count` partners (all without it) with everything agreed with them."""
    return [_sign(dates, sellers[row["seller"]], row) for row in cast.partners()[:count]]


def _sign(dates: Dates, seller: Seller, row: cast.Role) -> Player:
    with as_if(dates.at(dates.named(row["contracts"][0]["from"]))):
        partner = Partner.objects.create(
            name=row["name"], customer=_customer(row), billing_time_zone=row["time_zone"], is_active=_runs(dates, row)
        )
        for name, prefix in zip(KEY_NAMES, row["key_prefixes"], strict=False):
            key = PartnerApiKey(name=name, partner=partner)
            set_key(key, f"{prefix}.{cast.company()['partner_key_secret']}")
            key.save()
        year = dates.named(row["contracts"][0]["from"]).year
        Contract.objects.bulk_create(_contract(dates, partner, seller, agreed, year) for agreed in row["contracts"])
        _order(partner, row)
    return Player(partner, row)


def _order(partner: Partner, row: cast.Role) -> None:
    if number := row.get("purchase_order"):
        currency, limit = partner.customer.currency, row.get("order_limit")
        amount = Money.from_major(Decimal(limit), currency).cents if limit else None
        PurchaseOrder.objects.create(partner=partner, number=number, currency=currency, amount_cents=amount)


def _customer(row: cast.Role) -> Customer:
    kept = ("name", "email", "country", "tax_id", "currency", "language", "time_zone")
    address = "\n".join(row["address"])
    return Customer.objects.create(
        address=address, user_id=row["key_prefixes"][0], **{name: row[name] for name in kept}
    )


def _contract(dates: Dates, partner: Partner, seller: Seller, agreed: cast.Role, year: int) -> Contract:
    start, until = dates.named(agreed["from"]), agreed.get("until")
    end = dates.named(until) if until else None
    return Contract(
        partner=partner,
        seller=seller,
        reference=f"PC-{year}-{agreed['number']:03}",
        version=agreed.get("version", 1),
        status=ContractStatus.ENDED if end and dates.is_past(end) else ContractStatus.ACTIVE,
        pricing_model=agreed["model"],
        currency=partner.customer.currency,
        included_deeds=agreed.get("included", 0) if agreed["model"] in RATES_DEEDS else 0,
        included_requests=agreed.get("included", 0) if agreed["model"] in RATES_REQUESTS else 0,
        rounding=agreed.get("rounding", PackageRounding.UP),
        tiers=[{"up_to": up_to, "unit_price": price} for up_to, price in agreed.get("tiers", ())],
        discount_rate=Decimal(agreed.get("discount", 0)),
        tax_rate=Decimal(agreed["tax"]),
        tax_category=agreed.get("tax_category", ""),
        needs_purchase_order=agreed.get("needs_order", False),
        payment_terms_days=agreed["terms"],
        billing_time_zone=partner.billing_time_zone,
        start_date=start,
        end_date=end,
        **_prices(agreed, partner.customer.currency),
    )


def _prices(agreed: cast.Role, currency: str) -> dict[str, Any]:
    """Read the prices, written in major units."""

    def cents(name: str) -> int:
        return Money.from_major(Decimal(agreed.get(name, "0")), currency).cents

    rates = {"price_per_deed": agreed.get("per_deed"), "price_per_1000_requests": agreed.get("per_1000")}
    fees = {"monthly_fee_cents": cents("fee"), "minimum_cents": cents("minimum")}
    fees |= {"maximum_cents": cents("maximum")} if "maximum" in agreed else {}
    return fees | {name: Decimal(rate) for name, rate in rates.items() if rate}


def _runs(dates: Dates, row: cast.Role) -> bool:
    until = row["contracts"][-1].get("until")
    return not until or not dates.is_past(dates.named(until))
