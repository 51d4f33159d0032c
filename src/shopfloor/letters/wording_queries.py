"""A shop's own words."""

from collections.abc import Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.letters.models import Wording

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
