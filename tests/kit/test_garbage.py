"""The collector of garbage rests while much is made, and never for good."""

from __future__ import annotations

import gc
from contextlib import suppress

from billing_site.kit.garbage import collector_paused


def test_the_collector_works_again_after_work_that_failed():
    with suppress(ZeroDivisionError), collector_paused():
        assert not gc.isenabled()
        1 / 0  # noqa: B018
    assert gc.isenabled()


def test_work_inside_work_leaves_the_collector_to_the_outer_one():
    with collector_paused():
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
