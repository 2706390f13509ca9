"""`POST /api/v1/api-usage`: requests that a product counted itself, once per batch."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.kit.api.keys import ServiceKeyAuthentication
from billing_site.kit.api.problems import CONTENT_TYPE, problem
from partners.api.reporters import partner_of, prefix_of
from partners.api.shapes import COUNT_EXAMPLES, RequestCountsIn, RequestCountsOut
from partners.keys import MayReportUsage, PartnerKeyAuthentication
from partners.metering import InvalidUsage, read_batch
from partners.metering.repeats import CONFLICT
from partners.services import record_counts
from partners.services.zones import zone_named


class ApiUsageView(APIView):
    """Reports requests by day, key and endpoint. The batch has one key: sent again, it is not counted again."""

    authentication_classes = [PartnerKeyAuthentication, ServiceKeyAuthentication]
    permission_classes = [MayReportUsage]

    @extend_schema(
        operation_id="report_requests",
        request=RequestCountsIn,
        examples=COUNT_EXAMPLES,
        responses={
            200: OpenApiResponse(RequestCountsOut, description="A repeat: known already, not counted again."),
            201: OpenApiResponse(RequestCountsOut, description="Counted."),
        },
    )
    def post(self, request: Request) -> Response:
        sent: Any = dict(request.data) if isinstance(request.data, dict) else request.data
        partner = partner_of(request, sent.pop("partner", None) if isinstance(sent, dict) else None)
        now, zone = timezone.now(), zone_named(partner.billing_time_zone, of=str(partner))
        try:
            batch = read_batch(sent, today=now.astimezone(zone).date(), api_key_prefix=prefix_of(request))
        except InvalidUsage as error:
            return _refused(400, "invalid", "The batch could not be read; nothing was counted.", error.errors)
        outcome = record_counts(partner=partner, batch=batch, now=now, reported_by=prefix_of(request))
        if outcome.fate == "conflict":
            return _refused(409, "usage-conflict", CONFLICT, {})
        body = {
            "id": outcome.id,
            "idempotency_key": outcome.idempotency_key,
            "status": outcome.fate,
            "requests": outcome.requests,
        }
        is_new = outcome.fate == "recorded"
        return Response(body, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


def _refused(code: int, kind: str, detail: str, errors: dict[str, str]) -> Response:
    places = [{"detail": told, "pointer": f"#/{name}" if name else "#"} for name, told in errors.items()]
    told = problem(status=code, code=kind, detail=detail, errors=places)
    return Response(told, status=code, content_type=CONTENT_TYPE)
