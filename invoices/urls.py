"""Addresses of documents, tried before the admin's own."""

from __future__ import annotations

from django.urls import path

from invoices.views import document_file

urlpatterns = [path("admin/documents/<uuid:document_id>/", document_file, name="document-file")]
