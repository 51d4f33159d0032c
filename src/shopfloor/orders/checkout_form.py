"""What a buyer fills in to order, made tidy and checked.  No I/O here."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from shopfloor import promotions
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import cleaned, narrow
from shopfloor.orders.models import Delivery
from shopfloor.orders.refusals import FormRefused
from shopfloor.policies import ShopTerms


@dataclass(frozen=True, slots=True)
class Address:
    street: str
    city: str
    postcode: str = ""
    region: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What the buyer fills in.  `expected_total_minor` is the total the page showed, when it showed one."""

    name: str
    delivery: Delivery
    phone: str = ""
    email: str = ""
    address: Address | None = None
    provider: str = "manual"
    method: str = "transfer"
    note: str = ""
    locale: str = "en"
    connection_id: int | None = None
    """The shop's account with the provider."""
    expected_total_minor: int | None = None
    shipping_method: str = ""
    """One of the ways that the quote has; without it the first of this delivery."""
    codes: tuple[str, ...] = ()
    """Discount codes, as they were typed."""


JOIN: Final = "join"
"""The way of delivery that needs no address: it goes where an earlier order goes."""


METHODS: Final[Mapping[Delivery, frozenset[str]]] = {
    Delivery.SHIP: frozenset({"transfer"}),
    Delivery.PICK_UP: frozenset({"transfer", "cash"}),
}


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().\-/]{3,28}[0-9]")


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def tidy(form: Form) -> Form:
    """The form with stray spaces and control characters gone.

    Raises FormRefused with `fields`: {field: what is wrong}, all of them at once.
    """
    address = form.address
    clean = replace(
        form,
        name=_line(form.name),
        phone=_line(narrow(form.phone)),
        email=_line(narrow(form.email)),
        note=cleaned(_CONTROL.sub(" ", form.note), one_line=True),
        codes=tuple(promotions.apart(" ".join(form.codes))) if form.codes else (),
        address=None
        if address is None or form.delivery is Delivery.PICK_UP or form.shipping_method == JOIN
        else Address(
            street=_line(address.street),
            city=_line(address.city),
            postcode=_line(address.postcode),
            region=_line(address.region),
            country=_line(address.country),
        ),
    )
    wrong = _wrong_fields(clean)
    if wrong:
        raise FormRefused(fields=wrong)
    return clean


def _wrong_fields(form: Form) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if not 1 <= len(form.name) <= 120:
        wrong["name"] = "missing" if not form.name else "too_long"
    if not form.phone and not form.email:
        wrong["phone"] = "phone_or_email"
    if form.phone and not _PHONE.fullmatch(form.phone):
        wrong["phone"] = "not_a_phone_number"
    if form.email and (len(form.email) > 254 or not _EMAIL.fullmatch(form.email)):
        wrong["email"] = "not_an_address"
    if len(form.note) > 1000:
        wrong["note"] = "too_long"
    if len(form.shipping_method) > 40:
        wrong["delivery"] = "too_long"
    if len(form.locale) > 16:
        wrong["locale"] = "too_long"
    if form.delivery is Delivery.SHIP and form.shipping_method != JOIN:
        parts = form.address or Address("", "")
        for name, value, needed in (
            ("street", parts.street, True),
            ("city", parts.city, True),
            ("postcode", parts.postcode, False),
            ("region", parts.region, False),
            ("country", parts.country, False),
        ):
            if needed and not value:
                wrong[name] = "missing"
            elif len(value) > 200:
                wrong[name] = "too_long"
    if form.provider == "manual" and form.method not in METHODS[form.delivery]:
        wrong["method"] = "not_for_this_delivery"
    return wrong


def _line(text: str) -> str:
    return " ".join(cleaned(_CONTROL.sub(" ", text), one_line=True).split())


def form_hash(form: Form) -> bytes:
    """Equal for a repeated form, different when anything the order keeps is different.  The total the page
    showed and the language of the page are not part of what was ordered.
    """
    kept: dict[str, object] = msgspec.to_builtins(form) | {"expected_total_minor": None, "locale": ""}
    if form.connection_id is None:
        del kept["connection_id"]
    if not form.shipping_method:
        # As forms were before there was a choice: one that is sent again finds its order.
        del kept["shipping_method"]
    if not form.codes:
        del kept["codes"]
    return hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).digest()


# Who pays online does it now: so long may he try again.
PAY_ONLINE_WITHIN: Final = timedelta(minutes=30)


def payment_deadline(at: datetime, terms: ShopTerms, *, method: str, online: bool = False) -> datetime | None:
    """When an unpaid order falls; cash is paid when the goods are handed over, so it has no deadline."""
    if online:
        return at + PAY_ONLINE_WITHIN
    return None if method == "cash" else at + timedelta(hours=terms.pay_within_hours)


def contact_keys(*, email: str, phone: str) -> tuple[str, str]:
    """Mail address and phone as they are compared: without a tag, and by the last nine digits; '' for none."""
    local, _, domain = email.casefold().rpartition("@")
    digits = "".join(character for character in phone if character.isdecimal())
    return f"{local.partition('+')[0]}@{domain}" if domain else "", digits[-9:]
