"""Forms of the console are carried out once; links and keys are shown on a page of their own."""

import asyncio
import re
from pathlib import Path
from uuid import UUID

import httpx
from fastapi.routing import APIRoute
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import run_of_show, web
from shopfloor.web.templating import TEMPLATES, environment

FORMS = ("/console/", "/s/")


def key_of(page: str, action: str) -> str:
    found = re.search(
        rf'action="{re.escape(action)}"[^>]*><input type="hidden" name="form_key" value="([^"]+)"', page
    )
    assert found is not None, action
    return found[1]


def test_every_form_of_the_console_carries_a_key() -> None:
    loader = environment("en")
    forms = 0
    for path in sorted((TEMPLATES / "console").glob("*.html")):
        source = path.read_text()
        made = str(loader.preprocess(source, name=f"console/{path.name}"))
        assert made.count("form_key()") == source.count('method="post"'), path.name
        forms += made.count("form_key()")
    assert forms > 40


async def test_a_yes_or_no_that_is_neither_is_refused_before_anything_changes(
    stage: Stage, tmp_path: Path
) -> None:
    client = await signed_in(stage, tmp_path)
    given = {"shop": "harbour", "show_id": str(stage.show.id), "product_id": str(stage.shirt.id)}
    given |= dict.fromkeys(("address_id", "order_id"), str(UUID(int=1)))
    asked: dict[str, int] = {}
    for route in [route for router in web.routers() for route in router.routes]:
        if (
            not isinstance(route, APIRoute)
            or "POST" not in (route.methods or ())
            or not route.path.startswith(FORMS)
        ):
            continue
        for field in route.dependant.body_params:
            if field.field_info.annotation is bool:
                path = re.sub(r"{(\w+)[^}]*}", lambda name: given.get(name[1], "1"), route.path)
                answer = await client.post(path, data={field.alias: "perhaps"})
                asked[f"{route.path} {field.alias}"] = answer.status_code

    assert {path: status for path, status in asked.items() if status != 422} == {}
    for known in (
        "/console/{shop}/shows/{show_id}/replay hidden",
        "/console/{shop}/payments/account/{account_id}/switch on",
        "/console/{shop}/products/{product_id}/variants/archive archived",
        "/s/{shop}/account/news news",
    ):
        assert known in asked
    assert len(asked) >= 20


async def stock_form(client: httpx.AsyncClient, stage: Stage, *, by: str = "5") -> dict[str, str]:
    page = (await client.get("/console/harbour/stock")).text
    locations = re.search(r'name="location_id"[^>]*value="(\d+)"|<option value="(\d+)"', page)
    assert locations is not None
    return {
        "form_key": key_of(page, "/console/harbour/stock/change"),
        "variant_id": str(stage.variants[0].id),
        "location_id": locations[1] or locations[2],
        "by": by,
        "reason": "received",
    }


async def units(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        return await tx.value(
            "SELECT sum(quantity)::int FROM stock.level WHERE variant_id = %(id)s", id=stage.variants[0].id
        )


async def test_stock_sent_twice_is_received_once(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    form = await stock_form(client, stage)

    first, second = await asyncio.gather(
        *(client.post("/console/harbour/stock/change", data=form) for _ in range(2))
    )
    third = await client.post("/console/harbour/stock/change", data=form)

    assert [answer.status_code for answer in (first, second, third)] == [303, 303, 303]
    assert first.headers["location"] == second.headers["location"] == third.headers["location"]
    assert await units(stage) == 3 + 5
    # The same page filled in differently is another form.
    await client.post("/console/harbour/stock/change", data=form | {"by": "4"})
    assert await units(stage) == 3 + 5 + 4


async def test_a_refused_form_is_tried_again(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    page = (await client.get("/console/harbour/products/new")).text
    form = {"form_key": re.findall(r'name="form_key" value="([^"]+)"', page)[-1], "price": "5.00"}

    refused = [await client.post("/console/harbour/products/new", data=form) for _ in range(2)]

    assert [answer.status_code for answer in refused] == [422, 422]
    made = [
        await client.post("/console/harbour/products/new", data=form | {"title": "Hat"}) for _ in range(2)
    ]
    assert {answer.status_code for answer in made} == {303}
    assert made[0].headers["location"] == made[1].headers["location"]
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM catalog.product WHERE title = 'Hat'") == 1


async def test_shows_and_suppliers_and_cameras_are_made_once(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    for path, form, table in (
        ("shows", {"title": "Late show"}, "live.show WHERE title = 'Late show'"),
        ("media", {"name": "Camera one"}, "media.channel WHERE name = 'Camera one'"),
    ):
        page = (await client.get(f"/console/harbour/{path}")).text
        sent = form | {"form_key": re.findall(r'name="form_key" value="([^"]+)"', page)[-1]}
        answers = [await client.post(f"/console/harbour/{path}", data=sent) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303], answers[0].text
        assert answers[0].headers["location"] == answers[1].headers["location"]
        async with stage.db.transaction() as tx:
            rows = await (await tx.connection.execute(f"SELECT count(*) FROM {table}".encode())).fetchall()
        assert rows == [(1,)]


async def test_a_link_is_shown_after_a_redirect_and_only_to_who_made_it(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    page = (await client.get("/console/harbour/members")).text
    form = {"form_key": key_of(page, "/console/harbour/members/invite"), "role": "host"}

    answers = [await client.post("/console/harbour/members/invite", data=form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    shown = answers[0].headers["location"]
    assert shown == answers[1].headers["location"]
    pages = [(await client.get(shown)).text for _ in range(2)]
    links = [re.findall(r"<code>(http://shop\.test/join/[\w-]{43})</code>", text) for text in pages]
    assert len(links[0]) == 1
    assert links[0] == links[1]
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM accounts.invitation") == 1
        kept = await tx.value("SELECT sealed FROM accounts.form_answer WHERE sealed IS NOT NULL")
        assert links[0][0].encode() not in bytes(kept)
    # Another session of the same person does not see it, nor does anybody after ten minutes.
    before = client.cookies["session"]
    await client.post("/sign-out")
    await signed_in(stage, tmp_path)
    assert "/join/" not in (await client.get(shown)).text
    client.cookies.clear()
    client.cookies.set("session", before)
    assert (await client.get(shown)).status_code == 303


async def test_a_notice_of_the_studio_sent_twice_is_posted_once(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    desk = f"/console/harbour/shows/{stage.show.id}/studio"
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    page = (await client.get(desk)).text
    form = {"form_key": key_of(page, f"{desk}/notice"), "text": "Back at nine"}

    answers = [await client.post(f"{desk}/notice", data=form) for _ in range(2)]
    another = await client.post(f"{desk}/notice", data=form | {"form_key": "another act"})

    assert [answer.status_code for answer in [*answers, another]] == [303, 303, 303]
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM live.notice WHERE text = 'Back at nine'") == 2
