"""People: who is known to this node, and what is theirs to change."""

from psycopg.errors import UniqueViolation

from shopfloor.accounts import queries
from shopfloor.accounts.models import EmailTaken, Person, checked_email
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import line


async def is_anybody_here(tx: Tx, *, lock: bool = False) -> bool:
    """With `lock`, nobody else becomes the first person until the transaction ends."""
    if lock:
        await queries.lock_first_person(tx)
    return await queries.is_anybody_here(tx)


async def add_person(tx: Tx, *, email: str, name: str, password_hash: str, is_operator: bool) -> Person:
    """Raises EmailTaken."""
    person = await queries.insert_person_once(
        tx,
        email=email,
        name=line(name, field="name", longest=100) or email.split("@", maxsplit=1)[0],
        password_hash=password_hash,
        is_operator=is_operator,
    )
    if person is None:
        raise EmailTaken
    return person


async def change_person(tx: Tx, *, person_id: int, name: str, email: str) -> None:
    """Raises UnusableText, BadEmail or EmailTaken.  For another address, ask for the password first."""
    name, email = line(name, field="name", longest=100, shortest=1), checked_email(email)
    if await queries.is_email_taken(tx, email=email, person_id=person_id):
        raise EmailTaken
    try:
        await queries.set_person(tx, person_id=person_id, name=name, email=email)
    except UniqueViolation as problem:
        raise EmailTaken from problem


async def set_password(tx: Tx, *, person_id: int, new_hash: str, old_hash: str | None = None) -> bool:
    """False when `old_hash` is given and the password was changed meanwhile."""
    if old_hash is not None:
        return await queries.replace_password(tx, person_id=person_id, old_hash=old_hash, new_hash=new_hash)
    await queries.set_password(tx, person_id=person_id, password_hash=new_hash)
    return True
