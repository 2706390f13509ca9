"""Addresses of documents and mails, tried before the admin's own."""

from __future__ import annotations

from django.urls import path

from invoices.views import delivery_mail, document_file

urlpatterns = [
    path("admin/documents/<uuid:document_id>/", document_file, name="document-file"),
    path("admin/deliveries/<uuid:delivery_id>/", delivery_mail, name="delivery-mail"),
]
