"""What Stripe told us, kept as it was said."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing_site.kit.fields import one_of
from payments.enums import EventSource, EventStatus
from payments.querysets import AppliedVersionQuerySet, StripeEventQuerySet


class StripeEvent(models.Model):
    """The webhook inbox: one row an event, with the bytes that were signed."""

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    livemode = models.BooleanField()
    account = models.CharField(max_length=255, blank=True, help_text="The connected account it is about, if any.")
    source = models.CharField(max_length=10, choices=EventSource.choices, default=EventSource.WEBHOOK)
    api_version = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    object_type = models.CharField(max_length=60, blank=True)
    payload = models.BinaryField()
    headers = models.JSONField(default=dict)
    stripe_created_at = models.DateTimeField()
    received_at = models.DateTimeField()
    status = models.CharField(max_length=12, choices=EventStatus.choices, default=EventStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    skipped_reason = models.TextField(blank=True)
    skipped_by = models.CharField(max_length=150, blank=True)
    mirrored_at = models.DateTimeField(null=True, blank=True)
    mirror_attempts = models.PositiveSmallIntegerField(default=0)
    next_mirror_at = models.DateTimeField(null=True, blank=True)
    last_mirror_error = models.TextField(blank=True)

    objects = StripeEventQuerySet.as_manager()

    class Meta:
        db_table = "stripe_events"
        verbose_name = "Stripe event"
        permissions = [("replay_stripeevent", "Can replay Stripe events")]
        constraints = [
            models.CheckConstraint(condition=one_of("status", EventStatus), name="stripe_event_status_known"),
            models.CheckConstraint(condition=one_of("source", EventSource), name="stripe_event_source_known"),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(status=EventStatus.PENDING), name="stripe_event_due"),
            models.Index(fields=["object_id"], name="stripe_event_object"),
            models.Index(fields=["-received_at"], name="stripe_event_newest"),
            models.Index(
                F("next_mirror_at").asc(nulls_first=True),
                "stripe_created_at",
                "id",
                condition=Q(mirrored_at=None),
                name="stripe_event_to_mirror",
            ),
            models.Index(
                fields=["status"],
                condition=Q(status__in=[EventStatus.DEAD, EventStatus.SKIPPED]),
                name="stripe_event_laid_aside",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class StripeObject(models.Model):
    """An object fetched from Stripe, as it was answered; with the events, all that a replay needs."""

    stripe_id = models.CharField(max_length=255)
    object_type = models.CharField(max_length=60)
    api_version = models.CharField(max_length=40)
    payload = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    fetched_at = models.DateTimeField()

    class Meta:
        db_table = "stripe_objects"
        verbose_name = "fetched Stripe object"
        constraints = [
            models.UniqueConstraint(fields=["stripe_id", "sha256"], name="stripe_object_kept_once_per_state")
        ]

    def __str__(self) -> str:
        return self.stripe_id


class AppliedVersion(models.Model):
    """The newest version of each Stripe object that our rows show; older ones are not applied over it."""

    stripe_id = models.CharField(max_length=255, primary_key=True)
    object_type = models.CharField(max_length=60, blank=True)
    seen_created = models.BigIntegerField(help_text="Unix seconds of the event that was applied.")
    state_rank = models.SmallIntegerField(default=0)
    amounts = ArrayField(models.BigIntegerField(), default=list)
    fingerprint = models.CharField(max_length=64, blank=True, help_text="SHA-256 of what this version says.")
    doubted_at = models.DateTimeField(
        null=True, help_text="When another version of the same second said otherwise; Stripe is asked which is true."
    )

    objects = AppliedVersionQuerySet.as_manager()

    class Meta:
        db_table = "stripe_applied_versions"
        indexes = [
            models.Index(fields=["doubted_at"], condition=Q(doubted_at__isnull=False), name="applied_version_doubted")
        ]


class SigningSecret(models.Model):
    """A further secret that may sign for a webhook endpoint while one replaces another; dj-stripe holds only one."""

    endpoint_uuid = models.UUIDField(help_text="The endpoint's UUID, as in its address.")
    secret = models.CharField(max_length=255)
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=150)
    retires_at = models.DateTimeField(null=True, blank=True, help_text="From then on it opens nothing.")

    class Meta:
        db_table = "stripe_signing_secrets"
        constraints = [
            models.UniqueConstraint(fields=["endpoint_uuid", "secret"], name="signing_secret_once_per_endpoint")
        ]

    def __str__(self) -> str:
        return f"…{self.secret[-4:]} for {self.endpoint_uuid}"


class EventListing(models.Model):
    """One reading of Stripe's own list of events: what a webhook never brought is found here."""

    listed_from = models.DateTimeField()
    listed_until = models.DateTimeField()
    found = models.PositiveIntegerField()
    kept = models.PositiveIntegerField(help_text="Of those found, how many the inbox did not have.")
    finished_at = models.DateTimeField()

    class Meta:
        db_table = "stripe_event_listings"
        verbose_name = "listing of Stripe's events"
        verbose_name_plural = "listings of Stripe's events"
        constraints = [
            models.CheckConstraint(condition=Q(listed_until__gte=F("listed_from")), name="listing_runs_forward")
        ]
        indexes = [models.Index(fields=["-listed_until"], name="event_listing_newest")]

    def __str__(self) -> str:
        return f"Events until {self.listed_until:%Y-%m-%d %H:%M}"


class AccountImport(models.Model):
    """How far the import of one kind of object has come, so that an interrupted one goes on where it stopped."""

    object_type = models.CharField(max_length=60)
    since = models.DateTimeField()
    last_stripe_id = models.CharField(max_length=255, blank=True)
    read = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stripe_imports"
        verbose_name = "import from Stripe"
        verbose_name_plural = "imports from Stripe"
        constraints = [models.UniqueConstraint(fields=["object_type", "since"], name="import_once_per_kind_and_day")]

    def __str__(self) -> str:
        return f"{self.object_type} since {self.since:%Y-%m-%d}"
