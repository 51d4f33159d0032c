"""The mail servers of shops."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notifications.models import MailServer, Security, ShopMail


@dataclass(frozen=True, slots=True)
class ServerRow:
    shop_id: int
    host: str
    port: int
    security: str
    username: str
    password: bytes | None
    sender: str
    reply_to: str
    changed_at: datetime


async def servers(tx: Tx, *, shop_ids: Sequence[int]) -> list[ServerRow]:
    return await tx.every(
        ServerRow,
        """
        SELECT shop_id, host, port, security, username, password, sender, reply_to, changed_at
          FROM notifications.mail_server WHERE shop_id = ANY(%(shop_ids)s)
        """,
        shop_ids=list(shop_ids),
    )


async def shops_with_server(tx: Tx) -> list[int]:
    return [row.shop_id for row in await tx.every(_Shop, "SELECT shop_id FROM notifications.mail_server")]


@dataclass(frozen=True, slots=True)
class _Shop:
    shop_id: int


async def save_server(tx: Tx, *, shop_id: int, server: MailServer, password: bytes | None) -> None:
    await tx.run(
        """
        INSERT INTO notifications.mail_server AS s
               (shop_id, host, port, security, username, password, sender, reply_to)
        VALUES (%(shop_id)s, %(host)s, %(port)s, %(security)s, %(username)s, %(password)s, %(sender)s, %(reply_to)s)
        ON CONFLICT (shop_id) DO UPDATE
           SET host = excluded.host, port = excluded.port, security = excluded.security, username = excluded.username,
               password = excluded.password, sender = excluded.sender, reply_to = excluded.reply_to, changed_at = now()
        """,
        shop_id=shop_id,
        host=server.host,
        port=server.port,
        security=server.security,
        username=server.username,
        password=password,
        sender=server.sender,
        reply_to=server.reply_to,
    )


async def delete_server(tx: Tx, *, shop_id: int) -> None:
    await tx.run("DELETE FROM notifications.mail_server WHERE shop_id = %(shop_id)s", shop_id=shop_id)


def shown(row: ServerRow) -> ShopMail:
    return ShopMail(
        row.host,
        row.port,
        Security(row.security),
        row.username,
        row.sender,
        row.reply_to,
        row.password is not None,
        row.changed_at,
    )
