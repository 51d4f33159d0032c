"""Pages: shop and room for shoppers, the console for those who sell.

`routers()` are the routes, `install(app, settings)` brings static files, templates, error pages and safe headers.
Call `install` after `kernel.http.install`, whose answers to programs it keeps.
"""

from fastapi import APIRouter, FastAPI

from shopfloor.kernel.settings import Settings
from shopfloor.web import refusals
from shopfloor.web.headers import SafeHeaders
from shopfloor.web.static import files


def routers() -> list[APIRouter]:
    return []


def install(app: FastAPI, settings: Settings) -> None:
    app.mount("/static", files(), name="static")
    app.add_middleware(SafeHeaders)
    refusals.install(app)


__all__ = ["install", "routers"]
