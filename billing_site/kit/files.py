"""Private files on disk: same promises as the S3 storage (no overwrite, no public address)."""

from __future__ import annotations

from django.core.files.storage import FileSystemStorage


class PrivateDisk(FileSystemStorage):
    """Keeps documents under one folder; they are read through a view that asks for permission, never by address."""

    def url(self, name: str | None) -> str:
        from django.urls import reverse  # the URL configuration is not ready when settings are read

        return reverse("document-file", args=[name])
