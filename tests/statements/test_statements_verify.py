"""A statement file, checked by the product and by a stranger; and everything that may be done to it and to the lake."""

import json
import random
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from tests.metrics.conftest import SHOP, SHOW
from tests.metrics.conftest import name as called
from tests.statements import foreign
from tests.statements.conftest import BOX, Stage

from shopfloor import collector, integrity, statements, wiring
from shopfloor.cli import main
from shopfloor.erasure import BuyerErased
from shopfloor.integrity.models import Net
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import now
from shopfloor.statements import assessing, drawing, inputs, notes, verifying
from shopfloor.statements.models import Integrity


@pytest.fixture
async def file(stage: Stage) -> bytes:
    await stage.fill(4)
    assert await stage.draw_up() is not None
    await stage.fill(3)
    await stage.sign()
    return await stage.file()


def words(found: verifying.Verdict) -> list[tuple[str, str]]:
    return [(check.state, check.words.split(":")[0].split(" by ")[0]) for check in found.checks]


async def test_a_statement_says_what_the_report_says_and_verifies_with_the_key_alone(
    stage: Stage, file: bytes
) -> None:
    key = await stage.key()
    found = verifying.verify(file, key=key, lake=stage.lake)
    statement = foreign.check(file)

    assert words(found) == [
        ("proven", "Signed"), ("proven", "Whose key"), ("proven", "Logged"), ("open", "Not witnessed"),
        ("proven", "Files"), ("proven", "Events"), ("proven", "Figures"), ("open", "Genuine"),
    ]  # fmt: skip
    assert (found.holds, found.is_witnessed) == (True, False)
    assert found.statement == statement
    paid = statement["figures"]["gmv_paid"]
    assert (paid["numerator"], paid["denominator"], paid["unit"], paid["version"]) == (
        45_000,
        None,
        "minor",
        1,
    )
    assert statement["shop"] == {"id": SHOP, "key": key.split("+")[1], "name": "Dawn", "slug": "dawn"}
    assert statement["integrity"] == {"assessed": False}
    assert (statement["number"], statement["version"], statement["replaces"]) == (1, 1, None)
    assert statement["inputs"]["events"] == 159
    assert [file["rows"] for file in statement["inputs"]["files"]] == [79]


async def test_without_a_key_nothing_is_said_of_whose_it_is(stage: Stage, file: bytes) -> None:
    found = verifying.verify(file)

    assert ("open", "Whose key") in words(found)
    assert ("open", "Events") in words(found)
    stranger = notes.Signer("shopfloor/dawn/0", notes.LOG, bytes(32)).public
    assert [each.state for each in verifying.verify(file, key=str(stranger)).checks][1] == "failed"


async def test_every_single_byte_that_is_changed_is_found(file: bytes) -> None:
    """One bit of each byte around the signed text, and of some hundred of its own."""
    drawn = random.Random(7)
    begin, end = file.index(b'"statement":{'), file.index(b',"type":"shopfloor.statement-file/1"')
    places = {*range(begin), *range(end, len(file)), *drawn.sample(range(begin, end), 300)}
    assert verifying.verify(file).holds
    unseen = []
    for place in sorted(places):
        changed = bytearray(file)
        changed[place] ^= 1 << drawn.randrange(8)
        if verifying.verify(bytes(changed)).holds:
            unseen.append(place)

    assert unseen == []
    for shorter in (file[:-1], file[1:], file + b"\n", file + b" ", b""):
        assert not verifying.verify(shorter).holds


async def test_every_single_byte_of_the_lake_that_is_changed_is_found(
    stage: Stage, file: bytes, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(stage.lake, lake)
    drawn = random.Random(11)
    [sealed] = [lake / each["path"] for each in json.loads(file)["statement"]["inputs"]["files"]]
    whole = sealed.read_bytes()
    for _ in range(25):
        changed = bytearray(whole)
        changed[drawn.randrange(len(changed))] ^= 1 << drawn.randrange(8)
        sealed.write_bytes(changed)
        assert not verifying.verify(file, lake=lake).holds
    sealed.write_bytes(whole)
    assert verifying.verify(file, lake=lake).holds


def test_one_cell_that_is_changed_changes_the_digest_of_its_column_alone(small_show: Path) -> None:
    """Whoever writes files and manifest anew, with hashes that fit, does not get past the digests of the events."""
    rows = inputs.events_of(collector.lake.open(small_show), shop_id=SHOP, show_id=SHOW)
    whole, cells = inputs.digests(rows), rows.to_pylist()
    for name, kind in zip(rows.schema.names, rows.schema.types, strict=True):
        place = next((place for place, row in enumerate(cells) if row[name] is not None), 0)
        before = cells[place][name]
        after = (
            before + timedelta(microseconds=1) if isinstance(before, datetime)
            else before + 1 if isinstance(before, int | float) else f"{before or ''}x" if str(kind) == "string" else 0
        )  # fmt: skip
        changed = [*cells[:place], {**cells[place], name: after}, *cells[place + 1 :]]
        found = inputs.digests(collector.SCHEMA.empty_table().from_pylist(changed, schema=rows.schema))
        different = {each for each in whole if found[each] != whole[each]}
        assert different == {name} or (name in {"id", "source"} and name in different), name

    table = collector.SCHEMA.empty_table()
    for fewer in (cells[1:], [*cells, cells[0]]):
        assert inputs.digests(table.from_pylist(fewer, schema=rows.schema))["id"] != whole["id"]
    assert inputs.digests(table.from_pylist(cells[::-1], schema=rows.schema)) == whole
    # Nothing is not the same as an empty text, and where one text ends is told.
    texts = [{**row, "text": text, "code": code} for row, text, code in zip(cells[:2], ("ab", "c"), (None, ""), strict=True)]  # fmt: skip
    other = [{**row, "text": text, "code": code} for row, text, code in zip(cells[:2], ("a", "bc"), ("", ""), strict=True)]  # fmt: skip
    one, two = (inputs.digests(table.from_pylist(each, schema=rows.schema)) for each in (texts, other))
    assert {name for name in one if one[name] != two[name]} == {"text", "code"}


async def test_compaction_changes_files_and_no_proof(stage: Stage, file: bytes, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(stage.lake, lake)
    collector.seal_everything(lake)
    collector.compact(lake)

    assert verifying.verify(file, lake=lake).holds


async def test_what_comes_later_is_the_next_version_and_the_old_one_still_verifies(
    stage: Stage, file: bytes, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(stage.lake, lake)
    assert await stage.draw_up() is None, "nothing changed"
    writer = collector.Collector(lake, "later")
    await writer.start()
    show = {"shop_id": SHOP, "show_id": SHOW, "order_id": "o9", "buyer": "b", "currency": "CNY"}
    line = {
        "line_id": 1,
        "variant_id": 1001,
        "product_id": 101,
        "offer_id": 11,
        "quantity": 1,
        "amount_minor": 500,
    }
    await writer.append(
        collector.from_fact(
            "orders.order_paid",
            {**show, "number": 9, "lines": [line], "amount_minor": 500, "purpose": "full", "paid_in_full": True},
            uuid4(), SHOP, now(),
        )
    )  # fmt: skip
    await writer.close()
    later = Stage(stage.db, lake)

    made = await later.draw_up()
    await later.sign()

    assert made is not None
    assert (made.number, made.version) == (2, 2)
    second, key = await later.file(2), await stage.key()
    statement = foreign.check(second)
    assert statement["replaces"] == 1
    assert statement["figures"]["gmv_paid"]["numerator"] == 45_500
    for data in (file, await later.file(1), second):
        assert verifying.verify(data, key=key, lake=lake).holds
    async with stage.db.transaction() as tx:
        assert [each.version for each in await statements.of_show(tx, shop_id=SHOP, show_id=SHOW)] == [2, 1]


async def test_a_rotated_key_vouches_in_both_directions_and_a_lost_one_in_none(
    stage: Stage, file: bytes
) -> None:
    first = await stage.key()
    async with stage.db.transaction() as tx:
        assert await statements.log.rotate(tx, box=BOX, shop_id=SHOP)
    second = await stage.key()
    await stage.sign()
    before = await stage.file()

    assert first != second
    for key in (first, second):
        assert verifying.verify(before, key=key).holds
    foreign.check(before)
    assert verifying.verify(file, key=first).holds
    # The checkpoint is signed by both, so who knows the first alone follows.
    assert json.loads(before)["checkpoint"].count("— shopfloor/dawn/") == 2

    # The data directory's key is gone, and with it the private half: nobody vouches for the third.
    other = Box((b"\1" * 32,))
    async with stage.db.transaction() as tx:
        assert not await statements.log.rotate(tx, box=other, shop_id=SHOP)
    await stage.sign(other)
    after = await stage.file()
    # Signed with the first key, but in a log that only the third has signed since: anybody could have added that.
    for key in (first, second):
        said = verifying.verify(after, key=key)
        assert [check.state for check in said.checks[:3]] == ["proven", "proven", "failed"]
        assert said.checks[2].words == "No key that yours leads to signed the checkpoint."
        assert verifying.verify(before, key=key).holds, "the file from before the loss"
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE live.show SET title = 'Saturday'")
    made = await stage.draw_up(box=other)
    assert made is not None
    await stage.sign(other)
    newest = await stage.file(made.number)
    assert verifying.verify(newest).holds
    said = verifying.verify(newest, key=second)
    assert not said.holds
    assert "not signed by the one before" in said.checks[1].words


async def test_what_is_in_no_checkpoint_says_so(stage: Stage) -> None:
    await stage.draw_up()

    found = verifying.verify(await stage.file())

    assert not found.holds
    assert "Not in the log yet" in next(check.words for check in found.checks if check.state == "failed")


async def test_the_command_says_what_is_proven_and_ends_with_a_status(
    stage: Stage, file: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "statement.json"
    path.write_bytes(file)
    key = await stage.key()

    good = CliRunner().invoke(main, ["verify", str(path), "--key", key, "--lake", str(stage.lake)])
    assert good.exit_code == 0, good.output
    assert good.output.splitlines()[-1] == "Nothing wrong was found."
    assert "Not witnessed" in good.output
    path.write_bytes(file.replace(b'"numerator":45000', b'"numerator":95000'))
    bad = CliRunner().invoke(main, ["verify", str(path), "--key", key])
    assert bad.exit_code == 1
    assert bad.output.splitlines()[-1] == "This statement does NOT verify."
    told = json.loads(CliRunner().invoke(main, ["verify", str(path), "--json"]).output)
    assert (told["holds"], told["witnessed"], told["checks"][0]["state"]) == (False, False, "failed")
    assert CliRunner().invoke(main, ["verify", str(path), "--key", "nonsense"]).exit_code == 1


async def test_a_person_who_is_erased_leaves_every_statement_verifying(stage: Stage, file: bytes) -> None:
    """All who forget a person forget the buyer `a`, who paid, was refunded and chatted in this show."""
    person = UUID(called("a"))
    shown = collector.lake.open(stage.lake).table(show_id=SHOW).to_pylist()
    assert sum(row["viewer"] == str(person) for row in shown) > 10, "figures count this person"
    async with stage.db.transaction() as tx:
        for forget in wiring.FORGETS_PEOPLE.values():
            await forget(tx, BuyerErased(SHOP, uuid4(), [person], 1))

    assert verifying.verify(file, key=await stage.key(), lake=stage.lake).holds
    assert str(person) not in file.decode()
    assert await stage.draw_up() is None, "the figures are what they were"


async def test_what_was_judged_of_a_show_is_the_next_version_and_is_called_an_opinion(
    stage: Stage, file: bytes
) -> None:
    async def assess(*_: object) -> Integrity:
        return Integrity(
            "p1", {"gmv_paid": 45_000}, {"gmv_paid": 0}, {"gmv_paid": 5_000}, {"gmv_paid": 40_000}
        )

    made = await stage.draw_up(assess=assess)
    assert made is not None
    assert await stage.draw_up(assess=assess) is None
    await stage.sign()

    found = verifying.verify(await stage.file(made.number), key=await stage.key())
    assert found.statement is not None
    assert found.statement["integrity"] == {
        "assessed": True, "policy": "p1", "gross": {"gmv_paid": 45_000}, "general_invalid": {"gmv_paid": 0},
        "sophisticated_invalid": {"gmv_paid": 5_000}, "net": {"gmv_paid": 40_000},
    }  # fmt: skip
    assert (found.checks[-1].state, "its opinion" in found.checks[-1].words) == ("open", True)
    assert json.loads(file)["statement"]["integrity"] == {"assessed": False}


async def test_a_later_release_that_words_or_defines_a_figure_otherwise_accuses_nobody(
    stage: Stage, file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = drawing.drawn

    def said(change: Callable[[dict[str, Any]], object]) -> tuple[str, str]:
        """What is said of the figures where a release computes this instead."""

        def drawn(*given: Any, **named: Any) -> drawing.Drawn:
            found = real(*given, **named)
            change(found.content)
            return found

        monkeypatch.setattr(verifying.drawing, "drawn", drawn)
        [check] = [
            each
            for each in verifying.verify(file, lake=stage.lake).checks
            if each.words.startswith("Figures")
        ]
        return check.state, check.words

    def paid(**other: object) -> Callable[[dict[str, Any]], object]:
        return lambda content: content["figures"]["gmv_paid"].update(other)

    assert said(paid(definition={"en": "In other words."}))[0] == "proven"
    assert said(lambda content: content["figures"].update(new={"version": 1}))[0] == "proven"
    assert said(lambda content: [row.update(more=1) for row in content["tables"]["products"]])[0] == "proven"
    state, words = said(paid(version=2, numerator=1))
    assert (state, "(gmv_paid)" in words) == ("open", True)
    state, words = said(paid(numerator=1))
    assert (state, words[-9:]) == ("failed", "gmv_paid.")
    assert said(lambda content: content["tables"]["minutes"].pop())[1].endswith("minutes.")
    assert said(lambda content: content["tables"]["minutes"][0].update(viewers=99))[0] == "failed"


def test_a_judgement_stands_in_the_statement_as_it_was_made() -> None:
    judged = integrity.Summary(
        SHOP, SHOW, 3, "p1", now(), "CNY", {"gmv_paid": Net("gmv_paid", 45_000, 1_000, 4_000)}, 1, 0, 0
    )

    assert assessing.of_summary(judged) == Integrity(
        "p1", {"gmv_paid": 45_000}, {"gmv_paid": 1_000}, {"gmv_paid": 4_000}, {"gmv_paid": 40_000}
    )
