"""The orphans among the files of papers: a worker was killed between writing a PDF and the row that names it."""

from __future__ import annotations

import datetime as dt

from django.core.files.storage import default_storage
from django.db import transaction

from billing_site.kit.errors import Refused
from billing_site.kit.files import files_under
from billing_site.kit.locks import took
from invoices.documents import FOLDERS
from invoices.models import Document

MAY_STILL_BE_NAMED = dt.timedelta(days=1)


class StoreOfAnother(Refused):
    """Most files are orphans: the store and the database do not belong together."""


class RemovalAtWork(Refused):
    """Another one removes orphans; a name that it sets free may be a new paper's."""


def orphans(*, now: dt.datetime) -> list[str]:
    """Find the files of papers that no row names and that are older than a day; rows are asked last."""
    files = {name for folder in FOLDERS for name in files_under(folder)}
    files.difference_update(Document.objects.values_list("file_name", flat=True).iterator())
    return sorted(name for name in files if default_storage.get_modified_time(name) < now - MAY_STILL_BE_NAMED)


@transaction.atomic
def remove_orphans(*, now: dt.datetime) -> list[str]:
    """Remove them and return their names; one at a time does.

    Raises RemovalAtWork, and StoreOfAnother where they are more than the files that rows name.
    """
    if not took("remove_orphans"):
        raise RemovalAtWork("Somebody else removes orphans at this moment; look again when that is done.")
    names, named = orphans(now=now), Document.objects.count()
    if len(names) > named:
        raise StoreOfAnother(
            f"Rows name {named:,} files and {len(names):,} are orphans: this looks like the store of another database. "
            "Nothing was removed; check FILES and DATABASE_URL."
        )
    for name in names:
        default_storage.delete(name)
    return names
