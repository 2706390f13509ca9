"""Owns no nudge of its own: the kit's, under the name the doors of Stripe call it by."""

from __future__ import annotations

from billing_site.kit.nudging import nudge

__all__ = ["nudge"]
