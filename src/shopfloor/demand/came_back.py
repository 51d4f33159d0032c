"""What units that came back say about demand, by the reason their buyers gave.  No I/O here.

What was exchanged was wanted as what was sent instead.  Otherwise a wrong size was wanted in the next one; what was broken, late or not what was ordered was wanted as it was; anything
else was not wanted after all.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from shopfloor.demand.models import CameBack, Observed, Past, Signal
from shopfloor.kernel.records import dataclass

_STEP: Final = {"too_small": 1, "too_large": -1}
_STILL_WANTED: Final = frozenset(
    {"defective", "damaged_in_transit", "wrong_item", "parts_missing", "arrived_late"}
)
_LETTERS: Final = {"S": -1, "小": -1, "M": 0, "中": 0, "L": 1, "大": 1}
_LETTER_SIZE: Final = re.compile(r"(?:(\d)X|(X*))([SL])|(M)|(小|中|大)(?:号|码)?")
_NUMBER_SIZE: Final = re.compile(r"(?:EU|US|UK|IT|FR|CN)?\s*(\d{1,3}(?:[.,]5)?)(?:\s*(?:CM|码|号))?")
_NAMED_SIZE: Final = frozenset(
    {"size", "sizes", "grösse", "taille", "talla", "尺码", "尺寸", "码数", "鞋码", "大小"}
)


@dataclass(slots=True)
class Change:
    """What returns change of the units of one variant in one show."""

    left_out: int = 0
    moved_out: int = 0
    moved_in: int = 0

    @property
    def units(self) -> int:
        return self.moved_in - self.moved_out - self.left_out


def changes(
    returned: Sequence[CameBack],
    options: Mapping[int, tuple[int, Mapping[str, str]]],
    taken: Mapping[int, int],
) -> dict[int, Change]:
    """Of one show, by variant.  `options`: product and options of the variants that can be told apart; `taken`: units of
    those that were in the show.

    What was exchanged goes to what was sent instead, where that was in the show.  A unit of the wrong size goes to the nearest size beyond it that was in the show with the same other options; where
    there is none, nothing of this product would have fitted, and it is left out.  No more comes back of a variant than
    was taken of it.
    """
    found: dict[int, Change] = defaultdict(Change)
    left = dict(taken)
    for each in sorted(
        returned,
        key=lambda returned_units: (
            returned_units.variant_id,
            returned_units.reason,
            returned_units.exchanged_for or 0,
        ),
    ):
        units = min(each.units, left.get(each.variant_id, 0))
        step = _STEP.get(each.reason)
        if each.exchanged_for is not None:
            to = each.exchanged_for
        else:
            to = None if step is None else _next_size(each.variant_id, step, options, taken)
        if units <= 0 or to == each.variant_id or (to is None and each.reason in _STILL_WANTED):
            continue
        left[each.variant_id] -= units
        if to is None or to not in taken:
            found[each.variant_id].left_out += units
        else:
            found[each.variant_id].moved_out += units
            found[to].moved_in += units
    return dict(found)


def net(signals: Sequence[Signal], returned: Sequence[CameBack]) -> list[Signal]:
    """The signals of a show without what came back of it."""
    changed = changes(
        returned,
        {each.variant_id: (each.product_id, each.options) for each in signals},
        {each.variant_id: min(each.units_held, each.units_paid) for each in signals},
    )
    return [
        replace(
            each,
            units_held=each.units_held + change.units,
            units_paid=each.units_paid + change.units,
            left_out=change.left_out,
            moved_out=change.moved_out,
            moved_in=change.moved_in,
        )
        if (change := changed.get(each.variant_id)) is not None
        else each
        for each in signals
    ]


def past(
    observed: Sequence[Observed],
    returned: Sequence[CameBack],
    signals: Sequence[Signal],
    *,
    weight: float,
) -> list[Past]:
    """What earlier shows say, without what came back of them; each show weighed `weight` times the one after it."""
    options = {each.variant_id: (each.product_id, each.options) for each in signals}
    by_show: dict[int, list[CameBack]] = defaultdict(list)
    for units in returned:
        by_show[units.show_id].append(units)
    taken: dict[int, dict[int, int]] = defaultdict(dict)
    for seen in observed:
        taken[seen.show_id][seen.variant_id] = seen.units
    changed = {show: changes(of_show, options, taken[show]) for show, of_show in by_show.items()}
    sums: dict[int, Past] = {}
    for seen in observed:
        if seen.exposure <= 0:
            continue
        change = changed.get(seen.show_id, {}).get(seen.variant_id, Change())
        before = sums.get(seen.variant_id, Past(seen.variant_id, seen.product_id, 0.0, 0.0))
        share = weight**seen.age
        sums[seen.variant_id] = replace(
            before,
            units=before.units + (seen.units + change.units) * share,
            exposure=before.exposure + seen.exposure * share,
        )
    return [sums[variant_id] for variant_id in sorted(sums)]


def _next_size(
    variant_id: int,
    step: int,
    options: Mapping[int, tuple[int, Mapping[str, str]]],
    among: Collection[int],
) -> int | None:
    """The variant of the nearest size that is larger (`step` 1) or smaller (-1)."""
    if variant_id not in options:
        return None
    product_id, own_options = options[variant_id]
    family = {
        other: theirs
        for other, (product, theirs) in options.items()
        if product == product_id and (other in among or other == variant_id)
    }
    name = _size_option(list(family.values()))
    own = None if name is None else _rank(own_options.get(name, ""))
    if name is None or own is None:
        return None
    rest = {key: value for key, value in own_options.items() if key != name}
    beyond: list[tuple[float, int]] = []
    for other, theirs in family.items():
        rank = _rank(theirs.get(name, ""))
        if rank is None or {key: value for key, value in theirs.items() if key != name} != rest:
            continue
        if (rank - own) * step > 0:
            beyond.append(((rank - own) * step, other))
    return min(beyond)[1] if beyond else None


def _size_option(family: Sequence[Mapping[str, str]]) -> str | None:
    """The option that is a size: the one so named, else the first whose values all are letter sizes."""
    names = list(dict.fromkeys(name for each in family for name in each))
    for name in names:
        if name.strip().casefold() in _NAMED_SIZE:
            return name
    for name in names:
        if all(_LETTER_SIZE.fullmatch(each.get(name, "").strip().upper()) for each in family):
            return name
    return None


def _rank(value: str) -> float | None:
    """Where a size stands among those of its kind: XS before S before M, 38 before 38.5; None for what is none."""
    value = value.strip().upper()
    letters = _LETTER_SIZE.fullmatch(value)
    if letters is not None:
        digit, many, end, middle, chinese = letters.groups()
        if middle or chinese:
            return float(_LETTERS[middle or chinese])
        return float(_LETTERS[end] * (1 + (int(digit) if digit else len(many or ""))))
    number = _NUMBER_SIZE.fullmatch(value)
    return None if number is None else float(number.group(1).replace(",", "."))
