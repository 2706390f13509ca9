"""Errors as RFC 9457 problems: one shape for every refusal, with a pointer to each wrong field."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from billing_site.kit.errors import is_away, is_refusal, sentence_of

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "DELETE"}
_SCHEMA = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "example": "urn:billing:problem:invalid"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer into the body.",
                        "example": "#/events/0/quantity",
                    },
                    "parameter": {"type": "string", "description": "Name of the query parameter."},
                },
            },
        },
    },
}


class Conflict(exceptions.APIException):
    """The request contradicts what is on record."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"
    default_detail = "The request contradicts what is on record."


class Unavailable(exceptions.APIException):
    """PostgreSQL is away, or broke off what was asked; `wait` is told as Retry-After, in seconds."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The database does not answer. Nothing is wrong with the request; send the same again in a moment."
    wait = 5


def problem(*, status: int, detail: str, code: str = "", errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Build the body of a problem."""
    body: dict[str, Any] = {
        "type": f"urn:billing:problem:{code}" if code else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    return {**body, "errors": errors} if errors else body


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer any refusal as a problem; None (a fault of ours) is left to the site's own 500 page."""
    known = _as_api_exception(error, context)
    if known is None:
        return None
    set_rollback()
    return Response(_body(known, context), status=known.status_code, headers=_headers(known), content_type=CONTENT_TYPE)


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: Any) -> dict[str, Any]:  # noqa: ARG001 - drf-spectacular's hook
    """Give every documented operation its problem answers."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _SCHEMA
    answer = {"content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for method, operation in _operations(result):
        for status in _documented_statuses(method, operation):
            operation["responses"].setdefault(str(int(status)), {"description": status.phrase, **answer})
        operation["responses"].setdefault("default", {"description": "Any other problem", **answer})
    return result


def _as_api_exception(error: Exception, context: Mapping[str, Any]) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return _without_guess(error, context)
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied(str(error) or None)
    if isinstance(error, DjangoValidationError):
        return exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    return _as_refusal(error)


def _as_refusal(error: Exception) -> exceptions.APIException | None:
    if is_away(error):
        logger.error("PostgreSQL did not answer", exc_info=error)
        return Unavailable()
    if isinstance(error, DataError):
        return exceptions.ValidationError(sentence_of(error))
    return Conflict(sentence_of(error), code="refused") if is_refusal(error) else None


def _without_guess(error: exceptions.APIException, context: Mapping[str, Any]) -> exceptions.APIException:
    """A key that no authenticator knows must not be told that none was sent."""
    request = context.get("request")
    if isinstance(error, exceptions.NotAuthenticated) and request is not None and request.headers.get("Authorization"):
        told = exceptions.AuthenticationFailed("This API key is unknown, revoked or expired.")
        told.status_code = error.status_code
        told.auth_header = getattr(error, "auth_header", None)  # type: ignore[attr-defined]
        return told
    return error


def _body(error: exceptions.APIException, context: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        request = context.get("request")
        place = "parameter" if request is not None and request.method in _SAFE_METHODS else "pointer"
        errors = list(_places(error.detail, "" if place == "parameter" else "#", place))
        detail = errors[0]["detail"] if len(errors) == 1 else f"{len(errors)} things are wrong; see errors."
        return problem(status=error.status_code, code="invalid", detail=detail, errors=errors)
    code = error.get_codes() if isinstance(error.detail, str) else "error"
    return problem(status=error.status_code, code=str(code), detail=str(error.detail))


def _places(detail: Any, path: str, place: str) -> Iterator[dict[str, str]]:
    """Flatten DRF's nested errors into one entry per wrong place."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _places(inner, path if key == "non_field_errors" else _step(path, key, place), place)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            is_row = isinstance(inner, Mapping | list | tuple)
            yield from _places(inner, _step(path, index, place) if is_row else path, place)
    else:
        yield {"detail": str(detail), **({place: path} if path else {})}


def _step(path: str, key: object, place: str) -> str:
    if place == "parameter":
        return f"{path}.{key}" if path else str(key)
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    return headers


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in schema.get("paths", {}).values():
        yield from (
            (method, operation)
            for method, operation in operations.items()
            if isinstance(operation, dict) and "responses" in operation
        )


def _documented_statuses(method: str, operation: dict[str, Any]) -> list[HTTPStatus]:
    statuses = [HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE]
    if operation.get("security"):
        statuses.insert(1, HTTPStatus.UNAUTHORIZED)
    if any(parameter.get("in") == "path" for parameter in operation.get("parameters", ())):
        statuses.append(HTTPStatus.NOT_FOUND)
    if method.lower() not in {"get", "head"}:
        statuses += [HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    return statuses
