"""A statement, as it is drawn up from the lake: pure, but for reading files."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from shopfloor import collector, live, metrics
from shopfloor.accounts import Shop
from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass
from shopfloor.statements.models import STATEMENT, Integrity, instant

if TYPE_CHECKING:
    from shopfloor.statements import inputs
else:
    inputs = late.module("shopfloor.statements.inputs")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The parts of a statement that come from the lake alone, as they stand in it."""

    as_of: datetime
    ended_at: datetime | None
    content: dict[str, Any]


def drawn(lake: collector.Lake, *, shop_id: int, show_id: int, as_of: datetime) -> Drawn:
    """Figures, and what they are made from.  Computes for a while.  Raises UnknownShow, MixedCurrencies, LakeDamaged."""
    view = lake.until(as_of)
    report = metrics.show_report(view, shop_id, show_id, at=as_of)
    return Drawn(
        as_of,
        report.ended_at,
        {
            **figures_of(report),
            "inputs": msgspec.to_builtins(inputs.inputs_of(view, shop_id=shop_id, show_id=show_id)),
        },
    )


def figures_of(report: metrics.ShowReport) -> dict[str, Any]:
    """All of a report that is a whole number; what people typed in chat stays out of what can never be erased."""
    known = metrics.every_metric()
    return {
        "currency": report.currency,
        "state": report.state,
        "figures": {
            figure.id: {
                "version": figure.version,
                "unit": figure.unit,
                "numerator": whole(figure.numerator),
                "denominator": whole(figure.denominator),
                "state": figure.state,
                "basis": figure.basis,
                "definition": {"en": known[figure.id].en, "zh": known[figure.id].zh},
            }
            for figure in report.figures.values()
        },
        "tables": {
            name: [_row(row) for row in rows]
            for name, rows in (
                ("products", report.products),
                ("variants", report.variants),
                ("minutes", report.minutes),
            )
        },
        "checks": report.checks,
    }


def _row(row: object) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(row)
    # A quotient of figures that stand beside it.
    found.pop("density", None)
    starts_at = getattr(row, "starts_at", None)
    if isinstance(starts_at, datetime):
        found["starts_at"] = instant(starts_at)
    return {name: whole(value) for name, value in found.items()}


def whole(value: Any) -> Any:
    """A count, as text where it is too large for a number in JSON."""
    return str(value) if isinstance(value, int) and abs(value) > 2**53 - 1 else value


def statement(
    drawn: Drawn,
    *,
    shop: Shop,
    show: live.Show,
    origin: str,
    key: str,
    number: int,
    version: int,
    replaces: int | None,
    made_at: datetime,
    integrity: Integrity | None,
) -> dict[str, Any]:
    """What is signed.  `integrity` None: nobody judged orders and viewers."""
    settles = max(metric.settles_days for metric in metrics.every_metric().values())
    return {
        "type": STATEMENT,
        "log": origin,
        "number": number,
        "version": version,
        "replaces": replaces,
        "made_at": instant(made_at),
        "as_of": instant(drawn.as_of),
        "shop": {"id": shop.id, "name": shop.name, "slug": shop.slug, "key": key},
        "show": {
            "id": show.id,
            "title": show.title,
            "started_at": None if show.started_at is None else instant(show.started_at),
            "ended_at": None if show.ended_at is None else instant(show.ended_at),
        },
        "policy": {
            "events": "received by the shop's collector until as_of; each source and id once within 7 days",
            "final_after_days": settles,
        },
        "integrity": {"assessed": False}
        if integrity is None
        else {"assessed": True, **msgspec.to_builtins(integrity)},
        **drawn.content,
    }
