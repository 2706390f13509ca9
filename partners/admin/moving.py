"""Owns the question that moves a partner to another time zone: what changes is said before anything does."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from billing_site.kit.admin import QuestionForm
from billing_site.kit.errors import Refused, sentence_of
from partners.services.moving import effects_of_moving, move_to_time_zone

_MOST_TOLD = 24


class MoveForm(QuestionForm):
    explanation = (
        "The days of the partner's usage are cut anew from every event, and its contracts follow. The sum over all "
        "days stays the same; counts that came by day keep their day. Usage that moves into or out of a billed month "
        "is late usage of that month. While this runs, the partner's usage waits."
    )
    zone = forms.CharField(label="New time zone", max_length=60, help_text="Such as Europe/Berlin.")
    is_understood = forms.BooleanField(
        label="Go ahead", required=False, help_text="Without it, only what would change is shown."
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("zone") and not given.get("is_understood"):
            for sentence in self._would_change(given["zone"]):
                self.add_error(None, sentence)
        return given

    def carry_out(self, *, by: str) -> str:
        zone, now = self.cleaned_data["zone"], timezone.now()
        effects = move_to_time_zone(partner=self.row, zone=zone, now=now, by=by)
        return f"The days of {self.row} are cut in {zone} now; {len(effects)} monthly sums changed."

    def _would_change(self, zone: str) -> list[str]:
        try:
            effects = effects_of_moving(partner=self.row, zone=zone, now=timezone.now())
        except Refused as refusal:
            return [sentence_of(refusal)]
        said = [str(effect) for effect in effects[:_MOST_TOLD]] or ["No monthly sum would change."]
        more = [f"And {len(effects) - _MOST_TOLD} more."] if len(effects) > _MOST_TOLD else []
        return [*said, *more, "Nothing has changed yet: tick the box to go ahead."]
