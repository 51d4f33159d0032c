"""A witness signs what follows from what it saw, over real HTTP, and nothing else; and what is public of a log."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from tests.metrics.conftest import SHOP, SHOW
from tests.statements import foreign
from tests.statements.conftest import BOX, Stage, add_shop

from shopfloor import statements
from shopfloor.kernel import http, merkle
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.services import Services
from shopfloor.kernel.settings import Settings
from shopfloor.statements import api, notes, publishing, queries, verifying, witnessing

LOCAL = (ip_network("127.0.0.0/8"),)
OTHER = 2


@dataclass
class Node:
    stage: Stage
    address: str
    client: httpx.AsyncClient
    witness: str
    """The key of the other shop as a witness."""

    async def show(self) -> int:
        """The log to its witnesses; how many did not sign."""
        return await publishing.show_witnesses(self.stage.db, shop_id=SHOP, allowed=LOCAL)

    async def witnesses(self) -> list[Any]:
        async with self.stage.db.transaction() as tx:
            return await witnessing.witnesses(tx, shop_id=SHOP)

    async def watched(self) -> Any:
        async with self.stage.db.transaction() as tx:
            [found] = await witnessing.watched(tx, shop_id=OTHER)
            return found


@pytest.fixture
async def node(stage: Stage, tmp_path: Path) -> AsyncIterator[Node]:
    """The shop `dawn` shows its log to the shop `dusk`, which is served here."""
    await add_shop(stage.db, shop_id=OTHER, slug="dusk")
    app = FastAPI()
    settings = Settings(data_dir=tmp_path, secrets_key="AA" * 21 + "A=")
    http.install(app, Services(stage.db, settings=settings))
    app.include_router(api.router)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with stage.db.transaction() as tx:
        assert await witnessing.own_key(tx, shop_id=OTHER) is None
        await witnessing.watch(tx, box=BOX, shop_id=OTHER, keys=[await stage.key()])
        witness = await witnessing.own_key(tx, shop_id=OTHER)
        await witnessing.add_witness(
            tx, shop_id=SHOP, key=str(witness), url=f"{address}/v1/dusk/witness", plain_allowed=True
        )
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        yield Node(stage, address, client, str(witness))
    server.should_exit = True
    await task


async def told(node: Node, old: int, note: str, proof: list[bytes] | None = None) -> httpx.Response:
    lines = [f"old {old}", *(notes.b64(each) for each in proof or ()), "", note]
    return await node.client.post("/v1/dusk/witness/add-checkpoint", content="\n".join(lines))


async def signer(stage: Stage) -> notes.Signer:
    async with stage.db.transaction() as tx:
        return (await statements.log.opened(tx, box=BOX, shop_id=SHOP)).signer


async def test_a_statement_is_witnessed_and_says_by_whom(node: Node) -> None:
    stage = node.stage
    await stage.draw_up()
    await stage.sign()
    assert await node.show() == 0
    await stage.fill(5)
    await stage.sign()
    assert await node.show() == 0, "from 2 entries to 7, with a proof"

    data = await stage.file()
    foreign.check(data)
    found = verifying.verify(data, key=await stage.key(), witnesses=[node.witness])
    assert found.is_witnessed
    assert [check.words.split(" ")[0] for check in found.checks if check.state == "proven"] == [
        "Signed:", "Whose", "Logged:", "Witnessed:",
    ]  # fmt: skip
    stranger = str(notes.Signer("w", notes.WITNESS, bytes(32)).public)
    assert not verifying.verify(data, witnesses=[stranger]).holds
    async with stage.db.transaction() as tx:
        [listed] = await statements.of_show(tx, shop_id=SHOP, show_id=SHOW)
    assert listed.cosigned == [node.witness.partition("+")[0]]
    [witness] = await node.witnesses()
    assert (witness.seen, witness.problem) == (7, "")
    assert (await node.watched()).size == 7

    # Each byte of checkpoint, cosignature and the witness's key is looked at.
    begin, end = data.index(b'"checkpoint"'), data.index(b'"inclusion"')
    keys = range(data.index(b'"witnesses"'), len(data))
    for place in (*range(begin, end), *keys):
        changed = bytearray(data)
        changed[place] ^= 1
        assert not verifying.verify(bytes(changed)).holds, place


async def test_a_forked_log_gets_no_signature(node: Node) -> None:
    stage = node.stage
    await stage.fill(4)
    await stage.sign()
    assert await node.show() == 0
    before = await node.watched()

    # The same key signs another past: of the same size, larger with any proof, and smaller.
    own = await signer(stage)
    body = [b"%d" % number for number in range(9)]
    fork = {size: notes.Checkpoint(own.name, size, foreign.root(body[:size])) for size in (5, 8)}
    same = await told(node, 5, fork[5].signed([own]))
    larger = await told(node, 5, fork[8].signed([own]), foreign.consistency(5, body[:8]))
    without = await told(node, 5, fork[8].signed([own]))
    forgets = await told(node, 0, fork[8].signed([own]))
    assert [(each.status_code, each.headers["content-type"]) for each in (same, forgets)] == [
        (409, "text/x.tlog.size"), (409, "text/x.tlog.size"),
    ]  # fmt: skip
    assert (same.text, forgets.text) == ("5\n", "5\n")
    assert [(each.status_code, each.json()["code"]) for each in (larger, without)] == [
        (422, "statements.not_consistent"), (422, "statements.not_consistent"),
    ]  # fmt: skip
    assert await node.watched() == before

    # So a shop that rewrote its own log is found out by the next checkpoint it shows.
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE statements.node SET hash = sha256(hash) WHERE level = 2")
    await stage.fill(1)
    await stage.sign()
    assert await node.show() == 1
    [witness] = await node.witnesses()
    assert "statements.not_consistent" in witness.problem
    assert witness.seen == 5


async def test_a_witness_answers_what_c2sp_says(node: Node) -> None:
    stage = node.stage
    await stage.fill(2)
    own, stranger = await signer(stage), notes.Signer("another/log", notes.LOG, bytes(32))
    root = foreign.root([b"a"])

    def note(by: notes.Signer, size: int = 1) -> str:
        return notes.Checkpoint(by.name, size, root).signed([by])

    forged = note(notes.Signer(own.name, notes.LOG, bytes(32)))
    damaged = note(own).replace("\n1\n", "\n2\n")
    for status, code, answer in (
        (404, "statements.unknown_log", await told(node, 0, note(stranger))),
        (403, "statements.not_signed", await told(node, 0, forged)),
        (403, "statements.not_signed", await told(node, 0, damaged)),
        (400, "statements.not_well_formed", await told(node, 2, note(own))),
        (400, "statements.not_well_formed", await told(node, 0, "nonsense")),
        (400, "statements.not_well_formed", await told(node, -1, note(own))),
        (400, "statements.not_well_formed", await told(node, 0, note(own), [bytes(32)] * 64)),
        (400, "statements.not_well_formed", await told(node, 0, note(own) + "x" * 40_000)),
        (422, "statements.not_consistent", await told(node, 0, note(own), [bytes(32)])),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    good = await told(node, 0, note(own))
    again = await told(node, 1, note(own))
    assert (good.status_code, again.status_code) == (200, 200)
    [line] = notes.read_signatures(again.text)
    key = notes.PublicKey.read((await node.client.get("/v1/dusk/witness/key")).text.strip())
    assert str(key) == node.witness
    notes.check_cosignature(line, notes.read_note(note(own)).body, key)


async def test_after_a_rotation_the_witness_follows_by_the_old_key_and_then_by_the_new(node: Node) -> None:
    stage = node.stage
    await stage.fill(2)
    await stage.sign()
    assert await node.show() == 0
    async with stage.db.transaction() as tx:
        assert await statements.log.rotate(tx, box=BOX, shop_id=SHOP)
    await stage.sign()
    assert await node.show() == 0, "both keys sign"
    async with stage.db.transaction() as tx:
        await statements.log.rotate(tx, box=BOX, shop_id=SHOP)
    await stage.sign()
    assert await node.show() == 1, "two rotations later, nobody told it"
    [witness] = await node.witnesses()
    assert "statements.not_signed" in witness.problem
    async with stage.db.transaction() as tx:
        keys = [each.text for each in await statements.log.public_keys(tx, shop_id=SHOP)]
        await witnessing.watch(tx, box=BOX, shop_id=OTHER, keys=keys[:1])
    assert await node.show() == 0
    assert (await node.watched()).size == 5


async def test_a_witness_that_remembers_better_is_believed(node: Node) -> None:
    """After a restore the shop does not know what it showed; the witness says so."""
    stage = node.stage
    await stage.fill(3)
    await stage.sign()
    await node.show()
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE statements.witness SET seen = 1")
    await stage.fill(2)
    await stage.sign()
    assert await node.show() == 0
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE statements.watched SET size = 99")
    await stage.fill(1)
    await stage.sign()
    assert await node.show() == 1
    [witness] = await node.witnesses()
    assert witness.problem == "It has seen 99 entries, and this log has 7."


async def test_who_is_a_witness_is_checked(stage: Stage) -> None:
    await stage.fill(1)
    key = str(notes.Signer("w", notes.WITNESS, bytes(32)).public)
    own = await signer(stage)
    itself = str(notes.PublicKey("w", notes.WITNESS, own.public.raw))
    watched = str(notes.Signer("shopfloor/dusk/00", notes.LOG, bytes(32)).public)
    async with stage.db.transaction() as tx:
        await witnessing.watch(tx, box=BOX, shop_id=SHOP, keys=[watched])
        as_witness = str(await witnessing.own_key(tx, shop_id=SHOP))
        with pytest.raises(witnessing.OwnWitness):
            await witnessing.watch(tx, box=BOX, shop_id=SHOP, keys=[await stage.key()])
    for given, url, code in (
        ("nonsense", "https://w.example", "statements.not_a_key"),
        (await stage.key(), "https://w.example", "statements.not_a_key"),
        (itself, "https://w.example", "statements.own_witness"),
        (as_witness, "https://w.example", "statements.own_witness"),
        (key, "http://w.example", "statements.not_a_witness"),
        (key, "https://user@w.example", "statements.not_a_witness"),
        (key, "https://w.example/?a=1", "statements.not_a_witness"),
        (key, "ftp://w.example", "statements.not_a_witness"),
    ):
        async with stage.db.transaction() as tx:
            with pytest.raises(Refusal) as refused:
                await witnessing.add_witness(tx, shop_id=SHOP, key=given, url=url)
        assert refused.value.code == code
    async with stage.db.transaction() as tx:
        await witnessing.add_witness(tx, shop_id=SHOP, key=key, url="https://w.example")
        with pytest.raises(witnessing.AskedAlready):
            await witnessing.add_witness(tx, shop_id=SHOP, key=key, url="https://w.example/2")


async def test_everybody_follows_the_log_and_only_the_link_opens_a_statement(node: Node) -> None:
    stage = node.stage
    client = node.client
    assert (await client.get("/v1/dusk/log/checkpoint")).json()["code"] == "statements.no_log"
    assert (await client.get("/v1/dusk/statements")).json() == []
    await stage.draw_up()
    await stage.sign()
    async with stage.db.transaction() as tx:
        [listed] = await statements.of_show(tx, shop_id=SHOP, show_id=SHOW)
        newest = await queries.newest_checkpoint(tx, shop_id=SHOP)
    assert newest is not None

    [row] = (await client.get("/v1/dawn/statements")).json()
    assert row == {
        "number": 1, "show_id": SHOW, "version": 1, "position": 1, "state": "provisional", "checkpoint": 2,
        "cosigned": [], "made_at": row["made_at"],
    }  # fmt: skip
    for wrong in ("", "?access=", "?access=x", f"?access={listed.access[:-1]}"):
        refused = await client.get(f"/v1/dawn/statements/1{wrong}")
        assert (refused.status_code, refused.json()["code"]) == (404, "statements.unknown")
    opened = await client.get(f"/v1/dawn/statements/1?access={listed.access}")
    assert opened.content == await stage.file()

    shown = await client.get("/v1/dawn/log/checkpoint")
    assert (shown.text, shown.headers["cache-control"]) == (newest.text, "public, max-age=30")
    included = (await client.get("/v1/dawn/log/inclusion?position=1&size=2")).json()
    assert included == {"size": 2, "hashes": json.loads(opened.content)["inclusion"]}
    consistent = (await client.get("/v1/dawn/log/consistency?old=1&new=2")).json()
    async with stage.db.transaction() as tx:
        first = await queries.leaf(tx, shop_id=SHOP, position=0)
    assert first is not None
    proof = [notes.unb64(each) for each in consistent["hashes"]]
    merkle.check_consistency(1, 2, proof, foreign.leaf(first.body), newest.root)
    assert (await client.get("/v1/dawn/log/inclusion?position=2&size=2")).json()["facts"] == {"size": 2}
    assert (await client.get("/v1/dawn/log/keys")).json()["keys"] == json.loads(opened.content)["keys"]
