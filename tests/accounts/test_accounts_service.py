"""People come in, belong to shops, invite others and leave."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shopfloor import access_keys, accounts, auth
from shopfloor.accounts import Permission, Role
from shopfloor.auth import Joined
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.keyring import Keyring, load_keyring

PASSWORD = "correct horse battery"


async def counts(database: Database) -> dict[str, int]:
    async with database.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT (SELECT count(*) FROM accounts.person), (SELECT count(*) FROM accounts.shop),
                   (SELECT count(*) FROM accounts.member), (SELECT count(*) FROM accounts.session),
                   (SELECT count(*) FROM kernel.outbox)
            """
        )
        row = await cursor.fetchone()
    assert row is not None
    return dict(zip(("people", "shops", "members", "sessions", "facts"), row, strict=True))


async def facts(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.transaction() as tx:
        cursor = await tx.connection.execute("SELECT name, body FROM kernel.outbox ORDER BY id")
        return await cursor.fetchall()


async def actor_of(database: Database, joined: Joined) -> accounts.Actor:
    async with database.transaction() as tx:
        return await auth.actor(tx, joined.session, joined.shop.slug)


async def member(database: Database, owner: Joined, role: Role, email: str) -> Joined:
    async with database.transaction() as tx:
        actor = await auth.actor(tx, owner.session, owner.shop.slug)
        invited = await accounts.invite(tx, actor=actor, role=role)
        return await auth.join(tx, token=invited.token, email=email, password=PASSWORD)


async def second_shop(database: Database, owner: Joined) -> accounts.Shop:
    async with database.transaction() as tx:
        return await accounts.create_shop(
            tx, owner_id=owner.person.id, name="Kiln", slug="kiln", currency="JPY"
        )


async def refused(kind: type[Refusal], database: Database, work: Any) -> Refusal:
    """`work(tx)` is refused with `kind`, and the database is what it was."""
    before = await counts(database)
    with pytest.raises(kind) as caught:
        async with database.transaction() as tx:
            await work(tx)
    assert caught.type is kind
    assert await counts(database) == before
    return caught.value


# First run


async def test_the_first_person_owns_the_first_shop(database: Database, owner: Joined) -> None:
    assert (owner.person.email, owner.person.name, owner.person.is_operator) == (
        "mei@example.org",
        "mei",
        True,
    )
    assert owner.shop == accounts.Shop(owner.shop.id, "atelier", "Atelier", "EUR", "en", "UTC")
    assert await actor_of(database, owner) == accounts.Actor(
        owner.person.id, owner.shop.id, Role.OWNER, frozenset(Permission)
    )
    assert await facts(database) == [
        (
            "accounts.shop_created",
            {"shop_id": owner.shop.id, "slug": "atelier", "currency": "EUR", "person_id": owner.person.id},
        ),
        ("accounts.person_joined", {"shop_id": owner.shop.id, "person_id": owner.person.id, "role": "owner"}),
    ]


async def test_a_node_that_is_taken_hands_out_no_link(database: Database, owner: Joined) -> None:
    async with database.transaction() as tx:
        assert await auth.ensure_owner_claim(tx) is None
        assert await tx.value("SELECT count(*) FROM accounts.claim") == 0


async def claim(tx: Any, token: str, slug: str = "mine", email: str = "a@b.c") -> Joined:
    return await auth.claim_owner(
        tx, token=token, email=email, password=PASSWORD, shop_name="Mine", slug=slug, currency="EUR"
    )


async def test_only_a_link_that_was_given_claims_the_node(database: Database) -> None:
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
    await refused(auth.UnknownClaim, database, lambda tx: claim(tx, token[:-1]))
    await refused(accounts.BadShop, database, lambda tx: claim(tx, token, slug="No"))
    async with database.transaction() as tx:
        stored = await tx.value("SELECT token_hash FROM accounts.claim")
        assert token.encode() not in stored
        # A refusal did not use it up.
        assert (await claim(tx, token)).role is Role.OWNER


async def test_a_claim_expires(database: Database) -> None:
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
        await tx.run("UPDATE accounts.claim SET expires_at = now()")
    await refused(auth.UnknownClaim, database, lambda tx: claim(tx, token))


async def test_two_who_claim_at_once_with_two_links_do_not_both_get_it(database: Database) -> None:
    async with database.transaction() as tx:
        tokens = [await auth.ensure_owner_claim(tx) for _ in range(4)]

    async def run(n: int, token: str | None) -> Joined:
        assert token is not None
        async with database.transaction() as tx:
            return await claim(tx, token, slug=f"s{n}", email=f"p{n}@b.c")

    answers = await asyncio.gather(
        *(run(n, token) for n, token in enumerate([*tokens, *tokens])), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Joined", *["UnknownClaim"] * 7]
    assert await counts(database) == {"people": 1, "shops": 1, "members": 1, "sessions": 1, "facts": 2}


# Signing in


async def test_a_session_is_stored_as_a_hash_and_ends(database: Database, owner: Joined) -> None:
    token = await auth.sign_in(database, email=" MEI@example.org", password=PASSWORD, address="192.0.2.1")
    async with database.transaction() as tx:
        assert (await auth.signed_in(tx, token)).id == owner.person.id
        hashes = await tx.connection.execute("SELECT token_hash FROM accounts.session")
        assert all(token.encode() not in row[0] for row in await hashes.fetchall())
        await auth.sign_out(tx, session_token=token)
        with pytest.raises(auth.SignInNeeded):
            await auth.signed_in(tx, token)
        assert (await auth.signed_in(tx, owner.session)).id == owner.person.id


@pytest.mark.parametrize("token", [None, "", "x", "\ud800", "a" * 10_000, "%00", "\0"])
async def test_a_token_of_nobody_signs_nobody_in(
    database: Database, owner: Joined, token: str | None
) -> None:
    await refused(auth.SignInNeeded, database, lambda tx: auth.signed_in(tx, token))


async def test_a_session_slides_and_ends_in_any_case(database: Database, owner: Joined) -> None:
    async def rest(tx: Any) -> timedelta:
        return await tx.value("SELECT expires_at - now() FROM accounts.session")

    async with database.transaction() as tx:
        assert await rest(tx) < timedelta(days=14)
        await tx.run("UPDATE accounts.session SET seen_at = now() - interval '11 minutes'")
        await auth.signed_in(tx, owner.session)
        assert await rest(tx) == timedelta(days=14)
        await tx.run(
            "UPDATE accounts.session SET seen_at = now() - interval '1 day', created_at = now() - interval '89 days'"
        )
        await auth.signed_in(tx, owner.session)
        assert await rest(tx) == timedelta(days=1)
        await tx.run("UPDATE accounts.session SET expires_at = now()")
        with pytest.raises(auth.SignInNeeded):
            await auth.signed_in(tx, owner.session)
        assert await auth.forget_expired(tx) == 1


async def test_the_session_a_browser_brought_ends_at_sign_in(database: Database, owner: Joined) -> None:
    planted = owner.session
    fresh = await auth.sign_in(
        database, email="mei@example.org", password=PASSWORD, address="", previous=planted
    )
    assert fresh != planted
    async with database.transaction() as tx:
        with pytest.raises(auth.SignInNeeded):
            await auth.signed_in(tx, planted)
        assert (await auth.signed_in(tx, fresh)).id == owner.person.id


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("mei@example.org", "wrong horse battery"), ("mei@example.org", ""), ("mei@example.org", PASSWORD + " "),
        ("mei@example.org", "\ud800"), ("mei@example.org", "x" * 1_000_000), ("nobody@example.org", PASSWORD),
        ("not an address", PASSWORD), ("\0", PASSWORD), ("nobody@example.org", "nobody signs in with this"),
    ],
)  # fmt: skip
async def test_wrong_is_wrong_whatever_is_wrong(
    database: Database, owner: Joined, email: str, password: str
) -> None:
    before = await counts(database)
    with pytest.raises(auth.WrongCredentials) as refusal:
        await auth.sign_in(database, email=email, password=password, address="192.0.2.1")
    assert refusal.value.body() == {
        "code": "accounts.wrong_credentials", "message": "E-mail address or password are not right.", "facts": {},
    }  # fmt: skip
    assert await counts(database) == before


async def tries(database: Database, count: int, *, email: str, address: str) -> list[str]:
    """The codes of so many wrong tries; fast, because the counting is what is tried here."""
    codes: list[str] = []
    for _ in range(count):
        try:
            await auth.sign_in(database, email=email, password="x", address=address)
        except Refusal as refusal:
            codes.append(refusal.code)
    return codes


async def test_guessing_from_one_address_is_stopped_and_the_owner_elsewhere_is_not(
    database: Database, owner: Joined
) -> None:
    codes = await tries(database, 12, email="mei@example.org", address="203.0.113.9")

    assert codes == ["accounts.wrong_credentials"] * 10 + ["accounts.too_many_attempts"] * 2
    with pytest.raises(auth.TooManyAttempts):
        await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="203.0.113.9")
    assert await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="192.0.2.1")


async def test_nobody_is_counted_as_somebody_is(database: Database, owner: Joined) -> None:
    assert await tries(database, 11, email="nobody@example.org", address="203.0.113.9") == [
        *["accounts.wrong_credentials"] * 10,
        "accounts.too_many_attempts",
    ]


async def test_parallel_guesses_are_all_counted(database: Database, owner: Joined) -> None:
    codes = await asyncio.gather(
        *(tries(database, 1, email="mei@example.org", address="a") for _ in range(14))
    )

    assert sorted(code for each in codes for code in each) == (
        ["accounts.too_many_attempts"] * 4 + ["accounts.wrong_credentials"] * 10
    )


async def test_one_address_cannot_try_many_accounts_and_the_window_ends(
    database: Database, owner: Joined
) -> None:
    async with database.transaction() as tx:
        await tries(database, 1, email="a@b.c", address="203.0.113.9")
        await tx.run("UPDATE accounts.attempt SET tries = 60 WHERE tries = 1")
    assert await tries(database, 1, email="d@e.f", address="203.0.113.9") == ["accounts.too_many_attempts"]
    async with database.transaction() as tx:
        await tx.run("UPDATE accounts.attempt SET started_at = now() - interval '16 minutes'")
    assert await tries(database, 1, email="d@e.f", address="203.0.113.9") == ["accounts.wrong_credentials"]


async def test_a_good_sign_in_clears_the_account_but_not_the_address(
    database: Database, owner: Joined
) -> None:
    await tries(database, 9, email="mei@example.org", address="x")
    await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="x")

    async with database.transaction() as tx:
        cursor = await tx.connection.execute("SELECT tries FROM accounts.attempt")
        assert await cursor.fetchall() == [(10,)]


async def test_a_changed_password_ends_every_session(database: Database, owner: Joined) -> None:
    other = await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="")
    async with database.transaction() as tx:
        fresh = await auth.change_password(
            tx, person_id=owner.person.id, current=PASSWORD, new="another long sentence"
        )
    async with database.transaction() as tx:
        for old in (owner.session, other):
            with pytest.raises(auth.SignInNeeded):
                await auth.signed_in(tx, old)
        assert (await auth.signed_in(tx, fresh)).id == owner.person.id
    assert await tries(database, 1, email="mei@example.org", address="") == ["accounts.wrong_credentials"]
    assert await auth.sign_in(database, email="mei@example.org", password="another long sentence", address="")


async def test_a_password_is_not_changed_without_the_present_one(database: Database, owner: Joined) -> None:
    async def change(tx: Any, current: str, new: str) -> None:
        await auth.change_password(tx, person_id=owner.person.id, current=current, new=new)

    await refused(auth.WrongCredentials, database, lambda tx: change(tx, "wrong", "another long sentence"))
    await refused(auth.WeakPassword, database, lambda tx: change(tx, PASSWORD, "short"))
    assert await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="")


async def test_a_link_sets_a_password_once_and_ends_every_session(database: Database, owner: Joined) -> None:
    async with database.transaction() as tx:
        first = await auth.make_reset(tx, email="MEI@example.org")
    async with database.transaction() as tx:
        token = await auth.make_reset(tx, email="mei@example.org")
    fresh = "a new long sentence"

    async def reset(tx: Any, token: str, password: str) -> None:
        await auth.reset_password(tx, token=token, password=password)

    await refused(auth.UnknownReset, database, lambda tx: reset(tx, first, fresh))
    await refused(auth.WeakPassword, database, lambda tx: reset(tx, token, "1234567890"))
    await refused(auth.WeakPassword, database, lambda tx: reset(tx, token, "atelier2026"))
    async with database.transaction() as tx:
        assert (await auth.signed_in(tx, owner.session)).id == owner.person.id
        await reset(tx, token, fresh)
    await refused(auth.UnknownReset, database, lambda tx: reset(tx, token, "and another sentence"))
    await refused(auth.SignInNeeded, database, lambda tx: auth.signed_in(tx, owner.session))
    assert await auth.sign_in(database, email="mei@example.org", password=fresh, address="")
    await refused(accounts.UnknownMember, database, lambda tx: auth.make_reset(tx, email="x@y.z"))


async def test_a_link_for_a_password_expires(database: Database, owner: Joined) -> None:
    async with database.transaction() as tx:
        token = await auth.make_reset(tx, email="mei@example.org")
        await tx.run("UPDATE accounts.password_reset SET expires_at = now()")
    await refused(auth.UnknownReset, database, lambda tx: auth.reset_for(tx, token=token))
    async with database.transaction() as tx:
        assert await auth.forget_expired(tx) == 1


async def test_a_link_for_a_member_opens_no_more_than_its_maker_may_do(
    database: Database, owner: Joined
) -> None:
    async with database.transaction() as tx:
        actor = await auth.actor(tx, owner.session, "atelier")
        invited = await accounts.invite(tx, actor=actor, role=accounts.Role.OWNER)
        second = await auth.join(tx, token=invited.token, email="two@example.org", password=PASSWORD)
        invited = await accounts.invite(tx, actor=actor, role=accounts.Role.HOST)
        host = await auth.join(tx, token=invited.token, email="host@example.org", password=PASSWORD)
        kiln = await accounts.create_shop(
            tx, owner_id=second.person.id, name="Kiln", slug="kiln", currency="JPY"
        )
        second_actor = await auth.actor(tx, second.session, "atelier")
        host_actor = await auth.actor(tx, host.session, "atelier")
        kiln_actor = await auth.actor(tx, second.session, "kiln")
    cases = [
        (second_actor, owner, accounts.NotAllowed),  # who runs the node
        (actor, second, accounts.NotAllowed),  # who belongs to another shop, too
        (host_actor, second, accounts.NotAllowed),  # who may do more
        (kiln_actor, host, accounts.UnknownMember),  # who belongs to another shop only
    ]
    for by, of, refusal in cases:
        await refused(
            refusal, database,
            lambda tx, by=by, of=of: auth.make_member_reset(tx, actor=by, person_id=of.person.id),
        )  # fmt: skip
    assert kiln.id == kiln_actor.shop_id
    async with database.transaction() as tx:
        token = await auth.make_member_reset(tx, actor=actor, person_id=host.person.id)
        await auth.reset_password(tx, token=token, password="a new long sentence")
    assert await auth.sign_in(database, email="host@example.org", password="a new long sentence", address="")


async def test_strangers_from_everywhere_do_not_lock_an_account(database: Database, owner: Joined) -> None:
    codes = [
        code
        for number in range(150)
        for code in await tries(database, 1, email="mei@example.org", address=f"203.0.113.{number}")
    ]
    assert codes == ["accounts.wrong_credentials"] * 150
    assert await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="192.0.2.1")


async def test_a_browser_that_signed_in_before_is_counted_by_itself(
    database: Database, owner: Joined
) -> None:
    await tries(database, 11, email="mei@example.org", address="192.0.2.1")
    async with database.transaction() as tx:
        keyring = await load_keyring(tx)
    cookie = auth.issue_device(keyring, email="mei@example.org")
    device = auth.read_device(keyring, cookie, email=" Mei@Example.org")
    assert device is not None
    assert auth.read_device(keyring, cookie, email="other@example.org") is None
    assert (
        auth.read_device(keyring, cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), email="mei@example.org")
        is None
    )
    with pytest.raises(auth.TooManyAttempts):
        await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="192.0.2.1")

    async def here(password: str) -> str:
        return await auth.sign_in(
            database, email="mei@example.org", password=password, address="192.0.2.1", device=device
        )

    assert await here(PASSWORD)
    for _ in range(10):
        with pytest.raises(auth.WrongCredentials):
            await here("wrong horse battery")
    with pytest.raises(auth.TooManyAttempts):
        await here(PASSWORD)


async def test_ipv6_is_counted_by_what_a_house_has(database: Database, owner: Joined) -> None:
    same = [
        code
        for number in range(11)
        for code in await tries(database, 1, email="mei@example.org", address=f"2001:db8:1:1::{number:x}")
    ]
    assert same == ["accounts.wrong_credentials"] * 10 + ["accounts.too_many_attempts"]
    near = [
        code
        for number in range(2, 40)
        for code in await tries(database, 1, email="mei@example.org", address=f"2001:db8:1:{number:x}::1")
    ]
    assert near == ["accounts.wrong_credentials"] * 29 + ["accounts.too_many_attempts"] * 9
    assert await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="2001:db8:2::1")


async def test_sessions_are_listed_and_ended(database: Database, owner: Joined) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    here = await auth.sign_in(
        database,
        email="mei@example.org",
        password=PASSWORD,
        address="",
        user_agent=firefox + "\x00\n" + "x" * 900,
    )
    third = await auth.sign_in(database, email="mei@example.org", password=PASSWORD, address="")
    me = owner.person.id
    async with database.transaction() as tx:
        listed = await auth.open_sessions(tx, person_id=me, session_token=here)
        assert [(each.is_this, each.device[:72], len(each.device)) for each in listed] == [
            (True, firefox + "xx", 300), (False, "", 0), (False, "", 0),
        ]  # fmt: skip
        await auth.end_session(tx, person_id=me + 1, session_id=listed[1].id)
        await auth.end_session(tx, person_id=me, session_id="nonsense")
        assert len(await auth.open_sessions(tx, person_id=me, session_token=here)) == 3
        assert (await auth.signed_in(tx, third)).id == me
        await auth.end_session(tx, person_id=me, session_id=listed[1].id)
        assert len(await auth.open_sessions(tx, person_id=me, session_token=here)) == 2
        assert await auth.end_other_sessions(tx, person_id=me, session_token=here) == 1
        assert [each.is_this for each in await auth.open_sessions(tx, person_id=me, session_token=here)] == [
            True
        ]


# Shops and members


async def test_somebody_of_another_shop_finds_no_shop(database: Database, owner: Joined) -> None:
    await second_shop(database, owner)
    host = await member(database, owner, Role.HOST, "host@example.org")

    for slug in ("kiln", "nowhere", "", "\0", "Atelier", "a" * 5000):
        await refused(
            accounts.UnknownShop, database, lambda tx, slug=slug: auth.actor(tx, host.session, slug)
        )
    assert (await actor_of(database, host)).permissions == accounts.PERMISSIONS[Role.HOST]
    async with database.transaction() as tx:
        assert [each.shop.slug for each in await accounts.memberships(tx, owner.person.id)] == [
            "atelier",
            "kiln",
        ]
        assert [each.shop.slug for each in await accounts.memberships(tx, host.person.id)] == ["atelier"]
        assert [each.slug for each in await accounts.shops(tx)] == ["atelier", "kiln"]


async def test_a_slug_is_taken_once_also_in_a_race(database: Database, owner: Joined) -> None:
    async def make() -> str:
        try:
            return (await second_shop(database, owner)).slug
        except accounts.SlugTaken as refusal:
            return refusal.code

    answers = await asyncio.gather(*(make() for _ in range(6)))

    assert sorted(answers) == [*["accounts.slug_taken"] * 5, "kiln"]
    assert (await counts(database))["shops"] == 2


async def test_an_invitation_is_used_once(database: Database, owner: Joined) -> None:
    actor = await actor_of(database, owner)
    async with database.transaction() as tx:
        invited = await accounts.invite(tx, actor=actor, role=Role.ANALYST, email="Ana@example.org")
        assert await accounts.invitations(tx, shop_id=actor.shop_id) == [invited.invitation]
        assert await accounts.invitation(tx, token=invited.token) == invited.invitation
    assert (invited.invitation.role, invited.invitation.email) == (Role.ANALYST, "ana@example.org")

    async def join(tx: Any, email: str) -> Joined:
        return await auth.join(tx, token=invited.token, email=email, password=PASSWORD, name="Ana")

    await refused(accounts.OtherEmail, database, lambda tx: join(tx, "eve@example.org"))
    async with database.transaction() as tx:
        joined = await join(tx, "ANA@example.org")
    assert (joined.role, joined.person.name, joined.person.is_operator) == (Role.ANALYST, "Ana", False)
    await refused(accounts.UnknownInvitation, database, lambda tx: join(tx, "ana@example.org"))
    async with database.transaction() as tx:
        assert await accounts.invitations(tx, shop_id=actor.shop_id) == []
        assert [(each.email, each.role) for each in await accounts.members(tx, shop_id=actor.shop_id)] == [
            ("mei@example.org", Role.OWNER), ("ana@example.org", Role.ANALYST),
        ]  # fmt: skip


async def test_an_invitation_expires_and_can_be_withdrawn(database: Database, owner: Joined) -> None:
    actor = await actor_of(database, owner)
    other = await second_shop(database, owner)
    stranger = accounts.Actor(owner.person.id, other.id, Role.OWNER, frozenset(Permission))
    async with database.transaction() as tx:
        old = await accounts.invite(tx, actor=actor, role=Role.HOST)
        await tx.run("UPDATE accounts.invitation SET expires_at = now()")
        new = await accounts.invite(tx, actor=actor, role=Role.HOST)
    withdraw = accounts.withdraw_invitation
    await refused(
        accounts.UnknownInvitation,
        database,
        lambda tx: withdraw(tx, actor=stranger, invitation_id=new.invitation.id),
    )
    async with database.transaction() as tx:
        await withdraw(tx, actor=actor, invitation_id=new.invitation.id)
    for token in (old.token, new.token, "x", "\ud800"):
        await refused(
            accounts.UnknownInvitation, database, lambda tx, token=token: accounts.invitation(tx, token=token)
        )


async def test_one_invitation_taken_by_many_at_once_makes_one_member(
    database: Database, owner: Joined
) -> None:
    actor = await actor_of(database, owner)
    async with database.transaction() as tx:
        invited = await accounts.invite(tx, actor=actor, role=Role.HOST)

    async def run(n: int) -> str:
        try:
            async with database.transaction() as tx:
                await auth.join(tx, token=invited.token, email=f"p{n}@b.c", password=PASSWORD)
        except Refusal as refusal:
            return refusal.code
        return "joined"

    assert sorted(await asyncio.gather(*(run(n) for n in range(6)))) == [
        *["accounts.unknown_invitation"] * 5,
        "joined",
    ]
    assert (await counts(database))["people"] == 2


async def test_one_address_joins_once_also_in_a_race(database: Database, owner: Joined) -> None:
    actor = await actor_of(database, owner)
    async with database.transaction() as tx:
        tokens = [(await accounts.invite(tx, actor=actor, role=Role.HOST)).token for _ in range(5)]

    async def run(token: str) -> str:
        try:
            async with database.transaction() as tx:
                await auth.join(tx, token=token, email="same@b.c", password=PASSWORD)
        except Refusal as refusal:
            return refusal.code
        return "joined"

    assert sorted(await asyncio.gather(*(run(token) for token in tokens))) == [
        *["accounts.email_taken"] * 4,
        "joined",
    ]
    assert (await counts(database))["people"] == 2
    async with database.transaction() as tx:
        # The four that were refused are still good for others.
        assert len(await accounts.invitations(tx, shop_id=actor.shop_id)) == 4


async def test_somebody_signed_in_takes_an_invitation_to_a_second_shop(
    database: Database, owner: Joined
) -> None:
    other = await second_shop(database, owner)
    host = await member(database, owner, Role.HOST, "host@example.org")
    chief = accounts.Actor(owner.person.id, other.id, Role.OWNER, frozenset(Permission))
    async with database.transaction() as tx:
        invited = await accounts.invite(tx, actor=chief, role=Role.FINANCE)
    async with database.transaction() as tx:
        assert await accounts.accept(tx, token=invited.token, person=host.person) == accounts.Membership(
            other, Role.FINANCE
        )
        again = await accounts.invite(tx, actor=chief, role=Role.OWNER)
    await refused(
        accounts.AlreadyMember,
        database,
        lambda tx: accounts.accept(tx, token=again.token, person=host.person),
    )
    async with database.transaction() as tx:
        assert (await auth.actor(tx, host.session, "kiln")).role is Role.FINANCE
        assert (await auth.actor(tx, host.session, "atelier")).role is Role.HOST


async def test_only_who_manages_members_invites_changes_and_removes(
    database: Database, owner: Joined
) -> None:
    host = await actor_of(database, await member(database, owner, Role.HOST, "host@example.org"))

    for work in (
        lambda tx: accounts.invite(tx, actor=host, role=Role.MODERATOR),
        lambda tx: accounts.change_role(tx, actor=host, person_id=host.person_id, role=Role.OWNER),
        lambda tx: accounts.remove_member(tx, actor=host, person_id=owner.person.id),
        lambda tx: accounts.withdraw_invitation(tx, actor=host, invitation_id=1),
    ):
        await refused(accounts.NotAllowed, database, work)


async def test_who_is_removed_is_out_at_the_next_request(database: Database, owner: Joined) -> None:
    actor = await actor_of(database, owner)
    host = await member(database, owner, Role.HOST, "host@example.org")
    async with database.transaction() as tx:
        await accounts.change_role(tx, actor=actor, person_id=host.person.id, role=Role.ANALYST)
    assert (await actor_of(database, host)).role is Role.ANALYST
    async with database.transaction() as tx:
        await accounts.remove_member(tx, actor=actor, person_id=host.person.id)
    await refused(accounts.UnknownShop, database, lambda tx: auth.actor(tx, host.session, "atelier"))
    await refused(
        accounts.UnknownMember,
        database,
        lambda tx: accounts.remove_member(tx, actor=actor, person_id=host.person.id),
    )
    shop = owner.shop.id
    assert (await facts(database))[-2:] == [
        (
            "accounts.role_changed",
            {"shop_id": shop, "person_id": host.person.id, "role": "analyst", "changed_by": owner.person.id},
        ),
        (
            "accounts.person_removed",
            {"shop_id": shop, "person_id": host.person.id, "removed_by": owner.person.id},
        ),
    ]


async def test_the_last_owner_stays(database: Database, owner: Joined) -> None:
    actor = await actor_of(database, owner)
    me = owner.person.id
    await refused(
        accounts.LastOwner, database, lambda tx: accounts.remove_member(tx, actor=actor, person_id=me)
    )
    await refused(
        accounts.LastOwner,
        database,
        lambda tx: accounts.change_role(tx, actor=actor, person_id=me, role=Role.HOST),
    )
    async with database.transaction() as tx:
        await accounts.change_role(tx, actor=actor, person_id=me, role=Role.OWNER)


async def test_two_owners_who_remove_each_other_leave_one(database: Database, owner: Joined) -> None:
    other = await member(database, owner, Role.OWNER, "two@example.org")
    actors = [await actor_of(database, owner), await actor_of(database, other)]

    async def run(actor: accounts.Actor, person_id: int) -> str:
        try:
            async with database.transaction() as tx:
                await accounts.remove_member(tx, actor=actor, person_id=person_id)
        except Refusal as refusal:
            return refusal.code
        return "removed"

    answers = await asyncio.gather(run(actors[0], other.person.id), run(actors[1], owner.person.id))

    assert sorted(answers) == ["accounts.not_allowed", "removed"]
    assert (await counts(database))["members"] == 1


async def test_a_person_of_another_shop_is_unknown_here(database: Database, owner: Joined) -> None:
    other = await second_shop(database, owner)
    host = await member(database, owner, Role.HOST, "host@example.org")
    chief = accounts.Actor(owner.person.id, other.id, Role.OWNER, frozenset(Permission))
    for person_id in (host.person.id, 0, 2**63, 10**30):
        await refused(
            accounts.UnknownMember,
            database,
            lambda tx, person_id=person_id: accounts.remove_member(tx, actor=chief, person_id=person_id),
        )
    assert (await actor_of(database, host)).role is Role.HOST


# Keys


async def test_a_key_opens_one_purpose_for_one_subject(database: Database, owner: Joined) -> None:
    shop_id = owner.shop.id
    order = UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
    async with database.transaction() as tx:
        token = await access_keys.issue_key(tx, shop_id=shop_id, purpose="supplier", subject_id=7)
        receipt = await access_keys.issue_key(
            tx, shop_id=shop_id, purpose="order", subject_id=order, lasts=timedelta(days=30)
        )
        key = await access_keys.read_key(tx, token=token, purpose="supplier")
        assert (key.shop_id, key.purpose, key.subject_id, key.expires_at) == (shop_id, "supplier", 7, None)
        assert (await access_keys.read_key(tx, token=receipt, purpose="order")).subject == str(order)
        assert await access_keys.keys(tx, shop_id=shop_id, purpose="supplier", subject_id=7) == [key]
        assert await access_keys.keys(tx, shop_id=shop_id + 1, purpose="supplier", subject_id=7) == []
    read = access_keys.read_key
    for wrong, purpose in (
        (token, "order"),
        (receipt, "supplier"),
        (token[:-1], "supplier"),
        ("", "supplier"),
    ):
        await refused(
            access_keys.UnknownKey,
            database,
            lambda tx, wrong=wrong, purpose=purpose: read(tx, token=wrong, purpose=purpose),
        )
    await refused(
        access_keys.UnknownKey,
        database,
        lambda tx: access_keys.revoke_key(tx, shop_id=shop_id + 1, key_id=key.id),
    )
    async with database.transaction() as tx:
        await access_keys.revoke_key(tx, shop_id=shop_id, key_id=key.id)
        await tx.run("UPDATE accounts.access_key SET expires_at = now() WHERE purpose = 'order'")
    await refused(access_keys.UnknownKey, database, lambda tx: read(tx, token=token, purpose="supplier"))
    await refused(access_keys.UnknownKey, database, lambda tx: read(tx, token=receipt, purpose="order"))


# The node's secret


async def test_processes_that_start_at_once_sign_with_the_same_key(database: Database) -> None:
    async def ask() -> Keyring:
        async with database.transaction() as tx:
            return await load_keyring(tx)

    rings = await asyncio.gather(*(ask() for _ in range(8)))

    assert all(ring == rings[0] for ring in rings)
    assert (rings[0].current, len(rings[0].keys[1])) == (1, 32)


async def test_the_key_can_be_changed(database: Database) -> None:
    async with database.transaction() as tx:
        old = await load_keyring(tx)
        both = await auth.rotate_secret(tx)
        only = await auth.rotate_secret(tx, forget_old=True)
    assert (both.current, sorted(both.keys), both.keys[1]) == (2, [1, 2], old.keys[1])
    assert (only.current, sorted(only.keys)) == (3, [3])
