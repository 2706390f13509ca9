"""The tables of what was agreed, what was used and what was billed for it."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from rest_framework_api_key.models import AbstractAPIKey

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, RateField, is_currency, one_of
from invoices.models import Customer, Invoice, Seller
from partners.enums import ContractStatus, EntryState, PackageRounding, PricingModel, RunStatus
from partners.querysets import (
    ApiUsageQuerySet,
    BillingRunEntryQuerySet,
    BillingRunQuerySet,
    ContractQuerySet,
    UsageEventQuerySet,
)


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


class PartnerApiKey(AbstractAPIKey):
    """A key with which a partner's or our own gateway posts usage for that partner. Only its hash is kept."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="api_keys")

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "partner API key"


class _DateRange(Func):
    function = "daterange"
    output_field = DateRangeField()


@audited
class Contract(models.Model):
    """What a partner pays. Dates are half-open: `end_date` is the first day without the contract."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="contracts")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=ContractStatus.choices, default=ContractStatus.DRAFT)
    pricing_model = models.CharField(max_length=20, choices=PricingModel.choices)
    currency = CurrencyField()
    monthly_fee_cents = CentsField(default=0)
    price_per_deed = RateField(null=True, blank=True, help_text="Major units of the contract's currency.")
    price_per_1000_requests = RateField(null=True, blank=True, help_text="Major units of the contract's currency.")
    included_deeds = models.PositiveIntegerField(default=0)
    included_requests = models.PositiveBigIntegerField(default=0)
    rounding = models.CharField(max_length=10, choices=PackageRounding.choices, default=PackageRounding.UP)
    minimum_cents = CentsField(default=0, help_text="Minimum commitment of a month.")
    tax_rate = models.DecimalField(max_digits=7, decimal_places=6, default=0, help_text="A fraction: 0.19 is 19 %.")
    payment_terms_days = models.PositiveSmallIntegerField(default=30)
    billing_time_zone = models.CharField(max_length=60, default="UTC")
    purchase_order = models.CharField(max_length=80, blank=True)
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
            models.CheckConstraint(condition=is_currency(), name="contract_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(end_date=None) | Q(end_date__gt=F("start_date")), name="contract_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(monthly_fee_cents__gte=0, minimum_cents__gte=0, tax_rate__gte=0, tax_rate__lt=1),
                name="contract_prices_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(status=ContractStatus.DRAFT)
                | Q(pricing_model=PricingModel.FLAT, monthly_fee_cents__gt=0)
                | Q(pricing_model=PricingModel.PER_DEED, price_per_deed__isnull=False)
                | Q(pricing_model=PricingModel.HYBRID, monthly_fee_cents__gt=0, price_per_deed__isnull=False)
                | Q(pricing_model=PricingModel.PER_REQUEST, price_per_1000_requests__isnull=False),
                name="contract_has_its_price",
            ),
            models.UniqueConstraint(fields=["reference", "version"], name="contract_version_once"),
            ExclusionConstraint(
                name="contracts_of_a_partner_never_overlap",
                expressions=[
                    ("partner", RangeOperators.EQUAL),
                    (_DateRange("start_date", "end_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
                condition=~Q(status=ContractStatus.DRAFT),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} v{self.version}"


class UsageEvent(models.Model):
    """One counted thing. The primary key is a hash of partner and idempotency key: a repeat meets itself."""

    id = models.UUIDField(primary_key=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="usage_events")
    user_id = models.CharField(max_length=120, blank=True)
    api_key_prefix = models.CharField(max_length=20, blank=True)
    event_type = models.CharField(max_length=60, help_text="The meter.")
    endpoint = models.CharField(max_length=200, blank=True)
    resource_id = models.CharField(max_length=200, blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=6, default=1)
    occurred_at = models.DateTimeField()
    metadata = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UsageEventQuerySet.as_manager()

    class Meta:
        db_table = "usage_events"
        constraints = [models.CheckConstraint(condition=Q(quantity__gte=0), name="usage_not_negative")]
        indexes = [models.Index(fields=["partner", "occurred_at"], name="usage_of_partner_by_time")]

    def __str__(self) -> str:
        return f"{self.event_type} {self.resource_id}"


class ApiUsage(models.Model):
    """The exact daily rollup that billing reads; kept in the transaction that stores the events."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_usage")
    api_key_prefix = models.CharField(max_length=20, blank=True)
    event_type = models.CharField(max_length=60, help_text="The meter.")
    endpoint = models.CharField(max_length=200, blank=True)
    day = models.DateField(help_text="A day of the partner's billing time zone.")
    requests = models.BigIntegerField(default=0)
    quantity = models.DecimalField(max_digits=24, decimal_places=6, default=0)

    objects = ApiUsageQuerySet.as_manager()

    class Meta:
        db_table = "api_usage"
        verbose_name = "daily usage"
        verbose_name_plural = "daily usage"
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "day", "event_type", "api_key_prefix", "endpoint"],
                name="usage_rolled_up_once_per_day",
            ),
            models.CheckConstraint(condition=Q(requests__gte=0, quantity__gte=0), name="daily_usage_not_negative"),
        ]


@audited
class BillingRun(models.Model):
    """One month's run over all partners: build, preview, approve, issue."""

    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    status = models.CharField(max_length=12, choices=RunStatus.choices, default=RunStatus.BUILDING)
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    approved_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = BillingRunQuerySet.as_manager()

    class Meta:
        permissions = [("approve_billingrun", "Can approve and issue billing runs")]
        constraints = [
            models.CheckConstraint(condition=one_of("status", RunStatus), name="billing_run_status_known"),
            models.UniqueConstraint(
                fields=["period_start"],
                condition=Q(status__in=(RunStatus.BUILDING, RunStatus.PREVIEW, RunStatus.APPROVED)),
                name="one_unfinished_run_per_month",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m}"


class BillingRunEntry(models.Model):
    """One contract in a run: what it would cost, what it became, or why it was parked."""

    run = models.ForeignKey(BillingRun, on_delete=models.CASCADE, related_name="entries")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="run_entries")
    state = models.CharField(max_length=12, choices=EntryState.choices, default=EntryState.PREVIEWED)
    reason = models.TextField(blank=True, help_text="Why it is parked, and what to do.")
    currency = CurrencyField()
    total_cents = CentsField(default=0)
    previous_total_cents = CentsField(null=True, blank=True, help_text="The month before, for comparison.")
    lines = models.JSONField(default=list)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = BillingRunEntryQuerySet.as_manager()

    class Meta:
        verbose_name = "run entry"
        verbose_name_plural = "run entries"
        constraints = [
            models.UniqueConstraint(fields=["run", "contract"], name="contract_once_per_run"),
            models.CheckConstraint(condition=one_of("state", EntryState), name="run_entry_state_known"),
            models.CheckConstraint(condition=is_currency(), name="run_entry_currency_is_iso"),
            models.CheckConstraint(
                condition=~Q(state=EntryState.BILLED) | Q(invoice__isnull=False), name="billed_entry_has_its_invoice"
            ),
        ]


@audited
class BilledPeriod(models.Model):
    """A contract's month is billed, or came to nothing (no invoice): the idempotency key of the month end."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="billed_periods")
    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    revision = models.PositiveSmallIntegerField(default=1)
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="billed_period"
    )
    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="billed_periods")
    terms = models.JSONField(help_text="The contract's terms as they were applied.")
    usage = models.JSONField(help_text="The quantities they were applied to.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "period_start", "revision"], name="contract_billed_once_per_period"
            ),
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="billed_period_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} · {self.period_start:%Y-%m}"
