"""What can be said about accounts without a database."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from argon2 import PasswordHasher

from shopfloor import auth, shoppers
from shopfloor.accounts import faults, models
from shopfloor.accounts.models import PERMISSIONS, Actor, Permission, Role
from shopfloor.auth import models as auth_models
from shopfloor.auth import passwords
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.origin import is_same_site

KEYRING = Keyring(current=2, keys={1: b"a" * 32, 2: b"b" * 32})
SHOPPER = UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")


def test_an_owner_may_do_everything_and_nobody_else_manages_members() -> None:
    assert PERMISSIONS[Role.OWNER] == frozenset(Permission)
    assert [role for role in Role if Permission.MEMBERS_MANAGE in PERMISSIONS[role]] == [Role.OWNER]
    assert set(PERMISSIONS) == set(Role)


def test_nobody_grants_more_than_they_have() -> None:
    keeper = Actor(1, 1, Role.HOST, frozenset({Permission.MEMBERS_MANAGE, Permission.CATALOG_VIEW}))

    assert models.can_grant(keeper, Role.SUPPLIER)
    assert not models.can_grant(keeper, Role.OWNER)
    assert not models.can_grant(keeper, Role.HOST)


def test_the_table_of_roles_in_the_docs_is_the_one_in_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs/accounts.md").read_text()
    head = ["Permission", *(f"`{role}`" for role in Role)]
    rows = [
        [f"`{permission}`", *("yes" if permission in PERMISSIONS[role] else "" for role in Role)]
        for permission in Permission
    ]
    table = [head, ["---"] * len(head), *rows]

    assert [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ] == table


@pytest.mark.parametrize(
    ("given", "stored"),
    [(" Mei@Example.ORG ", "mei@example.org"), ("梅@例子.中国", "梅@例子.中国"), ("a+b@c.d.e", "a+b@c.d.e")],
)
def test_an_address_is_stored_in_lower_case(given: str, stored: str) -> None:
    assert models.checked_email(given) == stored


@pytest.mark.parametrize(
    "given",
    ["", "a", "a@b", "@b.c", "a@", "a b@c.d", "a@b..c", "a@b.c\n.d", "a\r\nBcc: x@y.z", "<a@b.c>", "a@b.c,d@e.f",
     "a\0@b.c", "x" * 65 + "@b.c", "a@" + "b" * 251 + ".c", "\ud800@b.c"],
)  # fmt: skip
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(models.BadEmail):
        models.checked_email(given)


@pytest.mark.parametrize(
    "password",
    ["", "short", "123456789", "a" * 40, "abababababab", "mei@example.org", "x" * 1001, "\ud800bcdefghijkl",
     "1234567890", "0123456789", "0987654321", "9876543210", "1111111111", "1212121212", "123123123123", "1q2w3e4r5t",
     "1qaz2wsx3edc", "qwertyuiop", "QwertyUiop", "poiuytrewq", "asdfghjkl;", "abcdefghij", "abcd123456", "password12",
     "Password123!", "P@ssw0rd2026", "iloveyou123", "woaini1314", "administrator", "qwerty123456", "letmein2024",
     "mei.example", "Mei@2026mei", "Mei Example 1", "Harbour2026", "harbour-shop", "Harbour Shop!", "1234512345",
     "password" * 20],
)  # fmt: skip
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(auth.WeakPassword):
        auth_models.checked_password(password, email="mei@example.org", names=("Harbour Shop", "harbour"))


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "密码是很长的一句话好吗",
        "badminton-li-9",
        "7rG2qLw09x",
        "harbour at nightfall",
        "9374610285",
    ],
)
def test_long_enough_is_good_enough(password: str) -> None:
    assert auth_models.checked_password(password, email="mei@example.org") == password


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("slug", {"slug": "Atelier"}), ("slug", {"slug": ""}), ("slug", {"slug": "-a"}), ("slug", {"slug": "a/b"}),
        ("slug", {"slug": "a" * 49}), ("slug", {"slug": "shops"}), ("currency", {"currency": "eur"}),
        ("currency", {"currency": "XXX"}), ("locale", {"locale": "../../etc"}), ("timezone", {"timezone": "Mars"}),
        ("name", {"name": " "}), ("name", {"name": "x" * 101}), ("name", {"name": "a\x1b[31m"}),
    ],
)  # fmt: skip
def test_a_shop_that_makes_no_sense_is_refused(field: str, change: dict[str, str]) -> None:
    good = {"name": "Atelier", "slug": "a", "currency": "EUR", "locale": "zh_CN", "timezone": "Asia/Shanghai"}
    with pytest.raises(Refusal) as refused:
        faults.checked_shop(**good | change)

    assert refused.value.facts["field"] == field


def test_currencies_know_their_decimals() -> None:
    assert {code: DECIMALS[code] for code in ("CNY", "JPY", "KWD", "HUF")} == {
        "CNY": 2, "JPY": 0, "KWD": 3, "HUF": 2,
    }  # fmt: skip


# The shopper's cookie


def test_a_cookie_of_ours_names_its_shopper() -> None:
    cookie = shoppers.issue_shopper(KEYRING, SHOPPER)

    assert shoppers.read_shopper(KEYRING, cookie) == SHOPPER
    assert re.fullmatch(r"2\.[0-9a-f]{32}\.[0-9a-f]{64}", cookie)


def test_a_cookie_signed_before_the_key_changed_still_counts() -> None:
    old = shoppers.issue_shopper(Keyring(1, {1: b"a" * 32}), SHOPPER)

    assert shoppers.read_shopper(KEYRING, old) == SHOPPER
    assert shoppers.read_shopper(Keyring(2, {2: b"b" * 32}), old) is None


GOOD = shoppers.issue_shopper(KEYRING, SHOPPER)


@pytest.mark.parametrize(
    "cookie",
    [
        None, "", ".", "..", "2", "2..", GOOD[:-1], GOOD + "0", GOOD.upper(), "3" + GOOD[1:], "-2" + GOOD[1:],
        "02" + GOOD[1:-1], "²" + GOOD[1:], "1" + GOOD[1:], GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
        GOOD[:5] + ("0" if GOOD[5] != "0" else "1") + GOOD[6:], GOOD[:-1] + "é", "9" * 5000 + GOOD[1:], "\0" * 99,
        GOOD.replace(".", "-"), " " + GOOD, GOOD + "\n",
    ],
)  # fmt: skip
def test_a_cookie_that_is_not_ours_names_nobody(cookie: str | None) -> None:
    assert shoppers.read_shopper(KEYRING, cookie) is None


@pytest.mark.parametrize(
    ("header", "shopper"),
    [
        (f"shopper={GOOD}", SHOPPER),
        (f"session=abc; shopper={GOOD}; x=y", SHOPPER),
        (f'shopper="{GOOD}"', SHOPPER),
        (f"not_shopper={GOOD}", None),
        ("session=abc", None),
        (f"shopper={GOOD[:-2]}", None),
    ],
)
def test_the_shopper_of_a_raw_request(header: str, shopper: UUID | None) -> None:
    assert shoppers.shopper_of(KEYRING, [(b"host", b"x"), (b"cookie", header.encode())]) == shopper


def test_the_cookie_header_says_what_a_browser_must_keep() -> None:
    assert shoppers.cookie_header("v", secure=True) == (
        b"set-cookie",
        b"shopper=v; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure",
    )
    assert shoppers.cookie_header("v", secure=False)[1].endswith(b"SameSite=Lax")


# Requests from other sites


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://shop.test"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://shop.example"}, True),
        ({"sec-fetch-site": "nonsense"}, False),
        ({"origin": "http://shop.test"}, True),
        ({"origin": "http://shop.test:80"}, True),
        ({"origin": "https://SHOP.example"}, True),
        ({"origin": "http://shop.test:8080"}, False),
        ({"origin": "http://shop.test.evil.example"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://[::1"}, False),
        ({"origin": "http://shop.test:99999999"}, False),
        ({"origin": "ftp://shop.test"}, False),
    ],
)
def test_requests_from_other_sites_are_told_apart(headers: dict[str, str], is_ours: bool) -> None:
    raw = [(b"host", b"shop.test"), *((k.encode(), v.encode()) for k, v in headers.items())]

    assert is_same_site(raw, {"https://shop.example"}) is is_ours


async def test_a_password_hash_of_older_parameters_is_made_anew(
    real_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", real_hasher)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("a long password")

    checked = await passwords.check(weak, "a long password")

    assert weak.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert checked.right
    assert checked.rehashed is not None
    assert checked.rehashed.startswith("$argon2id$v=19$m=65536,")
    assert (await passwords.check(checked.rehashed, "a long password")) == passwords.Checked(
        right=True, rehashed=None
    )


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon2id$broken"])
async def test_without_a_usable_hash_the_answer_is_no(stored: str | None) -> None:
    assert await passwords.check(stored, "nobody signs in with this") == passwords.Checked(
        right=False, rehashed=None
    )
