"""The store of files, a folder or a bucket: private on disk too, walked alike, and its failures told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import FileSystemStorage, default_storage

from billing_site.kit.errors import Refused

log = structlog.get_logger(__name__)


class StoreFailed(Refused):
    """The store of files did not take or give a file."""


class PrivateDisk(FileSystemStorage):
    """Keeps documents under one folder; they are read through a view that asks for permission, never by address."""

    def url(self, name: str | None) -> str:
        """Refuse: a document's address is that of its row."""
        raise ValueError(f"{name} has no address of its own; it is served by its document's.")


def files_under(folder: str) -> Iterator[str]:
    """Yield the name of each file below a folder; none where there is no such folder, which a bucket cannot tell."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in files)
    for inner in folders:
        yield from files_under(f"{folder}/{inner}")


@contextmanager
def store_at_work(*, unharmed: str) -> Iterator[None]:
    """Log what goes wrong with the store and raise StoreFailed, whose sentence ends with what is as it was."""
    try:
        yield
    except (OSError, BotoCoreError, ClientError) as error:
        log.warning("store_failed", error=str(error))
        raise StoreFailed(f"The store of files failed: {str(error).rstrip('.')}. {unharmed}") from error
