"""Stripe's adapter, against a server that Stripe's own client knows as Stripe; each forgery and disorder is refused."""

import json
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import stripe as theirs
from tests.payments.sandboxes import KEY, Served, serving

from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_providers import (
    Account,
    Action,
    Attempt,
    Authorised,
    Charged,
    Closed,
    Declined,
    Forged,
    GivenBack,
    Message,
    Pending,
    ProviderAway,
    RefundFailed,
)
from shopfloor.payment_providers.sandbox import signature, webhook_secret
from shopfloor.payment_providers.stripe import KIND, Stripe, to_ours, to_theirs


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(tmp_path_factory.mktemp("sandbox") / "books.db") as found:
        yield found


def an_attempt(**changes: object) -> Attempt:
    plain = Attempt(
        id=new_id(),
        method="card",
        amount=Money(12_900, "EUR"),
        label="1001",
        return_url="http://shop.test/back",
    )
    return replace(plain, **changes)


async def begun(adapter: Stripe, **changes: object) -> Attempt:
    attempt = an_attempt(**changes)
    action = await adapter.start(attempt)
    assert isinstance(action, Action)
    return replace(attempt, reference=action.reference)


# The server is as Stripe's own client expects it.


def client(served: Served) -> theirs.StripeClient:
    return theirs.StripeClient(KEY, base_addresses={"api": served.url})


def test_stripes_own_client_makes_pays_captures_and_refunds(served: Served) -> None:
    known = client(served)
    session = known.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "http://shop.test/back",
            "payment_intent_data": {"capture_method": "manual", "metadata": {"attempt": "x"}},
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Coat"}},
                }
            ],
        }
    )
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 500)
    served.sandbox.decide(session.id, "pay")

    found = known.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    intent = found.payment_intent
    assert isinstance(intent, theirs.PaymentIntent)
    assert intent.status == "requires_capture"
    assert (intent.amount_capturable, intent.capture_method) == (500, "manual")
    paid_by = known.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    ).payment_intent
    assert isinstance(paid_by, theirs.PaymentIntent)
    charge = paid_by.latest_charge
    assert isinstance(charge, theirs.Charge)
    assert (charge.captured, charge.amount, charge.balance_transaction) == (False, 500, None)
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    until = charge.payment_method_details.card.capture_before
    assert until is not None
    assert until > now().timestamp()
    with pytest.raises(theirs.InvalidRequestError, match="more than what was authorised"):
        known.v1.payment_intents.capture(intent.id, {"amount_to_capture": 501})
    taken = known.v1.payment_intents.capture(intent.id, {"amount_to_capture": 400})
    assert (taken.status, taken.amount_received) == ("succeeded", 400)
    with pytest.raises(theirs.InvalidRequestError, match="status of succeeded"):
        known.v1.payment_intents.capture(intent.id, {"amount_to_capture": 100})
    with pytest.raises(theirs.InvalidRequestError, match="status of succeeded"):
        known.v1.payment_intents.cancel(intent.id)
    refund = known.v1.refunds.create({"payment_intent": taken.id, "amount": 100})
    assert refund.status == "succeeded"
    assert [each.id for each in known.v1.refunds.list({"payment_intent": taken.id}).data] == [refund.id]
    rows = known.v1.balance_transactions.list({"limit": 2}).data
    assert [(row.type, row.amount) for row in rows] == [("refund", -100), ("charge", 400)]
    with pytest.raises(theirs.InvalidRequestError, match="greater than unrefunded"):
        known.v1.refunds.create({"payment_intent": taken.id, "amount": 301})
    with pytest.raises(theirs.AuthenticationError):
        theirs.StripeClient("sk_live_x", base_addresses={"api": served.url}).v1.refunds.list()


def test_stripes_own_client_gets_the_same_answer_for_the_same_key_and_none_for_another_question(
    served: Served,
) -> None:
    known = client(served)

    def create(minor: int) -> theirs.checkout.Session:
        return known.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "success_url": "http://shop.test/back",
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": "eur",
                            "unit_amount": minor,
                            "product_data": {"name": "Coat"},
                        },
                    }
                ],
            },
            {"idempotency_key": "the-same"},
        )

    assert create(500).id == create(500).id
    with pytest.raises(theirs.IdempotencyError):
        create(600)


def test_stripes_own_client_believes_the_signature(served: Served) -> None:
    body = json.dumps({"id": "evt_1", "object": "event"}).encode()
    secret = webhook_secret(KEY)
    header = signature(body, secret, int(now().timestamp()))

    assert theirs.Webhook.construct_event(body, header, secret).id == "evt_1"
    with pytest.raises(theirs.SignatureVerificationError):
        theirs.Webhook.construct_event(body + b" ", header, secret)


# What becomes of an attempt.


@pytest.mark.parametrize(
    ("choice", "kind"), [("pay", Charged), ("silent", Charged), ("decline", Action), ("later", Pending)]
)
async def test_what_the_buyer_did_is_what_a_lookup_tells(served: Served, choice: str, kind: type) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter)
        served.sandbox.decide(attempt.reference, choice)

        told = await adapter.look_up(attempt)

    assert isinstance(told, kind)
    if isinstance(told, Charged):
        assert (told.amount, told.fee) == (Money(12_900, "EUR"), Money(258, "EUR"))
    if isinstance(told, Action):
        assert told.declined == "Your card was declined."


@pytest.mark.parametrize(("choice", "kind"), [("later", Charged), ("later_fail", Declined)])
async def test_a_bank_that_takes_its_time_decides_in_the_end(
    served: Served, choice: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter)
        served.sandbox.decide(attempt.reference, choice)
        assert isinstance(await adapter.look_up(attempt), Pending)
        later = now().timestamp() + 60
        monkeypatch.setattr(served.sandbox, "clock", lambda: later)

        assert isinstance(await adapter.look_up(attempt), kind)


async def test_money_that_is_reserved_is_taken_in_part_or_let_go(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempts = [await begun(adapter, capture_later=True) for _ in range(2)]
        for attempt in attempts:
            served.sandbox.decide(attempt.reference, "pay")
            told = await adapter.look_up(attempt)
            assert isinstance(told, Authorised)
            assert (told.reference, told.amount) == (attempt.reference, Money(12_900, "EUR"))
            left = told.capture_before - now()
            assert timedelta(days=6, hours=23) < left <= timedelta(days=7), "as the card says"
        capture_id = new_id()

        taken = await adapter.capture(attempts[0], capture_id=capture_id, amount=Money(10_000, "EUR"))
        again = await adapter.capture(attempts[0], capture_id=capture_id, amount=Money(10_000, "EUR"))

        assert isinstance(taken, Charged)
        assert (taken.amount, again) == (Money(10_000, "EUR"), taken)
        assert isinstance(await adapter.close(attempts[1]), Authorised), "the buyer was faster"
        assert await adapter.void(attempts[0]) == taken, "what was taken is not let go"
        for _ in range(2):
            assert isinstance(await adapter.void(attempts[1]), Closed)
        assert isinstance(await adapter.look_up(attempts[1]), Closed)
        assert isinstance(
            await adapter.capture(attempts[1], capture_id=new_id(), amount=Money(1, "EUR")), Closed
        )


async def test_what_nobody_captured_in_time_is_over(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter, capture_later=True)
        served.sandbox.decide(attempt.reference, "pay")
        assert isinstance(await adapter.look_up(attempt), Authorised)
        later = now().timestamp() + 7 * 24 * 3600 + 60
        monkeypatch.setattr(served.sandbox, "clock", lambda: later)

        assert isinstance(await adapter.look_up(attempt), Closed)
        assert isinstance(
            await adapter.capture(attempt, capture_id=new_id(), amount=Money(12_900, "EUR")), Closed
        )


async def test_more_than_is_reserved_is_declined_and_stays_reserved(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter, capture_later=True)
        served.sandbox.decide(attempt.reference, "pay")

        more = await adapter.capture(attempt, capture_id=new_id(), amount=Money(12_901, "EUR"))

        assert isinstance(more, Declined)
        assert isinstance(await adapter.look_up(attempt), Authorised)


# What Stripe's adapter makes of what the server says wrongly.
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "requires_capture", "amount_capturable": 12_900}, Authorised),
        ({"status": "succeeded", "amount_received": 12_900}, Charged),
        ({"status": "succeeded", "amount_received": 5_000, "amount_capturable": 0}, Charged),
        ({"status": "canceled", "amount_capturable": 0}, Closed),
        ({"status": "processing"}, Pending),
    ],
)
async def test_a_reserved_payment_is_what_its_intent_says_and_not_what_its_session_says(
    served: Served, change: dict[str, object], expected: type
) -> None:
    """A session that is complete says `unpaid` for what is reserved, taken in part, or let go."""
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter, capture_later=True)
        served.sandbox.decide(attempt.reference, "pay")
        with served.sandbox.store.open() as store:
            [intent] = [
                each for each in store.every("payment_intent", KEY) if each["_session"] == attempt.reference
            ]
            store.put(KEY, intent | change)

        told = await adapter.look_up(attempt)

        assert isinstance(told, expected)
        if isinstance(told, Charged):
            assert told.amount.minor == change["amount_received"]


async def test_the_books_of_a_day_name_attempts_refunds_and_fees(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter)
        served.sandbox.decide(attempt.reference, "pay")
        charged = await adapter.look_up(attempt)
        assert isinstance(charged, Charged)
        refund_id = new_id()
        await adapter.give_back(
            replace(attempt, charge=charged.reference), refund_id=refund_id, amount=Money(900, "EUR")
        )

        today = datetime.now(UTC).date()
        rows = [*await adapter.bill(today - timedelta(days=1)), *await adapter.bill(today)]

    mine = {
        (row.kind, row.amount.minor, row.fee.minor if row.fee else 0)
        for row in rows
        if row.attempt_id == attempt.id
    }
    back = [(row.kind, row.amount.minor) for row in rows if row.refund_id == refund_id]
    assert mine == {("charge", 12_900, 258)}
    assert back == [("refund", 900)]


async def test_a_server_that_is_away_broken_or_refuses_the_key_is_away() -> None:
    for answer in (httpx.Response(500, json={"error": {}}), httpx.Response(200, text="<html>"), httpx.Response(401, json={"error": {"message": "no"}}), httpx.Response(429, json={})):  # fmt: skip
        transport = httpx.MockTransport(lambda _, answer=answer: answer)
        async with httpx.AsyncClient(transport=transport) as http:
            account = Account(1, 1, "test", {}, {"secret_key": KEY}, "", http)
            with pytest.raises(ProviderAway):
                await Stripe(account, base="http://stripe.test").start(an_attempt())


async def test_a_refused_amount_is_declined_and_not_away(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        told = await served.adapter(http).start(an_attempt(amount=Money(0, "EUR")))

    assert isinstance(told, Declined)


async def test_a_check_says_whose_account_it_is_or_what_is_wrong(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        assert (await served.adapter(http).check()).ok
        refused = Stripe(Account(1, 1, "test", {}, {"secret_key": "rk_test_1"}, "", http), base=served.url)
        assert (await refused.check()).said == "key_refused"
        half = Stripe(Account(1, 1, "test", {}, {"secret_key": KEY}, "", http), base=served.url)
        assert (await half.check()).said == "webhook_secret_missing"


# Currencies.


@pytest.mark.parametrize(
    ("ours", "written"),
    [
        (Money(12_900, "EUR"), 12_900),
        (Money(500, "JPY"), 500),
        (Money(500, "ISK"), 50_000),
        (Money(500, "UGX"), 50_000),
        (Money(5_000, "KWD"), 5_000),
        (Money(50_000, "MGA"), 500),
    ],
)
def test_amounts_are_written_in_stripes_own_units(ours: Money, written: int) -> None:
    assert to_theirs(ours) == written
    assert to_ours(written, ours.currency.lower()) == ours


# What it sends.

SECRET = "whsec_current"


def a_message(
    event: dict[str, object], *, secret: str = SECRET, ago: float = 0, **changes: object
) -> Message:
    body = json.dumps(event).encode()
    at = now()
    header = signature(body, secret, int(at.timestamp() - ago))
    plain = Message("POST", "/payments/stripe/1/notify", {"stripe-signature": header}, body, at)
    return replace(plain, **changes)


def an_event(
    attempt: Attempt, kind: str = "checkout.session.completed", *, live: bool = False
) -> dict[str, object]:
    thing = {"id": "cs_1", "object": "checkout.session", "metadata": {"attempt": attempt.id.hex}}
    return {"id": "evt_1", "type": kind, "livemode": live, "data": {"object": thing}}


def adapter(*, mode: str = "test", secrets: str = SECRET) -> Stripe:
    account = Account(1, 1, mode, {}, {"secret_key": KEY, "webhook_secret": secrets}, "", httpx.AsyncClient())
    return Stripe(account)


def test_a_signed_message_of_now_says_which_attempt_to_ask_about() -> None:
    attempt = an_attempt()
    received = adapter().receive(a_message(an_event(attempt)))

    assert received.key == "evt_1"
    assert [(each.attempt_id, each.outcome) for each in received.reports] == [(attempt.id, None)]
    assert received.acknowledgement.status == 200


def test_while_the_secret_is_changed_both_are_believed() -> None:
    message = a_message(an_event(an_attempt()), secret="whsec_before")

    assert adapter(secrets="whsec_current,whsec_before").receive(message).key == "evt_1"
    with pytest.raises(Forged):
        adapter().receive(message)


@pytest.mark.parametrize(
    "mutation",
    [
        "other secret",
        "added space",
        "a year old",
        "from the future",
        "no time",
        "no signature",
        "two times",
        "not JSON",
    ],
)
def test_forged_stale_and_broken_messages_are_refused(mutation: str) -> None:
    message = a_message(an_event(an_attempt()))
    header = message.headers["stripe-signature"]
    time, _, signed = header.partition(",")
    broken = {
        "other secret": a_message(an_event(an_attempt()), secret="whsec_other"),
        "added space": replace(message, body=message.body + b" "),
        "a year old": a_message(an_event(an_attempt()), ago=366 * 86_400),
        "from the future": a_message(an_event(an_attempt()), ago=-3_600),
        "no time": replace(message, headers={"stripe-signature": signed}),
        "no signature": replace(message, headers={}),
        "two times": replace(message, headers={"stripe-signature": f"t=1,{header}"}),
        "not JSON": replace(
            message,
            body=b"x",
            headers={"stripe-signature": signature(b"x", SECRET, int(message.received_at.timestamp()))},
        ),
    }
    assert time.startswith("t=")

    with pytest.raises(Forged):
        adapter().receive(broken[mutation])


def test_a_message_that_was_verified_when_it_came_is_read_again_whenever() -> None:
    old = replace(a_message(an_event(an_attempt()), ago=366 * 86_400), trusted=True)

    assert len(adapter().receive(old).reports) == 1


def test_a_message_of_the_other_mode_says_nothing() -> None:
    assert adapter().receive(a_message(an_event(an_attempt(), live=True))).reports == []
    assert len(adapter(mode="live").receive(a_message(an_event(an_attempt(), live=True))).reports) == 1


def test_a_refund_that_failed_later_and_a_dispute_are_told() -> None:
    refund_id = new_id()
    refund = {
        "id": "re_1",
        "status": "failed",
        "failure_reason": "lost_or_stolen_card",
        "metadata": {"refund": refund_id.hex},
    }
    told = adapter().receive(
        a_message({"id": "evt_2", "type": "refund.failed", "livemode": False, "data": {"object": refund}})
    )
    dispute = {
        "id": "du_1", "amount": 500, "currency": "eur", "status": "needs_response", "reason": "fraudulent",
        "payment_intent": "pi_1", "evidence_details": {"due_by": 1_800_000_000},
    }  # fmt: skip
    disputed = adapter().receive(
        a_message(
            {"id": "evt_3", "type": "charge.dispute.created", "livemode": False, "data": {"object": dispute}}
        )
    )

    [report] = told.reports
    assert (report.refund_id, report.refund) == (refund_id, RefundFailed("lost_or_stolen_card"))
    [of_dispute] = disputed.reports
    assert of_dispute.dispute is not None
    assert (of_dispute.dispute.state, of_dispute.dispute.amount, of_dispute.dispute.charge) == (
        "needs_answer",
        Money(500, "EUR"),
        "pi_1",
    )
    assert of_dispute.dispute.due_by == datetime(2027, 1, 15, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("needs_response", "needs_answer"),
        ("warning_needs_response", "needs_answer"),
        ("under_review", "under_review"),
        ("warning_under_review", "under_review"),
        ("won", "won"),
        ("lost", "lost"),
        ("warning_closed", "closed"),
        ("charge_refunded", "closed"),
        ("something_new", "under_review"),
    ],
)
def test_each_state_of_a_dispute_is_known(status: str, state: str) -> None:
    told = {"id": "du_1", "amount": 500, "currency": "eur", "status": status, "payment_intent": "pi_1"}
    event: dict[str, object] = {
        "id": "evt", "type": "charge.dispute.updated", "livemode": False, "data": {"object": told},
    }  # fmt: skip

    [report] = adapter().receive(a_message(event)).reports

    assert report.dispute is not None
    assert report.dispute.state == state


def test_money_and_fee_of_a_dispute_are_apart_also_where_the_account_has_another_currency() -> None:
    rows = [
        {"id": "txn_1", "amount": -540, "fee": 1500, "currency": "usd"},
        {"id": "txn_2", "amount": 540, "fee": -1500, "currency": "usd"},
    ]
    told = {
        "id": "du_1", "amount": 500, "currency": "eur", "status": "won", "payment_intent": "pi_1",
        "balance_transactions": rows,
    }  # fmt: skip
    event: dict[str, object] = {
        "id": "evt", "type": "charge.dispute.closed", "livemode": False, "data": {"object": told},
    }  # fmt: skip

    [report] = adapter().receive(a_message(event)).reports

    assert report.dispute is not None
    assert [(each.kind, each.reference, each.amount) for each in report.dispute.movements] == [
        ("withdrawn", "txn_1", Money(500, "EUR")),
        ("fee", "txn_1", Money(1500, "USD")),
        ("reinstated", "txn_2", Money(500, "EUR")),
        ("fee_returned", "txn_2", Money(1500, "USD")),
    ]


@pytest.mark.parametrize(("evidence", "end"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
async def test_stripes_own_client_answers_a_dispute_and_the_adapter_hears_how_it_ends(
    served: Served, monkeypatch: pytest.MonkeyPatch, evidence: str, end: str
) -> None:
    async with httpx.AsyncClient() as http:
        adapter = served.adapter(http)
        attempt = await begun(adapter)
        assert [kind for _, kind in served.sandbox.decide(attempt.reference, "disputed")] == [
            "checkout.session.completed",
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
        ]
        charged = await adapter.look_up(attempt)
        assert isinstance(charged, Charged)
        [opened] = [
            each
            for each in await adapter.disputes(now() - timedelta(hours=1))
            if each.charge == charged.reference
        ]
        assert (opened.state, opened.amount) == ("needs_answer", attempt.amount)
        assert [(each.kind, each.amount.minor) for each in opened.movements] == [
            ("withdrawn", 12_900),
            ("fee", 1500),
        ]
        refused = await adapter.give_back(
            replace(attempt, charge=charged.reference), refund_id=new_id(), amount=attempt.amount
        )
        assert isinstance(refused, RefundFailed)

        answered = client(served).v1.disputes.update(
            opened.reference, {"evidence": {"uncategorized_text": evidence}, "submit": True}
        )
        assert (answered.status, answered.evidence_details.submission_count) == ("under_review", 1)
        clock = served.sandbox.clock
        monkeypatch.setattr(served.sandbox, "clock", lambda: clock() + 60)

        after = await adapter.look_up_dispute(opened.reference)
        assert after is not None
        assert after.state == end
        assert sum(each.kind == "reinstated" for each in after.movements) == (end == "won")
        assert await adapter.look_up_dispute("dp_nobody") is None


def test_stripes_own_client_accepts_a_dispute(served: Served) -> None:
    ours = client(served)
    session = ours.v1.checkout.sessions.create(
        {
            "mode": "payment", "success_url": "http://shop.test/back",
            "line_items": [
                {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "x"}}}
            ],
        }
    )  # fmt: skip
    served.sandbox.decide(session.id, "disputed")
    [found] = [each for each in ours.v1.disputes.list({"limit": 100}).data if each.amount == 900]

    assert ours.v1.disputes.close(found.id).status == "lost"
    with pytest.raises(theirs.InvalidRequestError):
        ours.v1.disputes.close(found.id)


# Its keys.


@pytest.mark.parametrize(
    ("mode", "key", "good"),
    [
        ("test", "sk_test_1", True),
        ("live", "sk_live_1", True),
        ("live", "rk_live_1", True),
        ("live", "sk_test_1", False),
        ("test", "sk_live_1", False),
        ("test", "pk_test_1", False),
    ],
)
def test_a_key_must_be_of_its_mode(mode: str, key: str, *, good: bool) -> None:
    account = Account(1, 1, mode, {}, {"secret_key": key, "webhook_secret": ""}, "", httpx.AsyncClient())

    if good:
        assert KIND.build(account).name == "stripe"
    else:
        with pytest.raises(ValueError, match="secret_key"):
            KIND.build(account)


async def test_refunds_are_found_again_by_our_id(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        known = served.adapter(http)
        attempt = await begun(known)
        served.sandbox.decide(attempt.reference, "pay")
        charged = await known.look_up(attempt)
        assert isinstance(charged, Charged)
        done = replace(attempt, charge=charged.reference)
        refund_id = new_id()
        sent = await known.give_back(done, refund_id=refund_id, amount=Money(100, "EUR"))

        assert isinstance(sent, GivenBack)
        assert await known.look_up_refund(done, refund_id=refund_id, amount=Money(100, "EUR")) == sent
