"""Owns what usage is: counts read strictly from outside, given an identity, added up by day. No framework."""

from __future__ import annotations

from partners.metering.batches import CountsBatch, CountsReversal, read_batch
from partners.metering.counts import (
    DEED,
    REQUEST,
    DayCount,
    DayKey,
    NewUsage,
    RequestCount,
    Reversal,
    added_up,
    identity,
)
from partners.metering.events import EventReader, read_event
from partners.metering.fields import LONGEST_MEMORY, InvalidUsage

__all__ = [
    "DEED",
    "LONGEST_MEMORY",
    "REQUEST",
    "CountsBatch",
    "CountsReversal",
    "DayCount",
    "DayKey",
    "EventReader",
    "InvalidUsage",
    "NewUsage",
    "RequestCount",
    "Reversal",
    "added_up",
    "identity",
    "read_batch",
    "read_event",
]
