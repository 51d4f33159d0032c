"""`shopfloor password-reset`, `second-factor-off` and `rotate-secret`."""

import asyncio
import base64
import re
import time

import pytest
from click.testing import CliRunner

from shopfloor import auth, cli
from shopfloor.auth import totp
from shopfloor.kernel.database import Database
from shopfloor.kernel.keyring import load_keyring

ENVIRONMENT = {"SHOPFLOOR_BASE_URL": "https://shop.example/"}


@pytest.fixture
async def owner(database: Database) -> auth.Joined:
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
        return await auth.claim_owner(
            tx, token=token, email="mei@example.org", password="correct horse battery", shop_name="Atelier",
            slug="atelier", currency="EUR",
        )  # fmt: skip


async def shopfloor(dsn: str, *arguments: str) -> tuple[int, str]:
    runner = CliRunner(env=ENVIRONMENT | {"SHOPFLOOR_DATABASE_URL": dsn})
    done = await asyncio.to_thread(runner.invoke, cli.main, list(arguments))
    return done.exit_code, done.output


async def test_the_command_prints_a_link_that_sets_a_password(
    database: Database, dsn: str, owner: auth.Joined
) -> None:
    code, said = await shopfloor(dsn, "password-reset", "Mei@example.org")
    found = re.fullmatch(r"https://shop\.example/reset/([\w-]{43})\n", said)
    assert (code, found is not None) == (0, True)
    assert found is not None
    async with database.transaction() as tx:
        await auth.reset_password(tx, token=found[1], password="another long sentence")
    assert await auth.sign_in(database, email="mei@example.org", password="another long sentence", address="")
    code, said = await shopfloor(dsn, "password-reset", "nobody@example.org")
    assert (code, said) == (1, "Error: Nobody here has the address nobody@example.org.\n")


@pytest.mark.parametrize(("options", "versions"), [((), [1, 2]), (("--forget-old",), [2])])
async def test_the_command_changes_the_key_that_signs(
    database: Database, dsn: str, options: tuple[str, ...], versions: list[int]
) -> None:
    async with database.transaction() as tx:
        await load_keyring(tx)
    code, said = await shopfloor(dsn, "rotate-secret", *options)
    assert (code, said) == (0, "Key 2 signs from now on. Restart the processes that run.\n")
    async with database.transaction() as tx:
        keyring = await load_keyring(tx)
    assert (keyring.current, sorted(keyring.keys)) == (2, versions)


async def test_the_command_switches_two_step_sign_in_off(
    database: Database, dsn: str, owner: auth.Joined
) -> None:
    code, said = await shopfloor(dsn, "second-factor-off", "mei@example.org")
    assert (code, said) == (1, "Error: mei@example.org signs in without a code already.\n")
    async with database.transaction() as tx:
        setup = await auth.second_factor.begin_second_factor(
            tx, person=owner.person, session_token=owner.session, issuer="Shopfloor"
        )
        secret = base64.b32decode(setup.secret)
        await auth.second_factor.confirm_second_factor(
            tx, person=owner.person, session_token=owner.session, name=setup.name,
            code=totp.code_at(secret, totp.step_at(time.time())),
        )  # fmt: skip
    with pytest.raises(auth.SecondFactorNeeded):
        await auth.sign_in(database, email="mei@example.org", password="correct horse battery", address="")
    code, said = await shopfloor(dsn, "second-factor-off", "Mei@Example.org")
    assert (code, said) == (0, "Mei@Example.org signs in with the password alone.\n")
    assert await auth.sign_in(database, email="mei@example.org", password="correct horse battery", address="")
    code, said = await shopfloor(dsn, "second-factor-off", "nobody@example.org")
    assert (code, said) == (1, "Error: Nobody here has the address nobody@example.org.\n")
