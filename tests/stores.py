"""Stores of files that refuse one thing, as a bucket does whose rights were changed."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import FileSystemStorage


class GivesNothing(FileSystemStorage):
    """Takes files and gives none."""

    def _open(self, name: str, mode: str = "rb") -> Any:  # noqa: ARG002 - Django's signature
        raise PermissionError(f"Access to {name} is denied")


class KeepsAll(FileSystemStorage):
    """Deletes nothing."""

    def delete(self, name: str) -> None:
        raise PermissionError(f"{name} may not be deleted")


def stores_of(kind: type[FileSystemStorage], *, kept: dict[str, Any]) -> dict[str, Any]:
    """Say the setting STORAGES in which one of these takes the place of the store that is there."""
    backend = f"{kind.__module__}.{kind.__name__}"
    return {**kept, "default": {**kept["default"], "BACKEND": backend}}
