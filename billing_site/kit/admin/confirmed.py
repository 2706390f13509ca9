"""Buttons that move money: ask first, with counts, money per currency and a reason; then tell each row's fate."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import slugify

from billing_site.kit.admin.columns import words_of
from billing_site.kit.admin.refusals import is_refusal
from billing_site.kit.admin.totals import totals_of
from billing_site.kit.errors import sentence_of

logger = logging.getLogger(__name__)
MOST_ROWS = 500  # what one request finishes in time and one page can show


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row."""

    row: models.Model
    succeeded: bool
    sentence: str


class Confirmed:
    """An admin action over selected rows; made by `confirmed`."""

    do_not_call_in_templates = True  # a template that names it means its words

    def __init__(
        self,
        label: str,
        *,
        do: Callable[..., object],
        permission: str,
        reason: str,
        explanation: str,
        money: Sequence[str],
        done: str,
        then: Callable[[], object] | None,
    ) -> None:
        self.label = self.short_description = label
        self.do, self.permission, self.reason = do, permission, reason
        self.explanation, self.money, self.done, self.then = explanation, money, done, then
        self.code = self.__name__ = slugify(label).replace("-", "_")

    def __call__(self, model_admin: Any, request: HttpRequest, rows: models.QuerySet[Any]) -> HttpResponse:
        self.check_permission(request)
        chosen = list(rows[: MOST_ROWS + 1])
        is_sent = "confirmed" in request.POST
        reason = request.POST.get("reason", "").strip()
        complaint = self._complaint(chosen, reason, is_sent=is_sent)
        if complaint or not is_sent:
            return self._ask(model_admin, request, rows, chosen, complaint=complaint, reason=reason)
        results = [self._one(row, request=request, reason=reason) for row in chosen]
        if self.then and any(result.succeeded for result in results):
            transaction.on_commit(self.then)
        return self._tell(model_admin, request, results)

    def is_allowed(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(self.permission))

    def check_permission(self, request: HttpRequest) -> None:
        if not self.is_allowed(request):
            raise PermissionDenied

    def _complaint(self, chosen: list[Any], reason: str, *, is_sent: bool) -> str:
        if len(chosen) > MOST_ROWS:
            return f"Choose at most {MOST_ROWS} rows at a time."
        if is_sent and self.reason == "required" and not reason:
            return "Give a reason: it is kept with the change."
        return ""

    def _one(self, row: models.Model, *, request: HttpRequest, reason: str) -> RowResult:
        try:
            with transaction.atomic():
                made = self._call(row, request=request, reason=reason)
        except Exception as error:
            if is_refusal(error):
                return RowResult(row, succeeded=False, sentence=sentence_of(error))
            logger.exception("%s failed for %s %s", self.label, type(row).__name__, row.pk)
            return RowResult(
                row, succeeded=False, sentence="Failed by a fault of the program; the log has the details."
            )
        return RowResult(made if isinstance(made, type(row)) else row, succeeded=True, sentence=self.done)

    def _call(self, row: models.Model, *, request: HttpRequest, reason: str) -> object:
        """Hand the service its row and, of who, when and why, what its signature names."""
        now = timezone.now()
        by = request.user.get_username()
        offered = {"by": by, "on": timezone.localdate(now), "at": now, "now": now, "reason": reason}
        wanted = inspect.signature(self.do).parameters
        known = {name: value for name, value in offered.items() if name in wanted}
        kind = str(row._meta.model_name)  # noqa: SLF001 - documented API
        if kind in wanted:
            return self.do(**{kind: row}, **known)
        return self.do(row, **known)

    def _ask(
        self,
        model_admin: Any,
        request: HttpRequest,
        rows: models.QuerySet[Any],
        chosen: list[Any],
        *,
        complaint: str,
        reason: str,
    ) -> HttpResponse:
        money = self.money or getattr(model_admin, "totals", ())
        is_too_much = len(chosen) > MOST_ROWS
        currency = getattr(model_admin, "totals_currency", "currency")
        return self._page(model_admin, request, "admin/confirm_action.html", {
            "rows": [] if is_too_much else chosen,
            "is_possible": bool(chosen) and not is_too_much,
            "money_head": [words_of(field) for field in money],
            "totals": totals_of(rows, money, currency=currency) if money else [],
            "complaint": complaint,
            "reason": reason,
            "checkbox_name": ACTION_CHECKBOX_NAME,
        })  # fmt: skip

    def _tell(self, model_admin: Any, request: HttpRequest, results: list[RowResult]) -> HttpResponse:
        succeeded = sum(result.succeeded for result in results)
        return self._page(model_admin, request, "admin/action_results.html", {
            "results": results,
            "succeeded": succeeded,
            "refused": len(results) - succeeded,
        })  # fmt: skip

    def _page(self, model_admin: Any, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        options = model_admin.opts
        request.current_app = model_admin.admin_site.name
        return TemplateResponse(request, template, {
            **model_admin.admin_site.each_context(request),
            "title": self.label,
            "action": self,
            "opts": options,
            "back_url": request.get_full_path() if request.path.endswith(f"/{options.model_name}/") else "../",
            **context,
        })  # fmt: skip


def confirmed(
    label: str,
    *,
    do: Callable[..., object],
    permission: str,
    reason: str = "required",
    explanation: str = "",
    money: Sequence[str] = (),
    done: str = "Done",
    then: Callable[[], object] | None = None,
) -> Confirmed:
    """Make an admin action that asks first, then calls a service for each row.

    `do` takes the row, by the name of its model (`invoice=`) or first, and of `by` (a user name), `on` (today), `now`
    or `at`, and `reason` what its signature names. `permission` is a full code (`invoices.issue_invoice`); `reason` is
    required, optional or none; `money` names the columns totalled on the confirmation page (the list's own totals by
    default). Each row is a transaction of its own; `then` is called once after them all, such as to nudge a worker.
    """
    return Confirmed(
        label,
        do=do,
        permission=permission,
        reason=reason,
        explanation=explanation,
        money=money,
        done=done,
        then=then,
    )
