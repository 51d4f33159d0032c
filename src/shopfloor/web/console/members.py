"""Who works in a shop, as what, and who is invited."""

from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from shopfloor import accounts, auth, notifications
from shopfloor.accounts import Permission, Role
from shopfloor.kernel import secrets
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/members", include_in_schema=False)

Viewer = Annotated[Desk, at_page("members")]
Manager = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]


@router.get("")
async def members(desk: Viewer) -> Response:
    """`?made=` shows the link of an invitation that was just made: we keep its hash."""
    secrets = await desk.revealed()
    async with desk.work() as tx:
        listed = await accounts.members(tx, shop_id=desk.shop.id)
        invitations = await accounts.invitations(tx, shop_id=desk.shop.id)
        with_factor = await auth.second_factor.members_with_one(tx, shop_id=desk.shop.id)
    return desk.page(
        "members.html",
        active="members",
        members=listed,
        invitations=invitations,
        with_factor=with_factor,
        roles=list(Role),
        link=secrets.get("link"),
        reset_link=secrets.get("reset_link"),
        reset_name=secrets.get("reset_name"),
    )


@router.post("/invite")
async def invite(
    desk: Manager, role: Annotated[Role, Form()], email: Annotated[str, Form(max_length=320)] = ""
) -> Response:
    with desk.back_if_refused("/members"):
        async with desk.work() as tx:
            invited = await accounts.invite(tx, actor=desk.actor, role=role, email=email.strip() or None)
            invitation = invited.invitation
            if invitation.email is not None:
                # The link is shown as well: mail may be slow, or not set up.
                await notifications.invite(
                    tx,
                    box=secrets.box(services_of(desk.request).given),
                    shop=desk.shop,
                    email=invitation.email,
                    role=str(invitation.role),
                    expires_at=invitation.expires_at,
                    token=invited.token,
                )
    link = public_link(desk.request, f"/join/{invited.token}")
    return await desk.reveal("/members", {"link": link})


@router.post("/invitations/{invitation_id}/withdraw")
async def withdraw(desk: Manager, invitation_id: Id) -> Response:
    with desk.back_if_refused("/members"):
        async with desk.work() as tx:
            await accounts.withdraw_invitation(tx, actor=desk.actor, invitation_id=invitation_id)
    return desk.back("/members", desk.say(N_("Invitation withdrawn.")))


@router.post("/{person_id}/role")
async def change_role(desk: Manager, person_id: Id, role: Annotated[Role, Form()]) -> Response:
    with desk.back_if_refused("/members"):
        async with desk.work() as tx:
            await accounts.change_role(tx, actor=desk.actor, person_id=person_id, role=role)
    return desk.back("/members", desk.say(N_("Role changed.")))


@router.post("/{person_id}/remove")
async def remove(desk: Manager, person_id: Id) -> Response:
    with desk.back_if_refused("/members"):
        async with desk.work() as tx:
            await accounts.remove_member(tx, actor=desk.actor, person_id=person_id)
    return desk.back("/members", desk.say(N_("That person is no longer a member of the shop.")))


@router.post("/{person_id}/password")
async def reset_password(desk: Manager, person_id: Id) -> Response:
    """A link with which a member sets a new password."""
    with desk.back_if_refused("/members"):
        async with desk.work() as tx:
            token = await auth.make_member_reset(tx, actor=desk.actor, person_id=person_id)
            listed = await accounts.members(tx, shop_id=desk.shop.id)
    name = next((each.name or each.email for each in listed if each.person_id == person_id), "")
    link = public_link(desk.request, f"/reset/{token}")
    return await desk.reveal("/members", {"reset_link": link, "reset_name": name})


@router.post("/{person_id}/second-factor")
async def remove_second_factor(desk: Manager, person_id: Id) -> Response:
    """For a member who lost the device."""
    with desk.back_if_refused("/members"):
        async with desk.work() as tx:
            await auth.second_factor.remove_member_second_factor(tx, actor=desk.actor, person_id=person_id)
    return desk.back("/members", desk.say(N_("Two-step sign-in is off for that member.")))
