"""From the end of a show to the promise on the card, with no hand in between but the merchant's decision."""

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.app.running import PATIENCE, Owner, Running, variant_of
from tests.app.test_app_figures import Person
from tests.waiting import until

from shopfloor.demo.merchant import CURRENCY, Trouble


def workers(node: Running) -> list[int]:
    """The processes that do jobs for this shop."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes().decode(errors="replace")
            if f"jobs\0work\0--parent\0{node.process.pid}\0" in line:
                found.append(int(process.name))
    return found


@dataclass(frozen=True, slots=True)
class Ended:
    """A show that sold its three shirts; a supplier could make more.  Nothing was asked for since its end."""

    owner: Owner
    show: int
    product: dict[str, Any]
    variant: int
    at: datetime

    def ended(self, what: str) -> dict[str, Any] | None:
        """What became of a job that ended after the show did."""
        try:
            told = self.owner.shop("GET", f"/shows/{self.show}/{what}/progress")
        except Trouble:
            return None
        if told["phase"] in {"waiting", "running"} or told["ended_at"] is None:
            return None
        return told if datetime.fromisoformat(told["ended_at"]) > self.at else None


@pytest.fixture(scope="module")
def ended(node: Running, owner: Owner) -> Ended:
    product = owner.product("Linen shirt", {"M": 3})
    variant = variant_of(product, "M")
    supplier = owner.shop("POST", "/suppliers", json={"name": "Weaver"})
    owner.shop(
        "POST", f"/suppliers/{supplier['id']}/quotes",
        json={
            "product_id": product["id"], "currency": CURRENCY, "lead_days": 5,
            "tiers": [{"minimum": 1, "unit_minor": 1000}],
        },
    )  # fmt: skip
    show = owner.show("Evening")
    offer = owner.offer(show, product, {"M": 3})
    owner.shop("POST", f"/shows/{show}/start")
    owner.feature(show, offer)
    people = [Person(node, show) for _ in range(3)]
    for person in people:
        person.watch()
    for _ in range(3):
        time.sleep(1)
        for person in people:
            person.beat()
    for person in people:
        person.order(offer, variant)
        person.leave()
    at = datetime.now(UTC)
    owner.shop("POST", f"/shows/{show}/end")
    return Ended(owner, show, product, variant, at)


def test_the_end_of_a_show_is_the_last_thing_anybody_does_before_the_plan(ended: Ended) -> None:
    told = {
        what: until(f"the {what} is made", lambda what=what: ended.ended(what))
        for what in ("report", "forecast", "plan")
    }

    assert {what: each["phase"] for what, each in told.items()} == dict.fromkeys(told, "done")
    # Kept, not made for us: an age that allows it is answered at once, with the same as-of.
    kept = ended.owner.shop("GET", f"/shows/{ended.show}/report?max_age=3600")
    assert datetime.fromisoformat(kept["as_of"]) == datetime.fromisoformat(told["report"]["as_of"])
    assert kept["figures"]["orders_placed"]["value"] == 3
    forecast = ended.owner.shop("GET", f"/shows/{ended.show}/forecast")
    plan = ended.owner.shop("GET", f"/shows/{ended.show}/plan")
    assert [line["variant_id"] for line in forecast["lines"]] == [ended.variant]
    assert [line["variant_id"] for line in plan["lines"]] == [ended.variant]


def test_the_decision_becomes_a_promise_on_the_card(ended: Ended, node: Running) -> None:
    owner = ended.owner
    until("the plan is made", lambda: ended.ended("plan"))
    plan = owner.shop("GET", f"/shows/{ended.show}/plan")
    [sent] = owner.shop("POST", f"/plans/{plan['id']}/accept")
    quantity = sent["order"]["lines"][0]["quantity"]
    ready = (datetime.now(UTC) + timedelta(days=6)).date().isoformat()
    answer = httpx.post(
        f"{node.address}/v1/-/supplier/{sent['key']}/orders/{sent['order']['id']}",
        json={"lines": [{"variant_id": ended.variant, "quantity": quantity, "ready_on": ready}]},
        timeout=PATIENCE, trust_env=False,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    second = owner.show("Back by demand")
    offer = owner.offer(second, ended.product, {"M": 0})
    owner.shop("POST", f"/shows/{second}/start")

    state = owner.call("GET", f"/room/{second}/state")
    [line] = state.get("state", state)["offers"][str(offer)]["lines"].values()
    assert line["later"] == [[ready, quantity]]


def test_jobs_are_seen_in_the_metrics_and_on_the_command_line(ended: Ended, node: Running) -> None:
    until("the plan is made", lambda: ended.ended("plan"))
    told = httpx.get(f"{node.address}/metrics", timeout=PATIENCE, trust_env=False).text
    listed = node.command("jobs", "list")
    unknown = node.command("jobs", "retry", "metrics.report", "9/9")
    again = node.command("jobs", "retry", "metrics.report", f"1/{ended.show}")

    assert 'shopfloor_jobs{phase="failed"} 0.0' in told
    assert 'shopfloor_jobs{phase="done"}' in told
    assert (listed.returncode, listed.stderr) == (0, "")
    assert {line.split()[0] for line in listed.stdout.splitlines()[1:4]} >= {"metrics.report", "supply.plan"}
    assert (unknown.returncode, unknown.stderr) == (
        1, "Error: metrics.report was never asked for about '9/9'.\n",
    )  # fmt: skip
    assert (again.returncode, again.stdout) == (0, f"metrics.report 1/{ended.show}\n")
    assert until("it is made again", lambda: ended.ended("report"))["phase"] == "done"


def test_the_worker_ends_when_it_is_idle_and_with_the_shop(ended: Ended, node: Running) -> None:
    owner = ended.owner
    # It stays while a show is on air, as the one before may be.
    for show in owner.shop("GET", "/shows"):
        if show["status"] == "live":
            owner.shop("POST", f"/shows/{show['id']}/end")
    until("the worker has ended", lambda: not workers(node), patience=PATIENCE)
    # Whoever asks for something new starts another.
    assert owner.shop("GET", f"/shows/{ended.show}/report")["ended_at"] is not None
    assert len(workers(node)) == 1
