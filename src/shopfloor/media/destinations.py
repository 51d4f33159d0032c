"""Where else the stream of a channel goes while a show runs: other platforms, their keys sealed."""

import re
from typing import Final

from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict, Invalid
from shopfloor.kernel.secrets import Box
from shopfloor.media import destination_queries, service
from shopfloor.media.models import Destination, DestinationUnknown
from shopfloor.media.rtmp_client import target_of

MOST: Final = 8
_NAME_LENGTH: Final = 60
_KEY_LENGTH: Final = 500
_NOT_A_CODE: Final = re.compile(r"[^a-z0-9]+")


class BadDestinationName(Invalid):
    """A destination needs a name of at most 60 characters."""

    code = "media.bad_destination_name"


class BadDestinationKey(Invalid):
    """Enter the stream key as the platform shows it."""

    code = "media.bad_destination_key"


class TooManyDestinations(Conflict):
    """A camera is passed on to at most eight platforms: remove one first."""

    code = "media.too_many_destinations"


async def add(
    tx: Tx, *, shop_id: int, channel_id: int, name: str, url: str, key: str, box: Box
) -> Destination:
    """Raises ChannelUnknown, BadDestinationName, BadDestination, BadDestinationKey, TooManyDestinations."""
    await service.channel(tx, shop_id=shop_id, channel_id=channel_id)
    try:
        name = text.name(name, field="name", longest=_NAME_LENGTH)
    except text.UnusableText as problem:
        raise BadDestinationName from problem
    url = target_of(url.strip()).url
    sealed = box.seal(_checked_key(key), about=f"media.destination {shop_id}")
    await destination_queries.lock_channel(tx, channel_id=channel_id)
    if await destination_queries.count_of_channel(tx, channel_id=channel_id) >= MOST:
        raise TooManyDestinations(most=MOST)
    known = await destination_queries.of_shop(tx, shop_id=shop_id)
    code = code_of(name, {each.code for each in known})
    number = await destination_queries.insert(
        tx, shop_id=shop_id, channel_id=channel_id, name=name, url=url, sealed_key=sealed, code=code
    )
    return next(each for each in await destination_queries.of_shop(tx, shop_id=shop_id) if each.id == number)


def code_of(name: str, taken: set[str]) -> str:
    """A short word for the link back to the room, another for each destination of a shop."""
    plain = _NOT_A_CODE.sub("-", name.casefold()).strip("-")[:24].strip("-") or "live"
    turns = (plain if n == 1 else f"{plain}-{n}" for n in range(1, len(taken) + 2))
    return next(each for each in turns if each not in taken)


def _checked_key(key: str) -> str:
    key = key.strip()
    if not 1 <= len(key) <= _KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise BadDestinationKey
    return key


async def destinations(tx: Tx, *, shop_id: int) -> list[Destination]:
    return await destination_queries.of_shop(tx, shop_id=shop_id)


async def set_key(tx: Tx, *, shop_id: int, destination_id: int, key: str, box: Box) -> None:
    """Raises DestinationUnknown, BadDestinationKey."""
    sealed = box.seal(_checked_key(key), about=f"media.destination {shop_id}")
    if not await destination_queries.set_key(
        tx, shop_id=shop_id, destination_id=destination_id, sealed_key=sealed
    ):
        raise DestinationUnknown(destination_id=destination_id)


async def switch(tx: Tx, *, shop_id: int, destination_id: int, is_on: bool) -> None:
    """Raises DestinationUnknown."""
    if not await destination_queries.switch(tx, shop_id=shop_id, destination_id=destination_id, is_on=is_on):
        raise DestinationUnknown(destination_id=destination_id)


async def remove(tx: Tx, *, shop_id: int, destination_id: int) -> None:
    """Its key goes with it.  Raises DestinationUnknown."""
    if not await destination_queries.remove(tx, shop_id=shop_id, destination_id=destination_id):
        raise DestinationUnknown(destination_id=destination_id)
