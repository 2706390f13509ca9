"""A make-believe account survives a pause: same objects, no id twice."""

from __future__ import annotations

from decimal import Decimal

from payments.stripe.sim import Settlement, Sim, keeping

NOW = 1_767_225_600


def test_a_saved_sim_goes_on_as_if_nothing_had_happened(tmp_path):
    sims = [Sim(seed="a", settles={"jpy": Settlement("usd", Decimal("0.0067"))}) for _ in range(2)]
    for sim in sims:
        sim.subscribe(sim.customer("Acorn"), sim.price(1480, "jpy"))
    keeping.save(sims[0], tmp_path / "sim.gz", now=NOW)
    resumed = keeping.load(tmp_path / "sim.gz", clock=lambda: NOW)
    for sim in (resumed, sims[1]):
        sim.renew(sim.store.newest_first("subscription")[0])
        sim.payout(at=NOW + 90 * 86_400)
    assert resumed.store.everything() == sims[1].store.everything()
    assert resumed.events() == sims[1].events()


def test_a_saved_sim_forgets_old_events_and_endpoints_of_the_last_session(tmp_path):
    sim = Sim()
    sim.webhook_endpoint("http://127.0.0.1:1/", "whsec_x")
    sim.customer("Acorn", at=NOW)
    keeping.save(sim, tmp_path / "sim.gz", now=NOW + keeping.EVENTS_ARE_LISTED_FOR + 1)
    resumed = keeping.load(tmp_path / "sim.gz", clock=lambda: NOW)
    assert (resumed.events(), resumed.endpoints_for("charge.succeeded")) == ([], [])
    assert resumed.store.newest_first("customer")[0]["name"] == "Acorn"
