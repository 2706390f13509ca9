"""Private files on disk: same promises as the S3 storage (no overwrite, no public address)."""

from __future__ import annotations

from django.core.files.storage import FileSystemStorage


class PrivateDisk(FileSystemStorage):
    """Keeps documents under one folder; they are read through a view that asks for permission, never by address."""

    def url(self, name: str | None) -> str:
        """Refuse: a document's address is that of its row."""
        raise ValueError(f"{name} has no address of its own; it is served by its document's.")
