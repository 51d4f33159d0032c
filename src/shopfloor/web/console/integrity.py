"""Cases of orders and viewers that are not what they seem: what was noticed, and what a person decides about it."""

from typing import Annotated, Any, Final
from uuid import UUID

from babel import numbers
from fastapi import Form
from starlette.responses import Response

from shopfloor import integrity, live
from shopfloor.accounts import Permission
from shopfloor.integrity import Case, Reason, State
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/integrity", include_in_schema=False)

Reader = Annotated[Desk, at_page("integrity")]
Judge = Annotated[Desk, at(Permission.INTEGRITY_RULE)]
Text = Annotated[str, Form(max_length=2_000)]

NAMES: Final = {
    Reason.CONCENTRATION: N_("Many orders from few customers"),
    Reason.SHARED: N_("Customers share contacts, devices or addresses"),
    Reason.UNDONE: N_("Most of it was cancelled or refunded"),
    Reason.SAME_NIGHT: N_("Cancelled the same night, all of it"),
    Reason.BASKET: N_("Many customers with the same basket"),
    Reason.CADENCE: N_("Orders at even intervals"),
    Reason.UNWATCHED: N_("Ordered without watching"),
    Reason.HOST: N_("Placed by your own team"),
    Reason.KNOWN: N_("Linked to orders ruled invalid before"),
    Reason.MACHINE: N_("Likes or messages by a program"),
    Reason.NO_VIDEO: N_("Playback reported, no video fetched"),
    Reason.LOCKSTEP: N_("Viewers who came and left together"),
}
_KINDS: Final = {
    "per_device": N_("They share browsers: %(n)s customers to each."),
    "per_payer": N_("They share ways to pay: %(n)s customers to each."),
    "per_phone": N_("They share phone numbers: %(n)s customers to each."),
    "per_mail": N_("They share mailboxes: %(n)s customers to each."),
    "per_address": N_("They share delivery addresses: %(n)s customers to each."),
}
STATES: Final = {
    "raised": (N_("To review"), "wait"),
    "tagged": (N_("Counts as invalid"), "bad"),
    "lifted": (N_("Suspicion lifted"), ""),
    "invalid": (N_("Ruled invalid"), "bad"),
    "genuine": (N_("Ruled genuine"), "good"),
}
CLASSES: Final = {"general": N_("General invalid"), "sophisticated": N_("Sophisticated invalid")}
ENTRIES: Final = {
    "raised": N_("Raised for review"),
    "tagged": N_("Tagged as invalid"),
    "untagged": N_("No longer tagged: to review"),
    "lifted": N_("Suspicion lifted: what was noticed is no longer there"),
    "reopened": N_("Noticed again"),
    "invalid": N_("Ruled invalid"),
    "genuine": N_("Ruled genuine"),
    "open": N_("Ruling withdrawn"),
    "appealed": N_("Appeal"),
}


def evidence(desk: Desk, case: Case) -> list[str]:
    """What was noticed, in numbers, in words of the trade."""
    facts = case.facts

    def number(key: str, digits: int = 0) -> str:
        shape = "#,##0.0" if digits else "#,##0"
        return numbers.format_decimal(facts.get(key, 0), format=shape, locale=desk.language.locale)

    def share(key: str) -> str:
        return numbers.format_percent(facts.get(key, 0), format="#,##0.0%", locale=desk.language.locale)

    def say(text: str, **values: str) -> str:
        return desk.say(text) % values

    sentences: list[str] = []
    for reason in case.reasons:
        match reason:
            case Reason.CONCENTRATION:
                single = N_("One customer placed %(orders)s orders, %(share)s of the show's.")
                several = N_("%(accounts)s customers placed %(orders)s orders, %(share)s of the show's.")
                sentences.append(
                    say(
                        single if facts.get("accounts") == 1 else several,
                        accounts=number("accounts"),
                        orders=number("orders"),
                        share=share("share"),
                    )
                )
            case Reason.SHARED:
                sentences += [say(text, n=number(key, 1)) for key, text in _KINDS.items() if key in facts]
            case Reason.UNDONE:
                text = N_("%(undone)s of %(orders)s orders were cancelled or refunded.")
                sentences.append(say(text, undone=number("undone"), orders=number("orders")))
            case Reason.SAME_NIGHT:
                text = N_(
                    "%(accounts)s customers cancelled all of their %(orders)s orders within %(hours)s hours. Of customers with one order, %(usual)s did."
                )
                sentences.append(
                    say(
                        text,
                        accounts=number("accounts"),
                        orders=number("orders"),
                        hours=number("hours"),
                        usual=share("usual"),
                    )
                )
            case Reason.BASKET:
                text = N_(
                    "%(accounts)s customers bought from the same %(products)s products, %(times)s times as closely as chance explains."
                )
                sentences.append(
                    say(
                        text,
                        accounts=number("accounts"),
                        products=number("products"),
                        times=number("denser", 1),
                    )
                )
            case Reason.CADENCE:
                sentences.append(say(N_("The orders came at even intervals, as from a program.")))
            case Reason.UNWATCHED:
                text = N_(
                    "%(share)s of the orders came from customers who had watched for less than a minute."
                )
                sentences.append(say(text, share=share("unwatched")))
            case Reason.HOST:
                text = N_(
                    "Orders were placed in browsers signed in to this console, or with your team's email addresses."
                )
                sentences.append(say(text))
            case Reason.KNOWN:
                text = N_("They share a contact or a browser with orders you ruled invalid before.")
                sentences.append(say(text))
            case Reason.MACHINE:
                text = N_(
                    "%(viewers)s viewers liked or wrote at even intervals, or faster than any hand, for minutes."
                )
                sentences.append(say(text, viewers=number("viewers")))
            case Reason.NO_VIDEO:
                text = N_(
                    "%(viewers)s viewers reported %(minutes)s minutes of playback and fetched hardly any video."
                )
                sentences.append(say(text, viewers=number("viewers"), minutes=number("claimed_minutes")))
            case Reason.LOCKSTEP:
                text = N_(
                    "%(viewers)s viewers came within seconds of each other and left so, before the end."
                )
                sentences.append(say(text, viewers=number("viewers")))
    return sentences


def standing(case: Case) -> str:
    """A key of STATES."""
    if case.state is State.OPEN:
        return "tagged" if case.tagged else "raised"
    return str(case.state)


def words() -> dict[str, Any]:
    """What pages call things."""
    return {
        "reasons": NAMES,
        "states": STATES,
        "classes": CLASSES,
        "standing": standing,
        "money": Money,
    }


async def _shows(tx: Tx, desk: Desk, cases: list[Case]) -> dict[int, live.Show]:
    wanted = sorted({each.show_id for each in cases})
    return {each: await live.show(tx, shop_id=desk.shop.id, show_id=each) for each in wanted}


@router.get("")
async def listing(
    desk: Reader, show: Id | None = None, after: UUID | None = None, before: UUID | None = None
) -> Response:
    async with desk.db.transaction() as tx:
        page = await integrity.page_of(tx, shop_id=desk.shop.id, show_id=show, after=after, before=before)
        shows = await _shows(tx, desk, page.items)
        only_show = None if show is None else await live.show(tx, shop_id=desk.shop.id, show_id=show)
    return desk.page(
        "integrity.html",
        active="integrity",
        cases=page.items,
        page=page,
        shows=shows,
        one=only_show,
        **words(),
    )


@router.get("/{case_id}")
async def one(desk: Reader, case_id: UUID, after: UUID | None = None, before: UUID | None = None) -> Response:
    async with desk.db.transaction() as tx:
        file = await integrity.case_file(tx, shop_id=desk.shop.id, case_id=case_id)
        orders = await integrity.orders_of(
            tx, shop_id=desk.shop.id, case_id=case_id, after=after, before=before
        )
        show = await live.show(tx, shop_id=desk.shop.id, show_id=file.case.show_id)
    return desk.page(
        "integrity_case.html",
        active="integrity",
        case=file.case,
        file=file,
        orders=orders,
        show=show,
        evidence=evidence(desk, file.case),
        entries=ENTRIES,
        **words(),
    )


@router.post("/{case_id}/ruling")
async def rule(
    desk: Judge,
    case_id: UUID,
    ruling: Annotated[integrity.Ruling, Form()],
    note: Text = "",
    seen: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    path = f"/integrity/{case_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await integrity.rule(
                tx,
                shop_id=desk.shop.id,
                case_id=case_id,
                ruling=ruling,
                note=note,
                person_id=desk.actor.person_id,
                seen=_seen(seen, case_id),
            )
    return desk.back(path, desk.say(N_("Noted. The figures are computed again.")))


def _seen(text: str, case_id: UUID) -> integrity.Seen | None:
    """What the page had shown; a page of an earlier release says nothing of it."""
    try:
        return integrity.Seen.read(text) if text else None
    except ValueError:
        raise integrity.CaseMoved(case_id=str(case_id)) from None


@router.post("/{case_id}/appeal")
async def appeal(desk: Reader, case_id: UUID, note: Text = "") -> Response:
    path = f"/integrity/{case_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await integrity.appeal(
                tx, shop_id=desk.shop.id, case_id=case_id, note=note, person_id=desk.actor.person_id
            )
    return desk.back(path, desk.say(N_("Noted. The case waits for a decision.")))
