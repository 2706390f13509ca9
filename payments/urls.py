"""The addresses of payments: Stripe's door."""

from __future__ import annotations

from django.urls import path

from payments.stripe.inbox import webhook

urlpatterns = [
    path("stripe/webhook/<uuid:endpoint>/", webhook, name="stripe-webhook"),
    path("stripe/webhook/", webhook, name="stripe-webhook-by-settings"),
]
