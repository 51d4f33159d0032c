"""What a search of orders finds, what it doesn't, and where in all of it a page says that it stands."""

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

import pytest

from shopfloor import catalog, live, order_lists, orders
from shopfloor.kernel import paging
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import new_id
from shopfloor.order_lists import listing, queries
from shopfloor.order_lists.models import OrderSummary

SHOP, OTHER = 7, 8
# The first order of SHOP; the next ones follow it.
FIRST = 1001


@dataclass(frozen=True)
class Contact:
    name: str
    phone: str = ""
    email: str = ""
    shop_id: int = SHOP
    variants: tuple[int, ...] = ()
    status: str = "paid"


async def placed(db: Database, contacts: Sequence[Contact]) -> list[UUID]:
    """Orders as the statements of the checkout leave them, a minute apart, numbered from FIRST."""
    ids = [new_id() for _ in contacts]
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
            VALUES (7, 'seven', 'Seven', 'CNY', 'en', 'UTC'), (8, 'eight', 'Eight', 'CNY', 'en', 'UTC')
            """
        )
        rows = [
            {
                "id": order_id,
                "number": FIRST + at,
                "at": at,
                "shop_id": each.shop_id,
                "name": each.name,
                "phone": each.phone,
                "email": each.email,
                "status": each.status,
            }
            for at, (order_id, each) in enumerate(zip(ids, contacts, strict=True))
        ]
        await tx.many(
            """
            INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
            VALUES (%(id)s, %(shop_id)s, %(id)s, true, 'timer', 1, 'CNY', '[]', '{}')
            """,
            rows,
        )
        await tx.many(
            """
            INSERT INTO orders.orders (
                id, shop_id, number, checkout_id, hold_id, buyer, policy, pool_id, contact_name, contact_phone,
                contact_email, delivery, provider, method, note, locale, currency, goods_minor, shipping_minor,
                total_minor, first_minor, status, payment_status, fulfilment_status, form_hash, key, placed_at)
            VALUES (%(id)s, %(shop_id)s, %(number)s, %(id)s, %(id)s, %(id)s, 'timer', 1, %(name)s, %(phone)s, %(email)s,
                    'ship', 'manual', 'transfer', '', 'en', 'CNY', 0, 0, 0, 0, %(status)s, 'paid', 'delivered', '',
                    %(id)s::text, timestamptz '2026-01-01' + %(at)s * interval '1 minute')
            """,
            rows,
        )
        await tx.many(
            """
            INSERT INTO orders.sold (shop_id, variant_id, placed_at, order_id)
            SELECT shop_id, %(variant)s, placed_at, id FROM orders.orders WHERE id = %(id)s
            """,
            [
                {"id": order_id, "variant": variant}
                for order_id, each in zip(ids, contacts, strict=True)
                for variant in each.variants
            ],
        )
    return ids


async def numbers(tx: Tx, search: str, *, shop_id: int = SHOP) -> list[int]:
    return [each.number for each in await order_lists.orders(tx, shop_id=shop_id, search=search)]


PEOPLE = (
    Contact("王小明", "+86 138 0013 8000", "Xiao.Ming@Example.com"),
    Contact("王晓明", "139-1234-5678", "ming@qq.com"),
    Contact("欧阳小明", "１３６　０００１　０００２", "ouyang@qq.com"),
    Contact("José GARCÍA", "+34 600 111 222", "jose@example.es"),
    Contact("ＴＡＲＯ タロウ", "", "taro@example.jp"),
    Contact("Lily 👩‍🦰🌸", "", "lily@example.com"),
    Contact("王小明", "+86 138 0013 8000", "xiao.ming@example.com", shop_id=OTHER),
)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        # One, two, three and four Chinese characters; not in another order, and not with a gap.
        ("王", [1002, 1001]),
        ("小明", [1003, 1001]),
        ("王小明", [1001]),
        ("欧阳小明", [1003]),
        ("明小", []),
        ("王明", []),
        # The last four digits, the number as written and its digits; full-width digits and spaces are digits and spaces.
        ("8000", [1001]),
        ("5678", [1002]),
        ("+86 138 0013 8000", [1001]),
        ("13800138000", [1001]),
        ("0002", [1003]),
        ("13600010002", [1003]),
        ("136 0001 0002", [1003]),
        ("１３８００１３８０００", [1001]),
        # However it is set out, and with a country's code that was not typed, or with 00 or none where it was.
        ("138-0013-8000", [1001]),
        ("(139) 1234 5678", [1002]),
        ("+86 139 1234 5678", [1002]),
        ("0034 600.111.222", [1004]),
        ("138-0013-8001", []),
        # Nothing is found across two fields.
        ("8000xiao", []),
        ("8000\nxiao", []),
        # Addresses, whole and in part, however they are written.
        ("xiao.ming@example.com", [1001]),
        ("XIAO.MING@EXAMPLE.COM", [1001]),
        ("ming@qq.com", [1002]),
        ("g@qq.com", [1003, 1002]),
        ("@qq.com", [1003, 1002]),
        ("iao.ming@exam", [1001]),
        ("ming@qq.co.uk", []),
        # Capitals beyond ASCII, and letters of another width.
        ("josé garcía", [1004]),
        ("JOSÉ", [1004]),
        ("garcia", []),
        ("taro", [1005]),
        ("ｔａｒｏ", [1005]),
        ("タロウ", [1005]),
        # An emoji of several code points, a part of it, another one.
        ("👩‍🦰🌸", [1006]),
        ("🌸", [1006]),
        ("🌹", []),
        # A number, with or without its sign, in any width.
        ("1002", [1002]),
        ("#1002", [1002]),
        ("１００２", [1002]),
        ("1007", []),
    ],
)
async def test_what_is_found_and_what_is_not(people: Database, search: str, found: list[int]) -> None:
    async with people.transaction() as tx:
        assert await numbers(tx, search) == found
        assert await order_lists.orders.count(tx, shop_id=SHOP, search=search) == paging.Counted(len(found))


@pytest.fixture
async def people(database: Database) -> Database:
    await placed(database, PEOPLE)
    return database


async def test_what_is_found_follows_the_order(people: Database) -> None:
    """Its address is changed, then whoever bought it is erased: no piece of what it said is left."""
    async with people.transaction() as tx:
        await tx.run(
            """
            UPDATE orders.orders SET contact_name = '李雷', contact_phone = '+86 137 9999 4321', contact_email = 'lei@qq.com'
             WHERE shop_id = 7 AND number = 1001
            """
        )
        assert [await numbers(tx, each) for each in ("李雷", "4321", "lei@qq.com")] == [[1001]] * 3
        assert [await numbers(tx, each) for each in ("王小明", "8000", "xiao.ming")] == [[]] * 3

        [[order_id]] = await (
            await tx.connection.execute("SELECT id FROM orders.orders WHERE shop_id = 7 AND number = 1001")
        ).fetchall()
        await orders.forget_contacts(tx, shop_id=SHOP, ids=[order_id])
        assert [await numbers(tx, each) for each in ("李雷", "4321", "lei@qq.com")] == [[]] * 3
        assert await numbers(tx, "1001") == [1001]
        text, pieces = await (
            await tx.connection.execute(
                "SELECT text, orders.search_pieces(0, text) <@ orders.search_pieces(0, E'\\n\\n\\n') FROM orders.search WHERE order_id = %s",
                (order_id,),
            )
        ).fetchone() or ("", False)
    assert (text, pieces) == ("\n\n\n", True)
    async with people.transaction() as tx:
        assert await numbers(tx, "8000", shop_id=OTHER) == [1007], "another shop's order is its own"


async def test_titles_in_other_languages_are_found_by_their_words_and_not_by_the_languages(
    people: Database,
) -> None:
    """Of goods and of shows."""
    async with people.transaction() as tx:
        shirt = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=SHOP, title="Shirt", titles={"zh_CN": '5" 衬衫'},
            description="", kind=catalog.Kind.PIECE,
        )  # fmt: skip
        one = await catalog.add_variant(
            tx, shop_id=SHOP, product_id=shirt.id, variant=catalog.NewVariant(price_minor=1, sku="S-1")
        )
        await live.plan_show(tx, shop_id=SHOP, title="Autumn", titles={"zh_CN": "秋天"})
        for search in ("衬衫", "SHIRT", "s-1", '5" 衬'):
            assert await queries.variants_named(tx, shop_id=SHOP, search=search) == [one.id]
        for search in ("zh_cn", "_", ":", "{"):
            assert await queries.variants_named(tx, shop_id=SHOP, search=search) == []
        for search, many in (("秋", 1), ("autumn 秋天", 1), ("", 1), ("zh", 0), ("_", 0)):
            assert len(await live.shows(tx, shop_id=SHOP, search=search)) == many


# Pages.


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def expected(contacts: Sequence[Contact], search: str, status: str | None) -> list[int]:
    """Read one by one: the order of that number first, then newest first."""
    wanted = folded(search)
    found = [
        FIRST + at
        for at, each in enumerate(contacts)
        if each.shop_id == SHOP
        and status in (None, each.status)
        and (
            wanted in folded(each.name)
            or wanted in folded(each.email)
            or wanted in each.phone
            or wanted == str(FIRST + at)
            or (wanted == "kettle" and {21, 22} & {*each.variants})
        )
    ]
    return sorted(found, key=lambda number: (str(number) != wanted, -number))


async def test_pages_hold_everything_once_and_say_where_they_are(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward to the end and back, for what is rare, common, common only lately or long ago, and bought; beside it, the
    orders read one by one.
    """
    monkeypatch.setattr(queries, "NEWEST", 9)
    monkeypatch.setattr(queries, "COUNTED_NEAR", 14)
    monkeypatch.setattr(listing, "MOST_FOUND", 11)
    chance = random.Random(5)
    contacts = [
        Contact(
            chance.choice(["王小明", "李雷", "Kettle", "欧阳"])
            + ("新" if at > 70 else "旧" if at < 15 else ""),
            # The order's own number is in its telephone number too, and in some later ones'.
            f"1{FIRST + at}" if at % 4 == 1 else f"1{chance.randrange(1000, 1060)}",
            f"{chance.choice('abc')}{at}@qq.com",
            SHOP if chance.random() < 0.8 else OTHER,
            tuple(each for each in (21, 22) if chance.random() < 0.15),
            chance.choice(["paid", "placed"]),
        )
        for at in range(90)
    ]
    await placed(database, contacts)
    async with database.transaction() as tx:
        await tx.run(
            """
            INSERT INTO catalog.product (id, shop_id, handle, title, kind, status, option_names) OVERRIDING SYSTEM VALUE
            VALUES (20, 7, 'kettle', 'Copper kettle', 'sized', 'active', '{Size}')
            """
        )
        await tx.run(
            """
            INSERT INTO catalog.variant (id, shop_id, product_id, sku, options, currency, position) OVERRIDING SYSTEM VALUE
            VALUES (21, 7, 20, 'S', '{S}', 'CNY', 1), (22, 7, 20, 'XL', '{XL}', 'CNY', 2)
            """
        )
    seen: set[str] = set()
    for search in ("qq.com", "王", "小明", "新", "旧", "kettle", "1010", "1042", "104", "a5", "b1", "nobody"):
        for status in (None, "paid"):
            want = expected(contacts, search, status)
            seen.add(
                "none" if not want else "few" if len(want) <= 3 else "some" if len(want) <= 11 else "many"
            )
            await _walk(database, search, status, want)
    assert seen == {"none", "few", "some", "many"}


async def _walk(db: Database, search: str, status: str | None, want: list[int]) -> None:
    pages: list[paging.Page[OrderSummary]] = []
    after: object | None = None
    async with db.transaction() as tx:

        async def at(**mark: object) -> paging.Page[OrderSummary]:
            return await paging.numbered(
                order_lists.orders,
                tx,
                shop_id=SHOP,
                limit=3,
                key=attrgetter("id"),
                search=search,
                status=status,
                **mark,
            )

        while not pages or after is not None:
            pages.append(await at(after=after))
            after = pages[-1].next
        back = [await at(before=page.previous) for page in pages[1:]]

    def shown(page: paging.Page[OrderSummary]) -> list[int]:
        return [each.number for each in page.items]

    named = (search, status)
    assert [number for page in pages for number in shown(page)] == want, named
    for number, page in enumerate(pages):
        if len(want) <= 11:
            assert (page.first, page.total) == (3 * number + 1, paging.Counted(len(want))), named
        else:
            assert page.total == paging.Counted(11, or_more=True), named
            assert page.first == (1 if number == 0 else None), named
    if not want or str(want[0]) != search:
        assert [shown(page) for page in back] == [shown(page) for page in pages[:-1]], named
