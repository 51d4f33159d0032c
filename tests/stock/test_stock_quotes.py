"""A quote says what the intake would answer, and when the units are ready, without holding anything."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shopfloor import stock

BOWL, LID, CUP = 101, 102, 103
THIRD, TWELFTH = date(2030, 12, 3), date(2030, 12, 12)


async def quoted(ledger: Any, request: stock.Request) -> stock.Quote:
    async with ledger.db.transaction() as tx:
        return await stock.quote(tx, request)


async def test_each_line_is_ready_when_the_lines_before_it_have_their_units(ledger: Any) -> None:
    await ledger.receive(BOWL, 2)
    await ledger.receive(LID, 1)
    await ledger.announce(BOWL, 2, THIRD, "po-1")
    await ledger.announce(BOWL, 1, TWELFTH, "po-2")

    found = await quoted(ledger, ledger.want([(BOWL, 2), (LID, 1), (BOWL, 1), (BOWL, 2), (BOWL, 1)]))

    assert found.ready_on == (None, None, THIRD, TWELFTH, None)
    assert found.refused is not None
    assert found.refused.facts == {"variant_id": BOWL, "wanted": 6, "left": 5}


@pytest.mark.parametrize(
    ("lines", "more", "code"),
    [
        ({BOWL: 1}, {}, None),
        ({BOWL: 4}, {}, None),
        ({BOWL: 4}, {"latest_ready": TWELFTH}, None),
        ({BOWL: 4}, {"latest_ready": THIRD}, "stock.too_late"),
        ({BOWL: 2}, {"latest_ready": date.min}, "stock.too_late"),
        ({BOWL: 5}, {"latest_ready": date.min}, "stock.sold_out"),
        ({BOWL: 5}, {}, "stock.sold_out"),
        ({LID: 2, BOWL: 1}, {}, "stock.sold_out"),
        ({BOWL: 2}, {"limit_per_buyer": 2, "offer_id": 7}, None),
        ({BOWL: 3}, {"limit_per_buyer": 2, "offer_id": 7}, "stock.limit"),
        ({BOWL: 3}, {"default_limit": 2}, "stock.limit"),
    ],
)
async def test_a_quote_is_what_the_intake_would_answer(
    ledger: Any, lines: dict[int, int], more: dict[str, Any], code: str | None
) -> None:
    await ledger.receive(BOWL, 1)
    await ledger.receive(LID, 1)
    await ledger.announce(BOWL, 1, THIRD, "po-1")
    await ledger.announce(BOWL, 2, TWELFTH, "po-2")
    request = ledger.want(lines, **more)
    before, facts = await ledger.numbers(BOWL), await ledger.facts("stock.purchase_refused")

    found = await quoted(ledger, request)

    assert await ledger.numbers(BOWL) == before
    assert await ledger.facts("stock.purchase_refused") == facts
    (answer,) = await ledger.reserve(request)
    assert (None if found.refused is None else found.refused.code) == code
    if found.refused is None:
        assert isinstance(answer, stock.Held)
        latest = max((part.ready_on or date.min for part in answer.lots), default=date.min)
        assert max(day or date.min for day in found.ready_on) == latest
    else:
        assert (answer.code, answer.facts) == (found.refused.code, found.refused.facts)


async def test_what_a_buyer_has_already_counts_towards_the_limit(ledger: Any) -> None:
    await ledger.receive(CUP, 9)
    buyer = uuid4()
    await ledger.reserve(ledger.want({CUP: 2}, buyer=buyer, limit_per_buyer=3, offer_id=7))

    own = await quoted(ledger, ledger.want({CUP: 2}, buyer=buyer, limit_per_buyer=3, offer_id=7))
    other = await quoted(ledger, ledger.want({CUP: 2}, limit_per_buyer=3, offer_id=7))

    assert own.refused is not None
    assert (own.refused.code, other.refused) == (stock.Code.LIMIT, None)


async def test_a_refusal_on_record_names_what_was_short_or_all_that_the_limit_refused(ledger: Any) -> None:
    await ledger.receive(BOWL, 1)
    request = ledger.want([(BOWL, 1), (LID, 2), (LID, 1)], show_id=5)
    short = (await quoted(ledger, request)).refused
    assert short is not None

    async with ledger.db.transaction() as tx:
        await stock.record_refused(tx, request, short)
        await stock.record_refused(
            tx, request, stock.Refused(request.id, stock.Code.LIMIT, {"variant_id": BOWL})
        )

    facts = await ledger.facts("stock.purchase_refused")
    assert [(fact["show_id"], [(each["variant_id"], each["quantity"], each["code"]) for each in fact["refusals"]]) for fact in facts] == [
        (5, [(LID, 3, "stock.sold_out")]),
        (5, [(BOWL, 1, "stock.limit"), (LID, 3, "stock.limit")]),
    ]  # fmt: skip
