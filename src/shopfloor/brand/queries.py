"""SQL of what shops say about themselves.  One function, one statement."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One of the texts of a shop, in one language."""

    kind: str
    locale: str
    text: str


async def texts(tx: Tx, *, shop_id: int) -> list[Text]:
    return await tx.every(
        Text,
        "SELECT kind, locale, text FROM brand.text WHERE shop_id = %(shop_id)s ORDER BY kind, locale",
        shop_id=shop_id,
    )


async def set_text(tx: Tx, *, shop_id: int, kind: str, locale: str, text: str) -> None:
    await tx.run(
        """
        INSERT INTO brand.text (shop_id, kind, locale, text)
        VALUES (%(shop_id)s, %(kind)s, %(locale)s, %(text)s)
        ON CONFLICT (shop_id, kind, locale) DO UPDATE SET text = excluded.text, changed_at = now()
         WHERE brand.text.text <> excluded.text
        """,
        shop_id=shop_id,
        kind=kind,
        locale=locale,
        text=text,
    )


async def delete_text(tx: Tx, *, shop_id: int, kind: str, locale: str) -> None:
    await tx.run(
        """
        DELETE FROM brand.text
         WHERE shop_id = %(shop_id)s AND kind = %(kind)s AND locale = %(locale)s
        """,
        shop_id=shop_id,
        kind=kind,
        locale=locale,
    )
