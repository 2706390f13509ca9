"""What was used: every count as it came in, and the daily sums that billing reads."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from partners.models.agreements import Partner
from partners.querysets import ApiUsageQuerySet, UsageEventQuerySet


class UsageEvent(models.Model):
    """One counted thing. The primary key is a hash of partner and idempotency key: a repeat meets itself.

    No foreign key is checked per row: `api_usage`, written in the same transaction, refers to the same partner.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, related_name="usage_events", db_constraint=False, db_index=False
    )
    user_id = models.CharField(max_length=120, blank=True)
    api_key_prefix = models.CharField(max_length=20, blank=True)
    event_type = models.CharField(max_length=60, help_text="The meter.")
    endpoint = models.CharField(max_length=200, blank=True)
    resource_id = models.CharField(max_length=200, blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=6, default=1)
    occurred_at = models.DateTimeField()
    metadata = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=255)
    reverses = models.UUIDField(null=True, blank=True, help_text="The event that this one takes back, whole.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UsageEventQuerySet.as_manager()

    class Meta:
        db_table = "usage_events"
        constraints = [
            models.CheckConstraint(
                condition=Q(reverses=None, quantity__gte=0) | Q(reverses__isnull=False, quantity__lte=0),
                name="only_a_reversal_is_negative",
            ),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="event_reversed_once"
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "occurred_at"], name="usage_of_partner_by_time"),
            models.Index(fields=["created_at"], name="usage_in_order_of_arrival"),
            BrinIndex(fields=["occurred_at"], name="usage_blocks_by_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.resource_id}"


class UsageConflict(models.Model):
    """A key that came again with another body: what was sent, and how often. Nothing of it is counted."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="usage_conflicts")
    idempotency_key = models.CharField(max_length=255)
    kept_id = models.UUIDField(help_text="The event or batch that holds the key.")
    sent = models.JSONField(help_text="The body that was refused.")
    sent_sha256 = models.CharField(max_length=64, editable=False)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kept_id", "sent_sha256"], name="conflict_on_record_once"),
        ]

    def __str__(self) -> str:
        return self.idempotency_key


class RequestBatch(models.Model):
    """Requests that a product counted itself, as one call reported them; the key is the sender's."""

    id = models.UUIDField(primary_key=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="request_batches")
    idempotency_key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64, editable=False)
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "request batches"

    def __str__(self) -> str:
        return self.idempotency_key


class RequestCount(models.Model):
    """One row of a batch: requests of one day of the partner's billing time zone."""

    batch = models.ForeignKey(RequestBatch, on_delete=models.PROTECT, related_name="counts", db_index=False)
    day = models.DateField(help_text="A day of the partner's billing time zone.")
    api_key_prefix = models.CharField(max_length=20, blank=True)
    endpoint = models.CharField(max_length=200, blank=True)
    requests = models.BigIntegerField(help_text="Below zero in a batch that takes another one back.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "day", "api_key_prefix", "endpoint"], name="request_count_once_per_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.endpoint}"


class ApiUsage(models.Model):
    """The exact daily rollup that billing reads; kept in the transaction that stores the events."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_usage", db_index=False)
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


class UsageArchive(models.Model):
    """A partner's billed month whose raw events were moved to a file; its daily sums stay where they are."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="usage_archives", db_index=False)
    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    starts_at = models.DateTimeField(help_text="The first instant of the month where the partner's days are cut.")
    ends_at = models.DateTimeField(help_text="Exclusive.")
    events = models.PositiveBigIntegerField()
    sums = models.JSONField(help_text="Requests and quantity per meter, for the proof of the daily sums.")
    file_name = models.CharField(max_length=300)
    size = models.PositiveBigIntegerField(help_text="In bytes.")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "period_start"], name="usage_archived_once_per_month"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="usage_archive_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.partner} · {self.period_start:%Y-%m}"
