"""Documents as files for a browser."""

from starlette.responses import Response


def pdf(name: str, content: bytes) -> Response:
    """Opens in the browser; saved it has a name."""
    return Response(
        content,
        media_type="application/pdf",
        headers={
            "content-disposition": f'inline; filename="{name}"',
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
        },
    )


def as_file(name: str, content: bytes, format: str) -> Response:  # noqa: A002 -- what it is called
    """A PDF opens in the browser; what it does not know is saved."""
    if format == "pdf":
        return pdf(name, content)
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
        },
    )
