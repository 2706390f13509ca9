"""Endpoints made of the kit's conventions, over real tables."""

from __future__ import annotations

from django.urls import include, path
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.faults import bad_request, not_found, server_error
from billing_site.kit.api.idempotency import idempotent
from billing_site.kit.api.keys import HasScope
from billing_site.kit.errors import Refused
from billing_site.kit.models import JobRun
from invoices.models import Invoice
from payments.models import Payment
from tests.books import NOW

handler400, handler404, handler500 = bad_request, not_found, server_error


class ClosedToday(Refused):
    """The till is closed."""


class RunSerializer(serializers.ModelSerializer):
    class Meta:
        model = JobRun
        fields = ("id", "job")


class Line(serializers.Serializer):
    quantity = serializers.DecimalField(max_digits=24, decimal_places=12)


class RunRequest(serializers.Serializer):
    job = serializers.CharField(max_length=80)
    lines = Line(many=True, required=False)
    amount_cents = serializers.IntegerField(required=False)
    metadata = serializers.JSONField(required=False)


class Runs(ListAPIView):
    permission_classes = [HasScope("reports:read")]
    queryset = JobRun.objects.all()
    serializer_class = RunSerializer

    @idempotent
    def post(self, request):
        asked = RunRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        if asked.validated_data["job"] == "closed":
            raise ClosedToday
        if asked.validated_data["job"] == "fault":
            raise RuntimeError("a bug")
        if asked.validated_data["job"] == "illegal":
            Payment.objects.create(
                amount_cents=asked.validated_data["amount_cents"], currency="EUR", status="succeeded", created_at=NOW
            )
        run = JobRun.objects.create(job=asked.validated_data["job"], started_at=NOW)
        lines = [str(line["quantity"]) for line in asked.validated_data.get("lines", [])]
        return Response({"id": run.pk, "lines": lines, "metadata": asked.validated_data.get("metadata")}, status=201)


class Parameter(APIView):
    permission_classes = [HasScope("reports:read", staff="invoices.view_invoice")]

    def get(self, request):
        if request.query_params.get("currency") == "XXY":
            raise serializers.ValidationError({"currency": "Unknown."})
        return Response({"count": Invoice.objects.count()})


urlpatterns = [
    path("api/v1/runs", Runs.as_view()),
    path("api/v1/parameter", Parameter.as_view()),
    path("api/v1/", include("billing_site.api")),
]
