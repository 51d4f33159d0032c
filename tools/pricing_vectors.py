"""Write tests/vectors/pricing.json: questions with the answers of a second, naive price function.

    python tools/pricing_vectors.py

Nothing here comes from `shopfloor.pricing`: every step is done again in the plainest way, with fractions and without
regard to speed.  Where law or tradition publishes a result, it is typed in below and has to come out as well.
"""

import json
import random
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "tests" / "vectors" / "pricing.json"

DE = [
    {"country": "DE", "rate": "19", "name": "USt"},
    {"country": "DE", "rate": "7", "tax_class": "reduced", "name": "USt"},
]
EUROPE = [
    *DE,
    {"country": "FR", "rate": "20", "name": "TVA"},
    {"country": "FR", "rate": "5.5", "tax_class": "reduced", "name": "TVA"},
    {"country": "AT", "rate": "20", "name": "USt"},
    {"country": "AT", "rate": "10", "tax_class": "reduced", "name": "USt", "valid_until": "2026-06-30"},
    {"country": "AT", "rate": "4.9", "tax_class": "reduced", "name": "USt", "valid_from": "2026-07-01"},
    {"country": "ES", "rate": "21", "name": "IVA"},
    {"country": "ES", "rate": "7", "name": "IGIC", "postcodes": ["35*", "38*"]},
    {"country": "CH", "rate": "8.1", "name": "MWST"},
]
CHINA = [
    {"country": "CN", "rate": "13", "name": "增值税"},
    {"country": "CN", "rate": "9", "tax_class": "reduced", "name": "增值税"},
]
AMERICA = [
    {"country": "CA", "rate": "5", "name": "GST"},
    {"country": "CA", "rate": "9.975", "name": "QST", "regions": ["QC", "Quebec", "Québec"], "adds": True},
    {"country": "CA", "rate": "7", "name": "PST", "regions": ["BC"], "adds": True},
    {"country": "CA", "rate": "13", "name": "HST", "regions": ["ON"]},
    {"country": "US", "rate": "7.25", "name": "Sales tax", "regions": ["CA", "California"]},
    {
        "country": "US",
        "rate": "9.5",
        "name": "Sales tax",
        "regions": ["CA", "California"],
        "postcodes": ["90000-90199"],
    },
    {"country": "US", "rate": "4", "name": "Sales tax", "regions": ["NY"]},
]
LEVIES = [
    {"country": "DE", "rate": "19", "name": "USt"},
    {"country": "DE", "rate": "10", "tax_class": "wine", "name": "Levy", "adds": True},
    {"country": "FR", "rate": "20", "name": "TVA"},
    {"country": "CH", "rate": "8.1", "name": "MWST", "adds": True},
    {"country": "*", "rate": "3", "name": "Elsewhere"},
    {"country": "*", "rate": "4", "name": "Levy", "adds": True},
    {"country": "*", "rate": "6", "tax_class": "wine", "name": "Levy", "adds": True},
]
ELSEWHERE = [
    {"country": "JP", "rate": "10", "name": "消費税"},
    {"country": "JP", "rate": "8", "tax_class": "reduced", "name": "消費税"},
    {"country": "KW", "rate": "5", "name": "Tax"},
    {"country": "TN", "rate": "19", "name": "TVA"},
    {"country": "*", "rate": "3", "name": "Elsewhere"},
]
SHIPPING = {
    "zones": [
        {"id": "islands", "countries": ["DE"], "postcodes": ["25849", "26465-26486", "18565"]},
        {
            "id": "home",
            "countries": ["DE", "CN", "JP", "US", "KW", "TN"],
            "except_regions": ["Xinjiang", "新疆"],
        },
        {"id": "near", "countries": ["FR", "AT", "ES", "CH", "CA"]},
        {"id": "world", "countries": ["*"]},
    ],
    "methods": [
        {"id": "island", "zone": "islands", "amount": 1290},
        {"id": "parcel", "zone": "home", "amount": 490, "free_from": 5000},
        {
            "id": "heavy",
            "zone": "home",
            "by": "weight",
            "steps": [
                {"up_to": 1000, "amount": 390},
                {"up_to": 5000, "amount": 690},
                {"up_to": 31500, "amount": 1690},
            ],
        },
        {
            "id": "near",
            "zone": "near",
            "by": "value",
            "steps": [{"up_to": 2000, "amount": 990}, {"up_to": 10000, "amount": 590}, {"amount": 0}],
        },
        {"id": "world", "zone": "world", "by": "weight", "steps": [{"amount": 2900}]},
        {"id": "bike", "kind": "local", "countries": ["DE"], "postcodes": ["101*", "10245"], "amount": 350},
        {"id": "store", "kind": "pick_up", "place": {"country": "DE", "postcode": "10115"}},
    ],
}


# ── the second price function ─────────────────────────────────────────────────────────────────────────────


class Refused(Exception):
    pass


def half_up(number: Any) -> Any:
    return floor(number + Fraction(1, 2))


def deal(total: Any, weights: Any) -> Any:
    """Whole parts first, then the odd ones to whoever is furthest behind, the first of equals first."""
    if sum(weights) == 0:
        weights = [1] * len(weights)
    fair = [Fraction(total) * weight / sum(weights) for weight in weights]
    given = [floor(each) for each in fair]
    while sum(given) < total:
        behind = [each - have for each, have in zip(fair, given, strict=True)]
        given[behind.index(max(behind))] += 1
    return given


def clean(postcode: Any) -> Any:
    return "".join(sign for sign in postcode.upper() if not sign.isspace() and sign not in "-‐‑‒–—―")


def folded(text: Any) -> Any:
    return " ".join(text.casefold().split())


def postcode_is_in(patterns: Any, postcode: Any) -> Any:
    code = clean(postcode)
    if not code:
        return False
    for pattern in patterns:
        low, dash, high = pattern.replace(" ", "").partition("-")
        if dash and low.isdigit() and high.isdigit() and len(low) == len(high):
            if code.isdigit() and len(code) == len(low) and int(low) <= int(code) <= int(high):
                return True
        elif pattern.endswith("*"):
            if code.startswith(clean(pattern[:-1])):
                return True
        elif code == clean(pattern):
            return True
    return False


def is_in(place: Any, countries: Any, regions: Any, postcodes: Any) -> Any:
    if "*" not in countries and place.get("country", "").upper() not in countries:
        return False
    if regions and folded(place.get("region", "")) not in [folded(each) for each in regions]:
        return False
    return not postcodes or postcode_is_in(postcodes, place.get("postcode", ""))


def rates_for(taxes: Any, tax_class: Any, place: Any, day: Any) -> Any:
    if tax_class == "none":
        return []
    at_home = False
    base: dict[str, Any] = {}
    extra: dict[str, list[Any]] = {}
    for rate in taxes.get("rates", []):
        its_class = rate.get("tax_class", "standard")
        if its_class not in (tax_class, "standard"):
            continue
        if day < rate.get("valid_from", "") or day > rate.get("valid_until", "9999"):
            continue
        if not is_in(place, [rate["country"]], rate.get("regions", []), rate.get("postcodes", [])):
            continue
        at_home = at_home or rate["country"] != "*"
        if rate.get("adds"):
            extra.setdefault(its_class, []).append(rate)
            continue
        rank = 0
        if rate["country"] != "*":
            rank = 1 + bool(rate.get("regions")) + 2 * bool(rate.get("postcodes"))
        if its_class not in base or (rank, rate.get("valid_from", "")) > base[its_class][0]:
            base[its_class] = ((rank, rate.get("valid_from", "")), rate)
    if at_home:
        extra = {
            its_class: [rate for rate in rates if rate["country"] != "*"]
            for its_class, rates in extra.items()
        }
    if tax_class in base:
        return [base[tax_class][1], *extra.get(tax_class, [])]
    first = [base["standard"][1]] if "standard" in base else []
    return first + (extra.get(tax_class) or extra.get("standard") or [])


def told(rate: Any, **more: Any) -> Any:
    return {
        "country": rate["country"],
        "region": (rate.get("regions") or [""])[0],
        "tax_class": rate.get("tax_class", "standard"),
        "name": rate.get("name", ""),
        "rate": rate["rate"],
        **more,
    }


def levy(items: Any, included: Any, rounding: Any) -> Any:
    """items: [(amount, rates)] → [(net, [tax of each rate])]"""
    answer: list[Any] = [None] * len(items)
    done = set()
    for number, (_, rates) in enumerate(items):
        if number in done:
            continue
        group = (
            [n for n, (_, other) in enumerate(items) if other == rates] if rounding == "order" else [number]
        )
        done.update(group)
        amounts = [items[n][0] for n in group]
        parts = [Fraction(rate["rate"]) / 100 for rate in rates]
        taxes = [[0] * len(rates) for _ in group]
        if included and rates:
            whole = half_up(Fraction(sum(amounts)) - Fraction(sum(amounts)) / (1 + sum(parts)))
            left = list(amounts)
            for which, tax in enumerate(deal(whole, parts)):
                for n, share in enumerate(deal(tax, left)):
                    taxes[n][which] = share
                    left[n] -= share
        else:
            for which, part in enumerate(parts):
                for n, share in enumerate(deal(half_up(sum(amounts) * part), amounts)):
                    taxes[n][which] = share
        for n, amount, mine in zip(group, amounts, taxes, strict=True):
            answer[n] = (amount - sum(mine) if included else amount, mine)
    return answer


def worth(discount: Any, goods: Any, units: Any) -> Any:
    if discount["kind"] == "percentage":
        off = half_up(goods * Fraction(discount["percent"]) / 100)
    elif discount.get("steps"):
        off = max([0] + [step["amount"] for step in discount["steps"] if goods >= step["from_amount"]])
    elif discount.get("every"):
        off = discount["amount"] * (goods // discount["every"])
    else:
        off = discount.get("amount", 0) * units
    return min(off, goods, discount.get("cap", goods))


def discounted(question: Any, lines: Any) -> Any:
    left = [line["quantity"] * line["unit_price"] for line in lines]
    taken = [{} for _ in lines]
    result = {}
    codes = [code.strip().casefold() for code in question.get("codes", [])]
    ordered = sorted(question.get("discounts", []), key=lambda each: (each.get("priority", 0), each["id"]))

    def say(discount: Any, amount: Any, why: Any = None, missing: Any = 0) -> Any:
        return {"id": discount["id"], "amount": amount, "why": why, "missing": missing}

    def about(discount: Any) -> Any:
        return [
            n
            for n, line in enumerate(lines)
            if discount.get("lines") is None or line["id"] in discount["lines"]
        ]

    def stopped(discount: Any, amounts: Any) -> Any:
        mine = about(discount)
        goods = sum(amounts[n] for n in mine)
        least = [discount.get("minimum", 0), discount.get("every", 0)]
        least += [min(step["from_amount"] for step in discount["steps"])] if discount.get("steps") else []
        if not mine:
            return say(discount, 0, "no_line")
        if goods < max(least):
            return say(discount, 0, "below_minimum", max(least) - goods)
        units = sum(lines[n]["quantity"] for n in mine)
        if units < discount.get("minimum_quantity", 0):
            return say(discount, 0, "too_few", discount["minimum_quantity"] - units)
        return None

    running = []
    for discount in ordered:
        if discount.get("code") is not None and discount["code"].strip().casefold() not in codes:
            result[discount["id"]] = say(discount, 0, "no_code")
        elif discount.get("starts_at", "") > question.get("at", ""):
            result[discount["id"]] = say(discount, 0, "not_started")
        elif discount.get("ends_at", "9") <= question.get("at", ""):
            result[discount["id"]] = say(discount, 0, "ended")
        else:
            running.append(discount)

    # items: the best of each line
    items = [each for each in running if each["kind"] != "free_shipping" and each.get("level") == "lines"]
    open_items = []
    for discount in items:
        why = stopped(discount, left)
        if why:
            result[discount["id"]] = why
        else:
            open_items.append(discount)
    spent = {discount["id"]: 0 for discount in open_items}
    for n, line in enumerate(lines):
        offers = []
        for discount in open_items:
            if n in about(discount):
                off = worth(discount, left[n], line["quantity"])
                off = min(off, discount.get("cap", off + spent[discount["id"]]) - spent[discount["id"]])
                offers.append((off, discount["id"]))
        if offers and max(off for off, _ in offers) > 0:
            off, name = max(offers, key=lambda each: each[0])
            left[n] -= off
            taken[n][name] = off
            spent[name] += off
    for discount in open_items:
        why = None
        if spent[discount["id"]] == 0:
            possible = any(
                worth(discount, lines[n]["quantity"] * lines[n]["unit_price"], lines[n]["quantity"])
                for n in about(discount)
            )
            why = "other_is_better" if possible else "nothing_left"
        result[discount["id"]] = say(discount, spent[discount["id"]], why)

    # order: one alone, or all that combine
    whole = [
        each for each in running if each["kind"] != "free_shipping" and each.get("level", "order") == "order"
    ]
    tries = []
    for way in [
        *[[each] for each in whole if not each.get("combines")],
        [each for each in whole if each.get("combines")],
    ]:
        amounts, shares, said = list(left), [dict(each) for each in taken], {}
        for discount in way:
            why = stopped(discount, amounts)
            if why:
                said[discount["id"]] = why
                continue
            mine = about(discount)
            off = worth(discount, sum(amounts[n] for n in mine), 1)
            for n, share in zip(mine, deal(off, [amounts[n] for n in mine]), strict=True):
                amounts[n] -= share
                if share:
                    shares[n][discount["id"]] = share
            said[discount["id"]] = say(discount, off, None if off else "nothing_left")
        tries.append((sum(amounts), amounts, shares, said))
    best = min(tries, key=lambda each: each[0])
    for discount in whole:
        result[discount["id"]] = (
            best[3].get(discount["id"]) or stopped(discount, left) or say(discount, 0, "other_is_better")
        )
    left, taken = best[1], best[2]
    free = [each for each in running if each["kind"] == "free_shipping"]
    return left, taken, result, ordered, free, stopped, say


def ways(question: Any, lines: Any, goods: Any) -> Any:
    place = question.get("destination", {})
    rules = question.get("shipping", {})
    zone = None
    for each in rules.get("zones", []):
        if not place.get("country"):
            break
        if each.get("except_regions") and folded(place.get("region", "")) in map(
            folded, each["except_regions"]
        ):
            continue
        if is_in(place, each["countries"], each.get("regions", []), each.get("postcodes", [])):
            zone = each["id"]
            break
    weight = sum(line["quantity"] * line.get("weight", 0) for line in lines)
    found = []
    for method in rules.get("methods", []):
        kind = method.get("kind", "ship")
        if kind == "ship" and (zone is None or method.get("zone") != zone):
            continue
        if kind == "local" and not (
            place.get("postcode") and is_in(place, method["countries"], [], method["postcodes"])
        ):
            continue
        by = method.get("by", "flat")
        amount = method.get("amount", 0)
        if by != "flat":
            size = weight if by == "weight" else goods
            amount = None
            for step in method["steps"]:
                if amount is None and size <= step.get("up_to", size):
                    amount = step["amount"]
        if amount is None:
            continue
        if goods >= method.get("free_from", goods + 1):
            amount = 0
        found.append({"id": method["id"], "kind": kind, "amount": amount})
    return found


def naive(question: Any) -> Any:
    lines = sorted(question["lines"], key=lambda line: line["id"])
    left, taken, said, ordered, free, stopped, say = discounted(question, lines)
    chosen, sent = None, 0
    if question.get("method"):
        fitting = [way for way in ways(question, lines, sum(left)) if way["id"] == question["method"]]
        if not fitting:
            raise Refused("pricing.no_delivery")
        sent = fitting[0]["amount"]
        chosen = next(each for each in question["shipping"]["methods"] if each["id"] == question["method"])
    off = {}
    for discount in free:
        why = stopped(discount, left)
        less = min(sent - sum(off.values()), discount.get("cap", sent))
        if why is None and less:
            off[discount["id"]] = less
            said[discount["id"]] = say(discount, less)
        else:
            said[discount["id"]] = why or say(discount, 0, "nothing_left")
    pays = sent - sum(off.values())
    taxes = question.get("taxes", {})
    origin = taxes.get("origin", {})
    place = question.get("destination", {})
    if chosen and chosen.get("kind") == "pick_up":
        place = chosen.get("place", {})
    if taxes.get("place") == "origin" or not place.get("country"):
        place = origin
    goods = [
        (amount, rates_for(taxes, line.get("tax_class", "standard"), place, question["date"]))
        for line, amount in zip(lines, left, strict=True)
    ]
    parts = []
    if pays and taxes.get("shipping_class") is not None:
        parts = [(pays, rates_for(taxes, taxes["shipping_class"], place, question["date"]))]
    elif pays:
        kinds = []
        for _, rates in goods:
            if rates not in kinds:
                kinds.append(rates)
        sums = [sum(amount for amount, rates in goods if rates == kind) for kind in kinds]
        parts = list(zip(deal(pays, sums), kinds, strict=True))
    included = taxes.get("included", True)
    levied = levy([*goods, *parts], included, taxes.get("rounding", "line"))
    table = []
    for (_, rates), (net, mine) in zip([*goods, *parts], levied, strict=True):
        for rate, tax in zip(rates, mine, strict=True):
            row = next((each for each in table if each["key"] == told(rate)), None)
            if row is None:
                row = {"key": told(rate), "net": 0, "tax": 0}
                table.append(row)
            row["net"] += net
            row["tax"] += tax
    priced = {}
    for line, amount, mine, (_, rates), (net, paid) in zip(
        lines, left, taken, goods, levied[: len(lines)], strict=True
    ):
        listed = line["quantity"] * line["unit_price"]
        priced[line["id"]] = {
            "id": line["id"],
            "quantity": line["quantity"],
            "unit_price": line["unit_price"],
            "listed": listed,
            "discount": listed - amount,
            "amount": amount,
            "net": net,
            "tax": sum(paid),
            "gross": net + sum(paid),
            "discounts": [{"id": name, "amount": less} for name, less in mine.items()],
            "taxes": [told(rate, tax=tax) for rate, tax in zip(rates, paid, strict=True)],
        }
    sending = []
    for (_, rates), (_, paid) in zip(parts, levied[len(lines) :], strict=True):
        for rate, tax in zip(rates, paid, strict=True):
            same = next((each for each in sending if {**each, "tax": 0} == told(rate, tax=0)), None)
            if same:
                same["tax"] += tax
            else:
                sending.append(told(rate, tax=tax))
    net = sum(each for each, _ in levied[len(lines) :])
    tax = sum(sum(paid) for _, paid in levied[len(lines) :])
    delivery: dict[str, Any] = {
        "method": question.get("method"),
        "listed": sent,
        "discount": sent - pays,
        "amount": pays,
        "net": net,
        "tax": tax,
        "gross": net + tax,
        "discounts": [{"id": name, "amount": less} for name, less in off.items()],
        "taxes": sending,
    }
    in_order = [priced[line["id"]] for line in question["lines"]]
    known = [each["code"].strip().casefold() for each in ordered if each.get("code") is not None]
    return {
        "currency": question["currency"],
        "included": included,
        "lines": in_order,
        "shipping": delivery,
        "discounts": [said[each["id"]] for each in ordered],
        "unknown_codes": [code for code in question.get("codes", []) if code.strip().casefold() not in known],
        "taxes": [{**row["key"], "net": row["net"], "tax": row["tax"]} for row in table],
        "totals": {
            "listed": sum(each["listed"] for each in in_order) + sent,
            "discount": sum(each["discount"] for each in in_order) + sent - pays,
            "goods": sum(each["gross"] for each in in_order),
            "shipping": delivery["gross"],
            "net": sum(each["net"] for each in in_order) + net,
            "tax": sum(each["tax"] for each in in_order) + tax,
            "total": sum(each["gross"] for each in in_order) + delivery["gross"],
        },
    }


# ── the cases ─────────────────────────────────────────────────────────────────────────────────────────────


def line(number: Any, quantity: Any, unit_price: Any, **more: Any) -> Any:
    return {"id": f"{number:02}", "quantity": quantity, "unit_price": unit_price, **more}


def ask(currency: Any, lines: Any, **more: Any) -> Any:
    return {"currency": currency, "date": "2026-11-29", "lines": lines, **more}


def published() -> Any:
    """Results that stand in laws, tax offices' guides and textbooks: (name, question, what has to come out)."""

    def one(price: Any, rate: Any, country: Any, included: Any, currency: Any = "EUR", **more: Any) -> Any:
        rates = [{"country": country, "rate": rate}]
        return ask(
            currency,
            [line(1, 1, price)],
            destination={"country": country},
            taxes={"included": included, "rates": rates},
            **more,
        )

    return [
        (
            "Germany: 119.00 contain 19.00",
            one(11900, "19", "DE", included=True),
            {"net": 10000, "tax": 1900, "total": 11900},
        ),
        (
            "Germany: 100.00 and 19 % on top",
            one(10000, "19", "DE", included=False),
            {"net": 10000, "tax": 1900, "total": 11900},
        ),
        (
            "Germany: 107.00 contain 7.00",
            one(10700, "7", "DE", included=True),
            {"net": 10000, "tax": 700, "total": 10700},
        ),
        (
            "United Kingdom: one sixth of the price",
            one(12000, "20", "GB", included=True, currency="GBP"),
            {"net": 10000, "tax": 2000, "total": 12000},
        ),
        (
            "United Kingdom: 9.99 contain 1.67",
            one(999, "20", "GB", included=True, currency="GBP"),
            {"net": 832, "tax": 167, "total": 999},
        ),
        (
            "China: 113 contain 13",
            one(11300, "13", "CN", included=True, currency="CNY"),
            {"net": 10000, "tax": 1300, "total": 11300},
        ),
        (
            "China: 100 contain 11.50",
            one(10000, "13", "CN", included=True, currency="CNY"),
            {"net": 8850, "tax": 1150, "total": 10000},
        ),
        (
            "China, small-scale: 101 contain 1",
            one(10100, "1", "CN", included=True, currency="CNY"),
            {"net": 10000, "tax": 100, "total": 10100},
        ),
        (
            "Japan: 1,100 yen contain 100",
            one(1100, "10", "JP", included=True, currency="JPY"),
            {"net": 1000, "tax": 100, "total": 1100},
        ),
        (
            "Japan: 1,080 yen contain 80 at 8 %",
            one(1080, "8", "JP", included=True, currency="JPY"),
            {"net": 1000, "tax": 80, "total": 1080},
        ),
        (
            "Switzerland: 108.10 contain 8.10",
            one(10810, "8.1", "CH", included=True, currency="CHF"),
            {"net": 10000, "tax": 810, "total": 10810},
        ),
        (
            "France: 105.50 contain 5.50",
            one(10550, "5.5", "FR", included=True),
            {"net": 10000, "tax": 550, "total": 10550},
        ),
        (
            "Austria since July 2026: 104.90 contain 4.90",
            one(10490, "4.9", "AT", included=True),
            {"net": 10000, "tax": 490, "total": 10490},
        ),
        (
            "Kuwait: three decimals",
            one(1050, "5", "KW", included=True, currency="KWD"),
            {"net": 1000, "tax": 50, "total": 1050},
        ),
        (
            "Tunisia: 1.190 contain 0.190",
            one(1190, "19", "TN", included=True, currency="TND"),
            {"net": 1000, "tax": 190, "total": 1190},
        ),
        (
            "Quebec: 100.00 become 114.98",
            ask(
                "CAD",
                [line(1, 1, 10000)],
                destination={"country": "CA", "region": "QC"},
                taxes={"included": False, "rates": AMERICA},
            ),
            {"net": 10000, "tax": 1498, "total": 11498},
        ),
        (
            "British Columbia: 100.00 become 112.00",
            ask(
                "CAD",
                [line(1, 1, 10000)],
                destination={"country": "CA", "region": "bc"},
                taxes={"included": False, "rates": AMERICA},
            ),
            {"net": 10000, "tax": 1200, "total": 11200},
        ),
        (
            "An additional rate everywhere else is not charged beside a country's own",
            ask(
                "EUR",
                [line(1, 1, 10000)],
                destination={"country": "DE"},
                taxes={"included": False, "rates": LEVIES},
            ),
            {"net": 10000, "tax": 1900, "total": 11900},
        ),
        (
            "nor beside one that is additional itself",
            ask(
                "EUR",
                [line(1, 1, 10000)],
                destination={"country": "CH"},
                taxes={"included": False, "rates": LEVIES},
            ),
            {"net": 10000, "tax": 1110, "total": 11110},
        ),
        (
            "nor for a class that is taxed there as standard",
            ask(
                "EUR",
                [line(1, 1, 10000, tax_class="wine")],
                destination={"country": "FR"},
                taxes={"included": False, "rates": LEVIES},
            ),
            {"net": 10000, "tax": 2000, "total": 12000},
        ),
        (
            "An additional rate everywhere else is charged where there is no other",
            ask(
                "EUR",
                [line(1, 1, 10000)],
                destination={"country": "BR"},
                taxes={"included": False, "rates": LEVIES},
            ),
            {"net": 10000, "tax": 700, "total": 10700},
        ),
        (
            "A class with an additional rate only has it beside the standard rate",
            ask(
                "EUR",
                [line(1, 1, 10000, tax_class="wine")],
                destination={"country": "DE"},
                taxes={"included": False, "rates": LEVIES},
            ),
            {"net": 10000, "tax": 2900, "total": 12900},
        ),
        (
            "and the same out of a price that contains both",
            ask(
                "EUR",
                [line(1, 1, 12900, tax_class="wine")],
                destination={"country": "DE"},
                taxes={"included": True, "rates": LEVIES},
            ),
            {"net": 10000, "tax": 2900, "total": 12900},
        ),
        (
            "British Columbia: a class's additional rate in place of the standard's",
            ask(
                "CAD",
                [line(1, 1, 10000, tax_class="liquor"), line(2, 1, 10000)],
                destination={"country": "CA", "region": "BC"},
                taxes={
                    "included": False,
                    "rates": [
                        *AMERICA,
                        {
                            "country": "CA",
                            "rate": "10",
                            "tax_class": "liquor",
                            "name": "PST",
                            "regions": ["BC"],
                            "adds": True,
                        },
                    ],
                },
            ),
            {"net": 20000, "tax": 2700, "total": 22700},
        ),
        (
            "Ontario: 13 % instead of 5 %",
            ask(
                "CAD",
                [line(1, 1, 10000)],
                destination={"country": "CA", "region": "ON"},
                taxes={"included": False, "rates": AMERICA},
            ),
            {"net": 10000, "tax": 1300, "total": 11300},
        ),
        (
            "Canary Islands: 7 % by postal code",
            ask(
                "EUR",
                [line(1, 1, 10700)],
                destination={"country": "ES", "postcode": "35 001"},
                taxes={"rates": EUROPE},
            ),
            {"net": 10000, "tax": 700, "total": 10700},
        ),
        (
            "Madrid: 21 %",
            ask(
                "EUR",
                [line(1, 1, 12100)],
                destination={"country": "ES", "postcode": "28001"},
                taxes={"rates": EUROPE},
            ),
            {"net": 10000, "tax": 2100, "total": 12100},
        ),
        (
            "By line: three times 0.05 at 10 % on top are 0.01 each",
            ask(
                "EUR",
                [line(n, 1, 5) for n in (1, 2, 3)],
                destination={"country": "XX"},
                taxes={"included": False, "rates": [{"country": "*", "rate": "10"}]},
            ),
            {"net": 15, "tax": 3, "total": 18},
        ),
        (
            "By order: the same are 0.02 together",
            ask(
                "EUR",
                [line(n, 1, 5) for n in (1, 2, 3)],
                destination={"country": "XX"},
                taxes={"included": False, "rounding": "order", "rates": [{"country": "*", "rate": "10"}]},
            ),
            {"net": 15, "tax": 2, "total": 17},
        ),
        (
            "10.00 off three equal lines: 3.34, 3.33, 3.33",
            ask(
                "EUR",
                [line(n, 1, 2000) for n in (1, 2, 3)],
                discounts=[{"id": "ten", "kind": "amount", "amount": 1000}],
            ),
            {"discount": 1000, "total": 5000},
        ),
        (
            "All off is nothing at all",
            ask(
                "EUR",
                [line(1, 3, 333), line(2, 1, 1)],
                destination={"country": "DE"},
                taxes={"rates": DE},
                discounts=[{"id": "all", "kind": "percentage", "percent": "100"}],
            ),
            {"discount": 1000, "tax": 0, "total": 0},
        ),
        (
            "Full 300 minus 40, twice",
            ask(
                "CNY",
                [line(1, 2, 31000)],
                discounts=[{"id": "every", "kind": "amount", "amount": 4000, "every": 30000}],
            ),
            {"discount": 8000, "total": 54000},
        ),
    ]


def systematic() -> Any:
    """Each rule beside each other one."""
    for country, currency, rates in (
        ("DE", "EUR", EUROPE),
        ("CN", "CNY", CHINA),
        ("JP", "JPY", ELSEWHERE),
        ("KW", "KWD", ELSEWHERE),
    ):
        for included in (True, False):
            for rounding in ("line", "order"):
                for discount in ("none", "percent", "amount"):
                    lines = [
                        line(1, 3, 1999, weight=200),
                        line(2, 1, 995, tax_class="reduced", weight=50),
                        line(3, 7, 333),
                        line(4, 1, 1),
                    ]
                    more: dict[str, Any] = {
                        "destination": {"country": country},
                        "taxes": {"included": included, "rounding": rounding, "rates": rates},
                        "shipping": SHIPPING,
                        "method": "heavy",
                    }
                    if discount == "percent":
                        more["discounts"] = [{"id": "d", "kind": "percentage", "percent": "12.5"}]
                    if discount == "amount":
                        more["discounts"] = [{"id": "d", "kind": "amount", "amount": 777}]
                    yield (
                        f"{country}, included {included}, by {rounding}, discount {discount}",
                        ask(currency, lines, **more),
                    )
    for day, expected in (("2026-06-30", "before"), ("2026-07-01", "after")):
        yield (
            f"a rate {expected} it changes",
            {
                **ask(
                    "EUR",
                    [line(1, 1, 1000, tax_class="reduced")],
                    destination={"country": "AT"},
                    taxes={"rates": EUROPE},
                ),
                "date": day,
            },
        )
    for postcode in ("10115", "25849", "26470", "26464", "18565"):
        for method in ("parcel", "island", "bike", "store"):
            yield (
                f"{method} to {postcode}",
                ask(
                    "EUR",
                    [line(1, 1, 2500, weight=400)],
                    destination={"country": "DE", "postcode": postcode},
                    taxes={"rates": DE, "origin": {"country": "DE"}},
                    shipping=SHIPPING,
                    method=method,
                ),
            )
    for region in ("Xinjiang", "新疆", " xinjiang ", "Zhejiang"):
        yield (
            f"an excluded region: {region}",
            ask(
                "CNY",
                [line(1, 1, 2500)],
                destination={"country": "CN", "region": region},
                shipping=SHIPPING,
                method="parcel",
            ),
        )
    for grams in (0, 1000, 1001, 5000, 5001, 31500, 31501):
        yield (
            f"{grams} grams",
            ask(
                "EUR",
                [line(1, 1, 2500, weight=grams)],
                destination={"country": "DE"},
                shipping=SHIPPING,
                method="heavy",
            ),
        )
    for goods in (0, 1, 2000, 2001, 10000, 10001):
        yield (
            f"shipping by value of {goods}",
            ask(
                "EUR",
                [line(1, 1, goods)],
                destination={"country": "FR"},
                taxes={"rates": EUROPE},
                shipping=SHIPPING,
                method="near",
            ),
        )
    for goods in (4999, 5000, 5001):
        for percent in ("0", "0.02", "50"):
            yield (
                f"free from 5000: {goods} less {percent} %",
                ask(
                    "EUR",
                    [line(1, 1, goods)],
                    destination={"country": "DE"},
                    shipping=SHIPPING,
                    method="parcel",
                    discounts=[{"id": "d", "kind": "percentage", "percent": percent}],
                ),
            )
    for shipping_class in (None, "standard", "reduced", "none"):
        for included in (True, False):
            yield (
                f"shipping taxed as {shipping_class}, included {included}",
                ask(
                    "EUR",
                    [
                        line(1, 1, 1000),
                        line(2, 3, 1000, tax_class="reduced"),
                        line(3, 1, 500, tax_class="none"),
                    ],
                    destination={"country": "DE"},
                    taxes={"included": included, "shipping_class": shipping_class, "rates": DE},
                    shipping=SHIPPING,
                    method="parcel",
                ),
            )
    for place in ("destination", "origin"):
        yield (
            f"taxed at the {place}",
            ask(
                "EUR",
                [line(1, 1, 1000)],
                destination={"country": "FR"},
                taxes={"place": place, "origin": {"country": "DE"}, "rates": EUROPE},
            ),
        )
    yield (
        "no destination: where the shop is",
        ask("EUR", [line(1, 1, 1000)], taxes={"origin": {"country": "DE"}, "rates": EUROPE}),
    )
    yield (
        "abroad without a rate",
        ask("EUR", [line(1, 1, 1000)], destination={"country": "BR"}, taxes={"rates": EUROPE}),
    )
    yield (
        "a class without a rate of its own",
        ask(
            "CHF",
            [line(1, 1, 1000, tax_class="reduced")],
            destination={"country": "CH"},
            taxes={"rates": EUROPE},
        ),
    )
    yield (
        "nothing to pay",
        ask(
            "EUR",
            [line(1, 1, 0)],
            destination={"country": "DE"},
            taxes={"rates": DE},
            shipping=SHIPPING,
            method="parcel",
        ),
    )
    yield (
        "a trillion",
        ask("EUR", [line(1, 1000000, 999999)], destination={"country": "DE"}, taxes={"rates": DE}),
    )
    yield from discounts()
    yield from discounts_elsewhere()


def discounts_elsewhere() -> Any:
    """Discounts in currencies of none, two and three decimals, at the edges of their steps, with tax and shipping."""
    markets: list[Any] = [
        ("EUR", "DE", DE, 1), ("CNY", "CN", CHINA, 1), ("JPY", "JP", ELSEWHERE, 1), ("KWD", "KW", ELSEWHERE, 10),
    ]  # fmt: skip
    for number, (currency, country, rates, unit) in enumerate(markets):
        lines: Any = [
            line(1, 3, 3333 * unit, weight=200), line(2, 1, 1 * unit, tax_class="reduced", weight=50),
            line(3, 7, 143 * unit, weight=10), line(4, 1, 0, tax_class="none"), line(5, 2, 2501 * unit, weight=300),
        ]  # fmt: skip
        goods = sum(each["quantity"] * each["unit_price"] for each in lines)
        steps = [
            {"from_amount": goods // 2, "amount": 500 * unit},
            {"from_amount": goods, "amount": 1777 * unit},
        ]
        above = [*steps, {"from_amount": goods + 1, "amount": 9999 * unit}]
        tables: dict[str, Any] = {
            "the step that is just reached": [{"id": "a", "kind": "amount", "steps": steps}],
            "the step that is one short": [{"id": "a", "kind": "amount", "steps": above}],
            "a step on what another left": [
                {"id": "a", "kind": "amount", "amount": 1, "combines": True, "priority": 0},
                {"id": "b", "kind": "amount", "steps": steps, "combines": True, "priority": 1},
            ],
            "for every full sum, at most": [
                {"id": "a", "kind": "amount", "amount": 301 * unit, "every": 2000 * unit, "cap": 2000 * unit}
            ],
            "a sum for every unit of goods": [{"id": "a", "kind": "amount", "amount": 1, "every": goods}],
            "an odd share of lines that differ": [
                {"id": "a", "kind": "percentage", "percent": "33.333333", "combines": True},
                {"id": "b", "kind": "amount", "amount": 1001, "lines": ["02", "03", "04"], "combines": True},
            ],
            "lines, order and shipping": [
                {"id": "a", "kind": "percentage", "level": "lines", "percent": "12.5", "lines": ["01", "05"]},
                {"id": "b", "kind": "amount", "amount": 777 * unit},
                {"id": "c", "kind": "free_shipping", "cap": 151},
                {"id": "d", "kind": "free_shipping", "minimum": goods - 3000 * unit},
            ],
            "more than each unit costs": [
                {"id": "a", "kind": "amount", "level": "lines", "amount": 200 * unit, "lines": ["02", "03"]}
            ],
            "all of it in two": [
                {"id": "a", "kind": "amount", "amount": goods - 1, "combines": True},
                {"id": "b", "kind": "amount", "amount": 5, "combines": True, "priority": 1},
            ],
            "a code in other letters": [
                {"id": "a", "kind": "percentage", "percent": "7.7", "code": "Straße"},
                {"id": "b", "kind": "amount", "amount": 1, "code": "双十一", "combines": True},
            ],
            "a minimum of units of some lines": [
                {"id": "a", "kind": "percentage", "percent": "10", "lines": ["03"], "minimum_quantity": 7},
                {"id": "b", "kind": "percentage", "percent": "50", "lines": ["05"], "minimum_quantity": 3},
            ],
        }  # fmt: skip
        for turn, (name, rules) in enumerate(tables.items()):
            included, rounding = (number + turn) % 2 == 0, "order" if turn % 3 == 0 else "line"
            yield (
                f"{currency}: {name}, included {included}, by {rounding}",
                ask(
                    currency,
                    lines,
                    destination={"country": country},
                    taxes={"included": included, "rounding": rounding, "rates": rates},
                    shipping=SHIPPING,
                    method="heavy" if turn % 2 else "parcel",
                    discounts=rules,
                    codes=[" STRASSE ", "双十一"],
                ),
            )


def discounts() -> Any:
    lines: Any = [line(1, 2, 4900), line(2, 1, 2500), line(3, 3, 333)]
    base: dict[str, Any] = {
        "destination": {"country": "DE"},
        "taxes": {"rates": DE},
        "shipping": SHIPPING,
        "at": "2026-11-29T20:00:00+00:00",
    }
    tables: dict[str, Any] = {
        "below the minimum": [{"id": "a", "kind": "amount", "amount": 500, "minimum": 20000}],
        "exactly the minimum": [{"id": "a", "kind": "amount", "amount": 500, "minimum": 13299}],
        "too few units": [{"id": "a", "kind": "percentage", "percent": "10", "minimum_quantity": 9}],
        "a cap": [{"id": "a", "kind": "percentage", "percent": "50", "cap": 1000}],
        "larger than the goods": [{"id": "a", "kind": "amount", "amount": 99999}],
        "some lines only": [{"id": "a", "kind": "amount", "amount": 1000, "lines": ["02", "03"]}],
        "no line": [{"id": "a", "kind": "amount", "amount": 1000, "lines": []}],
        "best of a line": [
            {"id": "a", "kind": "percentage", "level": "lines", "percent": "10"},
            {"id": "b", "kind": "amount", "level": "lines", "amount": 300, "lines": ["01", "02"]},
        ],
        "an item discount that never wins": [
            {"id": "a", "kind": "percentage", "level": "lines", "percent": "10"},
            {"id": "b", "kind": "percentage", "level": "lines", "percent": "5"},
        ],
        "an amount for each unit": [{"id": "a", "kind": "amount", "level": "lines", "amount": 100}],
        "a cap over lines": [
            {"id": "a", "kind": "percentage", "level": "lines", "percent": "50", "cap": 5000}
        ],
        "the better of two": [
            {"id": "a", "kind": "percentage", "percent": "10"},
            {"id": "b", "kind": "amount", "amount": 2000},
        ],
        "both combine": [
            {"id": "a", "kind": "percentage", "percent": "10", "combines": True},
            {"id": "b", "kind": "amount", "amount": 200, "combines": True},
        ],
        "alone beats combined": [
            {"id": "a", "kind": "percentage", "percent": "1", "combines": True},
            {"id": "b", "kind": "amount", "amount": 200, "combines": True},
            {"id": "c", "kind": "percentage", "percent": "30"},
        ],
        "combined beats alone": [
            {"id": "a", "kind": "percentage", "percent": "20", "combines": True},
            {"id": "b", "kind": "amount", "amount": 2000, "combines": True},
            {"id": "c", "kind": "percentage", "percent": "30"},
        ],
        "priority decides the order": [
            {"id": "a", "kind": "percentage", "percent": "10", "combines": True, "priority": 2},
            {"id": "b", "kind": "amount", "amount": 1001, "combines": True, "priority": 1},
        ],
        "item, then order": [
            {"id": "a", "kind": "percentage", "level": "lines", "percent": "33.333333"},
            {"id": "b", "kind": "percentage", "percent": "33.333333"},
        ],
        "steps": [
            {
                "id": "a",
                "kind": "amount",
                "steps": [
                    {"from_amount": 5000, "amount": 300},
                    {"from_amount": 10000, "amount": 900},
                    {"from_amount": 50000, "amount": 9000},
                ],
            }
        ],
        "steps out of reach": [
            {"id": "a", "kind": "amount", "steps": [{"from_amount": 50000, "amount": 9000}]}
        ],
        "for every": [{"id": "a", "kind": "amount", "amount": 200, "every": 3000}],
        "free shipping": [{"id": "a", "kind": "free_shipping"}],
        "free shipping up to": [
            {"id": "a", "kind": "free_shipping", "cap": 200},
            {"id": "b", "kind": "free_shipping"},
        ],
        "free shipping from": [{"id": "a", "kind": "free_shipping", "minimum": 99999}],
        "not begun": [{"id": "a", "kind": "amount", "amount": 500, "starts_at": "2026-11-29T20:00:01+00:00"}],
        "begun": [{"id": "a", "kind": "amount", "amount": 500, "starts_at": "2026-11-29T20:00:00+00:00"}],
        "over": [{"id": "a", "kind": "amount", "amount": 500, "ends_at": "2026-11-29T20:00:00+00:00"}],
        "not over": [{"id": "a", "kind": "amount", "amount": 500, "ends_at": "2026-11-29T20:00:01+00:00"}],
        "a code that was not given": [{"id": "a", "kind": "amount", "amount": 500, "code": "SECRET"}],
        "a code": [{"id": "a", "kind": "amount", "amount": 500, "code": "Welcome5"}],
        "nothing off": [{"id": "a", "kind": "percentage", "percent": "0"}],
    }
    for name, rules in tables.items():
        for included in (True, False):
            taxes = {"included": included, "rates": DE}
            yield (
                f"{name}, included {included}",
                ask(
                    "EUR",
                    lines,
                    **{**base, "taxes": taxes},
                    method="heavy",
                    discounts=rules,
                    codes=["welcome5", "nonsense"],
                ),
            )


def at_random(count: Any) -> Any:
    chance = random.Random(20261129)
    for number in range(count):
        lines = [
            line(
                n,
                chance.randint(1, 9),
                chance.choice([0, 1, 5, 99, 333, 995, 1999, 12345, 99999]),
                weight=chance.choice([0, 80, 450, 2000]),
                tax_class=chance.choice(["standard", "standard", "reduced", "none", "books"]),
            )
            for n in range(1, chance.randint(2, 9))
        ]
        chance.shuffle(lines)
        country, region, postcode = chance.choice(
            [
                ("DE", "", "10115"),
                ("FR", "", ""),
                ("AT", "", "1010"),
                ("ES", "", "38001"),
                ("US", "CA", "90012"),
                ("US", "California", "95014"),
                ("US", "NY", ""),
                ("CA", "QC", "H2X 1Y4"),
                ("CA", "BC", ""),
                ("JP", "", ""),
                ("BR", "", ""),
            ]
        )
        rules = [
            {
                "id": f"d{n}",
                "kind": chance.choice(["percentage", "amount"]),
                "percent": chance.choice(["3", "7.5", "33.33", "90"]),
                "amount": chance.choice([1, 50, 333, 1000]),
                "level": chance.choice(["lines", "order"]),
                "combines": chance.random() < 0.5,
                "priority": chance.randint(0, 2),
                "minimum": chance.choice([0, 0, 3000]),
            }
            for n in range(chance.randint(0, 4))
        ]
        question = ask(
            chance.choice(["EUR", "JPY", "KWD", "CAD"]),
            lines,
            destination={"country": country, "region": region, "postcode": postcode},
            taxes={
                "included": chance.random() < 0.5,
                "rounding": chance.choice(["line", "order"]),
                "shipping_class": chance.choice([None, "standard"]),
                "origin": {"country": "DE"},
                "place": chance.choice(["destination", "destination", "origin"]),
                "rates": [
                    each
                    for each in [*EUROPE, *AMERICA, *ELSEWHERE]
                    if each["country"] in (country, "DE", "*")
                ],
            },
            shipping=SHIPPING,
            method=chance.choice(["parcel", "heavy", "near", "world", "store", None]),
            discounts=rules,
        )
        yield f"at random {number}", question


def refusals() -> Any:
    good = line(1, 1, 1000)
    return [
        ("no line", ask("EUR", []), "pricing.empty"),
        ("nothing of it", ask("EUR", [line(1, 0, 1000)]), "pricing.negative"),
        ("less than nothing of it", ask("EUR", [line(1, -1, 1000)]), "pricing.negative"),
        ("below zero", ask("EUR", [line(1, 1, -1)]), "pricing.negative"),
        ("weightless and less", ask("EUR", [line(1, 1, 1, weight=-1)]), "pricing.negative"),
        ("more than a trillion", ask("EUR", [line(1, 1, 10**12 + 1)]), "pricing.too_large"),
        ("together more than a trillion", ask("EUR", [line(1, 2, 10**12)]), "pricing.too_large"),
        (
            "with the tax more than a trillion",
            ask(
                "EUR",
                [line(1, 1, 10**12)],
                destination={"country": "DE"},
                taxes={"included": False, "rates": DE},
            ),
            "pricing.too_large",
        ),
        ("too many of it", ask("EUR", [line(1, 1000001, 1)]), "pricing.too_large"),
        ("half a cent", ask("EUR", [line(1, 1, 0.5)]), "pricing.malformed"),
        ("an amount in words", ask("EUR", [line(1, 1, "1000")]), "pricing.malformed"),
        ("a currency that is none", ask("EURO", [good]), "pricing.malformed"),
        ("an id twice", ask("EUR", [good, good]), "pricing.malformed"),
        ("an id of nothing", ask("EUR", [{**good, "id": ""}]), "pricing.malformed"),
        ("a rule that nobody knows", ask("EUR", [good], taxes={"inclusive": True}), "pricing.malformed"),
        ("no such day", {**ask("EUR", [good]), "date": "2026-02-30"}, "pricing.malformed"),
        (
            "a rate in words",
            ask("EUR", [good], taxes={"rates": [{"country": "DE", "rate": "19 %"}]}),
            "pricing.rate",
        ),
        (
            "a rate with seven decimals",
            ask("EUR", [good], taxes={"rates": [{"country": "DE", "rate": "0.1234567"}]}),
            "pricing.rate",
        ),
        (
            "a rate below zero",
            ask("EUR", [good], taxes={"rates": [{"country": "DE", "rate": "-1"}]}),
            "pricing.negative",
        ),
        (
            "a rate that eats everything",
            ask("EUR", [good], taxes={"rates": [{"country": "DE", "rate": "1001"}]}),
            "pricing.too_large",
        ),
        (
            "a discount of more than all",
            ask("EUR", [good], discounts=[{"id": "a", "kind": "percentage", "percent": "101"}]),
            "pricing.too_large",
        ),
        (
            "a discount below zero",
            ask("EUR", [good], discounts=[{"id": "a", "kind": "amount", "amount": -5}]),
            "pricing.negative",
        ),
        (
            "a discount on a line that is not there",
            ask("EUR", [good], discounts=[{"id": "a", "kind": "amount", "amount": 5, "lines": ["9"]}]),
            "pricing.malformed",
        ),
        (
            "a discount with a time and a question without",
            ask(
                "EUR",
                [good],
                discounts=[
                    {"id": "a", "kind": "amount", "amount": 5, "ends_at": "2026-11-29T20:00:00+00:00"}
                ],
            ),
            "pricing.malformed",
        ),
        (
            "a delivery that is not offered",
            ask("EUR", [good], destination={"country": "DE"}, shipping=SHIPPING, method="near"),
            "pricing.no_delivery",
        ),
        (
            "a delivery to nowhere",
            ask("EUR", [good], shipping=SHIPPING, method="parcel"),
            "pricing.no_delivery",
        ),
        (
            "a delivery of a shop without any",
            ask("EUR", [good], destination={"country": "DE"}, method="parcel"),
            "pricing.no_delivery",
        ),
    ]


def refund_cases() -> Any:
    chance = random.Random(29)
    for paid in ([3334, 3333, 3333], [1, 1, 1], [0, 100], [999, 1, 0, 5000], [7] * 11, [10**12 - 2, 1, 1]):
        back, steps, left = [0] * len(paid), [], sum(paid)
        while left:
            amount = min(left, max(1, chance.randint(1, max(1, sum(paid) // 3))))
            shares = deal(amount, [have - gone for have, gone in zip(paid, back, strict=True)])
            steps.append({"refunded": list(back), "amount": amount, "parts": shares})
            back = [gone + share for gone, share in zip(back, shares, strict=True)]
            left -= amount
        assert back == paid
        yield {"paid": paid, "steps": steps}


def unit_cases() -> Any:
    for paid, quantity in ((1000, 3), (999, 7), (1, 4), (0, 2), (10**12, 999983)):
        units = sorted({0, 1, 2, quantity // 2, quantity - 1, quantity})
        yield {
            "paid": paid,
            "quantity": quantity,
            "of": [[k, half_up(Fraction(paid) * k / quantity)] for k in units],
        }


def main() -> None:
    cases: list[Any] = []
    for name, question, expected in published():
        answer = naive(question)
        for key, value in expected.items():
            assert answer["totals"][key] == value, (name, key, answer["totals"][key], value)
        cases.append({"name": name, "question": question, "answer": answer})
    for name, question in [*systematic(), *at_random(80)]:
        try:
            cases.append({"name": name, "question": question, "answer": naive(question)})
        except Refused as refused:
            cases.append({"name": name, "question": question, "refused": str(refused)})
    cases += [{"name": name, "question": question, "refused": code} for name, question, code in refusals()]
    options: list[Any] = [
        {
            "question": case["question"],
            "options": ways(
                case["question"],
                case["question"]["lines"],
                sum(each["quantity"] * each["unit_price"] for each in case["question"]["lines"]),
            ),
        }
        for case in cases
        if "answer" in case and case["question"].get("shipping") and not case["question"].get("discounts")
    ]
    tables: dict[str, list[Any]] = {
        "price": cases,
        "options": options,
        "refund_parts": list(refund_cases()),
        "of_units": list(unit_cases()),
    }
    parts = [
        f'"{name}": [\n'
        + ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in rows)
        + "\n]"
        for name, rows in tables.items()
    ]
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print({name: len(rows) for name, rows in tables.items()}, FILE.stat().st_size)


if __name__ == "__main__":
    main()
