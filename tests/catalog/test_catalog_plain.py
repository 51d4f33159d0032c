"""Descriptions without their markup: whatever comes, in one pass, kept beside the markup."""

import sys
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.catalog.conftest import Shops

from shopfloor import catalog
from shopfloor.catalog import service
from shopfloor.catalog.plain import LONGEST_PLAIN, plain_text
from shopfloor.kernel import text
from shopfloor.kernel.database import Database

PIECES = st.sampled_from(
    ["<", ">", "<!", "<![", "<![ ", "]]>", "]>", "<![CDATA[", "<!--", "-->", "--", "<?", "?>", "</", "<a ", "<p>", "<br/>",
     "<script", "<script>", "</script", "</script>", "<style>", '"', "'", "=", "&", "&#", "&#x", ";", "&amp;", "&#0;",
     "&#xd800;", "&#" + "9" * 5000, "&#x202e;", "<!doctype", "<td>", "a", " ", "\n", "\x00", "\ud800", "é", "🩷", "/"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("<p>Soft <![ wool ]]> cashmere</p>", "Soft cashmere"),
        ("<![if !supportLists]>· <![endif]>Warm", "· Warm"),
        ("a<![CDATA[ x ]]>b", "ab"),
        ("a<!-- > -- > hidden -->b", "ab"),
        ("a<!-- never ends <b>bold</b>", "a never ends bold"),
        ("<p>Soft &amp; light</p><ul><li>a<li>b</ul><script>alert('x')</script>", "Soft & light\na\nb"),
        ('<a title="1 > 2">x</a>', "x"),
        ("<a title='it > \"'>x</a>", "x"),
        ('<a title="never closed>x</a> y', "x y"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("1 <2 <b>x</b>", "1 <2 x"),
        ("<" * 1000, "<" * 1000),
        ("<a <a <a", "<a <a <a"),
        ("<table><tr><td>M</td><td>44 cm</td></tr></table>", "M 44 cm"),
        ("<style>p{}</style>x<script>never closed", "xnever closed"),
        ("<SCRIPT>a</ScRiPt >b", "b"),
        ("&#" + "9" * 5000 + ";x &lt;b&gt; &nbsp;&#8364;", "x <b> €"),
        ("a&#x202e;b&#0;c&#8;d", "ab\ufffdcd"),
        ("", ""),
        ("\n\n<p>\n\n", ""),
    ],
)  # fmt: skip
def test_markup_becomes_text(markup: str, plain: str) -> None:
    assert plain_text(markup) == plain


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=80).map("".join)))
@settings(max_examples=1500, deadline=None)
def test_whatever_comes_becomes_text_that_can_be_kept(markup: str) -> None:
    plain = plain_text(markup)

    assert text.storable(plain)
    assert len(plain) <= LONGEST_PLAIN
    assert plain == plain.strip()
    plain.encode()


def steps(act: Callable[[], object]) -> int:
    """How many lines of Python are run, and how many characters are searched by what they call."""
    count = 0

    def trace(*_: object) -> object:
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        act()
    finally:
        sys.settrace(None)
    return count


HOSTILE = [
    "<a ", "<!--", "<![ ", "<!", "<?", "</", "<", "&#", "&#9", "<a '\">", '<a ">" ', "<a '>' \">\" ", "<script>", "<style>",
    "<script><style>", "--", "<!-- -", "<p", "<a \"'", "&amp", "<a href='", "<br", "]]>", "<td ",
]  # fmt: skip


@pytest.mark.parametrize("end", ["", ">", "-->", "\"'>", "</x>"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_twice_the_markup_takes_twice_the_steps(piece: str, end: str) -> None:
    def read(size: int) -> int:
        return steps(lambda: plain_text(piece * (size // len(piece)) + end))

    assert read(8_000) <= 2.2 * read(4_000) + 200


class Counted(str):
    """A text that counts how far it is searched."""

    __slots__ = ()
    searched = 0

    def find(self, *where: object) -> int:  # type: ignore[override]
        found = str.find(self, *where)  # type: ignore[arg-type]
        Counted.searched += (found if found >= 0 else len(self)) - int(where[1] if len(where) > 1 else 0)  # type: ignore[call-overload]
        return found

    def index(self, *where: object) -> int:  # type: ignore[override]
        found = str.index(self, *where)  # type: ignore[arg-type]
        Counted.searched += found - int(where[1] if len(where) > 1 else 0)  # type: ignore[call-overload]
        return found

    def __getitem__(self, key: object) -> str:  # type: ignore[override]
        piece = str.__getitem__(self, key)  # type: ignore[index]
        return Counted(piece) if isinstance(key, slice) and key.start is None else piece


@pytest.mark.parametrize("end", ["", ">", "-->", "\"'>", "</x>"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_no_character_is_searched_again_and_again(piece: str, end: str) -> None:
    markup = Counted(piece * (63_000 // len(piece)) + end)
    Counted.searched = 0

    plain_text(markup)

    assert Counted.searched <= 4 * len(markup)


async def test_it_is_kept_beside_the_markup_and_follows_it(database: Database, shops: Shops) -> None:
    async with database.transaction() as tx:
        made = await catalog.create_product(
            tx, shop_id=shops.mine.id, title="Scarf", description="<p>Soft <![ wool ]]> cashmere</p>",
            descriptions={"de": "<b>Weich</b>"},
        )  # fmt: skip
        assert (made.kept_plain, made.kept_plains) == ("Soft cashmere", {"de": "Weich"})
        kept = await catalog.update_product(tx, shop_id=shops.mine.id, product_id=made.id, title="Shawl")
        assert (kept.description, kept.kept_plain) == ("<p>Soft <![ wool ]]> cashmere</p>", "Soft cashmere")
        new = await catalog.update_product(
            tx, shop_id=shops.mine.id, product_id=made.id, description="<i>New</i>"
        )
        assert (new.kept_plain, new.kept_plains) == ("New", {"de": "Weich"})


async def test_what_the_previous_release_wrote_is_made_anew(database: Database, shops: Shops) -> None:
    async with database.transaction() as tx:
        made = await catalog.create_product(
            tx,
            shop_id=shops.mine.id,
            title="Scarf",
            description="<b>Old</b>",
            descriptions={"de": "<b>Alt</b>"},
        )
        await tx.run("UPDATE catalog.product SET description = '<b>Newer</b>' WHERE id = %(id)s", id=made.id)
        stale = await catalog.product(tx, shop_id=shops.mine.id, product_id=made.id)
    assert (stale.kept_plain, stale.plain, stale.kept_plains) == (None, "Newer", {"de": "Alt"})

    assert await service.make_plain(database) == 1
    assert await service.make_plain(database) == 0

    async with database.transaction() as tx:
        kept = await catalog.product(tx, shop_id=shops.mine.id, product_id=made.id)
    assert (kept.kept_plain, kept.kept_plains) == ("Newer", {"de": "Alt"})


async def test_long_descriptions_are_read_beside_the_loop(
    database: Database, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def read(markup: str) -> str:
        threads.append(threading.get_ident())
        return plain_text(markup)

    monkeypatch.setattr("shopfloor.catalog.service.plain_text", read)
    async with database.transaction() as tx:
        await catalog.create_product(tx, shop_id=shops.mine.id, title="Short", description="<b>x</b>")
        await catalog.create_product(tx, shop_id=shops.mine.id, title="Long", description="<a " * 20_000)

    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()
