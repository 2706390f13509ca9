from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from payments.stripe.sim import Sim
from payments.stripe.sim.webhooks import Postman, sign

SECRET = "whsec_simulated"


def types_since(sim, event=None):
    return [event["type"] for event in sim.events(event)]


def last(sim):
    return sim.events()[-1]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((body, self.headers["Stripe-Signature"]))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.received, server.answers = [], []
        server.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/stripe?x=1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def accepted(received):
    return [stripe.Webhook.construct_event(body, signature, SECRET)["type"] for body, signature in received]


def test_delivered_events_pass_stripes_own_verification(receiver):
    sim = Sim()
    first = sim.customer("A", card=None)
    start = last(sim)
    sim.refund(sim.charge(first, 500))
    deliveries = sim.deliver(receiver.url, SECRET, since=start)
    assert accepted(receiver.received) == types_since(sim, start)
    assert all(delivery.accepted for delivery in deliveries)
    assert [json.loads(body) for body, _ in receiver.received] == sim.events(start)


def test_a_signature_covers_the_body_and_the_time():
    header = sign(b"{}", SECRET, 1_500_000_000)
    stripe.WebhookSignature.verify_header("{}", header, SECRET, tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header("{ }", header, SECRET, tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header("{}", header, SECRET, tolerance=300)


def test_a_live_endpoint_gets_only_what_it_asked_for_and_again_after_a_failure(receiver):
    sim = Sim()
    endpoint = sim.webhook_endpoint(receiver.url, SECRET, enabled_events=["charge.succeeded", "charge.refunded"])
    receiver.answers += [500, 503]
    with Postman(sim, first_delay=0.01) as postman:
        sim.refund(sim.charge(None, 500))
        assert postman.wait_until_idle()
    assert Counter(accepted(receiver.received)) == {"charge.succeeded": 2, "charge.refunded": 2}
    charged = next(event for event in sim.events() if event["type"] == "charge.succeeded")
    assert (endpoint["secret"], charged["pending_webhooks"]) == (SECRET, 0)
    assert "secret" not in sim.get("webhook_endpoint", endpoint)


def test_an_endpoint_that_is_gone_is_given_up_after_the_last_attempt():
    sim = Sim()
    sim.webhook_endpoint("http://127.0.0.1:9/", SECRET)
    with Postman(sim, attempts=3, first_delay=0.01) as postman:
        sim.customer("A", card=None)
        assert postman.wait_until_idle()
    assert [delivery.status for delivery in postman.deliveries] == [0, 0, 0]
    assert sim.events()[0]["pending_webhooks"] == 1
