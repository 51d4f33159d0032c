"""Reports as files: spreadsheets and columns, each number with its version, its unit, its state and what it is net."""

from collections.abc import Iterable

from starlette.responses import Response

from shopfloor import integrity, metrics
from shopfloor.kernel.database import Tx
from shopfloor.reports.models import ShopReport


def as_csv(rows: Iterable[metrics.sheets.SheetRow], name: str) -> Response:
    return Response(
        metrics.sheets.csv_of(rows),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


async def as_parquet(rows: Iterable[metrics.sheets.SheetRow], name: str) -> Response:
    return Response(
        await metrics.parquet.apart(rows),
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}.parquet"'},
    )


async def shop_rows(tx: Tx, report: ShopReport) -> list[metrics.sheets.SheetRow]:
    """All figures of all its shows, net where somebody judged, and of what was sold."""
    judged = await integrity.summaries(
        tx, shop_id=report.shop_id, show_ids=[show.show_id for show in report.shows]
    )
    nets = {
        (each.show_id, key): metrics.sheets.NetOf(
            net.general, net.sophisticated, net.net, each.policy, each.as_of
        )
        for each in judged
        for key, net in each.figures.items()
    }
    sold = () if report.sales is None else (*report.sales.figures, *report.sales.groups)
    return [
        *(
            metrics.sheets.figure_row(
                "show",
                str(show.show_id),
                figure,
                as_of=figure.as_of.isoformat(),
                net=nets.get((show.show_id, figure.id)),
            )
            for show in report.shows
            for figure in show.figures.values()
        ),
        *(
            metrics.sheets.figure_row(each.grain, each.key, each, as_of=report.as_of.isoformat())
            for each in sold
        ),
    ]
