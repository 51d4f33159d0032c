"""The pages of messages: the log, the mail server, the shop's own words, unsubscribing, a forgotten password."""

import re
from uuid import UUID

from tests.services import give
from tests.web.conftest import Stage
from tests.web.test_web_checkout import FORM
from tests.web.test_web_console_terms import member

from shopfloor import accounts, auth, letters, notices, notifications, sms
from shopfloor.kernel import secrets
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import new_id
from shopfloor.notices import Kind, NewNotice, State
from shopfloor.notifications import service, telling


async def sign_in(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        stage.client.cookies.set("session", await auth.open_session(tx, person_id=owner))


async def tell(stage: Stage, recipient: str, kind: Kind = Kind.TEST, **facts: object) -> UUID:
    async with stage.db.transaction() as tx:
        made = await notices.tell(
            tx, NewNotice(stage.shop.id, new_id(), kind, recipient, "en", facts=dict(facts))
        )
    assert made is not None
    return made


async def log_of(stage: Stage) -> list[notices.Notice]:
    async with stage.db.transaction() as tx:
        return (await notices.page_of(tx, shop_id=stage.shop.id)).items


async def test_the_log_is_searched_and_a_message_shown_as_its_reader_sees_it(stage: Stage) -> None:
    await sign_in(stage)
    made = await tell(stage, "mei@example.com")
    await tell(stage, "li@example.com")

    found = (await stage.client.get("/console/harbour/messages", params={"search": "MEI@"})).text
    assert "mei@example.com" in found
    assert "li@example.com" not in found
    none = (
        await stage.client.get("/console/harbour/messages", params={"search": "100%", "state": "sent"})
    ).text
    assert "No messages match." in none

    view = await stage.client.get(f"/console/harbour/messages/{made}/view")
    assert "This is a test message from Harbour." in view.text
    policy = view.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    page = (await stage.client.get(f"/console/harbour/messages/{made}")).text
    assert "Test message from Harbour" in page
    assert (await stage.client.get(f"/console/harbour/messages/{new_id()}")).status_code == 404


async def test_send_again_is_pressed_twice_and_sent_once(stage: Stage) -> None:
    await sign_in(stage)
    made = await tell(stage, "mei@example.com")
    refused = await stage.client.post(f"/console/harbour/messages/{made}/again")
    assert refused.status_code == 303
    assert len(await log_of(stage)) == 1, "it has not left yet"
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE notifications.notice SET state = 'refused', ended_at = now()")
    page = (await stage.client.get(f"/console/harbour/messages/{made}")).text
    key = re.search(r'name="form_key" value="([^"]+)"', page.split("/again")[1])
    assert key is not None

    for _ in range(2):
        await stage.client.post(f"/console/harbour/messages/{made}/again", data={"form_key": key[1]})

    assert sorted(each.state for each in await log_of(stage)) == [State.QUEUED, State.REFUSED]
    stage.client.cookies.set("session", await member(stage, accounts.Role.ANALYST, "Ana"))
    assert (await stage.client.post(f"/console/harbour/messages/{made}/again")).status_code == 403
    assert (await stage.client.get("/console/harbour/messages")).status_code == 403


SERVER = {
    "host": "mail.example.com", "port": "587", "security": "starttls", "username": "shop", "password": "hunter2 geheim",
    "sender": "shop@example.com", "reply_to": "",
}  # fmt: skip


async def test_a_password_is_sealed_kept_for_its_server_and_never_shown(
    stage: Stage, tmp_path: object
) -> None:
    await sign_in(stage)
    give(stage.app, settings=Settings(data_dir=tmp_path))  # pyright: ignore[reportArgumentType]

    assert (await stage.client.post("/console/harbour/messages/settings", data=SERVER)).status_code == 303

    async def server() -> notifications.MailServer:
        box = secrets.box(Settings(data_dir=tmp_path))  # pyright: ignore[reportArgumentType]
        async with stage.db.transaction() as tx:
            found = await service.servers_of(tx, shop_ids=[stage.shop.id], box=box, own=None)
        kept = found[stage.shop.id]
        assert kept is not None
        return kept

    assert (await server()).password == "hunter2 geheim"
    assert "hunter2" not in repr(await server())
    async with stage.db.transaction() as tx:
        row = await tx.value("SELECT mail_server::text FROM notifications.mail_server")
    assert "hunter2" not in row
    assert b"hunter2".hex() not in row
    page = (await stage.client.get("/console/harbour/messages/settings")).text
    assert "hunter2" not in page
    assert "mail.example.com" in page

    await stage.client.post(
        "/console/harbour/messages/settings", data=SERVER | {"password": "", "port": "465"}
    )
    assert ((await server()).password, (await server()).port) == ("hunter2 geheim", 465)
    # Whoever names another server is not handed the password that was entered for this one.
    await stage.client.post(
        "/console/harbour/messages/settings", data=SERVER | {"password": "", "host": "evil.example.net"}
    )
    assert ((await server()).password, (await server()).host) == ("", "evil.example.net")


async def test_what_is_no_mail_server_is_said_beside_its_field(stage: Stage, tmp_path: object) -> None:
    await sign_in(stage)
    give(stage.app, settings=Settings(data_dir=tmp_path))  # pyright: ignore[reportArgumentType]
    for wrong, field in (
        ({"host": ""}, "host"),
        ({"host": "smtp://mail.example.com"}, "host"),
        ({"port": "70000"}, "port"),
        ({"port": "x"}, "port"),
        ({"sender": "nobody"}, "sender"),
        ({"reply_to": "a@b.c, d@e.f"}, "reply_to"),
    ):
        answer = await stage.client.post("/console/harbour/messages/settings", data=SERVER | wrong)
        assert answer.status_code == 422
        assert f'id="e-{field}"' in answer.text, wrong
        assert "hunter2" not in answer.text
    async with stage.db.transaction() as tx:
        assert await notifications.mail_server(tx, shop_id=stage.shop.id) is None


async def test_a_shop_has_words_of_its_own(stage: Stage) -> None:
    await sign_in(stage)
    at = "/console/harbour/messages/words"
    which = {"kind": "order_placed", "tongue": "en"}
    words = which | {"subject": "Ahoy! #{number}", "intro": "Dear {name},\n\n<b>{total}</b> {name}"}

    shown = await stage.client.post(f"{at}/preview", data=words)
    assert "&lt;b&gt;CN¥336.00&lt;/b&gt; Mei Lin" in shown.text
    assert "<b>" not in shown.text
    async with stage.db.transaction() as tx:
        assert await letters.wording(tx, shop_id=stage.shop.id) == {}, "a preview keeps nothing"

    assert (await stage.client.post(at, data=words)).status_code == 303
    kept = (await stage.client.get(at, params=which)).text
    assert "Ahoy! #{number}" in kept

    wrong = await stage.client.post(at, data=which | {"subject": "x {key}", "intro": "y"})
    assert wrong.status_code == 422
    assert "{key}" in wrong.text
    assert 'id="e-subject"' in wrong.text
    async with stage.db.transaction() as tx:
        found = await letters.wording(tx, shop_id=stage.shop.id)
    assert found[Kind.ORDER_PLACED, "en"].subject == "Ahoy! #{number}"

    await stage.client.post(f"{at}/reset", data=which)
    async with stage.db.transaction() as tx:
        assert await letters.wording(tx, shop_id=stage.shop.id) == {}
    assert (
        await stage.client.get("/console/harbour/messages/wording/password_forgotten/en")
    ).status_code == 404
    assert (await stage.client.get("/console/harbour/messages/wording/order_placed/fr")).status_code == 404


async def test_every_kind_is_shown_in_both_languages(stage: Stage) -> None:
    for kind in Kind:
        for language in letters.LANGUAGES:
            shown = letters.preview(stage.shop, letters.Wording(kind, language), origin="https://shop.test")
            for text in (shown.subject, shown.html, shown.text):
                assert not re.search(r"\{[a-z_]+\}", text.split("</style>")[-1]), (kind, language, text)
            assert "None" not in shown.text
            assert (
                "\u4e00" <= shown.subject[0] <= "\u9fff"
                or language == "en"
                or "Harbour" in shown.subject
                or shown.subject[0] == "丰"
            )


async def test_a_mail_program_unsubscribes_without_cookies_and_a_scanner_does_not(stage: Stage) -> None:
    facts = {"show_id": stage.show.id, "title": "Autumn", "starts_at": "2030-01-01T20:00:00Z"}
    made = await tell(stage, "mei@example.com", Kind.SHOW_STARTS, **facts)
    address = f"/s/harbour/unsubscribe/{made}"
    stage.client.cookies.clear()

    assert (await stage.client.get(address)).status_code == 200
    assert [each.state for each in await log_of(stage)] == [State.QUEUED]

    answer = await stage.client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert [(each.state, each.code) for each in await log_of(stage)] == [(State.DROPPED, "unsubscribed")]
    assert (await stage.client.post(f"/s/harbour/unsubscribe/{new_id()}")).status_code == 404


async def test_who_asks_is_reminded_once(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE live.show SET starts_at = now() + interval '10 minutes'")
    at = f"/s/harbour/live/{stage.show.id}/remind"
    assert f'action="{at}"' in (await stage.client.get("/s/harbour")).text

    for email in ("mei@example.com", "MEI@example.com", "nonsense"):
        assert (await stage.client.post(at, data={"email": email})).status_code == 303
    async with stage.db.transaction() as tx:
        assert await telling.remind(tx) == 1
        assert await telling.remind(tx) == 0

    [told] = await log_of(stage)
    assert (told.kind, told.recipient, told.facts["title"]) == (Kind.SHOW_STARTS, "mei@example.com", "Autumn")


async def test_a_forgotten_password_tells_nobody_who_is_here(stage: Stage, tmp_path: object) -> None:
    box = secrets.box(Settings(data_dir=tmp_path))  # pyright: ignore[reportArgumentType]
    pages = [
        (await stage.client.post("/forgot", data={"email": email})).text.replace(email, "")
        for email in ("owner@example.com", "nobody@example.com")
    ]
    assert pages[0] == pages[1]
    wrong = await stage.client.post("/forgot", data={"email": "nonsense"})
    assert wrong.status_code == 422

    async with stage.db.transaction() as tx:
        assert await notifications.answer_resets(tx, box=lambda: box) == 1
    await stage.client.post("/forgot", data={"email": "OWNER@example.com"})
    async with stage.db.transaction() as tx:
        assert await notifications.answer_resets(tx, box=lambda: box) == 0, "not again within five minutes"

    [told] = await log_of(stage)
    assert (told.kind, told.recipient) == (Kind.PASSWORD_FORGOTTEN, "owner@example.com")
    async with stage.db.transaction() as tx:
        sealed = await tx.value("SELECT sealed FROM notifications.notice")
    link = box.open(sealed, about=f"notifications.notice {told.id}")
    assert (await stage.client.get(link)).status_code == 200
    changed = await stage.client.post(link, data={"password": "quite another one"})
    assert changed.status_code in {200, 303}


GATEWAY = {
    "url": "https://sms.example.com/v1", "method": "POST", "format": "json", "secret": "geheim 17",
    "headers": "Authorization: Bearer {secret}", "body": '{"to": "{phone}", "text": "{text}"}', "region": "CN",
    "kinds": ["shipped", "place_offered"], "most_a_day": "50", "report_id": "id", "report_status": "state",
    "delivered": "ok",
}  # fmt: skip


async def test_an_sms_gateway_is_set_up_and_its_texts_are_previewed_with_their_parts(
    stage: Stage, tmp_path: object
) -> None:
    await sign_in(stage)
    give(stage.app, settings=Settings(data_dir=tmp_path))  # pyright: ignore[reportArgumentType]
    at = "/console/harbour/messages/sms"
    assert "No SMS gateway is set up" in (await stage.client.get(at)).text

    wrong = await stage.client.post(at, data=GATEWAY | {"body": '{"to": "{phone}"}'})
    assert wrong.status_code == 422
    assert 'id="e-body"' in wrong.text
    assert "geheim" not in wrong.text
    assert (await stage.client.post(at, data=GATEWAY)).status_code == 303
    page = (await stage.client.get(at)).text
    assert "geheim" not in page
    assert "Kept encrypted: Authorization." in page
    assert "Sent today: 0 of at most 50 parts." in page
    report = re.search(r"http://shop\.test(/sms/[A-Za-z0-9_-]{43}/report)", page)
    assert report is not None
    assert (await stage.client.post(report[1], content="{}")).text == "OK"
    assert (await stage.client.post("/sms/nobody/report", content="{}")).status_code == 404
    # Many gateways send a form; as many fields as no report has, and what is no text, are nothing to them.
    for form in (
        {"msg": "1", "state": "DELIVRD"},
        {f"f{n}": "x" for n in range(200)},
        {"msg": "\x00", "id": "-1"},
    ):
        assert (await stage.client.post("/sms/nobody/report", data=form)).status_code == 404
        assert (await stage.client.post(report[1], data=form)).status_code == 200

    words = {"kind": "shipped", "tongue": "zh-CN", "words": "订单 {number} 已发货 <b>"}
    shown = (await stage.client.post(f"{at}/words", data=words | {"look": "yes"})).text
    assert "订单 1042 已发货 &lt;b&gt;" in shown
    assert "15 characters" in shown
    assert "Unicode: 70 in one part" in shown
    assert "1 part<" in shown
    refused = await stage.client.post(f"{at}/words", data=words | {"words": "{key}"})
    assert refused.status_code == 422
    assert "{key} isn&#39;t available here." in refused.text
    missing = await stage.client.get(f"{at}/words", params={"kind": "order_placed", "tongue": "en"})
    assert missing.status_code == 404

    assert (await stage.client.post(f"{at}/test", data={"phone": "12345"})).status_code == 303
    assert await log_of(stage) == []
    assert (await stage.client.post(f"{at}/test", data={"phone": "13800001111"})).status_code == 303
    [made] = await log_of(stage)
    assert (made.channel, made.recipient) == ("sms", "+8613800001111")
    assert (
        "this is a test message" in (await stage.client.get(f"/console/harbour/messages/{made.id}/view")).text
    )

    stage.client.cookies.set("session", await member(stage, accounts.Role.MERCHANDISER, "Ann"))
    assert (await stage.client.post(at, data=GATEWAY)).status_code == 403
    assert (await stage.client.post(f"{at}/remove")).status_code == 403


async def test_a_buyer_asks_for_texts_at_checkout_and_stops_them_on_the_order(
    stage: Stage, tmp_path: object
) -> None:
    await sign_in(stage)
    give(stage.app, settings=Settings(data_dir=tmp_path))  # pyright: ignore[reportArgumentType]
    hold = await stage.hold()
    ask = 'name="sms"'
    assert ask not in (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    await stage.client.post("/console/harbour/messages/sms", data=GATEWAY)
    assert ask in (await stage.client.get(f"/s/harbour/checkout/{hold}")).text

    form = FORM | {"total_ship": "14100", "phone": "138 0000 1111", "sms": "yes"}
    placed = await stage.client.post(f"/s/harbour/checkout/{hold}", data=form)
    assert placed.status_code == 303
    order = placed.headers["location"]
    order_id = UUID(order.rpartition("/")[2])

    async def wanted() -> bool:
        async with stage.db.transaction() as tx:
            return await sms.is_wanted(tx, shop_id=stage.shop.id, order_id=order_id)

    assert await wanted()
    assert "Stop text messages of this shop" in (await stage.client.get(order)).text
    assert (await stage.client.post(f"{order}/texts")).status_code == 303
    assert not await wanted()
    page = (await stage.client.get(order)).text
    assert "Stop text messages of this shop" not in page
    await stage.client.post(f"{order}/texts", data={"wanted": "yes"})
    assert await wanted()
    stage.client.cookies.delete("shopper")
    assert (await stage.client.post(f"{order}/texts")).status_code == 404
    assert await wanted()
