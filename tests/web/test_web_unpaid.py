"""The merchant's list of what is kept until after a show and not paid."""

import re
from uuid import UUID, uuid4

import pytest
from tests.web.conftest import Stage

from shopfloor import customers, live, policies, purchases, run_of_show, stock
from shopfloor.web.console import unpaid


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<main") :]).split())


async def on_air(stage: Stage) -> live.Show:
    """A show with three shirts, whose buyers pay within half an hour of its end."""
    async with stage.db.transaction() as tx:
        terms = policies.ShopTerms(pay_after_minutes=30, unpaid_units=9)
        await policies.set_shop_terms(tx, shop_id=stage.shop.id, terms=terms)
        show = await live.plan_show(tx, shop_id=stage.shop.id, title="Evening")
        await run_of_show.add_offer(
            tx, shop_id=stage.shop.id, show_id=show.id, product_id=stage.shirt.id,
            lines=[run_of_show.OfferLine(stage.variants[0].id, 9_900, 3)],
        )  # fmt: skip
        return await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=show.id)


async def keep(stage: Stage, show: live.Show, buyer: UUID, units: int) -> None:
    """As the intake does it, from the terms it has read, for a buyer who has paid here before."""
    async with stage.db.transaction() as tx:
        await stock.paid(tx, shop_id=stage.shop.id, hold_ids=[], buyers=[buyer])
        [offer] = await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=show.id)
    terms = await purchases.loader(stage.db)(offer.id)
    assert terms is not None
    assert show.pool_id is not None
    request = stock.Request(
        id=uuid4(), shop_id=stage.shop.id, pool_id=show.pool_id, buyer=buyer,
        lines=(stock.Line(stage.variants[0].id, units),), hold_seconds=terms.hold_seconds, offer_id=offer.id,
        show_id=show.id, unit_prices=(9_900,), keep_until=terms.keep_until, keep_most=terms.keep_most,
    )  # fmt: skip
    async with stage.db.transaction() as tx:
        [answer] = await stock.reserve(tx, [request])
    assert isinstance(answer, stock.Held), answer


async def test_who_has_not_paid_with_what_and_how_they_are_reached(stage: Stage) -> None:
    await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": "a long enough one"})
    show = await on_air(stage)
    here = f"/console/harbour/shows/{show.id}/unpaid"
    nothing = await stage.client.get(here)
    mei = uuid4()
    async with stage.db.transaction() as tx:
        await customers.signing_in.sign_in(tx, shop_id=stage.shop.id, contact="mei@example.com", shopper=mei)
    await keep(stage, show, mei, 2)
    await keep(stage, show, uuid4(), 1)

    page = (await stage.client.get(here)).text
    chinese = words((await stage.client.get(here, headers={"accept-language": "zh-CN"})).text)
    orders_page = (await stage.client.get("/console/harbour/orders")).text

    assert nothing.status_code == 200
    assert "Nobody keeps anything of this show without having paid." in nothing.text
    said = words(page)
    assert "2 customers pay at the end · 3 unpaid units · CN¥297.00 · reserved until after the show" in said
    assert re.search(r"mei@example\.com mei@example\.com 2 × Shirt Indigo · M CN¥198\.00", said)
    assert (
        "No name given Known only by their browser; the basket waits there. 1 × Shirt Indigo · M CN¥99.00"
        in said
    )
    assert "2 × 衬衫 Indigo · M ¥198.00" in chinese
    assert f'href="{here}"' in orders_page


async def test_the_list_is_turned_and_its_sums_are_of_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpaid, "PAGE", 1)
    await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": "a long enough one"})
    show = await on_air(stage)
    here = f"/console/harbour/shows/{show.id}/unpaid"
    await keep(stage, show, uuid4(), 1)
    await keep(stage, show, uuid4(), 2)

    first = (await stage.client.get(here)).text
    [onwards] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = (await stage.client.get(onwards.replace("&amp;", "&"))).text
    [back] = re.findall(r'rel="prev" href="([^"]+)"', second)
    again = (await stage.client.get(back.replace("&amp;", "&"))).text

    for page, row, place in (
        (first, "2 × Shirt", "1–1 of 2"),
        (second, "1 × Shirt", "2–2 of 2"),
        (again, "2 × Shirt", "1–1 of 2"),
    ):
        said = words(page)
        assert "2 customers pay at the end · 3 unpaid units · CN¥297.00" in said
        assert re.findall(r"\d × Shirt", said) == [row]
        assert place in said
    assert 'rel="next"' not in second
