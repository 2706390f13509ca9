"""Which months of a partner's usage are archived, and so closed for good."""

from __future__ import annotations

from partners.models import Partner, UsageArchive

ARCHIVED = "{month:%Y-%m} is archived: nothing can be added to it any more."


def archived_spans(partner: Partner) -> list[UsageArchive]:
    """Return them, oldest first."""
    return list(UsageArchive.objects.filter(partner=partner).order_by("period_start"))
