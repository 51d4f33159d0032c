"""Order routing: the rules in their order, what they would do, and who changed them."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import accounts, dispatch, inventory, routing, stock_control, stores
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import whole_number
from shopfloor.web import regions
from shopfloor.web.console import routing_words
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/routing", include_in_schema=False)

Viewer = Annotated[Desk, at_page("routing")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Text = Annotated[str, Form(max_length=200)]
Asked = Annotated[str, Query(max_length=200)]
CHANGES: Final = 20
_TIME: Final = re.compile(r"(\d{1,2})[:：.](\d{2})", re.ASCII)


async def _names(tx: Tx, desk: Desk) -> dict[int, str]:
    return {
        each.id: each.name
        for each in await inventory.locations(tx, shop_id=desk.shop.id)
        if each.kind is not inventory.LocationKind.VIRTUAL
    }


async def page(
    desk: Desk,
    *,
    errors: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
    status: int = 200,
    **context: Any,
) -> Response:
    async with desk.db.transaction() as tx:
        found = await routing.rules(tx, shop_id=desk.shop.id)
        locations = await inventory.locations(tx, shop_id=desk.shop.id)
        limits = {each.location_id: each for each in await routing.limits(tx, shop_id=desk.shop.id)}
        addressed = {
            each.location_id for each in await stores.all_of(tx, shop_id=desk.shop.id) if each.country
        }
    places = [each for each in locations if each.kind is not inventory.LocationKind.VIRTUAL]
    names = {each.id: each.name for each in places}
    offered = _offered(desk, names, found.rules)
    return desk.page(
        "routing.html",
        active="terms",
        status=status,
        rules=[
            (
                each,
                routing_words.rule(desk.language, names, each.kind, each.location_id, each.place_kind),
                each.kind in routing.EXCLUDES,
            )
            for each in found.rules
        ],
        offered=offered,
        stores=[each for each in places if each.kind is inventory.LocationKind.STORE],
        limits=limits,
        minutes=routing_words.minutes,
        unaddressed=[each.name for each in places if each.id not in addressed],
        limit_words={
            each: routing_words.limit(desk.language, limit.per_day, limit.cut_off, limit.accept_hours)
            for each, limit in limits.items()
        },
        countries=regions.countries(desk.language),
        errors=errors or {},
        values={"country": _country(desk), "quantity": "1"} | dict(values or {}),
        **({"asked": False, "answer": [], "missing": 0, "week": None} | context),
    )


def _country(desk: Desk) -> str:
    """Where most of its orders go, as far as its language tells."""
    return desk.language.locale.territory or ("CN" if desk.shop.currency == "CNY" else "")


def _offered(desk: Desk, names: Mapping[int, str], known: Sequence[routing.Rule]) -> list[tuple[str, str]]:
    """Rules that can be added, as (value, sentence)."""
    simple = [
        routing.Rule(routing.RuleKind.STORE_LIMITS),
        routing.Rule(routing.RuleKind.WHOLE),
        routing.Rule(routing.RuleKind.PREFER_KIND, place_kind="warehouse"),
        routing.Rule(routing.RuleKind.PREFER_KIND, place_kind="store"),
        routing.Rule(routing.RuleKind.NEAREST),
        routing.Rule(routing.RuleKind.FEWEST_PARCELS),
    ]
    named = [
        routing.Rule(kind, location_id=each)
        for kind in (routing.RuleKind.PREFER, routing.RuleKind.NEVER)
        for each in names
    ]
    have = {each.same for each in known}
    return [
        (_value(each), routing_words.rule(desk.language, names, each.kind, each.location_id, each.place_kind))
        for each in [*simple, *named]
        if each.same not in have
    ]


def _value(rule: routing.Rule) -> str:
    return ":".join([rule.kind.value, str(rule.location_id or rule.place_kind or "")]).rstrip(":")


def _rule(value: str) -> routing.Rule:
    """Raises BadRule."""
    kind, _, of = value.partition(":")
    try:
        known = routing.RuleKind(kind)
    except ValueError:
        raise routing.BadRule(field="rule") from None
    if known in routing.NAMES_LOCATION:
        return routing.Rule(known, location_id=whole_number(of))
    return routing.Rule(known, place_kind=of or None)


@router.get("")
async def rules(desk: Viewer) -> Response:
    return await page(desk)


@router.post("/usual")
async def usual(desk: Manager) -> Response:
    async with desk.work() as tx:
        await routing.add(
            tx, shop_id=desk.shop.id, wanted=routing.USUAL, actor=f"person:{desk.actor.person_id}"
        )
    return desk.back("/routing", desk.say(N_("Rules added.")))


@router.post("/add")
async def add(desk: Manager, rule: Text = "") -> Response:
    with desk.back_if_refused("/routing"):
        async with desk.work() as tx:
            await routing.add(
                tx, shop_id=desk.shop.id, wanted=[_rule(rule)], actor=f"person:{desk.actor.person_id}"
            )
    return desk.back("/routing", desk.say(N_("Rule added.")))


@router.post("/rules/{rule_id:id}")
async def change(desk: Manager, rule_id: Id, action: Text = "") -> Response:
    """Up, down, on, off or removed."""
    actor = f"person:{desk.actor.person_id}"
    with desk.back_if_refused("/routing"):
        async with desk.work() as tx:
            if action in {"up", "down"}:
                await routing.move(
                    tx, shop_id=desk.shop.id, rule_id=rule_id, by=-1 if action == "up" else 1, actor=actor
                )
            elif action in {"on", "off"}:
                await routing.switch(
                    tx, shop_id=desk.shop.id, rule_id=rule_id, is_on=action == "on", actor=actor
                )
            elif action == "remove":
                await routing.remove(tx, shop_id=desk.shop.id, rule_id=rule_id, actor=actor)
            else:
                raise routing.BadRule(field="action")
    return desk.back("/routing#rules")


@router.post("/limits/{location_id:id}")
async def limit(
    desk: Manager, location_id: Id, per_day: Text = "", cut_off: Text = "", accept_hours: Text = ""
) -> Response:
    with desk.back_if_refused("/routing"):
        wanted = routing.Limit(
            location_id,
            desk.quantity(per_day, least=0, most=100_000) if per_day.strip() else None,
            _minutes(cut_off),
            desk.quantity(accept_hours, least=1, most=720) if accept_hours.strip() else None,
        )
        async with desk.work() as tx:
            await routing.set_limit(
                tx, shop_id=desk.shop.id, wanted=wanted, actor=f"person:{desk.actor.person_id}"
            )
    return desk.back("/routing#limits", desk.say(N_("Limit saved.")))


def _minutes(typed: str) -> int | None:
    """Raises BadLimit."""
    if not typed.strip():
        return None
    found = _TIME.fullmatch(typed.strip())
    if found is None or int(found[1]) > 24 or int(found[2]) > 59:
        raise routing.BadLimit(field="cut_off")
    return int(found[1]) * 60 + int(found[2])


@router.get("/what-if")
async def what_if(
    desk: Viewer,
    code: Asked = "",
    quantity: Asked = "1",
    also_code: Asked = "",
    also_quantity: Asked = "1",
    country: Asked = "",
    region: Asked = "",
) -> Response:
    """From where an order would leave that nobody has placed."""
    values = {
        "code": code, "quantity": quantity, "also_code": also_code, "also_quantity": also_quantity,
        "country": country, "region": region,
    }  # fmt: skip
    if not desk.request.query_params:
        return await page(desk)
    errors: dict[str, str] = {}
    units: dict[int, int] = {}
    async with desk.db.transaction() as tx:
        for typed, many, name in ((code, quantity, "code"), (also_code, also_quantity, "also_code")):
            if not typed.strip():
                if name == "code":
                    errors[name] = desk.say(N_("Enter a barcode or SKU."))
                continue
            found = await stock_control.goods_queries.by_code(tx, shop_id=desk.shop.id, code=typed.strip())
            if len(found) != 1:
                errors[name] = desk.say(N_("No product, or several, have this barcode or SKU."))
                continue
            try:
                units[found[0]] = units.get(found[0], 0) + desk.quantity(many)
            except Refusal as refusal:
                errors[name.replace("code", "quantity")] = message_of(refusal, desk.language)
        if errors:
            return await page(desk, errors=errors, values=values, status=422)
        legs = await routing.what_if(
            tx,
            shop_id=desk.shop.id,
            wish=routing.Wish(units, routing.Spot(country.strip().upper(), region.strip())),
        )
        names = await _names(tx, desk)
    return await page(
        desk,
        values=values,
        asked=True,
        answer=routing_words.reasons(desk.language, names, legs),
        missing=sum(units.values()) - sum(sum(leg.units.values()) for leg in legs),
    )


@router.get("/week")
async def week(desk: Viewer) -> Response:
    """Last week's orders by the rules of now."""
    async with desk.db.transaction() as tx:
        found = await dispatch.week(tx, shop_id=desk.shop.id)
        names = await _names(tx, desk)
    return await page(
        desk,
        week=found,
        week_names={
            each.location_id: routing_words.place(desk.language, names, each.location_id)
            for each in found.places
        },
        most=dispatch.MOST_REPLAYED,
    )


@router.get("/changes")
async def changes(desk: Viewer, after: Id | None = None, before: Id | None = None) -> Response:
    """Who changed what, newest first."""
    async with desk.db.transaction() as tx:

        async def rows(*, after: int | None, before: int | None, limit: int) -> list[routing.Change]:
            return await routing.changes(tx, shop_id=desk.shop.id, after=after, before=before, limit=limit)

        found = await paging.page(
            rows, after=after, before=before, limit=CHANGES, key=lambda change: change.id
        )
        names = await _names(tx, desk)
        people = {
            f"person:{each.person_id}": each.name for each in await accounts.members(tx, shop_id=desk.shop.id)
        }
    return desk.page(
        "routing_changes.html",
        active="terms",
        page=found,
        changes=[
            (
                each,
                routing_words.change(desk.language, names, each),
                people.get(each.actor, ""),
                [
                    routing_words.rule(
                        desk.language, names, rule["kind"], rule["location_id"], rule["place_kind"]
                    )
                    for rule in each.facts.get("rules", [])
                    if rule["is_on"]
                ],
            )
            for each in found.items
        ],
    )
