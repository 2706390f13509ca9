"""Owns the conventional way to keep usage: an ORM model with a serial key, foreign keys, the usual indexes, no sums."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from partners.keys import MayReportUsage, PartnerKeyAuthentication
from partners.models import Partner


class Meter(models.Model):
    name = models.CharField(max_length=60, unique=True)

    class Meta:
        app_label = "bench"


class Event(models.Model):
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    user_id = models.CharField(max_length=120, blank=True, db_index=True)
    api_key_prefix = models.CharField(max_length=20, blank=True)
    endpoint = models.CharField(max_length=200, blank=True)
    resource_id = models.CharField(max_length=200, blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=6, default=1)
    occurred_at = models.DateTimeField(db_index=True)
    metadata = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bench"
        constraints = [models.UniqueConstraint(fields=["partner", "idempotency_key"], name="bench_event_once")]
        indexes = [models.Index(fields=["partner", "meter", "occurred_at"], name="bench_event_by_partner")]


class EventSerializer(serializers.ModelSerializer):
    class Meta:
        model = Event
        exclude = ("partner", "created_at")


class EventsView(APIView):
    """What most would write: a serializer with `many=True`, then `bulk_create`."""

    authentication_classes = [PartnerKeyAuthentication]
    permission_classes = [MayReportUsage]

    def post(self, request: Request) -> Response:
        sent = EventSerializer(data=request.data["events"], many=True)
        sent.is_valid(raise_exception=True)
        partner, now = request.auth.partner, timezone.now()
        rows = [Event(partner=partner, created_at=now, **one) for one in sent.validated_data]
        Event.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
        return Response(sent.data, status=201)
