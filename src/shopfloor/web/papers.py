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
