"""Owns the refusal of query parameters that nobody named: a mistyped filter must not answer with everything."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

_OF_PAGES = ("cursor", "page_size")


def refuse_unknown(request: Request, *known: str) -> None:
    """Refuse each query parameter that is none of `known`, in words that name those. Raises ValidationError."""
    unknown = sorted(request.query_params.keys() - set(known))
    if unknown:
        told = ", ".join(known)
        raise ValidationError({name: f"Unknown parameter {name}. Known here: {told}." for name in unknown})


class KnownParametersOnly:
    """A list that takes its filters, and the parameters of its pages, and no others."""

    filterset_fields: ClassVar[Any] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        refuse_unknown(request, *self.filterset_fields, *_OF_PAGES)
