"""A shopper of the demo with an account: signs in with a mailed code, buys in a show and pays when it is over.

The messages to her go to a mailbox in this process; those to the audience stay in the console.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import Any, Final

import httpx

from shopfloor.demo.forms import find_form
from shopfloor.demo.merchant import Merchant, Show

ADDRESS: Final = "mei@mailbox.test"
PATIENCE: Final = 30.0
_CODE: Final = re.compile(r"/account/code/(\d{6})")
_BASKET: Final = re.compile(r"/s/[a-z0-9-]+/cart\?basket=[\w-]+")


class Mailbox:
    """A mail server for the demo: takes everything, keeps the texts, hands them to whoever waits for one."""

    def __init__(self) -> None:
        self.port = 0
        self._texts: list[str] = []
        self._came = asyncio.Event()

    async def find(self, wanted: re.Pattern[str]) -> str | None:
        """The first match in a message that has come or comes soon; None where none does."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    for text in self._texts:
                        if (found := wanted.search(text)) is not None:
                            return found[1] if found.re.groups else found[0]
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return None

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as SMTP has it (RFC 5321)."""
        writer.write(b"220 mailbox\r\n")
        try:
            while line := await reader.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    writer.write(b"354 go on\r\n")
                    await self._keep(reader)
                writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    break
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        lines: list[bytes] = []
        while (line := await reader.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        body = letter.get_body(("plain",))
        self._texts.append("" if body is None else str(body.get_content()))
        self._came.set()


@asynccontextmanager
async def opened_mailbox() -> AsyncGenerator[Mailbox, None]:
    mailbox = Mailbox()
    server = await asyncio.start_server(mailbox.take, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mailbox


class Regular:
    """She is signed in, so she pays for what she bought in one go, after the show."""

    def __init__(self, address: str, shop: str, mailbox: Mailbox) -> None:
        self._shop = f"/s/{shop}"
        self._mailbox = mailbox
        self._http = httpx.AsyncClient(base_url=address, timeout=15, headers={"origin": address})
        self.bought = 0

    async def close(self) -> None:
        await self._http.aclose()

    async def sign_in(self) -> bool:
        await self._http.get(self._shop)
        await self._http.post(f"{self._shop}/account/sign-in", data={"email": ADDRESS})
        code = await self._mailbox.find(_CODE)
        if code is None:
            return False
        done = await self._http.post(f"{self._shop}/account/code", data={"code": code})
        return done.status_code == 303

    async def buy(self, show: Show) -> None:
        """One of each product that can be had."""
        for offer in (await show.state())["offers"].values():
            line = next((each for each in offer["lines"].values() if each["left"] or each["later"]), None)
            if line is None:
                continue
            wish: dict[str, Any] = {
                "id": str(uuid.uuid4()), "offer_id": offer["id"], "variant_id": line["id"], "quantity": 1,
                "price_minor": line["price_minor"],
            }  # fmt: skip
            reply = (await self._http.post("/buy", json=wish)).json()
            self.bought += reply.get("outcome") == "held"

    async def pay(self, merchant: Merchant) -> str | None:
        """Follow the link in the message, order everything, transfer the money; the path of the order."""
        link = await self._mailbox.find(_BASKET)
        if link is None:
            return None
        cart = await self._http.get(link)
        way = re.search(rf'href="({self._shop}/checkout/[^"]+)"', cart.text)
        if way is None:
            return None
        page = await self._http.get(way[1])
        form = find_form(page.text, f"{self._shop}/checkout/")
        if form is None:
            return None
        filled = {
            "name": "Mei Lin", "phone": "13900001111", "email": ADDRESS, "street": "8 Quay Street", "city": "Xiamen",
            "delivery": next((way for way in form.choices.get("delivery", []) if way.startswith("ship")), "ship"),
            "method": "transfer",
        }  # fmt: skip
        done = await self._http.post(form.action, data=form.filled(**filled))
        place = done.headers.get("location", "")
        if done.status_code != 303 or "/orders/" not in place:
            return None
        await merchant.mark_paid(place.split("/orders/")[1].split("?")[0].split("/")[0])
        return place
