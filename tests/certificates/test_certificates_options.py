"""The ways to https that `up` takes on its command line, and what it says of those that cannot be."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from tests.app.running import Running, place
from tests.conftest import NewDatabase
from tests.waiting import PATIENCE

from shopfloor import app, cli
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.settings import Settings


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--domain", "shop.example", "--local-https"], "--domain and --local-https exclude each other"),
        (["--domain", "*.shop.example"], "SHOPFLOOR_DOMAIN: '*.shop.example': a name with a star cannot be checked"),
        (["--behind-proxy", "http://shop.example"], "names the address at which the proxy serves HTTPS"),
        (["--behind-proxy", "shop.example"], "names the address at which the proxy serves HTTPS"),
        (["--behind-proxy", "https://shop.example/below"], "a shop stands at the root of its host"),
        (["--behind-proxy", "https://shop.example", "--domain", "shop.example"], "HTTPS is served by the proxy or here, not both"),
        (["--behind-proxy", "https://shop.example", "--local-https"], "HTTPS is served by the proxy or here, not both"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_together_are_refused_before_anything_is_started(
    options: list[str], said: str, tmp_path: Path
) -> None:
    data_dir = tmp_path / "never made"
    ended = CliRunner().invoke(cli.main, ["up", *options], env={"SHOPFLOOR_DATA_DIR": str(data_dir)})
    assert ended.exit_code == 1
    assert said in ended.output
    assert "Traceback" not in ended.output
    assert not data_dir.exists()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_of_https_that_is_taken_is_never_another_one(taken: int) -> None:
    secure = Settings(domain="shop.example", host="127.0.0.1", port=taken, http_port=0)
    with pytest.raises(
        CannotRun, match=f"Port {taken} cannot be opened on 127.0.0.1: Address already in use"
    ):
        app.listen(secure)
    plain = Settings(domain="shop.example", host="127.0.0.1", port=0, http_port=taken)
    with pytest.raises(CannotRun, match=f"Port {taken} cannot be opened"):
        app.listen(plain)


def test_behind_a_proxy_it_says_where_to_pass_requests_on_to_and_keeps_cookies_to_https(
    new_database: NewDatabase,
) -> None:
    with (
        place() as data_dir,
        new_database() as database,
        Running(data_dir, database=database, options=("--behind-proxy", "https://Shop.Example/")) as node,
    ):
        assert node.address == "https://shop.example"
        [line] = [each for each in node.said if each.startswith("The proxy that serves")]
        assert line.startswith(
            "The proxy that serves https://shop.example passes requests on to http://127.0.0.1:"
        )
        behind = line.rpartition(" ")[2]
        page = httpx.get(
            f"{behind}/", headers={"host": "shop.example", "x-forwarded-proto": "https"}, trust_env=False, timeout=PATIENCE
        )  # fmt: skip
        assert page.status_code in {200, 303}
        assert all("; Secure" in cookie for cookie in page.headers.get_list("set-cookie"))
        assert node.claim is not None
        assert any(each.endswith(f"https://shop.example/claim/{node.claim}") for each in node.said)
