"""Questions in SQL from the form to the answer: who may, what comes back, what is cancelled, and what stays on record."""

import asyncio
import html
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow.parquet as pq
import pytest
from tests.jobs import drain, until_quiet, working
from tests.web.conftest import Stage
from tests.web.test_web_console_terms import member

from shopfloor import accounts, analysis, auth, collector
from shopfloor.analysis import jobs as analysis_jobs
from shopfloor.analysis import models, queries
from shopfloor.kernel import jobs
from shopfloor.kernel.jobs.service import Handlers
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now

CONSOLE = "/console/harbour"
COUNT = "SELECT type, count(*) AS n FROM events GROUP BY type ORDER BY type"
# Of two cores, some minutes.
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"


def lake_of(stage: Stage) -> Path:
    settings = services_in(stage.app).settings
    assert settings is not None
    return settings.lake_dir


def handlers(stage: Stage) -> Handlers:
    async def answer(run: jobs.Run, asked: analysis.OfShop) -> None:
        await analysis.answer_next(run, asked, lake=lake_of(stage))

    return {analysis.ANSWER: answer}


@pytest.fixture
async def analyst(stage: Stage) -> Stage:
    """Somebody at the desk who may ask, with three events of the shop and one of another."""
    stage.client.cookies.set("session", await member(stage, accounts.Role.ANALYST, "ana"))
    writer = collector.Collector(lake_of(stage), "one", seal_every=3600, reserve=0)
    await writer.start()

    def event(identity: str, kind: str, shop_id: int) -> collector.Event:
        moment = datetime.now(UTC)
        return collector.Event(
            id=identity, source="shopfloor/1", type=kind, event_time=moment, shop_id=shop_id
        )

    await writer.append(
        [
            event("a", "page_view", stage.shop.id),
            event("b", "page_view", stage.shop.id),
            event("c", "view_item", stage.shop.id),
            event("d", "purchase", stage.shop.id + 1),
        ]
    )
    await writer.close(seal=True)
    return stage


async def asked(stage: Stage, sql: str, days: int = 31) -> UUID:
    sent = await stage.client.post(f"{CONSOLE}/ask", data={"sql": sql, "days": str(days)})
    assert sent.status_code == 303, words(sent.text)
    found = re.fullmatch(rf"{CONSOLE}/ask/([0-9a-f-]{{36}})(?:\?.*)?#answer", sent.headers["location"])
    assert found is not None, sent.headers["location"]
    return UUID(found[1])


async def shown(stage: Stage, question: UUID | str, rest: str = "") -> str:
    answer = await stage.client.get(f"{CONSOLE}/ask/{question}{rest}")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.unescape(text)))


async def on_record(stage: Stage) -> list[tuple[str, str]]:
    async with stage.db.transaction() as tx:
        found = await analysis.questions(tx, shop_id=stage.shop.id, limit=50)
    return [(each.sql, str(each.state)) for each in found]


async def test_a_question_is_answered_and_taken_away_and_stays_on_record(analyst: Stage, dsn: str) -> None:
    question = await asked(analyst, COUNT)
    waiting = await shown(analyst, question)
    again = re.search(
        rf'http-equiv="refresh" content="2;url={CONSOLE}/ask/{question}\?at=\d+#answer"', waiting
    )
    assert again is not None, "without a script, too"

    await drain(dsn, analyst.db, handlers(analyst))
    page = await shown(analyst, question)
    sheet = await analyst.client.get(f"{CONSOLE}/ask/{question}/rows.csv")
    file = await analyst.client.get(f"{CONSOLE}/ask/{question}/rows.parquet")

    assert "http-equiv" not in page
    assert "2 rows · from 3 events" in words(page)
    assert "page_view 2 view_item 1" in words(page)
    assert sheet.content.decode() == "\ufefftype,n\r\npage_view,2\r\nview_item,1\r\n"
    assert sheet.headers["content-disposition"] == 'attachment; filename="harbour-answer.csv"'
    assert pq.read_table(io.BytesIO(file.content)).to_pylist() == [
        {"type": "page_view", "n": 2}, {"type": "view_item", "n": 1},
    ]  # fmt: skip
    assert await on_record(analyst) == [(COUNT, "done")]
    history = words((await analyst.client.get(f"{CONSOLE}/ask")).text)
    assert "ana" in history[history.index("Asked before") :]


async def test_a_sheet_holds_no_formula(analyst: Stage, dsn: str) -> None:
    question = await asked(analyst, "SELECT '=1+1' AS a, -5 AS \"@b\"")
    await drain(dsn, analyst.db, handlers(analyst))
    sheet = await analyst.client.get(f"{CONSOLE}/ask/{question}/rows.csv")

    assert sheet.content.decode() == "\ufeffa,'@b\r\n'=1+1,-5\r\n"


async def test_what_is_wrong_is_said_with_its_place_and_no_markup_of_the_question_is_alive(
    analyst: Stage, dsn: str
) -> None:
    wrong = await asked(analyst, "SELECT 1,\n  nope FROM events -- <script>alert(1)</script>")
    await drain(dsn, analyst.db, handlers(analyst))
    refused = await asked(analyst, "SELECT * FROM read_csv('/etc/passwd')")
    await drain(dsn, analyst.db, handlers(analyst))
    several = await asked(analyst, "SELECT 1; SELECT 2")
    await drain(dsn, analyst.db, handlers(analyst))
    raw = (await analyst.client.get(f"{CONSOLE}/ask/{wrong}")).text

    assert "<script>alert(1)" not in raw
    assert "Line 2, column 3" in words(raw)
    assert 'Referenced column "nope" not found' in words(raw)
    assert "\n  ^</code>" in raw
    assert "“read_csv” can't be used here" in await shown(analyst, refused)
    assert "Ask with one SELECT." in await shown(analyst, several)
    assert (await analyst.client.get(f"{CONSOLE}/ask/{wrong}/rows.csv")).status_code == 404


async def test_a_question_that_runs_is_cancelled_and_its_process_ends(analyst: Stage, dsn: str) -> None:
    question = await asked(analyst, ENDLESS)
    async with working(dsn, analyst.db, handlers(analyst)):
        await until(analyst, question, models.State.RUNNING)
        second = await analyst.client.post(f"{CONSOLE}/ask", data={"sql": "SELECT 1", "days": "31"})
        for _ in range(2):
            sent = await analyst.client.post(f"{CONSOLE}/ask/{question}/cancel")
            assert sent.status_code == 303
        await until_quiet(analyst.db)

    assert second.status_code == 409
    assert "Your last question is still running." in words(second.text)
    assert "SELECT 1</textarea>" in second.text, "what was typed is kept"
    assert "You cancelled this question." in await shown(analyst, question)
    assert await on_record(analyst) == [(ENDLESS, "cancelled")]


async def until(stage: Stage, question: UUID, state: models.State) -> None:
    async with asyncio.timeout(120):
        while True:
            async with stage.db.transaction() as tx:
                if (await analysis.question(tx, shop_id=stage.shop.id, question_id=question)).state is state:
                    return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        "WITH RECURSIVE bomb AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM bomb) SELECT max(n) FROM bomb",
    ],
)
async def test_what_takes_too_long_is_stopped(
    analyst: Stage, dsn: str, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setattr(models, "SECONDS", 0.5)
    question = await asked(analyst, sql)
    await drain(dsn, analyst.db, handlers(analyst))

    assert "was stopped" in await shown(analyst, question)
    assert await on_record(analyst) == [(sql, "failed")]


async def test_what_a_worker_left_behind_is_asked_again(analyst: Stage, dsn: str) -> None:
    question = await asked(analyst, COUNT)
    async with analyst.db.transaction() as tx:
        begun = await queries.next_waiting(tx, shop_id=analyst.shop.id)
    assert begun is not None
    assert begun.id == question
    await drain(dsn, analyst.db, handlers(analyst))

    assert await on_record(analyst) == [(COUNT, "done")]


async def test_questions_of_several_people_are_answered_one_after_the_other(analyst: Stage, dsn: str) -> None:
    first = await asked(analyst, "SELECT 1 AS one")
    analyst.client.cookies.set("session", await member(analyst, accounts.Role.FINANCE, "finn"))
    second = await asked(analyst, "SELECT 2 AS two")
    await drain(dsn, analyst.db, handlers(analyst))

    assert "one integer 1" in words(await shown(analyst, first)), "a member sees what others asked"
    assert "two integer 2" in words(await shown(analyst, second))


@pytest.mark.parametrize(("sql", "days"), [("", 31), (" \n ", 31), ("x" * 10_001, 31), ("SELECT 1", 30)])
async def test_what_is_no_question_is_not_asked(analyst: Stage, sql: str, days: int) -> None:
    sent = await analyst.client.post(f"{CONSOLE}/ask", data={"sql": sql, "days": str(days)})

    assert sent.status_code == 422
    assert "Write a question in SQL" in words(sent.text)
    assert await on_record(analyst) == []


async def test_a_second_tap_asks_once(analyst: Stage, dsn: str) -> None:
    page = (await analyst.client.get(f"{CONSOLE}/ask")).text
    key = re.search(r'name="form_key" value="([^"]+)"', page)
    assert key is not None
    typed = {"sql": COUNT, "days": "31", "form_key": key[1]}
    sent = await analyst.client.post(f"{CONSOLE}/ask", data=typed)
    await drain(dsn, analyst.db, handlers(analyst))
    again = await analyst.client.post(f"{CONSOLE}/ask", data=typed)

    assert (sent.status_code, again.status_code) == (303, 303)
    assert await on_record(analyst) == [(COUNT, "done")]


@pytest.mark.parametrize("role", list(accounts.Role))
async def test_who_may_ask(stage: Stage, role: accounts.Role) -> None:
    stage.client.cookies.set("session", await member(stage, role, "mia"))
    page = await stage.client.get(f"{CONSOLE}/ask")
    sent = await stage.client.post(f"{CONSOLE}/ask", data={"sql": "SELECT 1", "days": "31"})

    may = role in {accounts.Role.OWNER, accounts.Role.FINANCE, accounts.Role.ANALYST}
    assert (page.status_code, sent.status_code) == ((200, 303) if may else (403, 403))
    assert len(await on_record(stage)) == may


async def test_another_shop_neither_reads_nor_cancels(analyst: Stage, dsn: str) -> None:
    question = await asked(analyst, COUNT)
    async with analyst.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        await accounts.create_shop(tx, owner_id=owner, slug="corner", name="Corner", currency="CNY")
        analyst.client.cookies.set("session", await auth.open_session(tx, person_id=owner))
    for path in ("", "/rows.csv", "/rows.parquet"):
        answer = await analyst.client.get(f"/console/corner/ask/{question}{path}")
        assert answer.status_code == 404, path
    sent = await analyst.client.post(f"/console/corner/ask/{question}/cancel")

    assert sent.status_code == 404
    assert await on_record(analyst) == [(COUNT, "waiting")]
    assert COUNT not in html.unescape((await analyst.client.get("/console/corner/ask")).text)


async def test_rows_go_after_a_day_and_the_record_stays(analyst: Stage, dsn: str) -> None:
    question = await asked(analyst, COUNT)
    await drain(dsn, analyst.db, handlers(analyst))
    async with analyst.db.transaction() as tx:
        assert await analysis.forget(tx, before=now() - timedelta(days=1), limit=10) == 0
        assert await analysis.forget(tx, before=now() + timedelta(seconds=1), limit=10) == 1

    assert "are gone. Ask again." in await shown(analyst, question)
    assert (await analyst.client.get(f"{CONSOLE}/ask/{question}/rows.csv")).status_code == 404
    assert await on_record(analyst) == [(COUNT, "done")]


async def test_every_example_is_answered(analyst: Stage, dsn: str) -> None:
    page = (await analyst.client.get(f"{CONSOLE}/ask")).text
    links = re.findall(rf'href="({CONSOLE}/ask\?example=\w+)#sql"', page)
    assert len(links) == 6
    for link in links:
        filled = html.unescape((await analyst.client.get(link)).text)
        sql = re.search(r"<textarea[^>]*>(.*?)</textarea>", filled, re.DOTALL)
        assert sql is not None
        await asked(analyst, sql[1])
        await drain(dsn, analyst.db, handlers(analyst))

    assert {state for _, state in await on_record(analyst)} == {"done"}


async def test_an_unknown_question_is_not_found(analyst: Stage) -> None:
    for path in ("", "/rows.csv", "/rows.parquet"):
        assert (await analyst.client.get(f"{CONSOLE}/ask/{uuid4()}{path}")).status_code == 404


async def test_a_process_that_ends_without_a_word_is_a_failure_that_is_said(
    analyst: Stage, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = analysis_jobs.talk

    async def ended(process: Any, wanted: Any) -> Any:
        process.kill()
        return await usual(process, wanted)

    monkeypatch.setattr(analysis_jobs, "talk", ended)
    question = await asked(analyst, COUNT)
    await drain(dsn, analyst.db, handlers(analyst))

    assert "stopped at the limits" in await shown(analyst, question)
    assert await on_record(analyst) == [(COUNT, "failed")]
