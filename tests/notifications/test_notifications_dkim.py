"""Signed mail: what leaves verifies at a foreign verifier, and who owns the domain decides whose key signs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dkim as foreign
import pytest
from tests.notifications.conftest import BOX, MakeMarket, Market, Post

from shopfloor import mail_signing
from shopfloor.kernel.client_address import networks
from shopfloor.kernel.values import new_id, now
from shopfloor.mail_signing import dkim
from shopfloor.mail_signing.dkim import Found, NoAnswer, Purpose
from shopfloor.mail_signing.service import NoKey
from shopfloor.notices import Kind, NewNotice, tell
from shopfloor.notifications import sending, service
from shopfloor.notifications.models import MailServer, Security

SENDER = "shop@garden.test"


def believed(message: bytes, record: str) -> bool:
    """What dkimpy says, with this record in DNS."""
    return foreign.verify(message, dnsfunc=lambda *_, **__: record.encode())


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    return dkim.make_key()


@pytest.mark.parametrize(
    "message",
    [
        b"From: <a@garden.test>\r\nSubject: x\r\n\r\n",
        b"From: <a@garden.test>\r\nTo: <b@x.example>\r\nSubject: =?utf-8?q?a?=\r\n =?utf-8?q?b?=  \r\n\r\nend without a line",
        b"From: <a@garden.test>\r\nList-Unsubscribe: <https://x>\r\n\r\n a \t b  \r\n.dot\r\n\r\n\r\n",
        b"From:<a@garden.test>\r\nDate: x\r\n\r\n\r\n\r\n",
        "From: <a@garden.test>\r\nSubject: s\r\n\r\n发票 \r\n".encode(),
    ],
)
def test_a_signature_holds_for_what_was_signed_and_for_nothing_else(
    message: bytes, pair: tuple[str, str]
) -> None:
    key = dkim.Key("garden.test", "sf1", pair[0])
    record = f"v=DKIM1; k=rsa; p={pair[1]}"
    made = dkim.signed(message, key, dkim.loaded(key), at=now())

    assert made.endswith(message)
    assert max(len(line) for line in made.split(b"\r\n")) < 100
    assert believed(made, record)
    assert not believed(made, f"v=DKIM1; k=rsa; p={dkim.make_key()[1]}")
    assert not believed(b"From: <evil@x.example>\r\n" + made, record)
    assert not believed(made.replace(b"garden.test>", b"garden.evil>"), record)
    assert not believed(made + b"more\r\n", record)


async def server_of(market: Market, port: int, sender: str = SENDER) -> None:
    async with market.db.transaction() as tx:
        await service.save_mail_server(
            tx, box=BOX, shop_id=market.shop_id, host="mail.garden.test", port=port, security=Security.NONE,
            username="", password="", sender=sender, reply_to="",
        )  # fmt: skip


def of(market: Market) -> dict[str, Any]:
    return {"shop_id": market.shop_id, "host": "mail.garden.test", "sender": SENDER}


def says(**records: Sequence[str]) -> dkim.LookUp:
    """DNS, by the first part of a name."""

    async def look_up(name: str) -> Sequence[str]:
        if "silent" in records:
            raise NoAnswer
        return records.get(
            "dkim" if "_domainkey" in name else "dmarc" if name.startswith("_dmarc") else "spf", ()
        )

    return look_up


@pytest.mark.parametrize(
    ("host", "sends"),
    [
        ("mx.garden.test", "a:mx.garden.test"),
        ("192.0.2.7", "ip4:192.0.2.7"),
        ("2001:db8::7", "ip6:2001:db8::7"),
    ],
)
def test_the_server_that_sends_is_named_as_spf_names_it(host: str, sends: str) -> None:
    records = dkim.records("garden.test", "sf", "AAAA", host=host, sender=SENDER)
    assert [each.value for each in records if each.purpose is Purpose.SPF] == [f"v=spf1 {sends} ~all"]


async def test_mail_is_signed_once_dns_has_the_key_and_only_from_its_own_domain(
    make_market: MakeMarket, post: Post
) -> None:
    market, other = await make_market(), await make_market()
    with pytest.raises(NoKey):
        await mail_signing.check(market.db, **of(market), look_up=says())
    await server_of(market, 25)
    await server_of(other, 25)
    async with market.db.transaction() as tx:
        first = await mail_signing.get(tx, **of(market))
        assert (first.name, first.made_at) == ("garden.test", None)
        with pytest.raises(NoKey):
            await mail_signing.set_signs(tx, shop_id=market.shop_id, sender=SENDER, signs=True)
        await mail_signing.make_key(tx, shop_id=market.shop_id, box=BOX, sender=SENDER)
        made = await mail_signing.get(tx, **of(market))
        kept = await tx.value("SELECT sealed FROM mail_signing.key")
    assert b"PRIVATE" not in kept
    records = {record.purpose: record for record in made.records}
    assert records[Purpose.DKIM].name == f"{made.selector}._domainkey.garden.test"
    assert records[Purpose.DMARC].name == "_dmarc.garden.test"

    async def found(**told: Sequence[str]) -> dict[Purpose, Found]:
        checked = await mail_signing.check(market.db, **of(market), look_up=says(**told))
        return {each.record.purpose: each.found for each in checked}

    value = records[Purpose.DKIM].value
    for told, state in (
        ({}, Found.MISSING),
        ({"dkim": ["v=DKIM1; p=AAAA"]}, Found.OTHER),
        ({"dkim": [value, value]}, Found.OTHER),
        ({"silent": []}, Found.UNKNOWN),
    ):
        assert (await found(**told))[Purpose.DKIM] is state
    async with market.db.transaction() as tx:
        assert not (await mail_signing.get(tx, **of(market))).signs
    assert await found(
        dkim=[value.replace("; ", ";").replace("MII", "MI I")], spf=["v=spf1 -all", "google-site=1"],
        dmarc=["v=DMARC1; p=reject"],
    ) == {Purpose.DKIM: Found.RIGHT, Purpose.SPF: Found.OTHER, Purpose.DMARC: Found.RIGHT}  # fmt: skip

    sender = sending.Sender(market.db, "https://garden.test", BOX, patience=10.0)
    mine = MailServer("127.0.0.1", post.server.port, Security.NONE, sender=SENDER)
    for server, shop_ids, signers in (
        (mine, {market.shop_id, other.shop_id}, {market.shop_id}),
        (replace(mine, sender="shop@elsewhere.test"), {market.shop_id}, set[int]()),
        # The installation's own server, whose domain is none of the shop's.
        (replace(mine, guarded=False), {market.shop_id}, set[int]()),
    ):
        assert set(await sender.keys(server, shop_ids)) == signers

    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE notifications.mail_server SET host = '127.0.0.1', port = %(port)s WHERE shop_id = %(shop_id)s",
            port=post.server.port,
            shop_id=market.shop_id,
        )
        await tell(
            tx, NewNotice(market.shop_id, new_id(), Kind.TEST, "mei@shop.test", "zh-CN", name="林梅"), box=BOX
        )
    sender.allowed = networks("127.0.0.1/32")
    await sender.run_once()
    [raw] = post.raw
    assert raw.startswith(b"DKIM-Signature: ")
    assert believed(raw, value)

    async with market.db.transaction() as tx:
        await mail_signing.make_key(tx, shop_id=market.shop_id, box=BOX, sender=SENDER)
        again = await mail_signing.get(tx, **of(market))
    assert (again.signs, again.selector == made.selector) == (False, False)


async def test_mail_through_the_server_of_the_installation_is_signed_by_the_installation(
    make_market: MakeMarket, post: Post
) -> None:
    """For all shops that have no server of their own; once its record was found, and no longer when that is gone."""
    market, other = await make_market(), await make_market()
    own = mail_signing.own
    about: dict[str, Any] = {"box": BOX, "host": "mail.house.test", "sender": "post@house.test"}
    async with market.db.transaction() as tx:
        first, again = await own.get(tx, **about), await own.get(tx, **about)
        kept = await tx.value("SELECT sealed FROM mail_signing.own_key")
    assert (first, first.signs, first.name) == (again, False, "house.test")
    assert b"PRIVATE" not in kept
    record = next(each for each in first.records if each.purpose is Purpose.DKIM)
    sender = sending.Sender(
        market.db, "https://house.test", BOX, own=replace(post.server, sender="post@house.test")
    )

    async def sent(shop_id: int) -> bytes:
        async with market.db.transaction() as tx:
            await tell(tx, NewNotice(shop_id, new_id(), Kind.TEST, "mei@shop.test", "en"), box=BOX)
        await sender.run_once()
        return post.raw[-1]

    async def look(**told: Sequence[str]) -> Found:
        found = await own.check(market.db, **about, look_up=says(**told))
        return next(each.found for each in found if each.record.purpose is Purpose.DKIM)

    assert not (await sent(market.shop_id)).startswith(b"DKIM-Signature")
    assert await look() is Found.MISSING
    assert await look(dkim=[record.value]) is Found.RIGHT
    for shop_id in (market.shop_id, other.shop_id):
        assert believed(await sent(shop_id), record.value)
    # DNS that is silent says nothing; a record that is gone ends it.
    assert await look(silent=[]) is Found.UNKNOWN
    assert (await sent(market.shop_id)).startswith(b"DKIM-Signature")
    assert await look(dkim=["v=DKIM1; p=AAAA"]) is Found.OTHER
    assert not (await sent(market.shop_id)).startswith(b"DKIM-Signature")
    async with market.db.transaction() as tx:
        renewed = await own.renew(tx, **about)
    assert renewed.selector != first.selector
