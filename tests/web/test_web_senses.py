"""Words with more than one meaning say the right one in Chinese."""

import re
from pathlib import Path

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_pricing import rules

HERE = "/console/harbour"
CHINESE = {"accept-language": "zh"}


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    await rules(stage, included=True)
    return await signed_in(stage, tmp_path)


@pytest.mark.parametrize(
    ("path", "field", "label"),
    [
        ("/taxes", "code", "代码"),
        ("/taxes", "name", "名称"),
        ("/taxes/rate", "name", "名称"),
        ("/taxes/rate", "percent", "税率（百分比）"),
        ("/taxes/rate", "country", "国家/地区"),
        ("/shipping/zone", "name", "名称"),
        ("/shipping/method", "name", "名称"),
        ("/shipping/method", "country", "国家/地区"),
        ("/suppliers", "name", "名称"),
    ],
)
async def test_a_field_is_labelled_in_its_sense(
    client: httpx.AsyncClient, path: str, field: str, label: str
) -> None:
    page = await client.get(HERE + path, headers=CHINESE)

    assert page.status_code == 200
    labels = re.findall(rf'<label for="f-{field}">([^<]*)', page.text)
    assert [each.strip() for each in labels] == [label]


async def test_a_method_is_a_way_and_not_its_price(client: httpx.AsyncClient, stage: Stage) -> None:
    listed = (await client.get(f"{HERE}/shipping", headers=CHINESE)).text
    assert re.findall(r'Home parcel<br><span class="soft small">([^<]*)<', listed) == ["快递"]
    assert "<th>名称</th>" in listed

    hold = await stage.hold()
    checkout = (await client.get(f"/s/harbour/checkout/{hold}", headers=CHINESE)).text
    assert set(re.findall(r"<legend[^>]*>([^<]*)</legend>", checkout)) >= {"配送"}
    assert "送货上门" not in checkout
    assert "<h2>配送</h2>" in (await client.get(f"{HERE}/terms", headers=CHINESE)).text
