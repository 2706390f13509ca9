"""A log line in production is JSON, and an error in it keeps its traceback."""

from __future__ import annotations

import json
import logging
import sys

from billing_site.logs import formatter


def _amount_that_fails():
    raise ValueError("no amount")


def test_a_json_line_names_the_place_of_an_error():
    try:
        _amount_that_fails()
    except ValueError:
        record = logging.LogRecord("billing", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    line = json.loads(formatter(as_json=True).format(record))
    assert line["event"] == "failed"
    assert "_amount_that_fails" in line["exception"]
    assert "ValueError: no amount" in line["exception"]
