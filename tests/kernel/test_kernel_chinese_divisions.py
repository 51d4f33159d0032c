"""Province, city and district, chosen step by step: the table, what does not fit, and what fills in a form."""

import pytest

from shopfloor.customers.chinese_addresses import REGIONS, cities_of
from shopfloor.kernel.chinese_divisions import Area, divisions


def test_the_table_and_the_reading_of_pasted_addresses_know_the_same_cities() -> None:
    assert list(divisions()) != []
    assert set(divisions()) == set(REGIONS)
    for region in REGIONS:
        assert set(cities_of(region)) <= set(divisions()[region]), region
    assert sum(len(districts) for cities in divisions().values() for districts in cities.values()) > 3_400
    for cities in divisions().values():
        for city, districts in cities.items():
            assert city.strip()
            assert len(set(districts)) == len(districts), city


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (("广东省", "深圳市", "南山区"), Area("广东省", "深圳市", "南山区")),
        (("广东省", "深圳市", "西湖区"), Area("广东省", "深圳市")),
        (("广东省", "杭州市", "西湖区"), Area("广东省")),
        (("上海市", "", ""), Area("上海市", "上海市")),
        (("重庆市", "", "云阳县"), Area("重庆市", "重庆市", "云阳县")),
        (("河南省", "济源市", ""), Area("河南省", "济源市")),
        (("<b>", "深圳市", "南山区"), Area()),
        (("", "", ""), Area()),
    ],
)
def test_what_does_not_lie_in_what_was_chosen_above_is_not_chosen(
    chosen: tuple[str, str, str], found: Area
) -> None:
    assert Area.chosen(*chosen) == found


@pytest.mark.parametrize(
    ("chosen", "street", "fields"),
    [
        (Area(), "x", {}),
        (Area("广东省"), "x", {"region": "广东省"}),
        (Area("河南省", "济源市"), "x", {"region": "河南省", "city": "济源市"}),
        (
            Area("广东省", "深圳市", "南山区"),
            "科技园南路18号",
            {"region": "广东省", "city": "深圳市", "street": "南山区科技园南路18号"},
        ),
        # Chosen anew: the district that stood there gives way, and stands there once.
        (
            Area("广东省", "深圳市", "福田区"),
            "南山区科技园南路18号",
            {"region": "广东省", "city": "深圳市", "street": "福田区科技园南路18号"},
        ),
        (
            Area("广东省", "深圳市", "南山区"),
            "南山区",
            {"region": "广东省", "city": "深圳市", "street": "南山区"},
        ),
    ],
)
def test_a_form_is_filled_in_as_far_as_it_was_chosen(
    chosen: Area, street: str, fields: dict[str, str]
) -> None:
    assert chosen.filled_in(street) == fields


def test_an_address_that_was_filled_in_is_chosen_already() -> None:
    assert Area.of("广东省", "深圳市", "南山区科技园南路18号") == Area("广东省", "深圳市", "南山区")
    assert Area.of(" 广东省", "深圳市 ", "科技园") == Area("广东省", "深圳市")
    assert Area.of("Bavaria", "Munich", "Street 1") == Area()
    assert Area("河南省", "济源市").is_whole
    assert not Area("广东省", "深圳市").is_whole
