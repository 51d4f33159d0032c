"""Health and figures, while all is well and while the database is away."""

import fcntl
import os
import signal
import uuid

import httpx
from tests.app.running import Owner, Running, place, variant_of
from tests.waiting import PATIENCE, until


def ask(shop: Running, path: str) -> httpx.Response:
    return httpx.get(f"{shop.address}{path}", timeout=PATIENCE, trust_env=False)


def healthy(shop: Running) -> bool:
    try:
        return ask(shop, "/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_health_is_200_while_the_database_answers(node: Running) -> None:
    reply = ask(node, "/healthz")

    assert (reply.status_code, reply.text) == (200, "ok\n")


def test_figures_are_for_prometheus(node: Running) -> None:
    reply = ask(node, "/metrics")

    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert "process_resident_memory_bytes" in reply.text


def test_a_database_that_is_killed_is_missed_and_comes_back_with_all_it_had() -> None:
    with place() as data_dir, Running(data_dir) as shop:
        owner = Owner(shop, "corner")
        owner.claim(shop.claim)
        product = owner.product("Linen shirt", {"M": 5})
        show = owner.show("Evening")
        offer = owner.offer(show, product, {"M": 5})
        owner.shop("POST", f"/shows/{show}/start")
        wish = {
            "id": str(uuid.uuid4()), "offer_id": offer, "variant_id": variant_of(product, "M"), "quantity": 1,
            "price_minor": 9_900,
        }  # fmt: skip
        buyer = httpx.Client(base_url=shop.address, timeout=PATIENCE, trust_env=False, follow_redirects=True)
        first = buyer.post("/buy", json=wish)
        assert (first.status_code, first.json()["outcome"]) == (200, "held")

        # What starts the server again takes this lock first: while it is held, the server stays away.
        with (data_dir / "postgres/starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            os.kill(shop.postmaster(), signal.SIGKILL)
            until("the loss is told", lambda: ask(shop, "/healthz").status_code == 503)
            away = ask(shop, "/healthz")
            assert (away.status_code, away.json()["code"]) == (503, "database.away")
            page = ask(shop, f"/s/corner/live/{show}")
            assert page.status_code == 503
            refused = buyer.post("/buy", json={**wish, "id": str(uuid.uuid4())})
            assert refused.status_code == 503
            assert refused.json()["outcome"] == "refused"

        until("the database is back", lambda: healthy(shop))
        again = buyer.post("/buy", json=wish)
        assert again.json() == first.json()
        state = owner.call("GET", f"/room/{show}/state")
        line = state.get("state", state)["offers"][str(offer)]["lines"][str(wish["variant_id"])]
        assert line["left"] == 4
        assert shop.process.poll() is None
        owner.close()
