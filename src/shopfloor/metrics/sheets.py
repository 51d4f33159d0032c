"""A report as rows of a spreadsheet: one for each number, so that a pivot table can have it and no column ever moves."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import msgspec

from shopfloor.kernel.records import dataclass
from shopfloor.metrics.models import Figure, GroupFigure, ShowReport


@dataclass(frozen=True, slots=True)
class NetOf:
    """What of a figure is invalid, generally and otherwise, and what is left; by `policy`, as of then."""

    general: int
    sophisticated: int
    net: int
    policy: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class SheetRow:
    """`value` is that of the quotient where there is a denominator.  The net columns are empty where nobody judged."""

    section: str
    key: str
    metric: str
    value: float | int | str | None
    unit: str
    as_of: str
    state: str
    numerator: int | None = None
    denominator: int | None = None
    general_invalid: int | None = None
    sophisticated_invalid: int | None = None
    net_of_invalid: int | None = None
    policy: str | None = None


COLUMNS: Final = (
    "section", "key", "metric", "value", "unit", "as_of", "state", "numerator", "denominator",
    "general_invalid", "sophisticated_invalid", "net_of_invalid", "policy",
)  # fmt: skip


def figure_row(
    section: str, key: str, figure: Figure | GroupFigure, *, as_of: str, net: NetOf | None = None
) -> SheetRow:
    return SheetRow(
        section,
        key,
        figure.name,
        figure.value,
        figure.unit,
        as_of,
        figure.state,
        figure.numerator,
        figure.denominator,
        None if net is None else net.general,
        None if net is None else net.sophisticated,
        None if net is None else net.net,
        None if net is None else net.policy,
    )


def rows_of(report: ShowReport, net: Mapping[str, NetOf] | None = None) -> Iterator[SheetRow]:
    """The numbers of a show; `net` by the id of the figure."""
    as_of = report.as_of.isoformat()
    for figure in report.figures.values():
        yield figure_row(
            "show", str(report.show_id), figure, as_of=as_of, net=None if net is None else net.get(figure.id)
        )
    for section, key, records in (
        ("product", "product_id", report.products),
        ("variant", "variant_id", report.variants),
        ("minute", "minute", report.minutes),
    ):
        for record in records:
            values = asdict(record)
            for name, value in values.items():
                if name == key or name in {"product_id", "starts_at"}:
                    continue
                shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
                whole = value if isinstance(value, int) else None
                yield SheetRow(
                    section, str(values[key]), name, shown, _unit(name), as_of, report.state, whole
                )
    for group in report.groups:
        yield figure_row(group.grain, group.key, group, as_of=as_of)
    for reason, count in () if report.refused is None else asdict(report.refused).items():
        unit = "requests" if reason == "too_fast" else "events"
        yield SheetRow("refused", str(report.show_id), reason, count, unit, as_of, report.state, count)


def csv_of(rows: Iterable[SheetRow]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = (getattr(row, name) for name in COLUMNS)
        writer.writerow(["" if value is None else value for value in values])
    return sheet.getvalue()


def json_of(report: ShowReport, net: Mapping[str, NetOf] | None = None) -> bytes:
    """Everything, each figure with its version, unit, as-of time and state; `invalid` is null where nobody judged."""
    body: dict[str, Any] = {
        **{key: value for key, value in asdict(report).items() if key != "figures"},
        "figures": {
            key: {
                **asdict(figure),
                "value": figure.value,
                "name": figure.name,
                "invalid": None if net is None or key not in net else asdict(net[key]),
            }
            for key, figure in report.figures.items()
        },
        "funnel": dict(report.funnel),
    }
    return msgspec.json.encode(body)


def _unit(name: str) -> str:
    if name.startswith("gmv_"):
        return "minor"
    if name == "density":
        return "orders/minute"
    if name == "featured":
        return "product ids"
    return "units" if "units" in name else "count"
