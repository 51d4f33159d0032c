"""What becomes of money in the sandbox: charges, reservations, disputes, and what time decides of them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shopfloor.payment_providers.sandbox_store import OpenStore, new_id

_FEE_PERCENT: Final = 2
# What a dispute costs, in the smallest unit, and until when it can be answered.
_DISPUTE_FEE: Final = 1500
_ANSWER_WITHIN: Final = 7 * 24 * 3600
# Seconds for which a card keeps money reserved.
CAPTURE_WITHIN: Final = 7 * 24 * 3600
# By which a merchant wins here, as in Stripe's own test mode; with any other evidence he loses.
WINNING: Final = "winning_evidence"


class SandboxBank:
    """Each method takes the store while it is open, and the account whose key asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock

    def open_dispute(self, store: OpenStore, account: str, intent: dict[str, Any]) -> dict[str, Any]:
        now = int(self.clock())
        found: dict[str, Any] = {
            "id": new_id("dp"), "object": "dispute", "amount": intent["amount_received"], "currency": intent["currency"],
            "charge": intent["latest_charge"], "payment_intent": intent["id"], "reason": "fraudulent",
            "status": "needs_response", "created": now, "livemode": False, "metadata": {}, "evidence": {},
            "evidence_details": {
                "due_by": now + _ANSWER_WITHIN, "has_evidence": False, "past_due": False, "submission_count": 0,
            },
            "is_charge_refundable": False, "balance_transactions": [],
        }  # fmt: skip
        row = self.book(store, account, "adjustment", -found["amount"], _DISPUTE_FEE, found)
        found["balance_transactions"].append(row)
        intent["_disputed"] = found["id"]
        store.put(account, found)
        return found

    def decided(self, store: OpenStore, account: str, found: dict[str, Any]) -> dict[str, Any]:
        """A dispute as it is by now: decided by the bank, or lost because nobody answered."""
        now = self.clock()
        if found["status"] == "under_review" and found["_decides_at"] <= now:
            won = found["evidence"].get("uncategorized_text") == WINNING
            found["status"] = "won" if won else "lost"
            if won:
                row = self.book(store, account, "adjustment", found["amount"], 0, found)
                found["balance_transactions"].append(row)
            store.put(account, found)
        elif found["status"] == "needs_response" and found["evidence_details"]["due_by"] <= now:
            found["status"] = "lost"
            found["evidence_details"]["past_due"] = True
            store.put(account, found)
        return found

    def settled(self, store: OpenStore, name: str, account: str | None = None) -> dict[str, Any]:
        """A session as it is by now: over, or decided by a bank that took its time."""
        session = store.get("checkout.session", name, account)
        now = self.clock()
        if session["status"] == "open" and session["expires_at"] <= now:
            session["status"] = "expired"
            store.put(store.account_of(name), session)
        if session.get("_decides_at") and session["_decides_at"] <= now:
            owner = store.account_of(name)
            intent = store.get("payment_intent", session["payment_intent"], owner)
            if session.pop("_decides_at") and session.pop("_decides") == "pay":
                session["payment_status"] = "paid"
                self.take(store, owner, intent, intent["amount"])
            else:
                intent |= {
                    "status": "requires_payment_method",
                    "last_payment_error": {
                        "code": "payment_intent_payment_attempt_failed",
                        "message": "The bank refused.",
                    },
                }
                store.put(owner, intent)
            store.put(owner, session)
        return session

    def aged(self, store: OpenStore, account: str, name: str) -> dict[str, Any]:
        """A payment intent as it is by now: what nobody captured in time is cancelled."""
        intent = store.get("payment_intent", name, account)
        if intent["status"] == "requires_capture" and intent["_capture_before"] <= self.clock():
            intent |= {
                "status": "canceled", "amount_capturable": 0, "canceled_at": int(self.clock()),
                "cancellation_reason": "automatic",
            }  # fmt: skip
            store.put(account, intent)
        return intent

    def reserve(self, store: OpenStore, account: str, intent: dict[str, Any]) -> None:
        until = int(self.clock()) + CAPTURE_WITHIN
        charge = {
            "id": new_id("ch"), "object": "charge", "amount": intent["amount"], "amount_captured": 0, "captured": False,
            "currency": intent["currency"], "payment_intent": intent["id"], "metadata": intent["metadata"],
            "balance_transaction": None,
            "payment_method_details": {"type": "card", "card": {"brand": "visa", "capture_before": until}},
        }  # fmt: skip
        intent |= {
            "status": "requires_capture", "amount_capturable": intent["amount"], "latest_charge": charge["id"],
            "last_payment_error": None, "_capture_before": until,
        }  # fmt: skip
        store.put(account, charge)

    def take(self, store: OpenStore, account: str, intent: dict[str, Any], amount: int) -> None:
        known = store.get("charge", intent["latest_charge"], account) if intent["latest_charge"] else {}
        charge = {
            "id": new_id("ch"), "object": "charge", "amount": amount, "currency": intent["currency"],
            "payment_intent": intent["id"], "metadata": intent["metadata"], **known, "amount_captured": amount,
            "captured": True,
        }  # fmt: skip
        intent |= {
            "status": "succeeded", "amount_received": amount, "amount_capturable": 0,
            "latest_charge": charge["id"], "last_payment_error": None,
        }  # fmt: skip
        row = self.book(store, account, "charge", amount, amount * _FEE_PERCENT // 100, charge)
        store.put(account, charge | {"balance_transaction": row})
        store.put(account, intent)

    def book(
        self, store: OpenStore, account: str, kind: str, amount: int, fee: int, source: Mapping[str, Any]
    ) -> dict[str, Any]:
        row = {
            "id": new_id("txn"), "object": "balance_transaction", "amount": amount, "fee": fee, "net": amount - fee,
            "currency": source["currency"], "type": kind, "source": source["id"], "created": int(self.clock()),
        }  # fmt: skip
        store.put(account, row)
        return row
