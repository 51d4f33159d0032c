"""Health and figures, while all is well and while the database is away."""

import httpx
from tests.app.running import Running


def test_health_is_200_while_the_database_answers(node: Running) -> None:
    reply = httpx.get(f"{node.address}/healthz", trust_env=False)

    assert (reply.status_code, reply.text) == (200, "ok\n")


def test_figures_are_for_prometheus(node: Running) -> None:
    reply = httpx.get(f"{node.address}/metrics", trust_env=False)

    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert "process_resident_memory_bytes" in reply.text


def health(shop: Running) -> httpx.Response | None:
    try:
        return httpx.get(f"{shop.address}/healthz", timeout=20, trust_env=False)
    except httpx.TimeoutException:
        return None


def healthy(shop: Running) -> bool:
    reply = health(shop)
    return reply is not None and reply.status_code == 200
