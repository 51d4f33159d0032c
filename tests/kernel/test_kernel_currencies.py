"""The scripts of the pages count decimals by the same table."""

import re
from pathlib import Path

import pytest

from shopfloor.kernel.amounts import read_minor
from shopfloor.kernel.currencies import DECIMALS, MARKS
from shopfloor.kernel.values import Money
from shopfloor.web.languages import LANGUAGES
from shopfloor.web.templating import money_text

SCRIPT = Path(__file__).parents[2] / "frontend/src/common/currencies.ts"


def test_scripts_and_server_have_one_table_of_decimals() -> None:
    table = {
        code: int(digits)
        for code, digits in re.findall(r"^  ([A-Z]{3}): (\d),$", SCRIPT.read_text(), re.MULTILINE)
    }
    assert table == {code: digits for code, digits in DECIMALS.items() if digits != 2}


def test_scripts_and_server_have_one_table_of_marks() -> None:
    assert dict(re.findall(r'^  "([^"]+)": "([A-Z ]+)",$', SCRIPT.read_text(), re.MULTILINE)) == MARKS


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_what_the_pages_write_is_read_back(tag: str) -> None:
    """Whoever copies an amount from a page into a field means that amount."""
    language = next(each for each in LANGUAGES if each.tag == tag)
    wrong = {
        code: shown
        for code in DECIMALS
        for shown in (
            money_text(Money(1_293_457, code), language),
            money_text(Money(129_300, code), language, whole=True),
        )
        if read_minor(shown, code) not in {1_293_457, 129_300}
    }

    assert wrong == {}
