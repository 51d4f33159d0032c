"""The mail servers of shops, what is wrong with them, and their own wording."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notifications.models import (
    MailServer,
    Security,
    ShopMail,
    Trouble,
    Wording,
)


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


async def trouble(tx: Tx, *, target: str) -> Trouble | None:
    return await tx.first(
        Trouble,
        "SELECT since, reason, next_at FROM notifications.server_trouble WHERE target = %(target)s",
        target=target[:700],
    )


async def note_trouble(tx: Tx, *, target: str, reason: str, seconds: float) -> None:
    await tx.run(
        """
        INSERT INTO notifications.server_trouble (target, reason, next_at)
        VALUES (%(target)s, %(reason)s, now() + make_interval(secs => %(seconds)s))
        ON CONFLICT (target) DO UPDATE SET reason = excluded.reason, next_at = excluded.next_at
        """,
        target=target[:700],
        reason=reason[:500],
        seconds=seconds,
    )


async def forget_trouble(tx: Tx, *, target: str) -> None:
    await tx.run("DELETE FROM notifications.server_trouble WHERE target = %(target)s", target=target[:700])


# Wording


async def wordings(tx: Tx, *, shop_ids: Sequence[int]) -> list["ShopWording"]:
    return await tx.every(
        ShopWording,
        "SELECT shop_id, kind, locale, subject, intro FROM notifications.wording WHERE shop_id = ANY(%(shop_ids)s)",
        shop_ids=list(shop_ids),
    )


@dataclass(frozen=True, slots=True)
class ShopWording:
    shop_id: int
    kind: str
    locale: str
    subject: str
    intro: str


async def save_wording(tx: Tx, *, shop_id: int, wording: Wording) -> None:
    await tx.run(
        """
        INSERT INTO notifications.wording (shop_id, kind, locale, subject, intro)
        VALUES (%(shop_id)s, %(kind)s, %(locale)s, %(subject)s, %(intro)s)
        ON CONFLICT (shop_id, kind, locale) DO UPDATE SET subject = excluded.subject, intro = excluded.intro
        """,
        shop_id=shop_id,
        kind=wording.kind,
        locale=wording.locale,
        subject=wording.subject,
        intro=wording.intro,
    )


async def delete_wording(tx: Tx, *, shop_id: int, kind: str, locale: str) -> None:
    await tx.run(
        """
        DELETE FROM notifications.wording
         WHERE shop_id = %(shop_id)s AND kind = %(kind)s AND locale = %(locale)s
        """,
        shop_id=shop_id,
        kind=kind,
        locale=locale,
    )
