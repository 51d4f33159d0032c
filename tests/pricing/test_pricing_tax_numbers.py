"""Tax numbers: their forms, and check digits where the rule is public."""

import pytest

from shopfloor.pricing.tax_numbers import is_plausible

GOOD = [
    ("AT", "ATU13585627"), ("BE", "BE 0428.759.497"), ("CH", "CHE-107.787.577 MWST"), ("CN", "91110000600037341L"),
    ("DE", "DE136695976"), ("DK", "DK 13585628"), ("EE", "EE100931558"), ("FI", "FI20774740"), ("FR", "FR40303265045"),
    ("GB", "GB980780684"), ("GR", "EL094259216"), ("HR", "HR33392005961"), ("HU", "HU12892312"), ("IT", "IT00743110157"),
    ("LU", "LU15027442"), ("MT", "MT11679112"), ("NL", "NL004495445B01"), ("NO", "NO995525828MVA"), ("PL", "PL8567346215"),
    ("PT", "PT501964843"), ("RO", "RO18547290"), ("SE", "SE123456789701"), ("SI", "SI50223054"), ("SK", "SK2022749619"),
]  # fmt: skip


@pytest.mark.parametrize(("country", "number"), GOOD)
def test_a_number_is_taken_and_the_same_with_one_wrong_digit_is_not(country: str, number: str) -> None:
    assert is_plausible(number, country)
    places = [place for place, sign in enumerate(number) if sign.isdigit()]
    place = places[2]
    wrong = f"{number[:place]}{(int(number[place]) + 1) % 10}{number[place + 1 :]}"
    assert not is_plausible(wrong, country)


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("DE", ""), ("DE", "13669597"), ("DE", "FR40303265045"), ("DE", "DE１36695976"), ("CN", "9111000060003734"),
        ("ES", "12"), ("IE", "IE"), ("US", "a"), ("US", "1" * 31), ("CN", "91110000600037341O"),
    ],
)  # fmt: skip
def test_what_cannot_be_one(country: str, number: str) -> None:
    assert not is_plausible(number, country)


def test_without_a_known_form_any_short_code_is_taken() -> None:
    assert is_plausible("12-3456789", "US")
    assert is_plausible("T1234567890123", "JP")
