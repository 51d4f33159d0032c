"""A payment provider without money: it speaks as Stripe does, and has the page on which a buyer pays.

For trying the shop out, for the demo's audience, and for tests, which keep it honest with Stripe's own client.  It
follows Stripe's documentation where ours asks it something, refuses what Stripe refuses there, and is a server of its
own: `Sandbox(path)` is an ASGI application, and what it knows is in the file, for as many processes as there are.

What a buyer may do on its page is in `CHOICES`; a card that is declined may be tried again, as there.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from shopfloor.kernel import late
from shopfloor.payment_providers.sandbox_bank import SandboxBank
from shopfloor.payment_providers.sandbox_page import choices, document
from shopfloor.payment_providers.sandbox_store import OpenStore, Problem, SandboxStore, new_id

if TYPE_CHECKING:
    import httpx
else:
    httpx = late.module("httpx")

CHOICES: Final = ("pay", "secure", "decline", "later", "later_fail", "twice", "silent", "gone", "disputed")
"""Pays; pays after 3-D Secure; is declined; is told later, well or badly; is told twice; is never told; pays and closes
the window; pays and asks the bank for the money back.
"""
# Seconds until a bank that decides later has decided.
LATER: Final = 6.0
_SHORTEST_LIFE: Final = 30 * 60
_LONGEST_LIFE: Final = 24 * 3600


def webhook_secret(account: str) -> str:
    """By which messages to this account are signed."""
    return "whsec_" + hashlib.sha256(b"sandbox " + account.encode()).hexdigest()[:32]


def signature(body: bytes, secret: str, at: int) -> str:
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


class Sandbox:
    """`root`: where it stands below another application; `address`: under which buyers reach it."""

    def __init__(
        self, path: Path, *, address: Callable[[], str], clock: Callable[[], float] = time.time
    ) -> None:
        self.store = SandboxStore(path)
        self.address = address
        self.clock = clock
        self.bank = SandboxBank(self.time)
        pages = [
            Route("/pay/{name}", self._page, methods=["GET"]),
            Route("/pay/{name}", self._decide, methods=["POST"]),
        ]
        # What everybody may reach where the interface is asked inside the process.
        self.pages = Router(pages)
        self._routes = Router(
            [
                Route("/v1/account", self._account, methods=["GET"]),
                Route("/v1/webhook_endpoints", self._listen, methods=["POST"]),
                Route("/v1/checkout/sessions", self._create, methods=["POST"]),
                Route("/v1/checkout/sessions/{name}", self._retrieve, methods=["GET"]),
                Route("/v1/checkout/sessions/{name}/expire", self._expire, methods=["POST"]),
                Route("/v1/payment_intents/{name}", self._intent, methods=["GET"]),
                Route("/v1/payment_intents/{name}/capture", self._capture, methods=["POST"]),
                Route("/v1/payment_intents/{name}/cancel", self._cancel, methods=["POST"]),
                Route("/v1/refunds", self._refund, methods=["POST"]),
                Route("/v1/refunds", self._refunds, methods=["GET"]),
                Route("/v1/disputes", self._disputes, methods=["GET"]),
                Route("/v1/disputes/{name}", self._dispute, methods=["GET"]),
                Route("/v1/disputes/{name}", self._answer, methods=["POST"]),
                Route("/v1/disputes/{name}/close", self._accept, methods=["POST"]),
                Route("/v1/balance_transactions", self._balance, methods=["GET"]),
                *pages,
            ]
        )

    def time(self) -> float:
        """What its clock says now: who tries it out may set another one."""
        return self.clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._routes(scope, receive, send)
        except Problem as problem:
            await JSONResponse(problem.body, status_code=problem.status)(scope, receive, send)

    # ── its interface ─────────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _who(request: Request) -> str:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not key.startswith("sk_test_") or len(key) > 200:
            raise Problem(401, "Invalid API Key provided", kind="invalid_request_error")
        return key

    @asynccontextmanager
    async def _once(
        self, request: Request
    ) -> AsyncGenerator[tuple[OpenStore, str, dict[str, str], list[Response]]]:
        """The books for a question that changes something; with its key again it has the answer it had."""
        account = self._who(request)
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        key = request.headers.get("idempotency-key", "")
        written = json.dumps(form, sort_keys=True)
        given: list[Response] = []
        with self.store.open() as store:
            if key:
                row = store.rows.execute(
                    "SELECT path, form, status, body FROM answer WHERE account = ? AND key = ?",
                    (account, key),
                ).fetchone()
                if row is not None:
                    if row[:2] != (request.url.path, written):
                        raise Problem(
                            400,
                            "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                            kind="idempotency_error",
                        )
                    given.append(
                        Response(
                            row[3], row[2], {"idempotent-replayed": "true"}, media_type="application/json"
                        )
                    )
            known = bool(given)
            yield store, account, form, given
            if key and not known:
                store.rows.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        account,
                        key,
                        request.url.path,
                        written,
                        given[0].status_code,
                        bytes(given[0].body).decode(),
                    ),
                )

    async def _account(self, request: Request) -> Response:
        account = self._who(request)
        name = "acct_" + hashlib.sha256(account.encode()).hexdigest()[:16]
        return JSONResponse(
            {"id": name, "object": "account", "settings": {"dashboard": {"display_name": "Test payments"}}}
        )

    async def _listen(self, request: Request) -> Response:
        async with self._once(request) as (store, account, form, given):
            store.rows.execute("INSERT OR IGNORE INTO listener VALUES (?, ?)", (account, form.get("url", "")))
            if not given:
                given.append(
                    JSONResponse(
                        {
                            "id": new_id("we"), "object": "webhook_endpoint", "url": form.get("url", ""),
                            "secret": webhook_secret(account),
                        }
                    )
                )  # fmt: skip
        return given[0]

    async def _create(self, request: Request) -> Response:
        async with self._once(request) as (store, account, form, given):
            if given:
                return given[0]
            now = int(self.clock())
            try:
                unit = int(form["line_items[0][price_data][unit_amount]"])
                amount = unit * int(form["line_items[0][quantity]"])
                currency = form["line_items[0][price_data][currency]"].lower()
                ends = int(form.get("expires_at") or now + _LONGEST_LIFE)
            except (KeyError, ValueError) as problem:
                raise Problem(
                    400, f"Missing required param: {problem}.", code="parameter_missing"
                ) from problem
            if form.get("mode") != "payment" or not form.get("success_url"):
                raise Problem(400, "Missing required param: success_url.", code="parameter_missing")
            if amount < 1:
                raise Problem(
                    400, "This value must be greater than or equal to 1.", code="parameter_invalid_integer"
                )
            if not now + _SHORTEST_LIFE <= ends <= now + _LONGEST_LIFE:
                raise Problem(
                    400,
                    "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
                )
            name = new_id("cs_test")
            session = {
                "id": name, "object": "checkout.session", "amount_total": amount, "currency": currency,
                "status": "open", "payment_status": "unpaid", "payment_intent": None, "livemode": False,
                "client_reference_id": form.get("client_reference_id"),
                "metadata": _nested(form, "metadata"), "expires_at": ends, "created": now,
                "success_url": form["success_url"], "cancel_url": form.get("cancel_url"),
                "url": f"{self.address()}/pay/{name}",
                "_intent_metadata": _nested(form, "payment_intent_data[metadata]"),
                "_manual": form.get("payment_intent_data[capture_method]") == "manual",
                "_name": form.get("line_items[0][price_data][product_data][name]", ""),
            }  # fmt: skip
            store.put(account, session)
            given.append(JSONResponse(_shown(session)))
        return given[0]

    async def _retrieve(self, request: Request) -> Response:
        account = self._who(request)
        expand = request.query_params.getlist("expand[]") + [
            value
            for key, value in request.query_params.multi_items()
            if key.startswith("expand[") and key != "expand[]"
        ]
        with self.store.open() as store:
            session = self.bank.settled(store, request.path_params["name"], account)
            shown = _shown(session)
            if session["payment_intent"] and any(each.startswith("payment_intent") for each in expand):
                intent = self.bank.aged(store, account, session["payment_intent"])
                if intent["latest_charge"] and "payment_intent.latest_charge.balance_transaction" in expand:
                    intent["latest_charge"] = store.get("charge", intent["latest_charge"], account)
                shown["payment_intent"] = _shown(intent)
        return JSONResponse(shown)

    async def _expire(self, request: Request) -> Response:
        async with self._once(request) as (store, account, _, given):
            if given:
                return given[0]
            session = self.bank.settled(store, request.path_params["name"], account)
            if session["status"] != "open":
                raise Problem(
                    400,
                    f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of `{session["status"]}`.',
                )
            session["status"] = "expired"
            store.put(account, session)
            given.append(JSONResponse(_shown(session)))
        return given[0]

    async def _intent(self, request: Request) -> Response:
        account = self._who(request)
        with self.store.open() as store:
            return JSONResponse(_shown(self.bank.aged(store, account, request.path_params["name"])))

    async def _capture(self, request: Request) -> Response:
        async with self._once(request) as (store, account, form, given):
            if given:
                return given[0]
            intent = self.bank.aged(store, account, request.path_params["name"])
            if intent["status"] != "requires_capture":
                raise Problem(
                    400,
                    f"This PaymentIntent could not be captured because it has a status of {intent['status']}.",
                    code="payment_intent_unexpected_state",
                )
            amount = int(form.get("amount_to_capture") or intent["amount"])
            if not 1 <= amount <= intent["amount"]:
                raise Problem(
                    400, "The amount to capture is more than what was authorised.", code="amount_too_large"
                )
            self.bank.take(store, account, intent, amount)
            session = store.get("checkout.session", intent["_session"], account)
            store.put(account, session | {"payment_status": "paid"})
            webhooks = self._telling(intent["_session"], [(0.0, "payment_intent.succeeded")])
            given.append(JSONResponse(_shown(intent), background=webhooks))
        return given[0]

    async def _cancel(self, request: Request) -> Response:
        async with self._once(request) as (store, account, _, given):
            if given:
                return given[0]
            intent = self.bank.aged(store, account, request.path_params["name"])
            if intent["status"] in {"succeeded", "canceled"}:
                raise Problem(
                    400,
                    f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
                    code="payment_intent_unexpected_state",
                )
            intent |= {"status": "canceled", "amount_capturable": 0, "canceled_at": int(self.clock())}
            store.put(account, intent)
            webhooks = self._telling(intent["_session"], [(0.0, "payment_intent.canceled")])
            given.append(JSONResponse(_shown(intent), background=webhooks))
        return given[0]

    async def _refund(self, request: Request) -> Response:
        async with self._once(request) as (store, account, form, given):
            if given:
                return given[0]
            intent = store.get("payment_intent", form.get("payment_intent", ""), account)
            left = intent["amount_received"] - intent["_refunded"]
            amount = int(form.get("amount") or left)
            if intent.get("_disputed"):
                raise Problem(
                    400, "Charge has been charged back and cannot be refunded.", code="charge_disputed"
                )
            if intent["amount_received"] and left <= 0:
                raise Problem(400, "Charge has already been refunded.", code="charge_already_refunded")
            if not 1 <= amount <= left:
                raise Problem(
                    400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
                    code="amount_too_large",
                )  # fmt: skip
            intent["_refunded"] += amount
            refund = {
                "id": new_id("re"), "object": "refund", "amount": amount, "currency": intent["currency"],
                "payment_intent": intent["id"], "charge": intent["latest_charge"], "status": "succeeded",
                "metadata": _nested(form, "metadata"), "created": int(self.clock()),
            }  # fmt: skip
            store.put(account, intent)
            store.put(account, refund)
            self.bank.book(store, account, "refund", -amount, 0, refund)
            given.append(JSONResponse(refund))
        return given[0]

    async def _refunds(self, request: Request) -> Response:
        account = self._who(request)
        wanted = request.query_params.get("payment_intent")
        with self.store.open() as store:
            found = [
                each for each in store.every("refund", account) if wanted in {None, each["payment_intent"]}
            ]
        return JSONResponse({"object": "list", "url": "/v1/refunds", "has_more": False, "data": found[:100]})

    async def _disputes(self, request: Request) -> Response:
        account = self._who(request)
        asked = request.query_params
        since, limit = int(asked.get("created[gte]", 0)), int(asked.get("limit", 10))
        with self.store.open() as store:
            rows = [
                _shown(self.bank.decided(store, account, each))
                for each in store.every("dispute", account)
                if each["created"] >= since
            ]
        if "starting_after" in asked:
            names = [row["id"] for row in rows]
            rows = (
                rows[names.index(asked["starting_after"]) + 1 :] if asked["starting_after"] in names else []
            )
        return JSONResponse(
            {"object": "list", "url": "/v1/disputes", "has_more": len(rows) > limit, "data": rows[:limit]}
        )

    async def _dispute(self, request: Request) -> Response:
        account = self._who(request)
        with self.store.open() as store:
            found = store.get("dispute", request.path_params["name"], account)
            return JSONResponse(_shown(self.bank.decided(store, account, found)))

    async def _answer(self, request: Request) -> Response:
        """Evidence; with `submit` it goes to the bank, which decides in a moment."""
        name = request.path_params["name"]
        tell: list[tuple[float, str]] = []
        async with self._once(request) as (store, account, form, given):
            if given:
                return given[0]
            found = self.bank.decided(store, account, store.get("dispute", name, account))
            if found["status"] != "needs_response":
                raise Problem(400, "This dispute is already closed or under review.")
            found["evidence"] |= _nested(form, "evidence")
            found["evidence_details"]["has_evidence"] = bool(found["evidence"])
            if form.get("submit", "true") == "true":
                found["evidence_details"]["submission_count"] += 1
                found |= {"status": "under_review", "_decides_at": self.clock() + LATER}
                tell = [(0.0, "charge.dispute.updated"), (LATER + 0.1, "charge.dispute.closed")]
            store.put(account, found)
            given.append(JSONResponse(_shown(found), background=self._telling(name, tell)))
        return given[0]

    async def _accept(self, request: Request) -> Response:
        name = request.path_params["name"]
        async with self._once(request) as (store, account, _, given):
            if given:
                return given[0]
            found = self.bank.decided(store, account, store.get("dispute", name, account))
            if found["status"] != "needs_response":
                raise Problem(400, "This dispute is already closed or under review.")
            found["status"] = "lost"
            store.put(account, found)
            given.append(
                JSONResponse(_shown(found), background=self._telling(name, [(0.0, "charge.dispute.closed")]))
            )
        return given[0]

    def _telling(self, name: str, events: list[tuple[float, str]]) -> BackgroundTask:
        async def tell() -> None:
            for after, kind in events:
                await self.tell(name, after, kind)

        return BackgroundTask(tell)

    async def _balance(self, request: Request) -> Response:
        account = self._who(request)
        asked = request.query_params
        since, until = int(asked.get("created[gte]", 0)), int(asked.get("created[lt]", 2**53))
        with self.store.open() as store:
            rows = [
                row for row in store.every("balance_transaction", account) if since <= row["created"] < until
            ]
            if "starting_after" in asked:
                names = [row["id"] for row in rows]
                rows = (
                    rows[names.index(asked["starting_after"]) + 1 :]
                    if asked["starting_after"] in names
                    else []
                )
            limit = int(asked.get("limit", 10))
            page = rows[:limit]
            if any(key.startswith("expand") for key in asked):
                page = [
                    row | {"source": _shown(store.get(_kind(row["source"]), row["source"], account))}
                    for row in page
                ]
        return JSONResponse(
            {"object": "list", "url": "/v1/balance_transactions", "has_more": len(rows) > limit, "data": page}
        )

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    def decide(self, name: str, choice: str) -> list[tuple[float, str]]:
        """What the buyer did on the page; the messages that follow, as (seconds from now, type of event)."""
        with self.store.open() as store:
            session = self.bank.settled(store, name)
            account = store.account_of(name)
            if session["status"] != "open":
                return []
            if session["payment_intent"] is None:
                intent: dict[str, Any] = {
                    "id": new_id("pi"), "object": "payment_intent", "amount": session["amount_total"],
                    "amount_received": 0, "amount_capturable": 0, "currency": session["currency"],
                    "status": "requires_payment_method", "metadata": session["_intent_metadata"],
                    "latest_charge": None, "last_payment_error": None, "_refunded": 0, "_session": name,
                    "capture_method": "manual" if session["_manual"] else "automatic", "created": int(self.clock()),
                }  # fmt: skip
                session["payment_intent"] = intent["id"]
            else:
                intent = store.get("payment_intent", session["payment_intent"], account)
            done: list[tuple[float, str]] = []
            if choice == "decline":
                intent["last_payment_error"] = {"code": "card_declined", "message": "Your card was declined."}
                done = [(0.0, "payment_intent.payment_failed")]
            elif choice in {"later", "later_fail"}:
                session |= {
                    "status": "complete", "_decides_at": self.clock() + LATER,
                    "_decides": "pay" if choice == "later" else "fail",
                }  # fmt: skip
                intent |= {"status": "processing", "last_payment_error": None}
                end = "succeeded" if choice == "later" else "failed"
                done = [
                    (0.0, "checkout.session.completed"),
                    (LATER + 0.1, f"checkout.session.async_payment_{end}"),
                ]
            elif session["_manual"]:
                session |= {"status": "complete"}
                self.bank.reserve(store, account, intent)
                done = [] if choice == "silent" else [(0.0, "checkout.session.completed")]
                done += [] if choice == "silent" else [(0.0, "payment_intent.amount_capturable_updated")]
            else:
                session |= {"status": "complete", "payment_status": "paid"}
                self.bank.take(store, account, intent, intent["amount"])
                done = [] if choice == "silent" else [(0.0, "checkout.session.completed")]
                done += [(0.0, "payment_intent.succeeded")] if choice == "twice" else []
                if choice == "disputed":
                    session["_dispute"] = self.bank.open_dispute(store, account, intent)["id"]
                    done += [(0.0, "charge.dispute.created"), (0.0, "charge.dispute.funds_withdrawn")]
            store.put(account, intent)
            store.put(account, session)
        return done

    async def tell(self, name: str, after: float, kind: str, *, times: int = 1) -> None:
        """Send a message of this type to who listens, signed.  Nobody is told again who does not answer."""
        await asyncio.sleep(after)
        with self.store.open() as store:
            account = store.account_of(name)
            if kind.startswith("charge.dispute."):
                of = name if name.startswith("dp_") else self.bank.settled(store, name)["_dispute"]
                about = self.bank.decided(store, account, store.get("dispute", of, account))
            else:
                about = self.bank.settled(store, name)
                if kind.startswith("payment_intent."):
                    about = store.get("payment_intent", about["payment_intent"], account)
            listeners = [
                row[0] for row in store.rows.execute("SELECT url FROM listener WHERE account = ?", (account,))
            ]
        event = {
            "id": new_id("evt"), "object": "event", "type": kind, "livemode": False, "created": int(self.clock()),
            "data": {"object": _shown(about)},
        }  # fmt: skip
        body = json.dumps(event).encode()
        headers = {
            "content-type": "application/json",
            "stripe-signature": signature(body, webhook_secret(account), int(self.clock())),
        }
        async with httpx.AsyncClient(timeout=10.0) as client:
            for url in listeners:
                for _ in range(times):
                    try:
                        await client.post(url, content=body, headers=headers)
                    except httpx.HTTPError:
                        break

    # ── the page of the buyer ─────────────────────────────────────────────────────────────────────────────

    async def _page(self, request: Request) -> Response:
        name = request.path_params["name"]
        with self.store.open() as store:
            try:
                session = self.bank.settled(store, name)
            except Problem:
                return document("Not found", "<p>There is no such payment.</p>", status=404)
            said = ""
            if session["payment_intent"]:
                intent = store.get("payment_intent", session["payment_intent"])
                said = (intent["last_payment_error"] or {}).get("message", "")
        if session["status"] != "open":
            return document(
                "Test payment",
                f'<p>This payment is over.</p><p><a href="{escape(session["success_url"])}">Back to the shop</a></p>',
            )
        return document("Test payment", choices(session, said, secure="secure" in request.query_params))

    async def _decide(self, request: Request) -> Response:
        name = request.path_params["name"]
        form = dict(parse_qsl((await request.body()).decode()))
        choice = form.get("choice", "")
        here = f"{self.address()}/pay/{name}"
        if choice == "secure":
            return RedirectResponse(f"{here}?secure=1", status_code=303)
        if choice not in CHOICES:
            return RedirectResponse(here, status_code=303)
        try:
            events = self.decide(name, choice)
            with self.store.open() as store:
                session = self.bank.settled(store, name)
        except Problem:
            return document("Not found", "<p>There is no such payment.</p>", status=404)

        async def tell() -> None:
            for after, kind in events:
                await self.tell(name, after, kind, times=2 if choice == "twice" else 1)

        after = BackgroundTask(tell)
        if choice == "decline":
            return RedirectResponse(here, status_code=303, background=after)
        if choice == "gone":
            page = document("Test payment", "<p>Paid. You can close this window.</p>")
            page.background = after
            return page
        # Not by a redirect: a browser follows one out of a form only to where the form may lead.
        page = document(
            "Test payment",
            f'<p>Back to the shop…</p><p><a class="button main" href="{escape(session["success_url"])}">Back to the shop</a></p>',
            head=f'<meta http-equiv="refresh" content="0;url={escape(session["success_url"])}">',
        )
        page.background = after
        return page


def _kind(name: str) -> str:
    return {"ch": "charge", "re": "refund", "pi": "payment_intent", "dp": "dispute"}[name.partition("_")[0]]


def _nested(form: Mapping[str, str], name: str) -> dict[str, str]:
    return {
        key[len(name) + 1 : -1]: value
        for key, value in form.items()
        if key.startswith(f"{name}[") and key.endswith("]")
    }


def _shown(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if not key.startswith("_")}
