"""A form with text that can't be kept comes back whole: what was typed stands in it, and the field is named."""

import html
import re
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import catalog

HERE = "/console/harbour"
REMOVED = "Characters that can&#39;t be saved were removed. Check the text."


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


def form_of(page: httpx.Response) -> tuple[str, dict[str, str], dict[str, str]]:
    """Where the form of a correction goes, what it sends as it stands, and what is wrong in which field."""
    found = re.search(r'data-question.*?<form[^>]* action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    assert found is not None, page.text
    typed = {
        name: html.unescape(value)
        for name, value in [
            *re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[2]),
            *((name, value) for value, name in re.findall(r'<input type="text" value="([^"]*)" *id="[^"]*" name="([^"]+)"', found[2])),
            *re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', found[2]),
        ]
    }  # fmt: skip
    wrong = {
        name: re.sub(r"<[^>]+>", "", words)
        for name, words in re.findall(
            r'name="([^"]+)" aria-invalid="true".*?<p class="error"[^>]*>(.*?)</p>', found[2], re.DOTALL
        )
    }
    return html.unescape(found[1]), typed, wrong


async def test_a_product_with_a_nul_comes_back_and_is_made_when_sent_again(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    typed = {
        "title": "Ju\0g", "price": "30,00", "option1": "Size", "values1": "S, M", "kind": "piece",
        "description": "Blue\nand “round”", "status": "draft", "form_key": "first",
    }  # fmt: skip
    answer = await client.post(f"{HERE}/products/new", data=typed)
    assert answer.status_code == 422
    action, sent, wrong = form_of(answer)
    assert (action, wrong) == (f"{HERE}/products/new", {"title": REMOVED})
    key = sent.pop("form_key")
    assert key != "first"
    assert sent == {name: value for name, value in typed.items() if name != "form_key"} | {"title": "Jug"}
    again = await client.post(action, data=sent | {"form_key": key})
    assert again.status_code == 303
    async with stage.db.transaction() as tx:
        made = (await catalog.products(tx, shop_id=stage.shop.id))[-1]
    assert (made.title, made.description) == ("Jug", "Blue\nand “round”")


@pytest.mark.parametrize(
    ("path", "typed", "kept"),
    [
        ("/shows", {"title": "Au\x1btumn", "starts_at": "2030-01-01T20:00"}, {"title": "Autumn"}),
        ("/messages/words", {"subject": "Hi", "intro": "Thank\0 you\nall"}, {"intro": "Thank you\nall"}),
        ("/discounts", {"title": "Five\ufdd0", "percent": "5"}, {"title": "Five"}),
        ("/terms", {"pick_up_at": "Quay\x00 4", "shipping": "8"}, {"pick_up_at": "Quay 4"}),
        ("/suppliers", {"name": "Mill\x7f", "email": "a@b.example"}, {"name": "Mill"}),
    ],
)  # fmt: skip
async def test_every_form_of_the_console_comes_back_with_what_was_typed(
    client: httpx.AsyncClient, path: str, typed: dict[str, str], kept: dict[str, str]
) -> None:
    answer = await client.post(f"{HERE}{path}", data=typed, headers={"referer": "http://testserver/x"})
    action, sent, wrong = form_of(answer)
    assert (answer.status_code, action, sent) == (422, f"{HERE}{path}", {**typed, **kept})
    assert wrong == dict.fromkeys(kept, REMOVED)
    # Programs are told with a code, as ever.
    told = await client.post(f"{HERE}{path}", data=typed, headers={"accept": "application/json"})
    assert (told.status_code, told.json()["code"]) == (422, "text.unusable")


async def test_a_text_that_is_too_long_comes_back_to_be_shortened(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    long = "Because " * 80
    order = "/orders/01890000-0000-7000-8000-000000000000/waive"
    answer = await client.post(f"{HERE}{order}", data={"reason": long, "edit_id": ""})
    _, sent, wrong = form_of(answer)
    assert (answer.status_code, sent["reason"]) == (422, long)
    assert wrong == {"reason": "Use at most 500 characters. These are 640."}
    assert '<label for="f-c1">Reason</label>' in answer.text


async def test_a_key_of_several_lines_is_typed_into_several_and_a_public_one_is_kept(
    client: httpx.AsyncClient,
) -> None:
    typed = {"title": "Ju\0g", "app_private_key": "BEGIN\nsecret\nEND", "alipay_public_key": "BEGIN\nopen\nEND", "api_v3_key": "hush"}  # fmt: skip
    answer = await client.post(f"{HERE}/products/new", data=typed)
    _, sent, _ = form_of(answer)
    assert "secret\nEND" not in answer.text
    assert "hush" not in answer.text
    assert sent["alipay_public_key"] == "BEGIN\nopen\nEND"
    assert sent["app_private_key"] == ""
    assert re.search(r'<textarea[^>]* name="app_private_key"[^>]* rows="6"', answer.text)
    assert re.search(r'<input type="password" value="" *id="f-s2" name="api_v3_key"', answer.text)


async def test_a_password_and_a_file_are_not_sent_back(client: httpx.AsyncClient) -> None:
    typed = {"title": "Ju\0g", "password": "a long secret"}
    answer = await client.post(
        f"{HERE}/products/new", data=typed, files={"picture": ("a.png", b"x", "image/png")}
    )
    assert answer.status_code == 422
    assert "a long secret" not in answer.text
    assert re.search(r'<input type="password" value="" *id="f-s1" name="password"', answer.text)
    assert re.search(r'enctype="multipart/form-data"', answer.text)
    assert re.search(r'<input type="file" value="" *id="f-f1" name="picture"', answer.text)


def sent_as(way: str, fields: dict[bytes, bytes]) -> tuple[bytes, str]:
    """The body of a form, and its type."""
    if way == "multipart":
        parts = [
            b'--edge\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair
            for pair in fields.items()
        ]
        return b"".join(parts) + b"--edge--\r\n", "multipart/form-data; boundary=edge"
    escaped = {name: quote(value).encode() if way == "escaped" else value for name, value in fields.items()}
    return b"&".join(b"%b=%b" % pair for pair in escaped.items()), "application/x-www-form-urlencoded"


async def test_text_that_is_not_utf8_is_named_and_never_kept_as_something_else(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    # "Café" in Latin-1, "é" cut in half, half a surrogate pair.
    for broken in (b"Caf\xe9", b"Caf\xc3", b"Caf\xed\xa0\x80"):
        for way in ("escaped", "raw", "multipart"):
            fields = {b"title": broken, b"vendor": "茶山".encode(), b"price": b"30", b"kind": b"piece"}
            body, kind = sent_as(way, fields)
            answer = await client.post(f"{HERE}/products/new", content=body, headers={"content-type": kind})
            _, sent, wrong = form_of(answer)
            assert (answer.status_code, wrong) == (422, {"title": REMOVED})
            assert (sent["title"], sent["vendor"], sent["price"]) == ("Caf", "茶山", "30")
    async with stage.db.transaction() as tx:
        assert [each.title for each in await catalog.products(tx, shop_id=stage.shop.id)] == ["Shirt"]


async def test_a_form_is_as_large_as_its_page_and_one_beyond_measure_is_refused_in_words(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """Eighty variants with more than a dozen fields of each are beyond what readers of forms take by themselves."""
    page = f"{HERE}/products/{stage.shirt.id}"

    async def save(many: int) -> tuple[httpx.Response, set[int]]:
        typed = [("note", str(row)) for row in range(many)]
        typed += [(f"price-{each.id}", "130") for each in stage.variants]
        answer = await client.post(
            f"{page}/variants",
            content=urlencode(typed),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                "referer": str(client.base_url.join(page)),
            },
        )
        async with stage.db.transaction() as tx:
            variants = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])
        return answer, {each.price_minor for each in variants}

    answer, prices = await save(10_000)
    assert (answer.status_code, prices) == (413, {12_900})
    said = "This form has more than 10,000 fields, too many to save at once. Nothing was saved. Go back and save it in parts."
    assert said in answer.text
    assert f'href="{page}">Back</a>' in answer.text
    told = await client.post(
        f"{page}/variants", files=[("note", (None, "x"))] * 10_001, headers={"accept": "application/json"}
    )
    assert (told.status_code, told.json()["code"]) == (413, "form.too_many_fields")

    answer, prices = await save(9_997)
    assert (answer.status_code, prices) == (303, {13_000})
