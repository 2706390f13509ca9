"""The addresses of the site, dj-stripe's own door, and a view that does nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from payments.stripe.gateway import gateway_from_settings, point_djstripe_at

point_djstripe_at(gateway_from_settings())


@csrf_exempt
def nothing(_: HttpRequest) -> HttpResponse:
    """Answer at once: what any view costs here."""
    return HttpResponse("Nothing.", content_type="text/plain")


urlpatterns = [
    path("bench/nothing/", nothing),
    path("bench/djstripe/", include("djstripe.urls", namespace="djstripe")),
    path("", include("billing_site.urls")),
]
