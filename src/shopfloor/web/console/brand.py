"""Brand, contact and policies: the face of the shop, by the names merchants look for."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Form, UploadFile
from starlette.responses import Response

from shopfloor import brand as face
from shopfloor import picture_files
from shopfloor.accounts import Permission
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.brand import TITLES
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.languages import other_language
from shopfloor.web.console.products import upload_parts
from shopfloor.web.languages import N_, fitting
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}", include_in_schema=False)

Viewer = Annotated[Desk, at_page("brand")]
Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=4000)]

# The field of the form in which what was refused was typed, by the code of the refusal.
_FIELD_OF_CODE: Final = {
    "brand.bad_colour": "accent",
    "accounts.bad_email": "email",
    "brand.bad_link": "links",
    "brand.bad_phone": "phone",
    "brand.too_many_licences": "licence",
    "catalog.not_a_picture": "picture",
    "catalog.picture_too_large": "picture",
}
_PICTURES: Final = {"logo": N_("Logo saved."), "cover": N_("Cover picture saved.")}
_REMOVED: Final = {"logo": N_("Logo removed."), "cover": N_("Cover picture removed.")}


def _wrong(desk: Desk, refusal: Refusal, otherwise: str) -> dict[str, str]:
    field = str(refusal.facts.get("field", "")) or _FIELD_OF_CODE.get(refusal.code, otherwise)
    return {field: message_of(refusal, desk.language)}


def _own(desk: Desk) -> str:
    """The locale that texts in the shop's own language are kept under."""
    tongue = fitting(desk.shop.locale)
    return desk.shop.locale if tongue is None else tongue.tag.replace("-", "_")


# Brand


@router.get("/brand")
async def brand(desk: Viewer) -> Response:
    return _brand(desk)


def _brand(
    desk: Desk,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    form: str = "look",
    status: int = 200,
) -> Response:
    """`typed` over what is kept, where the form that is called `form` came back."""
    kept = desk.shop.brand
    own, other = _own(desk), other_language(desk)
    values = {
        "accent": kept.accent,
        "slogan": kept.slogans.get(own, ""),
        "other_slogan": kept.slogans.get(other, ""),
        **(typed or {}),
    }
    return desk.page(
        "brand.html",
        active="terms",
        status=status,
        values=values,
        errors=errors or {},
        form=form,
        other=other,
        tones={theme: face.accents.tones(kept.accent, theme) for theme in face.accents.THEMES}
        if kept.accent
        else {},
        adjusted=face.accents.adjusted(kept.accent) if kept.accent else [],
    )


@router.post("/brand")
async def change_look(desk: Owner, accent: Text = "", slogan: Text = "", other_slogan: Text = "") -> Response:
    """Accent and slogan.  A colour that cannot be read everywhere is used darker or lighter there; the page says so."""
    try:
        async with desk.work() as tx:
            await face.set_look(
                tx,
                actor=desk.actor,
                accent=accent,
                slogans={_own(desk): slogan, other_language(desk): other_slogan},
            )
    except Refusal as refusal:
        typed = {"accent": accent, "slogan": slogan, "other_slogan": other_slogan}
        return _brand(desk, typed, _wrong(desk, refusal, "slogan"), status=refusal.status)
    return desk.back("/brand", desk.say(N_("Saved.")))


@router.post("/brand/{which}")
async def set_picture(desk: Owner, which: face.Which, picture: UploadFile | None = None) -> Response:
    try:
        received = await picture_files.receive_picture(
            upload_parts(picture), services_of(desk.request).given.pictures_dir
        )
        async with desk.work() as tx:
            await face.set_picture(tx, actor=desk.actor, which=which, sha256=received.sha256)
    except Refusal as refusal:
        errors = {which: message_of(refusal, desk.language)}
        return _brand(desk, errors=errors, form=which, status=refusal.status)
    return desk.back("/brand", desk.say(_PICTURES[which]))


@router.post("/brand/{which}/remove")
async def remove_picture(desk: Owner, which: face.Which) -> Response:
    async with desk.work() as tx:
        await face.set_picture(tx, actor=desk.actor, which=which, sha256=None)
    return desk.back("/brand", desk.say(_REMOVED[which]))


# Contact


@router.get("/contact")
async def contact(desk: Viewer) -> Response:
    return _contact(desk)


def _contact(
    desk: Desk,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    kept = desk.shop.brand
    values = {
        "email": kept.email,
        "phone": kept.phone,
        "wechat": kept.wechat,
        "address": kept.address,
        "links": "\n".join(kept.links),
        **(typed or {}),
    }
    return desk.page("contact.html", active="terms", status=status, values=values, errors=errors or {})


@router.post("/contact")
async def change_contact(
    desk: Owner, email: Text = "", phone: Text = "", wechat: Text = "", address: Text = "", links: Text = ""
) -> Response:
    try:
        async with desk.work() as tx:
            await face.set_contact(
                tx,
                actor=desk.actor,
                email=email,
                phone=phone,
                wechat=wechat,
                address=address,
                links=links.splitlines(),
            )
    except Refusal as refusal:
        typed = {"email": email, "phone": phone, "wechat": wechat, "address": address, "links": links}
        return _contact(desk, typed, _wrong(desk, refusal, "address"), refusal.status)
    return desk.back("/contact", desk.say(N_("Saved.")))


# Policies


@router.get("/policies")
async def policies(desk: Viewer) -> Response:
    return await _policies(desk)


async def _policies(
    desk: Desk,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> Response:
    async with desk.db.transaction() as tx:
        texts = await face.texts(tx, shop_id=desk.shop.id)
    own, other = _own(desk), other_language(desk)
    kept = {kind: texts.get(kind, {}).get(own, "") for kind in TITLES}
    kept |= {f"other_{kind}": texts.get(kind, {}).get(other, "") for kind in TITLES}
    return desk.page(
        "policies.html",
        active="terms",
        status=status,
        values={**kept, **(typed or {})},
        errors=errors or {},
        titles=TITLES,
        other=other,
    )


@router.post("/policies")
async def change_policies(desk: Owner) -> Response:
    """The texts in both languages.  Corrections of one that is too long are typed here: it is not sent back whole."""
    typed = {name: desk.sent.typed(name, "") for kind in TITLES for name in (kind, f"other_{kind}")}
    language = ""
    try:
        async with desk.work() as tx:
            for language, locale in (("", _own(desk)), ("other_", other_language(desk))):
                texts = {
                    kind: typed[f"{language}{kind}"] for kind in TITLES if desk.sent.has(f"{language}{kind}")
                }
                await face.set_texts(tx, actor=desk.actor, locale=locale, texts=texts)
    except Refusal as refusal:
        field = language + str(refusal.facts.get("field", "about"))
        return await _policies(
            desk, typed, {field: message_of(refusal, desk.language)}, status=refusal.status
        )
    return desk.back("/policies", desk.say(N_("Saved.")))


@router.post("/policies/licences")
async def add_licence(
    desk: Owner, licence: Text = "", licence_number: Text = "", picture: UploadFile | None = None
) -> Response:
    """With a picture of it, where one was chosen."""
    try:
        sha256 = None
        if picture is not None and picture.size:
            found = await picture_files.receive_picture(
                upload_parts(picture), services_of(desk.request).given.pictures_dir
            )
            sha256 = found.sha256
        async with desk.work() as tx:
            await face.add_licence(tx, actor=desk.actor, name=licence, number=licence_number, picture=sha256)
    except Refusal as refusal:
        typed = {"licence": licence, "licence_number": licence_number}
        return await _policies(desk, typed, _wrong(desk, refusal, "licence"), status=refusal.status)
    return desk.back("/policies#licences", desk.say(N_("Licence added.")))


@router.post("/policies/licences/remove")
async def remove_licence(desk: Owner, licence: Text = "", licence_number: Text = "") -> Response:
    async with desk.work() as tx:
        await face.remove_licence(tx, actor=desk.actor, name=licence, number=licence_number)
    return desk.back("/policies#licences", desk.say(N_("Licence removed.")))
