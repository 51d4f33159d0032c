"""The owner of the small shop, signed in, with what pages of cameras and pictures ask the application for."""

from pathlib import Path

import httpx
from tests.services import give
from tests.web.conftest import Stage

from shopfloor import media
from shopfloor.kernel.settings import Settings


async def signed_in(stage: Stage, directory: Path) -> httpx.AsyncClient:
    give(
        stage.app,
        media.MediaServer(stage.db, directory / "recordings", "127.0.0.1", 0),
        settings=Settings.model_validate({"data_dir": directory}),
        publish_to=lambda: "rtmp://shop.test:1935/live",
    )
    answer = await stage.client.post(
        "/sign-in", data={"email": "owner@example.com", "password": "a long enough one"}
    )
    assert answer.status_code == 303
    return stage.client
