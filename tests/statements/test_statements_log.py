"""The log under those who append at once and those who are killed, and what the audit says of it."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from tests.jobs import drain
from tests.metrics.conftest import SHOP, SHOW
from tests.statements import foreign
from tests.statements.conftest import BOX, Stage, add_shop
from tests.waiting import PATIENCE

from shopfloor import statements
from shopfloor.kernel import merkle, secrets
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.jobs.service import Run
from shopfloor.statements import inputs, jobs, notes, queries, verifying

# Appends entry after entry, each in a transaction of its own, and says how many there are.
APPENDS = """
import asyncio, sys
from shopfloor import statements
from shopfloor.kernel.database import Database
from shopfloor.kernel.secrets import Box
box = Box((bytes(32),))
async def main():
    db = Database(sys.argv[1], 1)
    await db.open()
    for number in range(int(sys.argv[2])):
        async with db.transaction() as tx:
            log = (await statements.log.opened(tx, box=box, shop_id=1)).log
            log = await statements.log.append(tx, log, "statement", {"document": [sys.argv[3], number]})
        print(log.size, flush=True)
    await db.close()
asyncio.run(main())
"""


def appender(dsn: str, entries: int, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", APPENDS, dsn, str(entries), name], stdout=subprocess.PIPE, text=True
    )


async def leaves(db: Database) -> list[bytes]:
    async with db.transaction() as tx:
        log = await statements.log.log_of(tx, shop_id=SHOP)
        found = [await queries.leaf(tx, shop_id=SHOP, position=place) for place in range(log.size)]
    assert all(found), "dense"
    return [leaf.body for leaf in found if leaf is not None]


async def test_two_processes_append_at_once_and_one_of_them_is_killed(stage: Stage, dsn: str) -> None:
    whole, killed = appender(dsn, 40, "whole"), appender(dsn, 100_000, "killed")
    assert whole.stdout is not None
    assert killed.stdout is not None
    try:
        for _ in range(20):
            killed.stdout.readline()
        said, _ = whole.communicate(timeout=PATIENCE)
    finally:
        killed.kill()
        told = killed.communicate(timeout=PATIENCE)[0]
    assert whole.returncode == 0
    answered = [int(each) for each in (*said.split(), *told.split())]
    assert len(answered) == len(set(answered)), "no two were given one place"

    # It was killed between entry and checkpoint: whoever looks next signs what is there.
    entries = await leaves(stage.db)
    async with stage.db.transaction() as tx:
        assert [each.shop_id for each in await queries.logs_behind(tx)] == [SHOP]
    await stage.sign()
    async with stage.db.transaction() as tx:
        newest = await queries.newest_checkpoint(tx, shop_id=SHOP)
        assert await queries.logs_behind(tx) == []
    assert newest is not None
    assert (newest.size, newest.root) == (len(entries), foreign.root(entries))
    assert max(answered) <= len(entries)


async def test_proofs_out_of_the_database_hold_at_any_size(stage: Stage) -> None:
    await stage.fill(36)
    entries = await leaves(stage.db)
    async with stage.db.transaction() as tx:
        log = await statements.log.log_of(tx, shop_id=SHOP)
        for size in (1, 2, 7, 16, 37):
            root = await statements.log.root_of(tx, log, size)
            assert root == foreign.root(entries[:size])
            for position in {0, size // 2, size - 1}:
                proof = await statements.log.inclusion_proof(tx, log, position=position, size=size)
                assert proof == foreign.path(position, entries[:size])
            proof = await statements.log.consistency_proof(tx, log, old=size, new=37)
            merkle.check_consistency(size, 37, proof, root, foreign.root(entries))
        for ask in (
            statements.log.inclusion_proof(tx, log, position=37, size=37),
            statements.log.inclusion_proof(tx, log, position=0, size=38),
            statements.log.consistency_proof(tx, log, old=3, new=2),
            statements.log.consistency_proof(tx, log, old=3, new=38),
        ):
            with pytest.raises(Refusal) as refused:
                await ask
            assert refused.value.code == "statements.not_in_log"


async def test_nothing_is_signed_twice_and_each_checkpoint_follows_from_the_one_before(stage: Stage) -> None:
    seen: list[tuple[int, bytes]] = []
    for _ in range(4):
        await stage.fill(3)
        await stage.sign()
        await stage.sign()
        async with stage.db.transaction() as tx:
            newest = await queries.newest_checkpoint(tx, shop_id=SHOP)
        assert newest is not None
        note = notes.read_note(newest.text)
        notes.check_log_signature(note, notes.PublicKey.read(await stage.key()))
        checkpoint = notes.read_checkpoint(note)
        seen.append((checkpoint.size, checkpoint.root))
    assert [size for size, _ in seen] == [4, 7, 10, 13]
    async with stage.db.transaction() as tx:
        log = await statements.log.log_of(tx, shop_id=SHOP)
        for (old, before), (new, after) in pairwise(seen):
            proof = await statements.log.consistency_proof(tx, log, old=old, new=new)
            merkle.check_consistency(old, new, proof, before, after)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lake received a moment ago counts already."""
    monkeypatch.setattr(inputs, "SETTLED", inputs.SETTLED * 0)


async def test_a_show_that_ended_is_signed_logged_and_kept_in_a_file_by_itself(
    stage: Stage, dsn: str, tmp_path: Path, at_once: None
) -> None:
    async def make(run: Run, asked: jobs.OfShow) -> None:
        await jobs.make(run, asked, lake=stage.lake, box=BOX)

    async def publish(run: Run, asked: jobs.OfShop) -> None:
        await jobs.publish(run, asked, box=BOX, directory=tmp_path)

    handlers = {jobs.MAKE: make, jobs.PUBLISH: publish}
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE live.show SET ended_at = now() - interval '1 hour'")
        await jobs.ask_for_due(tx)
    await drain(dsn, stage.db, handlers)

    data, key = await stage.file(), await stage.key()
    assert verifying.verify(data, key=key, lake=stage.lake).holds
    kept = (tmp_path / str(SHOP) / "checkpoint").read_text()
    assert kept == (tmp_path / str(SHOP) / "checkpoints" / f"{2:012d}").read_text()
    assert notes.read_checkpoint(notes.read_note(kept)).size == 2
    async with stage.db.transaction() as tx:
        facts = await tx.every(
            _Fact, "SELECT name FROM kernel.outbox WHERE name LIKE 'statements.%%' ORDER BY id"
        )
        await jobs.ask_for_due(tx)
        waiting = await tx.value(
            "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE task_name LIKE 'statements.%%' AND status = 'todo'"
        )
        [only] = await statements.of_show(tx, shop_id=SHOP, show_id=SHOW)
    assert [fact.name for fact in facts] == ["statements.statement_made", "statements.checkpoint_signed"]
    assert waiting == 0, "not again before tomorrow"
    assert (only.version, only.is_witnessed, only.checkpoint) == (1, False, 2)


class _Fact:
    def __init__(self, name: str) -> None:
        self.name = name


async def test_the_audit_finds_a_gap_a_changed_leaf_and_a_statement_outside_the_log(stage: Stage) -> None:
    assert await stage.draw_up() is not None
    await stage.sign()

    async def complaints(sql: str) -> dict[str, tuple[str, ...]]:
        """Of a log to which this was done."""
        found: dict[str, tuple[str, ...]] = {}
        try:
            async with stage.db.transaction() as tx:
                await tx.connection.execute(sql.encode())
                for each in await statements.audit(tx):
                    if not each.passed:
                        found[each.name.partition(": ")[2]] = each.offending
                raise _Undone
        except _Undone:
            return found

    dense, logged, roots = (
        "a log has no gaps and ends where it says",
        "every statement is in the log",
        "every checkpoint is the root of what is logged",
    )
    assert await complaints("SELECT 1") == {}
    assert await complaints("UPDATE statements.log SET size = 3") == {dense: ("1",)}
    assert await complaints("DELETE FROM statements.leaf WHERE position = 0") == {
        dense: ("1",),
        roots: ("1/2",),
    }
    forged = "UPDATE statements.leaf SET body = convert_to(replace(convert_from(body, 'UTF8'), '45000', '95000'), 'UTF8')"
    assert await complaints(forged) == {roots: ("1/2",)}
    assert await complaints("UPDATE statements.statement SET version = 2") == {logged: ("1/1",)}
    assert await complaints("DELETE FROM statements.statement") == {logged: ("1/-1",)}
    assert await complaints("UPDATE statements.checkpoint SET root = sha256('x')") == {roots: ("1/2",)}


class _Undone(Exception):
    pass


async def test_a_log_is_begun_once_and_its_key_opens_nowhere_else(database: Database) -> None:
    await add_shop(database, shop_id=SHOP, slug="dawn")
    await add_shop(database, shop_id=2, slug="dusk")
    origins: set[str] = set()
    for shop_id in (SHOP, 2, SHOP):
        async with database.transaction() as tx:
            opened = await statements.log.opened(tx, box=BOX, shop_id=shop_id)
        assert opened.log.size == 1, "its own key"
        origins.add(opened.log.origin)
    assert len(origins) == 2
    async with database.transaction() as tx:
        await tx.run(
            "UPDATE statements.key SET secret = (SELECT secret FROM statements.key WHERE shop_id = 2)"
        )
    async with database.transaction() as tx:
        with pytest.raises(secrets.CannotOpen):
            await statements.log.opened(tx, box=BOX, shop_id=SHOP)
