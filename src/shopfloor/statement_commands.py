"""`shopfloor statements`: the key that a shop signs its figures with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from shopfloor import accounts, statements
from shopfloor.kernel import secrets
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

Done = TypeVar("Done")


@click.group("statements")
def command() -> None:
    """Show and change the key that a shop signs its statements with."""


@command.command("key")
@click.argument("shop")
@click.pass_obj
def show_key(settings: Settings, shop: str) -> None:
    """Print the public key of SHOP (its slug), made if there is none.  Give it to those who check your statements."""

    async def ask(tx: Tx, shop_id: int) -> str:
        opened = await statements.log.opened(tx, box=secrets.box(settings), shop_id=shop_id)
        return str(opened.signer.public)

    click.echo(_of_shop(settings, shop, ask))


@command.command("rotate-key")
@click.argument("shop")
@click.pass_obj
def rotate_key(settings: Settings, shop: str) -> None:
    """Sign with a new key from now on.  The old key signs the new one; earlier statements stay good."""

    async def rotate(tx: Tx, shop_id: int) -> tuple[bool, str]:
        box = secrets.box(settings)
        vouched = await statements.log.rotate(tx, box=box, shop_id=shop_id)
        await statements.jobs.ask_to_sign(tx, shop_id=shop_id)
        opened = await statements.log.opened(tx, box=box, shop_id=shop_id)
        return vouched, str(opened.signer.public)

    vouched, key = _of_shop(settings, shop, rotate)
    click.echo(key)
    if not vouched:
        click.echo(
            "The old key could not be read, so it did not sign this one: tell those who check your statements."
        )


def _of_shop(settings: Settings, slug: str, act: Callable[[Tx, int], Awaitable[Done]]) -> Done:
    async def run(dsn: str) -> Done:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            async with db.transaction() as tx:
                shop = await accounts.shop_by_slug(tx, slug)
                return await act(tx, shop.id)
        except accounts.UnknownShop:
            raise click.ClickException(f"There is no shop “{slug}”.") from None
        finally:
            await db.close()

    with prepared_database(settings) as dsn:
        return asyncio.run(run(dsn))
