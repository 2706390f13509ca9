"""`POST /api/v1/usage-events`: up to 1,000 events as JSON, or many more as a stream of lines."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.kit.api.keys import ServiceKeyAuthentication
from billing_site.kit.api.parsers import StrictJSONParser
from billing_site.kit.api.problems import CONTENT_TYPE, problem
from billing_site.kit.garbage import collector_paused
from partners.api.lines import Lines, LinesParser, answer_to_lines
from partners.api.reporters import partner_of, prefix_of
from partners.api.shapes import EVENT_EXAMPLES, FATES, MOST_EVENTS, UsageEventsIn, UsageResults
from partners.keys import MayReportUsage, PartnerKeyAuthentication
from partners.metering import EventReader, InvalidUsage
from partners.metering.repeats import CONFLICT
from partners.models import Partner
from partners.services import UsageItem, record_usage

Result = dict[str, Any]


class UsageEventsView(APIView):
    """Reports usage; each event is counted once, and each gets its own answer.

    As `application/json`, up to 1,000 events. As `application/x-ndjson`, one event a line: recorded a thousand lines
    at a time, so that a stream that breaks off keeps what was recorded, and the whole may simply be sent again. The
    answer is then a line for each line, in the same order, with the number of the line.
    """

    authentication_classes = [PartnerKeyAuthentication, ServiceKeyAuthentication]
    permission_classes = [MayReportUsage]
    parser_classes = [StrictJSONParser, LinesParser]

    @extend_schema(
        operation_id="report_usage",
        request={"application/json": UsageEventsIn, "application/x-ndjson": {"type": "string"}},
        parameters=[
            OpenApiParameter("partner", str, description="With a service key and a stream: the partner's name.")
        ],
        examples=EVENT_EXAMPLES,
        responses={
            200: OpenApiResponse(UsageResults, description="Every event was a repeat."),
            201: OpenApiResponse(UsageResults, description="All counted; repeats are not counted again."),
            207: OpenApiResponse(UsageResults, description="Some were counted; look at each result."),
        },
    )
    def post(self, request: Request) -> Any:
        sent, now = request.data, timezone.now()
        if isinstance(sent, Lines):
            partner = partner_of(request, request.query_params.get("partner"))
            return answer_to_lines(sent, lambda events: recorded(partner, events, prefix=prefix_of(request), now=now))
        partner = partner_of(request, sent.get("partner") if isinstance(sent, dict) else None)
        return _answer(recorded(partner, _events_in(sent), prefix=prefix_of(request), now=now))


@collector_paused()
def recorded(partner: Partner, sent: Sequence[Any], *, prefix: str, now: dt.datetime) -> list[Result]:
    """Record what can be read of the events; return what became of each. An InvalidUsage among them is told as such."""
    reader = EventReader(now=now, api_key_prefix=prefix)
    told: list[Result | None] = []
    events = []
    for one in sent:
        try:
            events.append(reader.read(one))
            told.append(None)
        except InvalidUsage as error:
            told.append(_invalid(one, error))
    items = iter(record_usage(partner=partner, events=events, now=now, reported_by=prefix).items)
    return [_result(next(items)) if result is None else result for result in told]


def _events_in(body: Any) -> list[Any]:
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise ValidationError({"events": "Send an object with a list of events."})
    if unknown := body.keys() - {"partner", "events"}:
        raise ValidationError({str(name): "Unknown field." for name in sorted(unknown)})
    if not 1 <= len(body["events"]) <= MOST_EVENTS:
        raise ValidationError({"events": f"Send 1 to {MOST_EVENTS:,} events in one call, not {len(body['events']):,}."})
    return list(body["events"])


def _invalid(event: Any, error: InvalidUsage) -> Result:
    key = event.get("idempotency_key") if isinstance(event, dict) else None
    shown = key if isinstance(key, str) else ""
    return {"idempotency_key": shown, "status": "invalid", "detail": str(error), "errors": error.errors}


def _result(item: UsageItem) -> Result:
    if item.fate == "refused":
        errors = {"": item.sentence}
        return {"idempotency_key": item.idempotency_key, "status": "invalid", "detail": item.sentence, "errors": errors}
    result = {"idempotency_key": item.idempotency_key, "status": item.fate, "id": item.id}
    return result | {"detail": item.sentence} if item.sentence else result


def _answer(results: list[Result]) -> Response:
    found = Counter(result["status"] for result in results)
    counts = {fate: found[fate] for fate in FATES}
    body = {**counts, "results": results}
    if counts["recorded"] + counts["repeated"] == 0:
        return _refusal(body)
    if counts["conflict"] + counts["invalid"]:
        return Response(body, status=status.HTTP_207_MULTI_STATUS)
    return Response(body, status=status.HTTP_201_CREATED if counts["recorded"] else status.HTTP_200_OK)


def _refusal(body: dict[str, Any]) -> Response:
    """Nothing was counted: a conflict where every event is one, otherwise a bad request."""
    if body["invalid"]:
        detail = "No event could be counted; see each result."
        told = problem(status=400, code="invalid", detail=detail, errors=list(_places(body)))
    else:
        told = problem(status=409, code="usage-conflict", detail=CONFLICT)
    return Response({**told, **body, "status": told["status"]}, status=told["status"], content_type=CONTENT_TYPE)


def _places(body: dict[str, Any]) -> Iterator[dict[str, str]]:
    for index, result in enumerate(body["results"]):
        for name, sentence in result.get("errors", {}).items():
            yield {"detail": sentence, "pointer": f"#/events/{index}" + (f"/{name}" if name else "")}
