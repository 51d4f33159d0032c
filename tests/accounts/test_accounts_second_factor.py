"""Two-step sign-in: RFC 6238, a code once, drift, tries, recovery codes, the node's key, and who may switch it off."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shopfloor import accounts, auth
from shopfloor.auth import models, second_factor, totp
from shopfloor.kernel.database import Database
from shopfloor.kernel.keyring import load_keyring

PASSWORD = "a kiln full of bowls"
EMAIL = "ada@kiln.example"
NOON = 1_790_000_010.0  # ten seconds into a step
STEP = totp.step_at(NOON)
Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the time by which codes are judged."""

    def at(seconds: float) -> None:
        monkeypatch.setattr(second_factor, "now", lambda: datetime.fromtimestamp(seconds, UTC))

    at(NOON)
    return at


async def owner(db: Database) -> auth.Joined:
    async with db.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
        return await auth.claim_owner(
            tx, token=token, email=EMAIL, password=PASSWORD, shop_name="Kiln", slug="kiln", currency="EUR"
        )


async def turned_on(db: Database, who: auth.Joined) -> tuple[bytes, list[str]]:
    """The secret in the app, and the recovery codes.  The code of STEP is used up."""
    async with db.transaction() as tx:
        setup = await second_factor.begin_second_factor(
            tx, person=who.person, session_token=who.session, issuer="Shopfloor"
        )
    secret = bytes.fromhex(await kept(db, who, setup.name))
    async with db.transaction() as tx:
        codes = await second_factor.confirm_second_factor(
            tx, person=who.person, session_token=who.session, name=setup.name, code=totp.code_at(secret, STEP)
        )
    return secret, codes


async def kept(db: Database, who: auth.Joined, name: str) -> str:
    async with db.transaction() as tx:
        setup = await second_factor.setup_of(
            tx, person=who.person, session_token=who.session, name=name, issuer="x"
        )

    return base64.b32decode(setup.secret + "=" * (-len(setup.secret) % 8)).hex()


async def sign_in(db: Database, code: str = "", **more: str) -> str:
    return await auth.sign_in(db, email=EMAIL, password=PASSWORD, address="198.51.100.7", code=code, **more)


async def test_the_vectors_of_the_rfc() -> None:
    secret = b"12345678901234567890"
    for seconds, code in (
        (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"), (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
    ):  # fmt: skip
        assert totp.code_at(secret, totp.step_at(seconds), digits=8) == code
        assert totp.matching_step(secret, code[-6:], seconds=seconds) == totp.step_at(seconds)


async def test_a_sign_in_takes_a_code_and_each_code_is_taken_once(database: Database, clock: Clock) -> None:
    who = await owner(database)
    secret, codes = await turned_on(database, who)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", code) for code in codes)
    with pytest.raises(auth.SecondFactorNeeded) as needed:
        await sign_in(database)
    challenge = str(needed.value.facts["challenge"])
    with pytest.raises(models.WrongCode):  # it confirmed the setup
        await second_factor.finish_sign_in(database, token=challenge, code=totp.code_at(secret, STEP))
    with pytest.raises(models.WrongCode):  # two steps early
        await second_factor.finish_sign_in(database, token=challenge, code=totp.code_at(secret, STEP + 2))
    code = totp.code_at(secret, STEP + 1)
    session = await second_factor.finish_sign_in(database, token=challenge, code=f" {code[:3]} {code[3:]} ")
    async with database.transaction() as tx:
        assert (await auth.signed_in(tx, session)).email == EMAIL
        assert (await auth.signed_in(tx, who.session)).email == EMAIL  # made before, still good
        assert len(await auth.open_sessions(tx, person_id=who.person.id, session_token=session)) == 2
    with pytest.raises(models.SignInExpired):  # a challenge is good once too
        await second_factor.finish_sign_in(database, token=challenge, code=totp.code_at(secret, STEP + 1))
    with pytest.raises(models.WrongCode):
        await sign_in(database, code)
    clock(NOON + 60)
    with pytest.raises(models.WrongCode):  # older than what was accepted
        await sign_in(database, code)
    assert await sign_in(database, "".join(chr(ord(c) + 0xFEE0) for c in totp.code_at(secret, STEP + 2)))


async def test_a_recovery_code_is_good_once_and_new_ones_replace_the_old(
    database: Database, clock: Clock
) -> None:
    who = await owner(database)
    secret, codes = await turned_on(database, who)
    assert await sign_in(database, codes[0].lower().replace("-", " "))
    with pytest.raises(models.WrongCode):
        await sign_in(database, codes[0])
    async with database.transaction() as tx:
        found = await second_factor.second_factor_of(tx, person_id=who.person.id)
        assert found is not None
        assert found.recovery_codes_left == 9
        fresh = await second_factor.renew_recovery_codes(tx, person_id=who.person.id)
        stored = await tx.value(
            "SELECT string_agg(encode(code_hash, 'escape'), '') FROM accounts.recovery_code"
        )
    assert not any(code in stored or totp.typed(code) in stored for code in fresh)
    with pytest.raises(models.WrongCode):
        await sign_in(database, codes[1])
    assert await sign_in(database, fresh[9])
    assert secret not in stored.encode()


async def test_tries_are_counted_and_a_known_browser_has_its_own(database: Database, clock: Clock) -> None:
    who = await owner(database)
    secret, _ = await turned_on(database, who)
    with pytest.raises(auth.SecondFactorNeeded) as needed:
        await sign_in(database)
    challenge = str(needed.value.facts["challenge"])
    for _ in range(second_factor.CODE_LIMIT):
        with pytest.raises(models.WrongCode):
            await second_factor.finish_sign_in(database, token=challenge, code="000000")
    good = totp.code_at(secret, STEP + 1)
    with pytest.raises(auth.TooManyAttempts):
        await second_factor.finish_sign_in(database, token=challenge, code=good)
    assert await second_factor.finish_sign_in(database, token=challenge, code=good, device="a" * 32)


async def test_a_changed_password_ends_a_sign_in_under_way(database: Database, clock: Clock) -> None:
    who = await owner(database)
    secret, _ = await turned_on(database, who)
    with pytest.raises(auth.SecondFactorNeeded) as needed:
        await sign_in(database)
    async with database.transaction() as tx:
        token = await auth.make_reset(tx, email=EMAIL)
        await auth.reset_password(tx, token=token, password="another long sentence")
    with pytest.raises(models.SignInExpired):
        await second_factor.finish_sign_in(
            database, token=str(needed.value.facts["challenge"]), code=totp.code_at(secret, STEP + 1)
        )
    with pytest.raises(auth.SecondFactorNeeded):  # a new password is not a way around it
        await auth.sign_in(database, email=EMAIL, password="another long sentence", address="")


async def test_the_secret_is_sealed_for_its_person_and_outlives_the_key(
    database: Database, clock: Clock
) -> None:
    who = await owner(database)
    secret, _ = await turned_on(database, who)
    async with database.transaction() as tx:
        before = bytes(await tx.value("SELECT sealed FROM accounts.second_factor"))
        ring = await load_keyring(tx)
        assert secret not in before
        assert totp.opened(ring, who.person.id, ring.current, before) == secret
        assert totp.opened(ring, who.person.id + 1, ring.current, before) is None
        assert totp.opened(ring, who.person.id, ring.current, before[:-1] + bytes([before[-1] ^ 1])) is None
        await auth.rotate_secret(tx, forget_old=True)
        version, after = await tx.value(
            "SELECT ARRAY[key_version::text, encode(sealed, 'hex')] FROM accounts.second_factor"
        )
    assert (int(version), bytes.fromhex(after) == before) == (ring.current + 1, False)
    assert await sign_in(database, totp.code_at(secret, STEP + 1))


async def test_a_setup_belongs_to_its_session_and_is_confirmed_by_a_code(
    database: Database, clock: Clock
) -> None:
    who = await owner(database)
    async with database.transaction() as tx:
        setup = await second_factor.begin_second_factor(
            tx, person=who.person, session_token=who.session, issuer="Shopfloor kiln:x"
        )
        with pytest.raises(models.UnknownSetup):
            await second_factor.setup_of(
                tx, person=who.person, session_token="another", name=setup.name, issuer="x"
            )
        with pytest.raises(models.WrongCode):
            await second_factor.confirm_second_factor(
                tx, person=who.person, session_token=who.session, name=setup.name, code="123"
            )
        assert await second_factor.second_factor_of(tx, person_id=who.person.id) is None
    assert setup.uri.startswith(
        f"otpauth://totp/Shopfloor%20kiln%20x%3A{EMAIL}?secret={setup.secret}&issuer="
    )
    assert await sign_in(database)
    await turned_on(database, who)
    async with database.transaction() as tx:
        with pytest.raises(models.SecondFactorOn):
            await second_factor.begin_second_factor(tx, person=who.person, session_token="s", issuer="x")


async def test_who_may_switch_it_off_and_that_it_is_recorded(database: Database, clock: Clock) -> None:
    boss = await owner(database)
    async with database.transaction() as tx:
        actor = await auth.actor(tx, boss.session, "kiln")
        invited = await accounts.invite(tx, actor=actor, role=accounts.Role.HOST)
        host = await auth.join(tx, token=invited.token, email="host@kiln.example", password=PASSWORD)
        host_actor = await auth.actor(tx, host.session, "kiln")
    await turned_on(database, host)
    await turned_on(database, boss)
    async with database.transaction() as tx:
        assert await second_factor.members_with_one(tx, shop_id=actor.shop_id) == {
            boss.person.id, host.person.id,
        }  # fmt: skip
        with pytest.raises(accounts.NotAllowed):
            await second_factor.remove_member_second_factor(tx, actor=host_actor, person_id=boss.person.id)
        with pytest.raises(accounts.NotAllowed):  # the operator's goes by the command only
            await second_factor.remove_member_second_factor(tx, actor=actor, person_id=boss.person.id)
        await second_factor.remove_member_second_factor(tx, actor=actor, person_id=host.person.id)
        with pytest.raises(models.SecondFactorOff):
            await second_factor.remove_member_second_factor(tx, actor=actor, person_id=host.person.id)
        await second_factor.remove_second_factor_of(tx, email=EMAIL)
        facts = await tx.value(
            "SELECT array_agg(name || ' ' || (body->>'person_id') || ' ' || coalesce(body->>'removed_by', '-') ORDER BY fact_id)"
            " FROM kernel.outbox WHERE name LIKE 'accounts.second%%'"
        )
        assert await tx.value("SELECT count(*) FROM accounts.recovery_code") == 0
    h, b = host.person.id, boss.person.id
    assert facts == [
        f"accounts.second_factor_set {h} -", f"accounts.second_factor_set {b} -",
        f"accounts.second_factor_removed {h} {b}", f"accounts.second_factor_removed {b} -",
    ]  # fmt: skip
    assert await sign_in(database)
