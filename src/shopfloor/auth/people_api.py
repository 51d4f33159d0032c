"""/v1: signing in and out, and what somebody changes of themselves, as JSON."""

from datetime import datetime
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

from shopfloor import accounts, auth
from shopfloor.auth import models, second_factor, sessions
from shopfloor.auth.api import (
    SESSION_COOKIE,
    SignedIn,
    clear_session,
    known_device,
    prove,
    set_device,
    set_session,
)
from shopfloor.auth.shops_api import MeOut, membership_out, person_out
from shopfloor.auth.sign_in import check_password
from shopfloor.kernel.http import Db, client_address, is_secure, public_host, refusals, user_agent
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1", tags=["accounts"])


class Credentials(BaseModel):
    """`code`: of the authenticator app, or a recovery code, where the person has two-step sign-in."""

    email: str
    password: str
    code: str = ""


class Challenge(BaseModel):
    """`challenge` came with `accounts.second_factor_needed`."""

    challenge: str
    code: str


class Password(BaseModel):
    password: str


class PasswordAndCode(BaseModel):
    password: str
    code: str


class SecondFactorOut(BaseModel):
    is_on: bool
    made_at: datetime | None = None
    recovery_codes_left: int = 0


class SetupOut(BaseModel):
    """`setup` is sent back with a code; `uri` is what a QR code says to an app."""

    setup: str
    secret: str
    uri: str


class Confirmation(BaseModel):
    setup: str
    code: str


class RecoveryCodes(BaseModel):
    """Shown once: only hashes are kept."""

    recovery_codes: list[str]


class NewPasswordByLink(BaseModel):
    token: str
    password: str


class NewPassword(BaseModel):
    current: str
    new: str


@router.post(
    "/session",
    status_code=204,
    responses=refusals(
        auth.WrongCredentials, auth.SecondFactorNeeded, models.WrongCode, auth.TooManyAttempts
    ),
)
@public
async def sign_in(body: Credentials, request: Request, response: Response, db: Db) -> None:
    """Sign in; the answer sets the session cookie.  Who has two-step sign-in sends a `code` too, or in a second step."""
    token = await auth.sign_in(
        db,
        email=body.email,
        password=body.password,
        address=client_address(request),
        previous=request.cookies.get(SESSION_COOKIE),
        device=known_device(request, body.email),
        user_agent=user_agent(request),
        code=body.code,
    )
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, body.email)


@router.post(
    "/session/code",
    status_code=204,
    responses=refusals(models.WrongCode, models.SignInExpired, auth.TooManyAttempts),
)
@public
async def finish_sign_in(body: Challenge, request: Request, response: Response, db: Db) -> None:
    """The second step: the challenge of the first, and a code."""
    async with db.transaction() as tx:
        person = await second_factor.challenged(tx, token=body.challenge)
    token = await second_factor.finish_sign_in(
        db,
        token=body.challenge,
        code=body.code,
        previous=request.cookies.get(SESSION_COOKIE),
        device=known_device(request, person.email),
        user_agent=user_agent(request),
    )
    set_session(response, token, secure=is_secure(request))
    set_device(request, response, person.email)


@router.delete("/session", status_code=204)
@public
async def sign_out(request: Request, response: Response, db: Db) -> None:
    """Sign out here; fine also when not signed in."""
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None:
        async with db.transaction() as tx:
            await auth.sign_out(tx, session_token=token)
    clear_session(response, secure=is_secure(request))


@router.delete("/sessions", status_code=204, responses=refusals(auth.SignInNeeded))
async def sign_out_everywhere(person: SignedIn, request: Request, response: Response, db: Db) -> None:
    """Sign out here and on every other device."""
    async with db.transaction() as tx:
        await sessions.sign_out_everywhere(tx, person_id=person.id)
    clear_session(response, secure=is_secure(request))


@router.get("/me", responses=refusals(auth.SignInNeeded))
async def me(person: SignedIn, db: Db) -> MeOut:
    """Who I am and which shops I belong to."""
    async with db.transaction() as tx:
        memberships = await accounts.memberships(tx, person.id)
    return MeOut(person=person_out(person), shops=[membership_out(each) for each in memberships])


@router.post("/me/password", status_code=204, responses=refusals(auth.WrongCredentials, auth.WeakPassword))
async def change_password(
    body: NewPassword, person: SignedIn, request: Request, response: Response, db: Db
) -> None:
    """Change my password; every other session of mine ends."""
    # The current password is checked as a sign-in is, so that a stolen session cannot guess it faster.
    await check_password(
        db,
        email=person.email,
        password=body.current,
        address=client_address(request),
        device=known_device(request, person.email),
    )
    async with db.transaction() as tx:
        token = await auth.change_password(
            tx, person_id=person.id, current=body.current, new=body.new, device=user_agent(request)
        )
    set_session(response, token, secure=is_secure(request))


@router.get("/me/sessions", responses=refusals(auth.SignInNeeded))
async def list_sessions(person: SignedIn, request: Request, db: Db) -> list[models.OpenSession]:
    """Where I am signed in; this session first."""
    token = request.cookies.get(SESSION_COOKIE, "")
    async with db.transaction() as tx:
        return await auth.open_sessions(tx, person_id=person.id, session_token=token)


@router.delete("/me/sessions", status_code=204, responses=refusals(auth.SignInNeeded))
async def end_other_sessions(person: SignedIn, request: Request, db: Db) -> None:
    """Sign out on every other device."""
    token = request.cookies.get(SESSION_COOKIE, "")
    async with db.transaction() as tx:
        await auth.end_other_sessions(tx, person_id=person.id, session_token=token)


@router.delete("/me/sessions/{session_id}", status_code=204, responses=refusals(auth.SignInNeeded))
async def end_session(session_id: str, person: SignedIn, db: Db) -> None:
    """Sign out on one device; fine also when it is signed out already."""
    async with db.transaction() as tx:
        await auth.end_session(tx, person_id=person.id, session_id=session_id)


@router.get("/me/second-factor", responses=refusals(auth.SignInNeeded))
async def my_second_factor(person: SignedIn, db: Db) -> SecondFactorOut:
    """Whether I sign in with a code as well, and how many recovery codes are left."""
    async with db.transaction() as tx:
        found = await second_factor.second_factor_of(tx, person_id=person.id)
    if found is None:
        return SecondFactorOut(is_on=False)
    return SecondFactorOut(is_on=True, made_at=found.made_at, recovery_codes_left=found.recovery_codes_left)


@router.post(
    "/me/second-factor",
    status_code=201,
    responses=refusals(auth.WrongCredentials, models.SecondFactorOn, auth.TooManyAttempts),
)
async def begin_second_factor(body: Password, person: SignedIn, request: Request, db: Db) -> SetupOut:
    """A secret for an authenticator app.  Nothing changes until a code of it confirms it, within ten minutes."""
    await prove(request, db, person, password=body.password)
    async with db.transaction() as tx:
        setup = await second_factor.begin_second_factor(
            tx,
            person=person,
            session_token=request.cookies.get(SESSION_COOKIE, ""),
            issuer=second_factor.issuer(public_host(request)),
        )
    return SetupOut(setup=setup.name, secret=setup.secret, uri=setup.uri)


@router.post(
    "/me/second-factor/confirm",
    status_code=201,
    responses=refusals(models.UnknownSetup, models.WrongCode, models.SecondFactorOn),
)
async def confirm_second_factor(
    body: Confirmation, person: SignedIn, request: Request, db: Db
) -> RecoveryCodes:
    """From now on a code is asked for at sign-in.  The recovery codes are in this answer only."""
    async with db.transaction() as tx:
        codes = await second_factor.confirm_second_factor(
            tx,
            person=person,
            session_token=request.cookies.get(SESSION_COOKIE, ""),
            name=body.setup,
            code=body.code,
        )
    return RecoveryCodes(recovery_codes=codes)


_PROVEN: Final = (
    auth.WrongCredentials, models.WrongCode, models.SecondFactorOff, auth.TooManyAttempts,
)  # fmt: skip


@router.post("/me/second-factor/recovery-codes", status_code=201, responses=refusals(*_PROVEN))
async def renew_recovery_codes(
    body: PasswordAndCode, person: SignedIn, request: Request, db: Db
) -> RecoveryCodes:
    """Ten new ones; the old ones no longer work."""
    await prove(request, db, person, password=body.password, code=body.code)
    async with db.transaction() as tx:
        return RecoveryCodes(recovery_codes=await second_factor.renew_recovery_codes(tx, person_id=person.id))


@router.post("/me/second-factor/remove", status_code=204, responses=refusals(*_PROVEN))
async def remove_second_factor(body: PasswordAndCode, person: SignedIn, request: Request, db: Db) -> None:
    """The password alone is enough again."""
    await prove(request, db, person, password=body.password, code=body.code)
    async with db.transaction() as tx:
        await second_factor.remove_second_factor(tx, person_id=person.id)


@router.post(
    "/password-reset",
    status_code=204,
    responses=refusals(auth.UnknownReset, auth.WeakPassword),
)
@public
async def reset_password(body: NewPasswordByLink, db: Db) -> None:
    """Set the password a one-time link is for; every session of that person ends."""
    async with db.transaction() as tx:
        await auth.reset_password(tx, token=body.token, password=body.password)
