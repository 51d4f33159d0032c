"""The first page of the console: what waits to be done, what the day brought, and the next show."""

from datetime import timedelta
from typing import Annotated, Final

from babel import dates
from starlette.responses import Response

from shopfloor import accounts, catalog, live, media, order_lists, payment_accounts, policies, pricing, rooms
from shopfloor.accounts import Permission
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import now
from shopfloor.web import https
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.networks import crowds
from shopfloor.web.console.offers import ReadinessCheck, checklist, offer_rows
from shopfloor.web.console.payments import NAMES
from shopfloor.web.console.today import tasks
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}", include_in_schema=False)

Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]

# How many of each the page names; their own pages have the rest.
NEXT: Final = 4
_ON_AIR: Final = 3
# A show that is nearer has a clock.
_CLOCK: Final = timedelta(hours=48)
# The drawing of the day, in units of its own.
_WIDE, _HIGH = 240, 56


@dataclass(frozen=True, slots=True)
class OnAir:
    show: live.Show
    viewers: int
    orders: int


@dataclass(frozen=True, slots=True)
class Step:
    """Of the first day: what, whether it is done, and where."""

    what: str
    done: bool
    path: str


@dataclass(frozen=True, slots=True)
class Curve:
    """What was paid hour by hour, as points of SVG: today so far, and the whole day a week ago."""

    today: str
    before: str
    tip: tuple[float, float]


@router.get("")
async def overview(desk: Annotated[Desk, at_page("overview")]) -> Response:
    """What is on it depends on what this person may do.  The number of statements does not depend on what a shop has."""
    shop_id, may = desk.shop.id, desk.actor.may
    async with desk.work() as tx:
        on_air: list[live.Show] = []
        planned: list[live.Show] = []
        ended: list[live.Show] = []
        if may(Permission.SHOW_VIEW):
            on_air = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.LIVE)
            planned = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.PLANNED)
            ended = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.ENDED, limit=NEXT + 1)
        planned.sort(key=lambda show: (show.starts_at is None, show.starts_at, show.id))
        to_do = await tasks(tx, desk, on_air)
        day = None
        if may(Permission.ORDERS_VIEW):
            day = await order_lists.takings.day(tx, shop_id=shop_id, zone=desk.shop.timezone, at=now())
        coming = planned[0] if planned else None
        checks = await _readiness(tx, desk, coming) if coming and not on_air else []
        rooms_now = [await _on_air(tx, show) for show in on_air[:_ON_AIR]]
        steps = await _first_day(tx, desk, has_show=bool(on_air or planned or ended))
        bank_changes = await policies.bank_details.unseen(tx, actor=desk.actor)
        crowded = await crowds(tx, desk)
    return desk.page(
        "overview.html",
        active="overview",
        tasks=to_do,
        day=day,
        curve=_curve(day) if day else None,
        on_air=rooms_now,
        also_on_air=on_air[_ON_AIR:],
        coming=coming,
        checks=checks,
        away=_away(desk, coming),
        planned=planned[1 : NEXT + 1] if not on_air else planned[:NEXT],
        ended=ended[:NEXT],
        more_shows=len(planned) > NEXT or len(ended) > NEXT,
        steps=steps,
        bank_changes=bank_changes,
        crowds=crowded,
        provider_names=NAMES,
        certificate=https.trouble(desk.request, desk.actor),
        https_off=https.why_off(desk.request),
    )


async def _on_air(tx: Tx, show: live.Show) -> OnAir:
    counted = await rooms.counters.counts(tx, show_id=show.id)
    return OnAir(show, counted.viewers, counted.orders)


async def _readiness(tx: Tx, desk: Desk, show: live.Show) -> list[ReadinessCheck]:
    """What stands before this show goes on air, the show's own page in short."""
    rows = await offer_rows(tx, show)
    server = services_of(desk.request).find(media.MediaServer)
    camera = server.status(show.channel_id) if server and show.channel_id else None
    return checklist(desk, show, rows, camera)


def _away(desk: Desk, coming: live.Show | None) -> str:
    """As in "in 3 days", where a clock would count more hours than anybody reads."""
    left = coming.starts_at - now() if coming and coming.starts_at else timedelta()
    if left < _CLOCK:
        return ""
    return dates.format_timedelta(left, add_direction=True, threshold=1, locale=desk.language.locale)


async def _first_day(tx: Tx, desk: Desk, *, has_show: bool) -> list[Step]:
    """What a new shop needs, for those who may see to it; empty when all of it is done or it was put away."""
    shop_id = desk.shop.id
    if not desk.actor.may(Permission.MEMBERS_MANAGE) or not desk.shop.is_first_day:
        return []
    terms = await policies.shop_terms(tx, shop_id=shop_id)
    accounts_on = [each for each in await payment_accounts.connections_of(tx, shop_id=shop_id) if each.is_on]
    goods = await catalog.products(tx, shop_id=shop_id, status=catalog.Status.ACTIVE, limit=1)
    ships = bool(terms.shipping_minor or terms.pick_up_at) or await pricing.has_delivery(tx, shop_id=shop_id)
    steps = [
        Step("face", desk.shop.brand.logo is not None, "/brand"),
        Step("product", bool(goods), "/products/new"),
        Step("payment", bool(terms.pay_to or accounts_on), "/payments"),
        Step("shipping", ships, "/shipping"),
        Step("camera", bool(await media.channels(tx, shop_id=shop_id)), "/media"),
        Step("show", has_show, "/shows#new"),
    ]
    return [] if all(step.done for step in steps) else steps


@router.post("/first-day/done")
async def put_away(desk: Owner) -> Response:
    """The list of the first day goes, for everybody in the shop."""
    async with desk.work() as tx:
        await accounts.shop_settings.change(tx, actor=desk.actor, first_day_done=True)
    return desk.back("", desk.say(N_("The list is gone. Everything in it stays in the menu.")))


def _curve(day: order_lists.takings.Day) -> Curve:
    """Both days on one scale."""
    most = max(day.before.hours[-1], day.today.paid_minor, 1)

    def points(hours: tuple[int, ...]) -> list[tuple[float, float]]:
        ends = [(0.0, 0.0), *((hour + 1.0, float(paid)) for hour, paid in enumerate(hours))]
        return [(round(_WIDE * hour / 24, 1), round(_HIGH * (1 - paid / most), 1)) for hour, paid in ends]

    def line(found: list[tuple[float, float]]) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in found)

    today = points(day.today.hours[: day.hour + 1])
    return Curve(line(today), line(points(day.before.hours)), today[-1])
