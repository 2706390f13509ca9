"""How Stripe says no."""

from __future__ import annotations

from payments.stripe.sim.schema import Obj


class ApiError(Exception):
    """An answer that is not the one hoped for, with its status and Stripe's envelope."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        shown = {"code": code, "message": message, "param": param or None, "type": type_}
        self.envelope: Obj = {"error": {key: value for key, value in shown.items() if value is not None}}


def missing(kind: str, object_id: str, param: str = "id") -> ApiError:
    """Nothing has this id."""
    return ApiError(404, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


def unknown_parameter(name: str) -> ApiError:
    """Stripe has no such parameter here."""
    return ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def unsupported(name: str, where: str) -> ApiError:
    """Stripe would take it, the sim does not; better refused than silently ignored."""
    return ApiError(400, f"The sim does not support {name} on {where}.", code="sim_unsupported", param=name)


def injected(status: int) -> ApiError:
    """A failure somebody asked for."""
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        return ApiError(status, "Too many requests hit the API too quickly.", code="rate_limit")
    return ApiError(status, "Something went wrong on Stripe's end.", type_="api_error")
