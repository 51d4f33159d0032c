"""The scripts of the pages count decimals by the same table."""

import re
from pathlib import Path

from shopfloor.kernel.currencies import DECIMALS, MARKS

SCRIPT = Path(__file__).parents[2] / "frontend/src/common/currencies.ts"


def test_scripts_and_server_have_one_table_of_decimals() -> None:
    table = {
        code: int(digits)
        for code, digits in re.findall(r"^  ([A-Z]{3}): (\d),$", SCRIPT.read_text(), re.MULTILINE)
    }
    assert table == {code: digits for code, digits in DECIMALS.items() if digits != 2}


def test_scripts_and_server_have_one_table_of_marks() -> None:
    assert dict(re.findall(r'^  "([^"]+)": "([A-Z ]+)",$', SCRIPT.read_text(), re.MULTILINE)) == MARKS
