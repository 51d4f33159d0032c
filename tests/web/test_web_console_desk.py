"""The console: signing in, who may see what, stock, members, suppliers, plans and the report of a show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.jobs import drain
from tests.metrics import conftest as small
from tests.services import give
from tests.web.conftest import Stage

from shopfloor import (
    accounts,
    auth,
    catalog,
    collector,
    demand,
    inventory,
    job_handlers,
    media,
    metrics,
    run_of_show,
    supply,
)
from shopfloor.kernel.services import services_in
from shopfloor.kernel.settings import Settings
from shopfloor.metrics import jobs as metrics_jobs
from shopfloor.web.console import chart

DESK = "/console/harbour"


@pytest.fixture
async def desk(stage: Stage, tmp_path: Path) -> Stage:
    """The stage with its owner signed in, and a lake that is empty."""
    give(
        stage.app,
        media.MediaServer(stage.db, tmp_path / "recordings", "127.0.0.1", 0),
        settings=Settings.model_validate({"data_dir": tmp_path}),
        publish_to=lambda: "rtmp://127.0.0.1:1935/live",
    )
    response = await stage.client.post(
        "/sign-in", data={"email": "owner@example.com", "password": "a long enough one", "to": DESK}
    )
    assert response.headers["location"] == DESK
    return stage


async def worked(desk: Stage) -> None:
    """The worker has done what was asked for."""
    await drain(desk.db.dsn, desk.db, job_handlers.handlers(services_in(desk.app).given))


async def colleague(desk: Stage, role: accounts.Role) -> None:
    """The client goes on as somebody with this role."""
    async with desk.db.transaction() as tx:
        token = desk.client.cookies["session"]
        owner = await auth.actor(tx, token, "harbour")
        invited = await accounts.invite(tx, actor=owner, role=role, email=None)
        joined = await auth.join(
            tx, token=invited.token, email=f"{role}@example.com", password="another long one", name="Ann"
        )
    desk.client.cookies.set("session", joined.session, domain="shop.test")


async def actor(desk: Stage) -> accounts.Actor:
    async with desk.db.transaction() as tx:
        return await auth.actor(tx, desk.client.cookies["session"], "harbour")


async def foreseen(desk: Stage, *, units: int = 40) -> None:
    signals = [
        demand.Signal(variant.id, desk.shirt.id, {}, 9000.0, 9000.0, units, units)
        for variant in desk.variants[:2]
    ]
    never = demand.Signal(desk.variants[2].id, desk.shirt.id, {}, 0.0, 0.0, 0, 0)
    async with desk.db.transaction() as tx:
        await demand.forecast_show(tx, shop_id=desk.shop.id, show_id=desk.show.id, signals=[*signals, never])


async def supplier(desk: Stage, *, name: str = "Seven Hills") -> supply.Supplier:
    async with desk.db.transaction() as tx:
        return await supply.add_supplier(tx, shop_id=desk.shop.id, name=name)


QUOTE = {
    "tier_1": "10", "price_1": "40.00", "tier_2": "50", "price_2": "35", "lead_days": "7", "late_days": "1", "lot": "1",
    "capacity_use": "1",
}  # fmt: skip


# Signing in


async def test_a_page_of_the_console_leads_to_the_sign_in_and_from_there_back(stage: Stage) -> None:
    asked = await stage.client.get(f"{DESK}/orders?status=paid")
    onward = asked.headers["location"]
    form = (await stage.client.get(onward)).text
    to = re.search(r'name="to" value="([^"]+)"', form)
    assert to is not None
    entered = await stage.client.post(
        "/sign-in", data={"email": "owner@example.com", "password": "a long enough one", "to": to[1]}
    )

    assert asked.status_code == 303
    assert onward == "/sign-in?to=%2Fconsole%2Fharbour%2Forders%3Fstatus%3Dpaid"
    assert entered.headers["location"] == f"{DESK}/orders?status=paid"


async def test_a_form_without_a_session_changes_nothing_and_says_so(stage: Stage) -> None:
    answer = await stage.client.post(f"{DESK}/members/invite", data={"role": "host"}, follow_redirects=True)

    assert answer.status_code == 401
    assert "Please sign in first." in answer.text
    async with stage.db.transaction() as tx:
        assert await accounts.invitations(tx, shop_id=stage.shop.id) == []


async def test_a_program_gets_its_refusal_and_no_redirect(stage: Stage) -> None:
    answer = await stage.client.get(f"{DESK}/orders", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (401, "accounts.sign_in_needed")


async def test_nobody_is_sent_elsewhere_after_the_sign_in(stage: Stage) -> None:
    for to in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = await stage.client.post(
            "/sign-in", data={"email": "owner@example.com", "password": "a long enough one", "to": to}
        )

        assert answer.headers["location"] == "/console", to
        stage.client.cookies.delete("session")


async def test_a_wrong_password_keeps_the_address_and_says_no_more_than_that(stage: Stage) -> None:
    answer = await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": "no"})

    assert answer.status_code == 401
    assert "Wrong email or password." in answer.text
    assert 'value="owner@example.com"' in answer.text


# Every page, every role, both languages


PAGES = (
    "", "/orders", "/stock", "/members", "/suppliers", "/shows/{show}/report", "/shows/{show}/plan", "/stock/{variant}",
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_every_page_opens_for_the_owner(desk: Stage, language: str) -> None:
    await foreseen(desk)
    for page in PAGES:
        path = page.format(show=desk.show.id, variant=desk.variants[0].id)
        answer = await desk.client.get(DESK + path, headers={"accept-language": language})

        assert answer.status_code == 200, page
        assert answer.headers["content-language"] == language
        assert 'style="' not in answer.text, page
        assert len(re.findall("<h1", answer.text)) == 1, page


MAY = {
    "/terms": {"owner", "merchandiser", "finance", "shop_assistant"},
    "/orders": {"owner", "merchandiser", "finance", "shop_assistant"},
    "/stock": {"owner", "merchandiser", "host", "finance", "shop_assistant", "analyst"},
    "/suppliers": {"owner", "merchandiser", "finance"},
    "/shows/{show}/report": {"owner", "merchandiser", "host", "finance", "analyst"},
    "/shows/{show}/plan": {"owner", "merchandiser", "finance", "analyst"},
}


@pytest.mark.parametrize("role", [role for role in accounts.Role if role != accounts.Role.OWNER])
async def test_a_role_opens_its_pages_and_no_others(desk: Stage, role: accounts.Role) -> None:
    await foreseen(desk)
    await colleague(desk, role)
    for page, roles in MAY.items():
        answer = await desk.client.get(DESK + page.format(show=desk.show.id))
        assert answer.status_code == (200 if role in roles else 403), page
        if answer.status_code == 200:
            for address in set(re.findall(r'<nav class="side".*?</nav>', answer.text, re.DOTALL)):
                for link in re.findall(r'href="([^"]+)"', address):
                    assert (await desk.client.get(link)).status_code not in {401, 403, 404}, link


async def test_somebody_of_another_shop_finds_nothing(desk: Stage) -> None:
    async with desk.db.transaction() as tx:
        owner = await auth.signed_in(tx, desk.client.cookies["session"])
        await accounts.create_shop(
            tx, owner_id=owner.id, name="Other", slug="other", currency="EUR", locale="en", timezone="UTC"
        )
    made = await supplier(desk)
    for path in (
        f"/suppliers/{made.id}", f"/shows/{desk.show.id}/report", f"/shows/{desk.show.id}/plan",
        f"/shows/{desk.show.id}/report.csv",
    ):  # fmt: skip
        assert (await desk.client.get(f"/console/other{path}")).status_code == 404, path


# Stock and members


async def free(desk: Stage) -> int:
    async with desk.db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=desk.shop.id, variant_ids=[desk.variants[0].id])
    return sum(level.free for level in levels)


@pytest.mark.parametrize(
    ("reason", "by", "after"),
    [("received", "10", 13), ("received", "+10", 13), ("found", "2", 5), ("lost", "1", 2)],
)
async def test_units_come_and_go(desk: Stage, reason: str, by: str, after: int) -> None:
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
    fields = {"variant_id": desk.variants[0].id, "location_id": place.id, "by": by, "reason": reason}
    answer = await desk.client.post(f"{DESK}/stock/change", data=fields)

    assert answer.headers["location"] == f"{DESK}/stock"
    assert await free(desk) == after


@pytest.mark.parametrize(
    ("reason", "by", "readings"),
    [
        ("received", "-50", ["received", "lost"]),
        ("received", "−2", ["received", "lost"]),
        ("found", "-1", ["found", "lost"]),
        ("damaged", "+1", ["damaged", "found"]),
        ("lost", "＋1", ["lost", "found"]),
    ],
)
async def test_a_sign_that_contradicts_the_reason_is_asked_back(
    desk: Stage, reason: str, by: str, readings: list[str]
) -> None:
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
    fields = {"variant_id": desk.variants[0].id, "location_id": place.id, "by": by, "reason": reason}
    answer = await desk.client.post(f"{DESK}/stock/change", data=fields)

    assert answer.status_code == 422
    assert re.findall(r'name="reason" value="(\w+)"', answer.text) == readings
    assert await free(desk) == 3


async def test_the_reading_that_was_meant_is_booked(desk: Stage) -> None:
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
    fields = {"variant_id": desk.variants[0].id, "location_id": place.id, "by": "-2", "reason": "received"}
    asked = (await desk.client.post(f"{DESK}/stock/change", data=fields)).text
    hidden = dict(re.findall(r'type="hidden" name="(variant_id|location_id|by)" value="([^"]+)"', asked))
    await desk.client.post(f"{DESK}/stock/change", data={**hidden, "reason": "lost"})

    assert await free(desk) == 1


@pytest.mark.parametrize(
    ("reason", "by", "after"), [("lost", "-1", 2), ("damaged", "-1", 2), ("found", "+1", 4)]
)
async def test_a_sign_that_agrees_is_no_question(desk: Stage, reason: str, by: str, after: int) -> None:
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
    fields = {"variant_id": desk.variants[0].id, "location_id": place.id, "by": by, "reason": reason}
    assert (await desk.client.post(f"{DESK}/stock/change", data=fields)).status_code == 303
    assert await free(desk) == after


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("gift", "1"),
        ("received", "1,5"),
        ("received", "0"),
        ("received", "many"),
        ("lost", "4"),
        ("lost", "9" * 40),
    ],
)
async def test_what_cannot_be_booked_changes_nothing(desk: Stage, reason: str, by: str) -> None:
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
    fields = {"variant_id": desk.variants[0].id, "location_id": place.id, "by": by, "reason": reason}
    await desk.client.post(f"{DESK}/stock/change", data=fields)

    assert 'class="note bad"' in (await desk.client.get(f"{DESK}/stock")).text
    assert await free(desk) == 3


async def test_an_invitation_is_shown_once(desk: Stage) -> None:
    shown = await desk.client.post(f"{DESK}/members/invite", data={"role": "host"}, follow_redirects=True)
    link = re.search(r"<code>(http://shop\.test/join/[^<]+)</code>", shown.text)
    later = await desk.client.get(f"{DESK}/members")

    assert link is not None
    assert (await desk.client.get(link[1])).status_code == 200
    assert "/join/" not in later.text


# Suppliers


async def test_a_supplier_with_a_quote_in_tiers(desk: Stage) -> None:
    added = await desk.client.post(
        f"{DESK}/suppliers", data={"name": "Seven Hills", "locale": "zh_CN", "capacity": "300"}
    )
    quoted = await desk.client.post(
        f"{added.headers['location']}/quotes", data=QUOTE | {"product_id": str(desk.shirt.id)}
    )
    async with desk.db.transaction() as tx:
        [quote] = await supply.quotes(tx, shop_id=desk.shop.id)
        [made] = await supply.suppliers(tx, shop_id=desk.shop.id)
    withdrawn = await desk.client.post(f"{DESK}/suppliers/{made.id}/quotes/{quote.id}/withdraw")

    assert (made.name, made.locale, made.capacity_per_week) == ("Seven Hills", "zh_CN", 300)
    assert quoted.status_code == 303
    assert quote.terms.tiers == (supply.Tier(10, 4_000), supply.Tier(50, 3_500))
    assert (quote.terms.lead_days, quote.terms.late_days) == (7, 1)
    assert withdrawn.status_code == 303
    async with desk.db.transaction() as tx:
        assert await supply.quotes(tx, shop_id=desk.shop.id) == []


NONSENSE = (
    ({"price_1": ""}, "price_1"), ({"price_1": "free"}, "price_1"), ({"price_2": "-1"}, "price_2"),
    ({"tier_2": "10"}, "tier_1"), ({"lead_days": "soon"}, "lead_days"), ({"lead_days": "9999"}, "lead_days"),
    ({"product_id": ""}, "product_id"), ({"product_id": "999999"}, "product_id"), ({"lot": "0"}, "lot"),
    ({"colour_minimum": "5"}, "colour_option"), ({"valid_until": "someday"}, "valid_until"),
)  # fmt: skip


async def test_a_quote_that_makes_no_sense_is_said_beside_its_field(desk: Stage) -> None:
    made = await supplier(desk)
    for changed, field in NONSENSE:
        fields = QUOTE | {"product_id": str(desk.shirt.id)} | changed
        answer = await desk.client.post(f"{DESK}/suppliers/{made.id}/quotes", data=fields)

        assert answer.status_code == 422, changed
        assert f'id="e-{field}"' in answer.text, changed
    async with desk.db.transaction() as tx:
        assert await supply.quotes(tx, shop_id=desk.shop.id) == []


async def test_a_name_that_is_taken_stands_beside_the_name(desk: Stage) -> None:
    await supplier(desk)
    answer = await desk.client.post(f"{DESK}/suppliers", data={"name": "Seven Hills", "locale": "en"})

    assert answer.status_code == 422
    assert re.search(r'id="e-name">.*A supplier with this name already exists\.', answer.text)


async def test_a_link_is_shown_once_and_can_be_stopped(desk: Stage) -> None:
    made = await supplier(desk)
    shown = await desk.client.post(f"{DESK}/suppliers/{made.id}/key", follow_redirects=True)
    link = re.search(r"<code>(http://shop\.test/supplier/[^<]+)</code>", shown.text)
    assert link is not None
    opened = await desk.client.get(link[1])
    later = await desk.client.get(f"{DESK}/suppliers/{made.id}")
    await desk.client.post(f"{DESK}/suppliers/{made.id}/keys/revoke")

    assert opened.status_code == 200
    assert link[1] not in later.text
    assert (await desk.client.get(link[1])).status_code == 404


# The plan


async def test_without_a_forecast_the_page_says_what_to_do(desk: Stage) -> None:
    answer = await desk.client.get(f"{DESK}/shows/{desk.show.id}/plan")
    made = await desk.client.post(f"{DESK}/shows/{desk.show.id}/plan", data={"days": "21"})

    assert "No forecast yet" in answer.text
    assert made.status_code == 409
    assert "Run a demand forecast for this show first." in made.text


async def test_nothing_can_be_foreseen_of_a_show_that_said_nothing(desk: Stage) -> None:
    answer = await desk.client.post(f"{DESK}/shows/{desk.show.id}/plan/foresee")
    page = await desk.client.get(answer.headers["location"])

    assert "No data for this show yet." in page.text


async def test_the_forecast_shows_its_interval_and_what_cannot_be_known(desk: Stage) -> None:
    await foreseen(desk)
    english = (await desk.client.get(f"{DESK}/shows/{desk.show.id}/plan")).text
    chinese = (
        await desk.client.get(f"{DESK}/shows/{desk.show.id}/plan", headers={"accept-language": "zh"})
    ).text

    assert "units were taken while it could be bought" in english
    assert "not enough data</span> It was never shown" in english
    assert "无法得知</span> 从未展示" in chinese
    assert english.count('class="range"') == 3


async def test_why_no_quote_fits_is_counted_in_words(desk: Stage) -> None:
    await foreseen(desk)
    made = await supplier(desk)
    await desk.client.post(
        f"{DESK}/suppliers/{made.id}/quotes",
        data=QUOTE | {"product_id": str(desk.shirt.id), "lead_days": "60"},
    )
    answer = await desk.client.post(f"{DESK}/shows/{desk.show.id}/plan", data={"days": "21"})

    assert answer.status_code == 409
    assert "No current quote can deliver any of these products in time." in answer.text
    assert "Quotes too late to deliver: 1" in answer.text


async def test_a_plan_asks_for_numbers(desk: Stage) -> None:
    await foreseen(desk)
    await supplier(desk)
    cases = [("0", "", "days"), ("366", "", "days"), ("x", "", "days"), ("21", "lots", "budget")]
    for days, budget, wrong in cases:
        answer = await desk.client.post(
            f"{DESK}/shows/{desk.show.id}/plan", data={"days": days, "budget": budget}
        )

        assert answer.status_code == 422, (days, budget)
        assert f'id="e-{wrong}"' in answer.text, (days, budget)


async def test_a_plan_becomes_orders_whose_goods_are_taken_in(desk: Stage) -> None:
    await foreseen(desk)
    made = await supplier(desk)
    await desk.client.post(
        f"{DESK}/suppliers/{made.id}/quotes", data=QUOTE | {"product_id": str(desk.shirt.id)}
    )
    planned = await desk.client.post(f"{DESK}/shows/{desk.show.id}/plan", data={"days": "21", "budget": ""})
    waiting = (await desk.client.get(planned.headers["location"])).text
    await worked(desk)
    page = (await desk.client.get(planned.headers["location"])).text
    async with desk.db.transaction() as tx:
        plan = await supply.plan(tx, shop_id=desk.shop.id, show_id=desk.show.id)
    address = f"{DESK}/shows/{desk.show.id}/plan/{plan.id}/accept"
    accepted = await desk.client.post(address, follow_redirects=True)
    again = await desk.client.post(address)
    async with desk.db.transaction() as tx:
        [order] = await supply.purchase_orders(tx, shop_id=desk.shop.id)

    assert "Waiting to start" in waiting
    assert '<meta http-equiv="refresh"' in waiting
    assert '<meta http-equiv="refresh"' not in page
    assert "Seven Hills" in page
    assert f"CN¥{plan.purchase_minor / 100:,.2f}" in page
    assert re.search(r"<code>http://shop\.test/supplier/[^<]+</code>", accepted.text)
    assert again.status_code == 303
    assert "was already accepted" in (await desk.client.get(again.headers["location"])).text

    line = order.lines[0]
    there = f"{DESK}/purchase-orders/{order.id}"
    sheet = await desk.client.get(f"{there}.csv")
    async with desk.db.transaction() as tx:
        await catalog.update_variant(
            tx, shop_id=desk.shop.id, variant_id=line.variant_id, barcode="6901234567892"
        )
    scanned = await desk.client.post(
        f"{there}/scan", data={"code": "6901234567892", "damaged": "yes"}, follow_redirects=True
    )
    less = await desk.client.post(f"{there}/receive", data={f"r-{line.variant_id}": "-1"})
    await desk.client.post(
        f"{there}/receive", data={f"r-{one.variant_id}": str(one.quantity) for one in order.lines}
    )
    shrunk = await desk.client.post(f"{there}/receive", data={f"r-{line.variant_id}": "0"})

    assert sheet.headers["content-disposition"] == f'attachment; filename="{order.number}.csv"'
    assert f"{line.quantity - 1} short" in scanned.text
    assert (less.status_code, shrunk.status_code) == (422, 422)
    assert f'id="e-r-{line.variant_id}"' in less.text
    async with desk.db.transaction() as tx:
        done = await supply.purchase_order(tx, shop_id=desk.shop.id, purchase_order_id=order.id)
        levels = await inventory.levels(tx, shop_id=desk.shop.id, variant_ids=[line.variant_id])
    assert done.state == supply.OrderState.RECEIVED
    assert sum(level.quantity for level in levels if level.kind is inventory.LotKind.ON_HAND) >= line.quantity


# The report


async def test_a_show_that_has_not_started_says_so(desk: Stage) -> None:
    answer = await desk.client.get(f"{DESK}/shows/{desk.show.id}/report")
    sheet = await desk.client.get(f"{DESK}/shows/{desk.show.id}/report.csv")

    assert answer.status_code == 200
    assert "The show hasn't started" in answer.text
    assert sheet.status_code == 409


async def test_a_show_of_which_nothing_was_collected_says_that(desk: Stage) -> None:
    async with desk.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=desk.shop.id, show_id=desk.show.id)
    waiting = await desk.client.get(f"{DESK}/shows/{desk.show.id}/report")
    await worked(desk)
    answer = await desk.client.get(f"{DESK}/shows/{desk.show.id}/report")

    assert "Waiting to start" in waiting.text
    assert "No data for this show yet" in answer.text


@pytest.fixture
async def reported(desk: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The desk of a show of which everything was collected."""
    monkeypatch.setattr(small, "SHOW", desk.show.id)
    writer = collector.Collector(services_in(desk.app).given.lake_dir, "test")
    await writer.start()
    await writer.append(small.written().events)
    await writer.close(seal=False)
    async with desk.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=desk.shop.id, show_id=desk.show.id)
    await desk.client.get(f"{DESK}/shows/{desk.show.id}/report")
    await worked(desk)
    return desk


async def test_a_report_is_made_anew_once_however_often_the_button_is_tapped(reported: Stage) -> None:
    """The old one is read meanwhile; the page of who waits comes again, with or without a script."""
    there = f"{DESK}/shows/{reported.show.id}/report"
    before = (await reported.client.get(there)).text
    form = {"form_key": re.findall(r'report/anew".*?name="form_key" value="([^"]+)"', before, re.DOTALL)[0]}
    tapped = [await reported.client.post(f"{there}/anew", data=form) for _ in range(2)]
    waiting = (await reported.client.get(tapped[0].headers["location"])).text
    quiet = (await reported.client.get(there)).text
    async with reported.db.transaction() as tx:
        state = await metrics.report_state(tx, shop_id=reported.shop.id, show_id=reported.show.id)
    await worked(reported)
    after = (await reported.client.get(tapped[0].headers["location"])).text

    assert state is not None
    assert (state.asked, state.answered) == (2, 1)
    assert "CN¥450.00" in waiting
    assert '<meta http-equiv="refresh" content="2">' in waiting
    assert '<progress max="1"' in quiet
    assert "http-equiv" not in quiet, "who reads is not disturbed"
    assert "<progress" not in after
    as_of = [re.findall(r"As of ([^.]+)\.", page)[0] for page in (before, after)]
    assert as_of[0] <= as_of[1]


async def test_a_report_that_broke_says_what_to_do_and_is_not_made_again_by_looking(
    desk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_jobs.service, "show_report", lambda *_: 1 / 0)
    async with desk.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=desk.shop.id, show_id=desk.show.id)
    there = f"{DESK}/shows/{desk.show.id}/report"
    await desk.client.get(there)
    async with desk.db.transaction() as tx:
        await tx.run("UPDATE procrastinate.procrastinate_jobs SET attempts = 3")
    await worked(desk)
    english = (await desk.client.get(there)).text
    chinese = (await desk.client.get(there, headers={"accept-language": "zh"})).text
    async with desk.db.transaction() as tx:
        state = await metrics.report_state(tx, shop_id=desk.shop.id, show_id=desk.show.id)

    assert state is not None
    assert (state.phase, state.asked) == ("failed", 1)
    assert "Something broke on our side, several times. Try again;" in english
    assert f"{DESK}/shows/{desk.show.id}/report/anew" in english
    assert "系统多次出错。请重试" in chinese


async def test_a_plan_made_while_another_is_accepted_does_not_order_the_same_again(
    desk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await foreseen(desk)
    made = await supplier(desk)
    await desk.client.post(
        f"{DESK}/suppliers/{made.id}/quotes", data=QUOTE | {"product_id": str(desk.shirt.id)}
    )
    first = await supply.make_plan(desk.db, shop_id=desk.shop.id, show_id=desk.show.id)
    someone = await actor(desk)
    accepted: list[int] = []

    async def accept_meanwhile() -> None:
        if not accepted:
            accepted.append(first.id)
            async with desk.db.transaction() as tx:
                await supply.accept(tx, actor=someone, plan_id=first.id)

    second = await supply.make_plan(
        desk.db, shop_id=desk.shop.id, show_id=desk.show.id, solving=accept_meanwhile
    )

    assert first.lines
    assert second.lines == (), "all of it is on its way"


async def test_the_report_says_what_happened_and_what_its_figures_mean(reported: Stage) -> None:
    page = (await reported.client.get(f"{DESK}/shows/{reported.show.id}/report")).text

    figures = dict(re.findall(r'aria-describedby="why-(\w+)">.*?</dt>\s*<dd>([^<]+)', page, re.DOTALL))
    assert figures["uv"] == "3"
    assert figures["gmv_paid"] == "CN¥450.00"
    assert figures["gmv_net"] == "CN¥400.00"
    assert "Gross: no traffic is filtered." in page
    assert "<code>gmv_paid@1</code>" in page
    assert "Provisional." in page
    assert page.count('class="hit"') == 5
    assert page.count('class="shown"') == 2
    assert "refused" in page
    assert "#101" in page


async def test_the_report_in_chinese_has_chinese_definitions(reported: Stage) -> None:
    page = await reported.client.get(
        f"{DESK}/shows/{reported.show.id}/report", headers={"accept-language": "zh"}
    )

    assert "至少有一次 3 秒以上观看会话的去重观众数" in page.text
    assert "暂定数据" in page.text


async def test_the_report_as_csv_and_json_is_that_of_the_interface(reported: Stage) -> None:
    sheet = await reported.client.get(f"{DESK}/shows/{reported.show.id}/report.csv")
    body = await reported.client.get(f"{DESK}/shows/{reported.show.id}/report.json")

    assert sheet.text.splitlines()[0] == (
        "section,key,metric,value,unit,as_of,state,numerator,denominator,general_invalid,sophisticated_invalid,"
        "net_of_invalid,policy"
    )
    assert body.json()["figures"]["uv"]["value"] == 3


@pytest.mark.parametrize(("most", "highest"), [(0, 2), (1, 2), (3, 4), (5, 6), (9, 20), (53, 60), (81, 200)])
def test_an_axis_ends_at_a_round_number_with_a_whole_half(most: int, highest: int) -> None:
    assert chart.top(most) == highest
    assert highest % 2 == 0


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [(0.5, [0]), (2, [0, 1, 2]), (45, [0, 10, 20, 30, 40]), (300, [0, 60, 120, 180, 240, 300])],
)
def test_ticks_stand_at_round_minutes(minutes: float, labels: list[int]) -> None:
    assert [tick.minute for tick in chart.ticks(minutes)] == labels


def test_a_long_title_is_cut_by_the_width_of_its_letters() -> None:
    assert chart.shortened("Tea bowl") == "Tea bowl"
    assert chart.shortened("x" * 60) == "x" * 33 + "…"
    assert chart.shortened("茶" * 40) == "茶" * 16 + "…"


# Words


def test_every_word_is_there_in_chinese() -> None:
    words = Path(__file__).parents[2] / "tools/words.py"
    checked = subprocess.run(
        [sys.executable, str(words), "--check"], capture_output=True, text=True, check=False
    )

    assert checked.stdout == ""
    assert checked.returncode == 0


async def spots(desk: Stage) -> tuple[str, str]:
    """The open stock at the shelf, and a till there, as the form of moves names them."""
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
        pools = {pool.kind: pool for pool in await inventory.pools(tx, shop_id=desk.shop.id)}
    return (
        f"{place.id}:{pools[inventory.PoolKind.OPEN].id}",
        f"{place.id}:{pools[inventory.PoolKind.TILL].id}",
    )


async def units_by_kind(desk: Stage) -> dict[str, int]:
    async with desk.db.transaction() as tx:
        kinds = {pool.id: pool.kind for pool in await inventory.pools(tx, shop_id=desk.shop.id)}
        levels = await inventory.levels(tx, shop_id=desk.shop.id, variant_ids=[desk.variants[0].id])
    told: dict[str, int] = {}
    for level in levels:
        told[kinds[level.pool_id]] = told.get(kinds[level.pool_id], 0) + level.quantity
    return told


async def test_units_are_set_apart_for_a_till_moved_to_it_and_flow_back(desk: Stage) -> None:
    async with desk.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=desk.shop.id)
    form = {"name": "Till 1", "kind": "till", "location_id": str(place.id)}
    for wrong in ({"name": " "}, {"kind": "open"}, {"location_id": "999"}):
        await desk.client.post(f"{DESK}/stock/pools", data=form | wrong)
    assert "Nothing is reserved." in (await desk.client.get(f"{DESK}/stock")).text

    await desk.client.post(f"{DESK}/stock/pools", data=form)
    source, target = await spots(desk)
    wish = {"variant_id": str(desk.variants[0].id), "source": source, "target": target, "units": "2"}
    for wrong in (
        {"units": "4"},
        {"units": "none"},
        {"source": "1"},
        {"target": "999:999"},
        {"variant_id": "999"},
    ):
        await desk.client.post(f"{DESK}/stock/move", data=wish | wrong)
        assert 'class="note bad"' in (await desk.client.get(f"{DESK}/stock")).text
        assert await units_by_kind(desk) == {"open": 3}
    await desk.client.post(f"{DESK}/stock/move", data=wish)
    page = (await desk.client.get(f"{DESK}/stock")).text
    assert await units_by_kind(desk) == {"open": 1, "till": 2}
    assert "Till 1" in page
    assert "2 available" in page

    pool_id = target.split(":")[1]
    await desk.client.post(f"{DESK}/stock/pools/{pool_id}/close")
    assert await units_by_kind(desk) == {"open": 3, "till": 0}
    assert "Nothing is reserved." in (await desk.client.get(f"{DESK}/stock")).text


async def test_the_pool_of_a_show_closes_with_its_show_alone(desk: Stage) -> None:
    async with desk.db.transaction() as tx:
        started = await run_of_show.start_show(tx, shop_id=desk.shop.id, show_id=desk.show.id)
    await desk.client.post(f"{DESK}/stock/pools/{started.pool_id}/close")

    async with desk.db.transaction() as tx:
        assert (await inventory.pool(tx, shop_id=desk.shop.id, pool_id=started.pool_id or 0)).is_open
    assert "Ends with its show" in (await desk.client.get(f"{DESK}/stock")).text


async def test_who_may_only_look_sets_nothing_apart(desk: Stage) -> None:
    await colleague(desk, accounts.Role.ANALYST)
    form = {"name": "Till 1", "kind": "till", "location_id": "1"}

    assert (await desk.client.post(f"{DESK}/stock/pools", data=form)).status_code == 403
    assert "Set units apart" not in (await desk.client.get(f"{DESK}/stock")).text
    assert await units_by_kind(desk) == {"open": 3}


async def test_owners_hear_of_a_backup_that_is_due(desk: Stage) -> None:
    async def overview(language: str = "en") -> str:
        return (await desk.client.get(DESK, headers={"accept-language": language})).text

    assert "backup" not in await overview()
    async with desk.db.transaction() as tx:
        await tx.run(
            "INSERT INTO kernel.backup (taken_at, place, bytes, seconds)"
            " VALUES (now() - interval '25 hours', '/mnt/backups', 1, 1)"
        )
    assert "The last backup was taken on" in await overview()
    assert "<code>shopfloor backup --to …</code>" in await overview()
    async with desk.db.transaction() as tx:
        await tx.run(
            "INSERT INTO kernel.backup (taken_at, place, bytes, seconds)"
            " VALUES (now() - interval '23 hours', '/mnt/backups', 1, 1)"
        )
    assert "backup" not in await overview()
    async with desk.db.transaction() as tx:
        await tx.run("DELETE FROM kernel.backup WHERE taken_at > now() - interval '24 hours'")
    await colleague(desk, accounts.Role.HOST)
    assert "backup" not in await overview()
