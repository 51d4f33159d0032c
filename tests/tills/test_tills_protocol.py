"""What a device and the server say to each other over HTTP: docs/till-protocol.md."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.tills.conftest import PRICE, Store, Till

from shopfloor import stock, tills
from shopfloor.kernel import http
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.services import Services
from shopfloor.tills import device_api

BASE = "http://shop/till/tea/api"


@pytest.fixture(autouse=True)
def as_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of these tests pair from one address."""
    monkeypatch.setattr(device_api, "PAIRING", Gcra(every=0.001, burst=1000))


@pytest.fixture
async def web(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    http.install(app, Services(store.db))
    app.include_router(device_api.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield client


async def paired(web: httpx.AsyncClient, store: Store) -> Till:
    """A till whose requests are signed in from here on."""
    async with store.db.transaction() as tx:
        code = await tills.registers.new_code(
            tx, shop_id=store.shop_id, register_id=store.register_id, person_id=1
        )
    answer = await web.post(BASE + "/pair", json={"code": f"{code[:4].lower()}-{code[4:]}", "name": "iPad"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["series"], told["register"]["code"], told["shop"]["decimals"]) == ("A1", "A", 2)
    assert (await web.post(BASE + "/pair", json={"code": code, "name": "iPad"})).json()[
        "code"
    ] == "tills.bad_code"
    web.headers["authorization"] = f"Till {told['device']}.{told['secret']}"
    async with store.db.transaction() as tx:
        device = await tills.registers.known_device(
            tx,
            shop_id=store.shop_id,
            device_id=tills.reading.uuid(told["device"]),  # pyright: ignore[reportArgumentType]
            secret=told["secret"],
        )
    return Till(store, device, told["secret"])


async def test_from_a_code_to_a_sale_that_is_found_again(web: httpx.AsyncClient, store: Store) -> None:
    assert (await web.get(BASE + "/snapshot")).json()["code"] == "tills.unknown_device"
    till = await paired(web, store)
    answer = await web.get(BASE + "/snapshot")
    told = answer.json()
    assert (
        await web.get(BASE + "/snapshot", headers={"if-none-match": answer.headers["etag"]})
    ).status_code == 304
    [product] = told["products"]
    assert [(each["id"], each["price"], each["available"]) for each in product["variants"]] == [
        (store.variants[0], PRICE, 10), (store.variants[1], PRICE, 10),
    ]  # fmt: skip
    [person] = told["assistants"]
    pin = person["pin"]
    assert base64.b64decode(pin["hash"]) == hashlib.pbkdf2_hmac(
        "sha256", b"2468", base64.b64decode(pin["salt"]), pin["iterations"]
    )
    assert (told["device"]["next_sequence"], told["device"]["next_number"], told["shift"]) == (1, 1, None)

    shift = till.open_shift()
    sale = till.sell(2, price_list=told["pricing"]["version"])
    taken = await web.post(BASE + "/journal", json={"device_time": "2026-01-01T00:00:00.000Z", "facts": []})
    assert taken.json()["taken_to"] == 0
    taken = await web.post(BASE + "/journal", content=json.dumps({"facts": till.facts}))
    assert (taken.status_code, taken.json()["taken_to"], taken.json()["tasks"]) == (200, 2, [])

    told = (await web.get(BASE + "/snapshot")).json()
    assert (told["device"]["next_sequence"], told["device"]["next_number"]) == (3, 2)
    assert (told["shift"]["id"], told["device"]["last_hash"]) == (str(shift), till.facts[-1]["hash"])
    assert [each["receipt"] for each in told["receipts"]] == ["A1-000001"]
    token = till.facts[-1]["body"]["token"]
    for find in ("a1-000001", token, f"https://shop.example/s/tea/receipts/{token}"):
        [found] = (await web.get(BASE + "/sales", params={"find": find})).json()["sales"]
        assert (found["order"], found["receipt"], found["channel"]) == (str(sale), "A1-000001", "till")
        assert found["lines"][0]["units"] == [PRICE, PRICE]
    x = (await web.get(BASE + "/shift")).json()["x"]
    assert (x["drawer"], x["sales"]["total"]) == (20_000 + 2 * PRICE, 2 * PRICE)
    await store.assert_sound()


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"[]", b'{"facts": 1}', b'{"facts": [1]}', b'{"facts": [{"sequence": 0}]}', b'{"facts": [{"sequence": 1.0}]}',
     b'{"facts": [{"sequence": NaN}]}', b'{"facts":' + b"[" * 20_000],
)  # fmt: skip
async def test_what_is_no_journal_is_refused_and_nothing_is_kept(
    web: httpx.AsyncClient, store: Store, sent: bytes
) -> None:
    await paired(web, store)
    answer = await web.post(BASE + "/journal", content=sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "tills.malformed")
    assert await store.value("SELECT count(*) FROM tills.fact") == 0


async def test_a_journal_cut_anywhere_arrives_whole(web: httpx.AsyncClient, store: Store) -> None:
    """The connection breaks after any byte; the device sends again from what it was told."""
    till = await paired(web, store)
    till.open_shift()
    for _ in range(3):
        till.sell(1)
    whole = json.dumps({"facts": till.facts}, ensure_ascii=False).encode()
    for cut in range(1, len(whole), len(whole) // 60):
        assert (await web.post(BASE + "/journal", content=whole[:cut])).status_code == 422
    assert await store.value("SELECT count(*) FROM tills.fact") == 0
    for end in range(1, 5):
        for start in range(end):
            answer = await web.post(BASE + "/journal", content=json.dumps({"facts": till.facts[start:end]}))
            assert answer.status_code == 200
    assert await store.here() == 7
    await store.assert_sound()


async def test_of_a_walk_in_and_a_viewer_one_gets_the_last_unit(web: httpx.AsyncClient, store: Store) -> None:
    await paired(web, store)
    assert isinstance(await store.hold(9), stock.Held)
    basket = f"{BASE}/holds/{uuid4()}"
    wanted = {"lines": [{"variant": store.variants[0], "quantity": 1}]}
    kept, viewer = await asyncio.gather(web.put(basket, json=wanted), store.hold(1))
    assert (kept.status_code == 200) != isinstance(viewer, stock.Held)
    if kept.status_code == 200:
        assert (await web.put(basket, json=wanted)).status_code == 200
        assert (await web.delete(basket)).status_code == 204
        assert isinstance(await store.hold(1), stock.Held)
    assert (await web.put(f"{BASE}/holds/{uuid4()}", json=wanted)).json() == {
        "code": "stock.sold_out", "left": 0, "variant": store.variants[0], "short": {str(store.variants[0]): 0},
    }  # fmt: skip
    await store.assert_sound()


async def test_a_basket_that_is_kept_is_sold_from_and_lapses(web: httpx.AsyncClient, store: Store) -> None:
    till = await paired(web, store)
    till.open_shift()
    basket, other = uuid4(), uuid4()
    for name, quantity in ((basket, 2), (other, 3)):
        answer = await web.put(
            f"{BASE}/holds/{name}", json={"lines": [{"variant": store.variants[0], "quantity": quantity}]}
        )
        assert answer.status_code == 200
    [told] = (await web.get(BASE + "/availability", params={"variants": store.variants[0]})).json()[
        "variants"
    ]
    assert (told["available"], told["escrow"]) == (5, 5)
    assert isinstance(await store.hold(5), stock.Held)
    till.sell(2, hold=str(basket))
    assert (await till.send()).tasks == []
    await store.value("UPDATE tills.basket SET expires_at = now() RETURNING 1")
    async with store.db.transaction() as tx:
        assert await tills.registers.drop_lapsed(tx) == 1
    assert isinstance(await store.hold(3), stock.Held)
    await store.assert_sound()


async def test_escrow_is_sold_offline_and_flows_back_with_the_shift(
    web: httpx.AsyncClient, store: Store
) -> None:
    till = await paired(web, store)
    async with store.db.transaction() as tx:
        assert await tills.registers.set_escrow(
            tx, shop_id=store.shop_id, device_id=till.device.id, variant_id=store.variants[0], quantity=4
        ) == 4  # fmt: skip
    assert isinstance(await store.hold(6), stock.Held)
    assert isinstance(await store.hold(1), stock.Refused)
    till.open_shift(0)
    till.sell(3)
    till.close_shift(3 * PRICE)
    assert (await till.send()).tasks == []
    assert isinstance(await store.hold(1), stock.Held)
    await store.assert_sound()


async def test_a_device_that_is_locked_out_may_only_tell(web: httpx.AsyncClient, store: Store) -> None:
    till = await paired(web, store)
    till.open_shift()
    async with store.db.transaction() as tx:
        await tills.registers.lock_out(tx, shop_id=store.shop_id, device_id=till.device.id, person_id=1)
    assert (await web.get(BASE + "/snapshot")).json()["code"] == "tills.locked_out"
    answer = await web.post(BASE + "/journal", content=json.dumps({"facts": till.facts}))
    assert (answer.status_code, answer.json()["code"], answer.json()["taken_to"]) == (
        403,
        "tills.locked_out",
        1,
    )
    assert (await web.post("http://shop/till/other/api/journal", content=b"{}")).status_code == 401
