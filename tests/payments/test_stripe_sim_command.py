from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from socket import create_server

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_serves_a_living_company_until_it_is_interrupted():
    command = [sys.executable, "manage.py", "stripe_sim", "--port", "0", "--live", "0.05"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        words = dict(word.split("=") for word in running.stdout.readline().split() if "=" in word)
        events = [running.stdout.readline() for _ in range(8)]
        connection = HTTPConnection(words["STRIPE_API_BASE"].removeprefix("http://"), timeout=5)
        connection.request("GET", "/v1/events?limit=3", headers={"Authorization": f"Bearer {words['STRIPE_API_KEY']}"})
        listed = json.loads(connection.getresponse().read())
        connection.close()
        running.send_signal(signal.SIGINT)
        running.stdout.read()
    assert (running.returncode, len(listed["data"]), all(events)) == (0, 3, True)


def test_a_taken_port_gives_one_sentence():
    with create_server(("127.0.0.1", 0)) as taken, pytest.raises(CommandError, match="is taken"):
        call_command("stripe_sim", port=taken.getsockname()[1], stdout=StringIO())


def test_a_webhook_url_needs_its_secret():
    with pytest.raises(CommandError, match="belong together"):
        call_command("stripe_sim", webhook_url="http://127.0.0.1:1/", stdout=StringIO())
