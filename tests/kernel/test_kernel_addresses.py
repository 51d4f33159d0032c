"""Addresses in the lines in which they are written."""

import pytest

from shopfloor.kernel import addresses


@pytest.mark.parametrize(
    ("street", "city", "region", "postcode", "country", "lines"),
    [
        ("12 Garden Road", "Leeds", "", "LS1 1AA", "United Kingdom", ["12 Garden Road", "LS1 1AA Leeds", "United Kingdom"]),
        ("Flat 2\n12 Garden Road", "Leeds", "Yorkshire", "", "UK", ["Flat 2", "12 Garden Road", "Leeds", "Yorkshire, UK"]),
        ("西湖区文三路 123 号", "杭州市", "浙江省", "310012", "中国", ["浙江省杭州市西湖区文三路 123 号", "310012 中国"]),
        # A city that is a province; nothing known but the place.
        ("朝阳区建国路 1 号", "北京市", "北京市", "", "", ["北京市朝阳区建国路 1 号"]),
        ("浙江省杭州市文三路 1 号", "杭州市", "浙江省", "", "", ["浙江省杭州市文三路 1 号"]),
        # In Latin letters, though in China.
        ("95 Harbour Road", "Xiamen", "", "", "China", ["95 Harbour Road", "Xiamen", "China"]),
        ("", "", "", "", "", []),
    ],
)  # fmt: skip
def test_in_chinese_the_largest_comes_first(
    street: str, city: str, region: str, postcode: str, country: str, lines: list[str]
) -> None:
    told = addresses.lines(street=street, city=city, region=region, postcode=postcode, country=country)
    assert told == lines
