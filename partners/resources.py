"""The columns of exports of usage and of billed months."""

from __future__ import annotations

from typing import Any

from billing_site.kit.exports import Field, SafeResource
from partners.models import ApiUsage, BilledPeriod, Correction, UsageEvent

DAY_COLUMNS = {name: name for name in ("day", "event_type", "endpoint", "api_key_prefix", "requests", "quantity")}


class ApiUsageResource(SafeResource):
    partner_name = Field(attribute="partner__name", column_name="partner_name", readonly=True)

    class Meta:
        model = ApiUsage
        fields = (
            "id",
            "partner",
            "partner_name",
            "day",
            "event_type",
            "endpoint",
            "api_key_prefix",
            "requests",
            "quantity",
        )
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("partner")


class UsageEventResource(SafeResource):
    partner_name = Field(attribute="partner__name", column_name="partner_name", readonly=True)

    class Meta:
        model = UsageEvent
        fields = (
            "id", "partner", "partner_name", "occurred_at", "event_type", "endpoint", "resource_id", "quantity",
            "user_id", "api_key_prefix", "idempotency_key", "created_at",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("partner")


class BilledPeriodResource(SafeResource):
    partner_name = Field(attribute="contract__partner__name", column_name="partner_name", readonly=True)
    reference = Field(attribute="contract__reference", column_name="contract_reference", readonly=True)
    invoice_number = Field(attribute="invoice__invoice_number", column_name="invoice_number", readonly=True)
    currency = Field(attribute="invoice__currency", column_name="currency", readonly=True)
    total_cents = Field(attribute="invoice__total_cents", column_name="total_cents", readonly=True)
    reason = Field(attribute="left_because", column_name="left_unbilled_because", readonly=True)
    decided_by = Field(attribute="left_by", column_name="left_unbilled_by", readonly=True)
    decided_at = Field(attribute="left_at", column_name="left_unbilled_at", readonly=True)

    class Meta:
        model = BilledPeriod
        fields = (
            "id", "contract", "reference", "partner_name", "period_start", "period_end", "revision", "invoice",
            "invoice_number", "currency", "total_cents", "reason", "decided_by", "decided_at", "run", "terms", "usage",
            "created_at",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("contract__partner", "invoice").with_why_left_unbilled()


class CorrectionResource(SafeResource):
    partner_name = Field(attribute="billed_period__contract__partner__name", column_name="partner_name", readonly=True)
    reference = Field(attribute="billed_period__contract__reference", column_name="contract_reference", readonly=True)
    period_start = Field(attribute="billed_period__period_start", column_name="period_start", readonly=True)
    invoice_number = Field(attribute="invoice__invoice_number", column_name="invoice_number", readonly=True)
    credit_note_number = Field(attribute="credit_note__number", column_name="credit_note_number", readonly=True)

    class Meta:
        model = Correction
        fields = (
            "id", "billed_period", "partner_name", "reference", "period_start", "sequence", "currency", "net_cents",
            "invoice_number", "credit_note_number", "run", "usage", "created_at",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("billed_period__contract__partner", "invoice", "credit_note")
