"""The only writer of this app's tables. Each call is keyword-only and returns what it made.

Issuing a run is the one call that is many transactions: a chunk each, so that a crash costs at most one.
"""

from __future__ import annotations

from partners.services.agreed import terms_of
from partners.services.api_keys import (
    AlreadyRevoked,
    AlreadyRotated,
    MomentPast,
    NameTaken,
    NewKey,
    OpensNothing,
    make_key,
    note_use,
    revoke_key,
    rotate_key,
)
from partners.services.contracts import (
    AlreadyChanged,
    MonthsAreBilled,
    NotADraftContract,
    NotInForceToChange,
    OverlapsAnother,
    SplitsAWholeMonth,
    TermsIncomplete,
    activate_contract,
    change_contract,
)
from partners.services.late.corrections import (
    LateUsageStands,
    contracts_with_a_final_invoice,
    late_months_for,
)
from partners.services.late.fates import fates_of
from partners.services.late.finding import LateUsage, late_usage, usage_without_contract
from partners.services.late.unbilled import (
    MonthLeftUnbilled,
    NotLeftUnbilled,
    NotToLeaveUnbilled,
    leave_unbilled,
    reopen_month,
)
from partners.services.locks import MonthAtWork, month_at_work
from partners.services.runs.billing import RunNotApproved
from partners.services.runs.building import (
    NotAWholeMonth,
    NothingToBill,
    NotUndone,
    RunUnderWay,
    bill_again,
    build_run,
    surprises_of,
)
from partners.services.runs.choosing import AlreadyBilled, InvoiceDiffers, PreviewDiffers
from partners.services.runs.comparing import totals_before
from partners.services.runs.due import due_contracts, due_months, running_contracts, unbilled_contracts
from partners.services.runs.entries import (
    NotHeld,
    NothingToRetry,
    NotHoldable,
    follow_up,
    hold_entry,
    release_entry,
    retry_parked,
)
from partners.services.runs.mails import NotToSend, ask_send, queue_all_mails, queue_mails
from partners.services.runs.previews import Preview, Unpriceable, previews
from partners.services.runs.stages import (
    AlreadyIssuing,
    MoreThanApproved,
    NotApproved,
    NotAPreview,
    NothingToApprove,
    RunTotal,
    TotalsChanged,
    amounts_text,
    approve_run,
    ask_issue,
    cancel_run,
    given_back_by,
    issue_run,
    totals_of_run,
)
from partners.services.usage.conflicts import kept_body
from partners.services.usage.counts import ArchivedMonth, BatchOutcome, NothingToReverse, record_counts
from partners.services.usage.recording import UsageItem, UsageOutcome, record_usage
from partners.services.zones import UnknownTimeZone

__all__ = [
    "AlreadyBilled",
    "AlreadyChanged",
    "AlreadyIssuing",
    "AlreadyRevoked",
    "AlreadyRotated",
    "ArchivedMonth",
    "BatchOutcome",
    "InvoiceDiffers",
    "LateUsage",
    "LateUsageStands",
    "MomentPast",
    "MonthAtWork",
    "MonthLeftUnbilled",
    "MonthsAreBilled",
    "MoreThanApproved",
    "NameTaken",
    "NewKey",
    "NotADraftContract",
    "NotAPreview",
    "NotAWholeMonth",
    "NotApproved",
    "NotHeld",
    "NotHoldable",
    "NotInForceToChange",
    "NotLeftUnbilled",
    "NotToLeaveUnbilled",
    "NotToSend",
    "NotUndone",
    "NothingToApprove",
    "NothingToBill",
    "NothingToRetry",
    "NothingToReverse",
    "OpensNothing",
    "OverlapsAnother",
    "Preview",
    "PreviewDiffers",
    "RunNotApproved",
    "RunTotal",
    "RunUnderWay",
    "SplitsAWholeMonth",
    "TermsIncomplete",
    "TotalsChanged",
    "UnknownTimeZone",
    "Unpriceable",
    "UsageItem",
    "UsageOutcome",
    "activate_contract",
    "amounts_text",
    "approve_run",
    "ask_issue",
    "ask_send",
    "bill_again",
    "build_run",
    "cancel_run",
    "change_contract",
    "contracts_with_a_final_invoice",
    "due_contracts",
    "due_months",
    "fates_of",
    "follow_up",
    "given_back_by",
    "hold_entry",
    "issue_run",
    "kept_body",
    "late_months_for",
    "late_usage",
    "leave_unbilled",
    "make_key",
    "month_at_work",
    "note_use",
    "previews",
    "queue_all_mails",
    "queue_mails",
    "record_counts",
    "record_usage",
    "release_entry",
    "reopen_month",
    "retry_parked",
    "revoke_key",
    "rotate_key",
    "running_contracts",
    "surprises_of",
    "terms_of",
    "totals_before",
    "totals_of_run",
    "unbilled_contracts",
    "usage_without_contract",
]
