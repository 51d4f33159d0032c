"""What whoever has the machine can do about access: a lost password, a secret that may be known."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from click import ClickException

from shopfloor import accounts, auth
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

Done = TypeVar("Done")


def password_link(settings: Settings, email: str) -> str:
    """Where the person of this address sets a new password."""

    async def make(tx: Tx) -> str:
        try:
            return await auth.make_reset(tx, email=email)
        except accounts.UnknownMember:
            raise ClickException(f"Nobody here has the address {email}.") from None

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    address = (
        settings.public.origin
        if settings.public is not None
        else f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    )
    return f"{address.rstrip('/')}/reset/{_in_transaction(settings, make)}"


def second_factor_off(settings: Settings, email: str) -> None:
    """Switch off two-step sign-in for the person of this address."""

    async def remove(tx: Tx) -> None:
        try:
            await auth.second_factor.remove_second_factor_of(tx, email=email)
        except accounts.UnknownMember:
            raise ClickException(f"Nobody here has the address {email}.") from None
        except auth.second_factor.SecondFactorOff:
            raise ClickException(f"{email} signs in without a code already.") from None

    _in_transaction(settings, remove)


def rotate_secret(settings: Settings, *, forget_old: bool) -> int:
    """The version of the new key."""

    async def rotate(tx: Tx) -> int:
        return (await auth.rotate_secret(tx, forget_old=forget_old)).current

    return _in_transaction(settings, rotate)


def _in_transaction(settings: Settings, act: Callable[[Tx], Awaitable[Done]]) -> Done:
    async def run(dsn: str) -> Done:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            async with db.transaction() as tx:
                return await act(tx)
        finally:
            await db.close()

    with prepared_database(settings) as dsn:
        try:
            return asyncio.run(run(dsn))
        except Refusal as refusal:
            raise ClickException(refusal.message) from refusal
