"""What a form asks back before anything changes: which reading is meant, and whether a price may move so far."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import catalog, live, policies, pricing, run_of_show

HERE = "/console/harbour"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def prices(stage: Stage) -> list[int]:
    async with stage.db.transaction() as tx:
        found = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])
    return [variant.price_minor for variant in found]


async def offer_of(stage: Stage) -> run_of_show.Offer:
    async with stage.db.transaction() as tx:
        [offer] = await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    return offer


async def offered(stage: Stage) -> list[int]:
    return [line.price_minor for line in (await offer_of(stage)).lines]


def question(page: httpx.Response) -> tuple[str, dict[str, list[str]], list[tuple[str, str]]]:
    """Of a page that asks: where its form goes, what goes along unseen, and its buttons (value, words)."""
    found = re.search(r'data-question.*?<form[^>]* action="([^"]+)".*?>(.*?)</form>', page.text, re.DOTALL)
    assert found is not None, page.text
    unseen: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', found[2]):
        unseen.setdefault(name, []).append(value.replace("&gt;", ">"))
    buttons = re.findall(r'<button[^>]*?(?: name="reading" value="([^"]+)")?>([^<]+)</button>', found[2])
    return found[1], unseen, buttons


def table(stage: Stage, *texts: str) -> dict[str, str]:
    return {f"price-{one.id}": text for one, text in zip(stage.variants, texts, strict=True)}


async def test_a_price_that_leaps_is_asked_about_and_then_set(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    asked = await client.post(path, data=table(stage, "12900", "129", "40"))
    assert asked.status_code == 409
    assert await prices(stage) == [12_900, 12_900, 12_900]
    action, unseen, buttons = question(asked)
    assert action == path
    first, _, third = stage.variants
    assert unseen["confirm"] == [f"{first.id}:129.00>12900.00", f"{third.id}:129.00>40.00"]
    assert [words for _, words in buttons] == ["Yes, these prices"]
    for shown in ("CN¥129.00", "CN¥12,900.00", "CN¥40.00", "Indigo · M", "Oat · M"):
        assert shown in asked.text
    answer = await client.post(action, data=unseen)
    assert answer.status_code == 303
    assert await prices(stage) == [1_290_000, 12_900, 4_000]


async def test_a_confirmation_holds_for_the_very_prices_it_names(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    _, unseen, _ = question(await client.post(path, data=table(stage, "12900", "129", "129")))
    field = f"price-{stage.variants[0].id}"
    changed = await client.post(path, data=unseen | {field: "13900"})
    assert (changed.status_code, await prices(stage)) == (409, [12_900] * 3)
    async with stage.db.transaction() as tx:
        await catalog.set_price(tx, shop_id=stage.shop.id, variant_id=stage.variants[0].id, amount=20_000)
    moved = await client.post(path, data=unseen)
    assert (moved.status_code, await prices(stage)) == (409, [20_000, 12_900, 12_900])
    assert question(moved)[1]["confirm"] == [f"{stage.variants[0].id}:200.00>12900.00"]


@pytest.mark.parametrize("text", ["387", "43", "387.00", "129"])
async def test_three_times_up_or_down_is_not_asked(
    client: httpx.AsyncClient, stage: Stage, text: str
) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    assert (await client.post(path, data=table(stage, text, "129", "129"))).status_code == 303


async def test_a_price_of_nothing_is_asked_and_leaving_it_is_not(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    asked = await client.post(path, data=table(stage, "0", "129", "129"))
    assert (asked.status_code, await prices(stage)) == (409, [12_900] * 3)
    assert (await client.post(path, data=question(asked)[1])).status_code == 303
    assert (await client.post(path, data=table(stage, "129", "129", "129"))).status_code == 303
    assert await prices(stage) == [12_900] * 3


@pytest.mark.parametrize("at_once", [True, False])
async def test_on_air_a_leap_is_one_more_tap_that_shows_both_prices(
    client: httpx.AsyncClient, stage: Stage, *, at_once: bool
) -> None:
    path = f"{HERE}/shows/{stage.show.id}/studio/price"
    offer = await offer_of(stage)
    typed = {"price": "9900"} if at_once else table(stage, "9900", "99", "99")
    asked = await client.post(path, data={"offer_id": str(offer.id), **typed})
    assert (asked.status_code, await offered(stage)) == (409, [9_900] * 3)
    action, unseen, _ = question(asked)
    assert action == path
    assert "data-studio" in asked.text
    assert "CN¥99.00" in asked.text
    assert "CN¥9,900.00" in asked.text
    assert (await client.post(action, data=unseen)).status_code == 303
    assert await offered(stage) == ([990_000] * 3 if at_once else [990_000, 9_900, 9_900])


async def test_on_air_a_price_that_is_missing_is_not_called_live(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/shows/{stage.show.id}/studio/price"
    offer = await offer_of(stage)
    for typed in ({}, {"price": " "}, table(stage, "", "", "")):
        answer = await client.post(path, data={"offer_id": str(offer.id), **typed})
        assert '"bad"' in unquote(answer.headers["set-cookie"]).replace("\\", "")
    assert await offered(stage) == [9_900] * 3


async def test_the_form_of_an_offer_asks_and_keeps_its_other_fields(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    offer = await offer_of(stage)
    path = f"{HERE}/shows/{stage.show.id}/offers/{offer.id}"
    typed = {**table(stage, "9", "99", "99"), "policy": "timer", "hold_minutes": "7", "limit": "2"}
    asked = await client.post(path, data=typed)
    assert (asked.status_code, await offered(stage)) == (409, [9_900] * 3)
    assert (await offer_of(stage)).hold_seconds == 300
    assert (await client.post(path, data=question(asked)[1])).status_code == 303
    assert await offered(stage) == [900, 9_900, 9_900]
    assert ((await offer_of(stage)).hold_seconds, (await offer_of(stage)).limit_per_buyer) == (420, 2)


async def test_an_offer_far_from_the_price_of_its_product_is_asked_about(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    async with stage.db.transaction() as tx:
        show = await live.plan_show(tx, shop_id=stage.shop.id, title="Winter")
    path = f"{HERE}/shows/{show.id}/offers"
    typed = {"product_id": str(stage.shirt.id), "policy": "timer", **table(stage, "12.90", "99", "")}
    asked = await client.post(path, data=typed)
    assert asked.status_code == 409
    async with stage.db.transaction() as tx:
        assert await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=show.id) == []
    assert (await client.post(path, data=question(asked)[1])).status_code == 303
    async with stage.db.transaction() as tx:
        [offer] = await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=show.id)
    assert [line.price_minor for line in offer.lines] == [1_290, 9_900]


@pytest.mark.parametrize(("button", "minor"), [(0, 129), (1, 129_000)])
async def test_both_readings_are_buttons_and_the_chosen_one_is_taken(
    client: httpx.AsyncClient, stage: Stage, button: int, minor: int
) -> None:
    path = f"{HERE}/terms"
    kept = {"pay_to": "Bank", "pay_within_hours": "48", "claim_minutes": "10", "balance_within_days": "7"}
    asked = await client.post(path, data={**kept, "shipping": "1.290"})
    assert asked.status_code == 422
    action, unseen, buttons = question(asked)
    assert buttons == [("a:1.290=1.29", "CN¥1.29"), ("a:1.290=1290", "CN¥1,290.00")]
    async with stage.db.transaction() as tx:
        assert (await policies.shop_terms(tx, shop_id=stage.shop.id)).shipping_minor == 1_200
    answer = await client.post(action, data={**unseen, "reading": buttons[button][0]})
    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        found = await policies.shop_terms(tx, shop_id=stage.shop.id)
    assert (found.shipping_minor, found.pay_within_hours, found.pay_to) == (minor, 48, "Bank")


async def test_two_questions_one_after_the_other(client: httpx.AsyncClient, stage: Stage) -> None:
    """Readings chosen before go along; a reading that leaps is asked about as well."""
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    typed: dict[str, Any] = table(stage, "1.290", "2.590", "129")
    first = question(await client.post(path, data=typed))
    assert [words for _, words in first[2]] == ["CN¥1.29", "CN¥1,290.00"]
    second = question(await client.post(path, data=first[1] | {"reading": [first[2][1][0]]}))
    assert [words for _, words in second[2]] == ["CN¥2.59", "CN¥2,590.00"]
    assert second[1]["reading"] == ["a:1.290=1290"]
    third = question(
        await client.post(path, data=second[1] | {"reading": [*second[1]["reading"], second[2][1][0]]})
    )
    assert len(third[1]["confirm"]) == 2
    assert await prices(stage) == [12_900] * 3
    assert (await client.post(path, data=third[1])).status_code == 303
    assert await prices(stage) == [129_000, 259_000, 12_900]


async def test_quantities_ask_as_well(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/shows/{stage.show.id}"
    asked = await client.post(path, data={"title": "Autumn", "limit_per_show": "2.000"})
    assert asked.status_code == 422
    action, unseen, buttons = question(asked)
    assert buttons == [("q:2.000=2", "2"), ("q:2.000=2000", "2,000")]
    assert (await client.post(action, data={**unseen, "reading": "q:2.000=2000"})).status_code == 303
    async with stage.db.transaction() as tx:
        assert (await live.show(tx, shop_id=stage.shop.id, show_id=stage.show.id)).limit_per_show == 2_000


async def test_a_reading_is_read_like_anything_typed(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    answer = await client.post(path, data={**table(stage, "1.290", "129", "129"), "reading": "a:1.290=$5"})
    assert answer.status_code == 422
    assert await prices(stage) == [12_900] * 3


async def zone_of(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        zone = await pricing.service.save_zone(
            tx, shop_id=stage.shop.id, zone=pricing.records.Zone(0, 1, "All", ["*"])
        )
    return zone.id


async def test_an_answer_about_a_quantity_says_nothing_of_an_amount(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    """1.000 is one gram or a thousand, and one dinar in any case."""
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET currency = 'KWD' WHERE id = %(id)s", id=stage.shop.id)
    path = f"{HERE}/shipping/method"
    typed = {
        "name": "Parcel", "zone_id": str(await zone_of(stage)), "price_by": "weight",
        "steps": "1.000 1.000\n* 2.500", "free_from": "1.000",
    }  # fmt: skip
    asked = await client.post(path, data=typed)
    assert asked.status_code == 422
    action, unseen, buttons = question(asked)
    assert buttons == [("q:1.000=1", "1"), ("q:1.000=1000", "1,000")]

    answer = await client.post(action, data={**unseen, "reading": "q:1.000=1000"})

    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        [method] = (await pricing.rules(tx, shop_id=stage.shop.id)).methods
    assert method.steps == [{"up_to": 1000, "amount": 1000}, {"up_to": None, "amount": 2500}]
    assert method.free_from_minor == 1000


async def test_a_quantity_and_an_amount_of_the_same_text_are_asked_about_one_by_one(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/shipping/method"
    typed = {
        "name": "Parcel", "zone_id": str(await zone_of(stage)), "price_by": "weight", "steps": "1.000 1.000",
    }  # fmt: skip
    first = question(await client.post(path, data=typed))
    assert [value for value, _ in first[2]] == ["q:1.000=1", "q:1.000=1000"]
    second = question(await client.post(path, data=first[1] | {"reading": ["q:1.000=1000"]}))
    assert second[2] == [("a:1.000=1.00", "CN¥1.00"), ("a:1.000=1000", "CN¥1,000.00")]
    done = await client.post(path, data=second[1] | {"reading": ["q:1.000=1000", second[2][0][0]]})
    assert done.status_code == 303
    async with stage.db.transaction() as tx:
        [method] = (await pricing.rules(tx, shop_id=stage.shop.id)).methods
    assert method.steps == [{"up_to": 1000, "amount": 100}]


async def test_an_answer_to_what_is_no_question_changes_nothing(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    answer = await client.post(path, data={**table(stage, "129", "129", "129"), "reading": "a:129=130"})
    assert answer.status_code == 303
    assert await prices(stage) == [12_900] * 3


async def test_a_page_of_another_site_is_no_way_back(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/products/{stage.shirt.id}/variants"
    data = table(stage, "12900", "129", "129")
    for referer, back in [
        ("http://shop.test/console/harbour/products/1?a=b", "/console/harbour/products/1?a=b"),
        ("http://evil.test/console/harbour", f"{HERE}/products/{stage.shirt.id}"),
        ("", f"{HERE}/products/{stage.shirt.id}"),
    ]:
        page = await client.post(path, data=data, headers={"referer": referer})
        assert f'<a href="{back}" data-closes>' in page.text
