"""Whom we agreed with, and on what."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, RateField, is_currency, one_of
from invoices.enums import UNTAXED, TaxCategory
from invoices.models import Customer, Seller
from partners.enums import (
    RATES_DEEDS,
    RATES_REQUESTS,
    ContractStatus,
    PackageRounding,
    PricingModel,
    Proration,
    TierMode,
)
from partners.querysets import ApiKeyQuerySet, ContractQuerySet, PurchaseOrderQuerySet


@audited
class Partner(models.Model):
    """A company that uses the API on contract. Invoices go to its customer record."""

    name = models.CharField(max_length=200, unique=True)
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, related_name="partner")
    billing_time_zone = models.CharField(max_length=60, default="UTC", help_text="Days of usage are cut in this zone.")
    is_active = models.BooleanField(default=True)
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(condition=pghistory.AnyChange("name", "revoked", "expiry_date")),
    exclude=["id", "hashed_key", "replaces", "last_used_at"],
)
class PartnerApiKey(AbstractAPIKey):
    """A key with which a partner's or our own gateway posts usage for that partner. Only its hash is kept.

    `expiry_date` is the moment from which it opens nothing; a key that was rotated works until then.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="api_keys")
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="replaced_by"
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = APIKeyManager.from_queryset(ApiKeyQuerySet)()  # type: ignore[misc]

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "partner key"
        verbose_name_plural = "partner keys"

    def __str__(self) -> str:
        return f"{self.name} · {self.prefix}"


class _DateRange(Func):
    function = "daterange"
    output_field = DateRangeField()


def _never_at_once(name: str, *same: str, condition: Q, message: str) -> ExclusionConstraint:
    """Let no two agreed contracts with the same values run on the same day."""
    return ExclusionConstraint(
        name=name,
        expressions=[
            *((column, RangeOperators.EQUAL) for column in same),
            (_DateRange("start_date", "end_date", Value("[)")), RangeOperators.OVERLAPS),
        ],
        condition=~Q(status=ContractStatus.DRAFT) & condition,
        violation_error_message=message,
    )


@audited
class Contract(models.Model):
    """What a partner pays for a product. Dates are half-open: `end_date` is the first day without the contract."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="contracts")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField(default=1)
    product = models.CharField(
        max_length=40, default="API", help_text="What is sold; a partner has one contract for a product at a time."
    )
    status = models.CharField(max_length=10, choices=ContractStatus.choices, default=ContractStatus.DRAFT)
    pricing_model = models.CharField(max_length=20, choices=PricingModel.choices)
    currency = CurrencyField()
    monthly_fee_cents = CentsField(default=0)
    price_per_deed = RateField(null=True, blank=True, help_text="Major units of the contract's currency.")
    price_per_1000_requests = RateField(null=True, blank=True, help_text="Major units of the contract's currency.")
    included_deeds = models.PositiveIntegerField(default=0)
    included_requests = models.PositiveBigIntegerField(default=0)
    rounding = models.CharField(max_length=10, choices=PackageRounding.choices, default=PackageRounding.UP)
    tiers = models.JSONField(
        default=list,
        blank=True,
        help_text="Instead of one price: rows of up_to (units beyond the included; none in the last) and unit_price.",
    )
    tier_mode = models.CharField(max_length=10, choices=TierMode.choices, default=TierMode.GRADUATED)
    discount_rate = models.DecimalField(
        max_digits=7, decimal_places=6, default=Decimal(0), help_text="Off fee and usage; a fraction: 0.1 is 10 % off."
    )
    minimum_cents = CentsField(default=0, help_text="Minimum commitment of a month, after the discount.")
    maximum_cents = CentsField(null=True, blank=True, help_text="A month never costs more, before tax.")
    proration = models.CharField(max_length=10, choices=Proration.choices, default=Proration.DAYS)
    tax_rate = models.DecimalField(
        max_digits=7, decimal_places=6, default=Decimal(0), help_text="A fraction: 0.19 is 19 %."
    )
    tax_category = models.CharField(
        max_length=2,
        choices=TaxCategory.choices,
        blank=True,
        help_text="Without one the rate says it: taxed above zero, zero rated at zero.",
    )
    tax_note = models.CharField(max_length=300, blank=True, help_text="Why no tax is charged, as printed.")
    payment_terms_days = models.PositiveSmallIntegerField(default=30)
    billing_time_zone = models.CharField(max_length=60, default="UTC")
    needs_purchase_order = models.BooleanField(
        default=False, help_text="Hold the month until a purchase order covers it."
    )
    start_date = models.DateField()
    end_date = models.DateField(null=True, blank=True, help_text="Exclusive: the first day without the contract.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ContractQuerySet.as_manager()

    class Meta:
        db_table = "api_partner_contracts"
        constraints = [
            models.CheckConstraint(
                condition=one_of("pricing_model", PricingModel), name="contract_pricing_model_known"
            ),
            models.CheckConstraint(condition=one_of("status", ContractStatus), name="contract_status_known"),
            models.CheckConstraint(condition=one_of("rounding", PackageRounding), name="contract_rounding_known"),
            models.CheckConstraint(condition=one_of("tier_mode", TierMode), name="contract_tier_mode_known"),
            models.CheckConstraint(condition=one_of("proration", Proration), name="contract_proration_known"),
            models.CheckConstraint(condition=is_currency(), name="contract_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(end_date=None) | Q(end_date__gt=F("start_date")), name="contract_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(monthly_fee_cents__gte=0, minimum_cents__gte=0, tax_rate__gte=0, tax_rate__lt=1),
                name="contract_prices_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(discount_rate__gte=0, discount_rate__lte=1), name="contract_discount_is_fraction"
            ),
            models.CheckConstraint(
                condition=Q(maximum_cents=None) | Q(maximum_cents__gt=0, maximum_cents__gte=F("minimum_cents")),
                name="contract_maximum_not_below_minimum",
                violation_error_message="The maximum of a month is above zero and not below its minimum.",
            ),
            models.CheckConstraint(
                condition=Q(tax_category="") | one_of("tax_category", TaxCategory),
                name="contract_tax_category_known",
            ),
            models.CheckConstraint(
                condition=~Q(tax_category=TaxCategory.STANDARD, tax_rate=0)
                & ~Q(tax_category__in=UNTAXED, tax_rate__gt=0),
                name="contract_tax_fits_its_category",
                violation_error_message="A contract taxed at a rate needs one above zero; every other category none.",
            ),
            models.CheckConstraint(
                condition=Q(status=ContractStatus.DRAFT)
                | Q(pricing_model=PricingModel.FLAT, monthly_fee_cents__gt=0)
                | Q(Q(price_per_deed__isnull=False) | ~Q(tiers=[]), pricing_model=PricingModel.PER_DEED)
                | Q(
                    Q(price_per_deed__isnull=False) | ~Q(tiers=[]),
                    pricing_model=PricingModel.HYBRID,
                    monthly_fee_cents__gt=0,
                )
                | Q(Q(price_per_1000_requests__isnull=False) | ~Q(tiers=[]), pricing_model=PricingModel.PER_REQUEST),
                name="contract_has_its_price",
            ),
            models.UniqueConstraint(fields=["reference", "version"], name="contract_version_once"),
            _never_at_once(
                "contracts_of_a_partner_never_overlap",
                "partner",
                "product",
                condition=Q(),
                message="The partner has a contract for this product on some of these days.",
            ),
            _never_at_once(
                "deeds_of_a_partner_are_rated_once",
                "partner",
                condition=Q(pricing_model__in=RATES_DEEDS),
                message="Another contract of the partner rates its deeds on some of these days.",
            ),
            _never_at_once(
                "requests_of_a_partner_are_rated_once",
                "partner",
                condition=Q(pricing_model__in=RATES_REQUESTS),
                message="Another contract of the partner rates its requests on some of these days.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} v{self.version}"


@audited
class PurchaseOrder(models.Model):
    """A partner's order number for our invoices: when it is valid, and up to what total, tax included."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="purchase_orders", db_index=False)
    product = models.CharField(max_length=40, blank=True, help_text="Empty: every product of the partner.")
    number = models.CharField(max_length=80)
    currency = CurrencyField()
    amount_cents = CentsField(null=True, blank=True, help_text="Empty: without a limit. Tax included.")
    start_date = models.DateField(null=True, blank=True, help_text="Empty: valid from the beginning.")
    end_date = models.DateField(null=True, blank=True, help_text="Exclusive: the first day on which it is not valid.")
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PurchaseOrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=is_currency(), name="purchase_order_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(amount_cents=None) | Q(amount_cents__gt=0), name="purchase_order_amount_above_zero"
            ),
            models.CheckConstraint(
                condition=Q(start_date=None) | Q(end_date=None) | Q(end_date__gt=F("start_date")),
                name="purchase_order_ends_after_it_starts",
            ),
            models.UniqueConstraint(fields=["partner", "number"], name="purchase_order_once_per_partner"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def left_cents(self) -> int | None:
        """What is left of it where it was read `with_drawn`; None: it has no limit."""
        return None if self.amount_cents is None else self.amount_cents - self.drawn_cents  # type: ignore[attr-defined]

    def is_for(self, contract: Contract) -> bool:
        """Whether it is for what a contract bills."""
        asked = contract.partner_id, contract.currency
        return (self.partner_id, self.currency) == asked and self.product in ("", contract.product)

    def is_valid_on(self, day: dt.date) -> bool:
        return (self.start_date or day) <= day and (self.end_date is None or day < self.end_date)
