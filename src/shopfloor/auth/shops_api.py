"""/v1: shops, who belongs to them, and how somebody comes in, as JSON."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from shopfloor import accounts, auth
from shopfloor.accounts import Actor, Invitation, Membership, NotAllowed, Permission, Person, Role, Shop
from shopfloor.auth import models, second_factor
from shopfloor.auth.api import SignedIn, allowed, set_device, set_session
from shopfloor.auth.models import Joined
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, is_secure, refusals
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1", tags=["accounts"])


class PersonOut(BaseModel):
    id: int
    email: str
    name: str
    is_operator: bool


class ShopOut(BaseModel):
    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    role: Role | None = None


class MeOut(BaseModel):
    person: PersonOut
    shops: list[ShopOut]


class NewShop(BaseModel):
    name: str
    slug: str
    currency: str
    locale: str = "en"
    timezone: str = "UTC"


class Claim(BaseModel):
    token: str
    email: str
    password: str
    name: str = ""
    shop: NewShop


class MemberOut(BaseModel):
    person_id: Id
    email: str
    name: str
    role: Role
    joined_at: datetime


class NewInvitation(BaseModel):
    role: Role
    email: str | None = None


class InvitationOut(BaseModel):
    id: int
    role: Role
    email: str | None
    expires_at: datetime
    token: str | None = None


class Answer(BaseModel):
    """To an invitation, by somebody new; whoever is signed in sends the token alone to `accept`."""

    token: str
    email: str
    password: str
    name: str = ""


class Token(BaseModel):
    token: str


class NewRole(BaseModel):
    role: Role


def person_out(person: Person) -> PersonOut:
    return PersonOut(id=person.id, email=person.email, name=person.name, is_operator=person.is_operator)


def _shop_out(shop: Shop, role: Role | None) -> ShopOut:
    return ShopOut(
        id=shop.id,
        slug=shop.slug,
        name=shop.name,
        currency=shop.currency,
        locale=shop.locale,
        timezone=shop.timezone,
        role=role,
    )


def membership_out(membership: Membership) -> ShopOut:
    return _shop_out(membership.shop, membership.role)


def _invitation_out(invitation: Invitation, token: str | None = None) -> InvitationOut:
    return InvitationOut(
        id=invitation.id,
        role=invitation.role,
        email=invitation.email,
        expires_at=invitation.expires_at,
        token=token,
    )


def _joined_out(joined: Joined, request: Request, response: Response) -> MeOut:
    set_session(response, joined.session, secure=is_secure(request))
    set_device(request, response, joined.person.email)
    return MeOut(person=person_out(joined.person), shops=[_shop_out(joined.shop, joined.role)])


@router.post(
    "/claim",
    status_code=201,
    responses=refusals(auth.UnknownClaim, accounts.BadShop, auth.WeakPassword),
)
@public
async def claim(body: Claim, request: Request, response: Response, db: Db) -> MeOut:
    """Take this node over with the one-time token that it printed."""
    async with db.transaction() as tx:
        joined = await auth.claim_owner(
            tx,
            token=body.token,
            email=body.email,
            password=body.password,
            name=body.name,
            shop_name=body.shop.name,
            slug=body.shop.slug,
            currency=body.shop.currency,
            locale=body.shop.locale,
            timezone=body.shop.timezone,
        )
    return _joined_out(joined, request, response)


@router.get("/shops", responses=refusals(auth.SignInNeeded))
async def list_shops(person: SignedIn, db: Db) -> list[ShopOut]:
    """The shops I belong to."""
    async with db.transaction() as tx:
        return [membership_out(each) for each in await accounts.memberships(tx, person.id)]


@router.post(
    "/shops",
    status_code=201,
    responses=refusals(auth.SignInNeeded, accounts.NotAllowed, accounts.SlugTaken, accounts.BadShop),
)
async def create_shop(body: NewShop, person: SignedIn, db: Db) -> ShopOut:
    """One more shop on this node, for its operator."""
    if not person.is_operator:
        raise NotAllowed("Only the operator of this node opens shops.")
    async with db.transaction() as tx:
        shop = await accounts.create_shop(
            tx,
            owner_id=person.id,
            name=body.name,
            slug=body.slug,
            currency=body.currency,
            locale=body.locale,
            timezone=body.timezone,
        )
    return _shop_out(shop, Role.OWNER)


@router.post(
    "/invitations/join",
    status_code=201,
    responses=refusals(accounts.UnknownInvitation, accounts.OtherEmail, accounts.EmailTaken),
)
@public
async def join(body: Answer, request: Request, response: Response, db: Db) -> MeOut:
    """Take an invitation as somebody new."""
    async with db.transaction() as tx:
        joined = await auth.join(
            tx, token=body.token, email=body.email, password=body.password, name=body.name
        )
    return _joined_out(joined, request, response)


@router.post(
    "/invitations/accept",
    responses=refusals(accounts.UnknownInvitation, accounts.OtherEmail, accounts.AlreadyMember),
)
async def accept(body: Token, person: SignedIn, db: Db) -> ShopOut:
    """Take an invitation as the person who is signed in."""
    async with db.transaction() as tx:
        return membership_out(await accounts.accept(tx, token=body.token, person=person))


MembersViewer = Annotated[Actor, Depends(allowed(Permission.MEMBERS_VIEW))]


MembersManager = Annotated[Actor, Depends(allowed(Permission.MEMBERS_MANAGE))]


@router.get("/{shop}/members", responses=refusals(accounts.UnknownShop, accounts.NotAllowed))
async def list_members(actor: MembersViewer, db: Db) -> list[MemberOut]:
    async with db.transaction() as tx:
        members = await accounts.members(tx, shop_id=actor.shop_id)
    return [
        MemberOut(
            person_id=member.person_id,
            email=member.email,
            name=member.name,
            role=member.role,
            joined_at=member.joined_at,
        )
        for member in members
    ]


@router.put(
    "/{shop}/members/{person_id}",
    status_code=204,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed, accounts.LastOwner),
)
async def change_role(person_id: Id, body: NewRole, actor: MembersManager, db: Db) -> None:
    async with db.transaction() as tx:
        await accounts.change_role(tx, actor=actor, person_id=person_id, role=body.role)


@router.delete(
    "/{shop}/members/{person_id}",
    status_code=204,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed, accounts.LastOwner),
)
async def remove_member(person_id: Id, actor: MembersManager, db: Db) -> None:
    async with db.transaction() as tx:
        await accounts.remove_member(tx, actor=actor, person_id=person_id)


@router.post(
    "/{shop}/members/{person_id}/password-reset",
    status_code=201,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed),
)
async def make_member_reset(person_id: int, actor: MembersManager, db: Db) -> Token:
    """A one-time link (`/reset/{token}`) with which a member sets a new password; the token is in this answer only."""
    async with db.transaction() as tx:
        return Token(token=await auth.make_member_reset(tx, actor=actor, person_id=person_id))


@router.delete(
    "/{shop}/members/{person_id}/second-factor",
    status_code=204,
    responses=refusals(accounts.UnknownMember, accounts.NotAllowed, models.SecondFactorOff),
)
async def remove_member_second_factor(person_id: Id, actor: MembersManager, db: Db) -> None:
    """For a member who lost the device: the password alone is enough until they set it up anew."""
    async with db.transaction() as tx:
        await second_factor.remove_member_second_factor(tx, actor=actor, person_id=person_id)


@router.get("/{shop}/invitations", responses=refusals(accounts.UnknownShop, accounts.NotAllowed))
async def list_invitations(actor: MembersManager, db: Db) -> list[InvitationOut]:
    async with db.transaction() as tx:
        return [_invitation_out(each) for each in await accounts.invitations(tx, shop_id=actor.shop_id)]


@router.post(
    "/{shop}/invitations",
    status_code=201,
    responses=refusals(accounts.UnknownShop, accounts.NotAllowed, accounts.BadEmail),
)
async def invite(body: NewInvitation, actor: MembersManager, db: Db) -> InvitationOut:
    """Invite somebody; the token is in this answer only."""
    async with db.transaction() as tx:
        invited = await accounts.invite(tx, actor=actor, role=body.role, email=body.email)
    return _invitation_out(invited.invitation, invited.token)


@router.delete(
    "/{shop}/invitations/{invitation_id}",
    status_code=204,
    responses=refusals(accounts.UnknownInvitation, accounts.NotAllowed),
)
async def withdraw_invitation(invitation_id: Id, actor: MembersManager, db: Db) -> None:
    async with db.transaction() as tx:
        await accounts.withdraw_invitation(tx, actor=actor, invitation_id=invitation_id)
