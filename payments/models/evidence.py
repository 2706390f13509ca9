"""What Stripe told us, kept as it was said."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billing_site.kit.fields import one_of
from payments.enums import EventStatus
from payments.querysets import (
    StripeEventQuerySet,
)


class StripeEvent(models.Model):
    """The webhook inbox: one row an event, with the bytes that were signed."""

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    livemode = models.BooleanField()
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
            models.CheckConstraint(condition=one_of("status", EventStatus), name="stripe_event_status_known")
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(status=EventStatus.PENDING), name="stripe_event_due"),
            models.Index(fields=["object_id"], name="stripe_event_object"),
            models.Index(fields=["-received_at"], name="stripe_event_newest"),
            models.Index(fields=["stripe_created_at"], condition=Q(mirrored_at=None), name="stripe_event_unmirrored"),
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
    seen_created = models.BigIntegerField(help_text="Unix seconds of the event that was applied.")
    state_rank = models.SmallIntegerField(default=0)
    amounts = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        db_table = "stripe_applied_versions"
