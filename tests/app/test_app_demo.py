"""The demo as a newcomer starts it, and how it ends: nothing stays behind, nothing is complained about."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.app.running import place
from tests.cluster import copy_cluster
from tests.waiting import until

PATIENCE = 240


def of(data_dir: Path) -> list[str]:
    """The processes that work on this data directory."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) == os.getpid():
                continue
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            around = (process / "environ").read_bytes().decode(errors="replace")
            if str(data_dir) in line or str(data_dir) in around:
                found.append(line)
    return found


@pytest.mark.timeout(PATIENCE + 180)
@pytest.mark.parametrize("moment", ["a shop of three trades", "live at"])
def test_told_to_end_it_leaves_nothing_behind(moment: str) -> None:
    with place() as data_dir:
        if moment != "live at":
            # How it makes its database is seen at the other moment.
            copy_cluster(data_dir)
        said = data_dir / "said"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOPFLOOR_")}
        environment = clean | {"SHOPFLOOR_PORT": "0", "SHOPFLOOR_RTMP_PORT": "0", "PYTHONUNBUFFERED": "1"}
        with said.open("wb") as out:
            demo = subprocess.Popen(
                [sys.executable, "-m", "shopfloor", "demo", "--data-dir", str(data_dir)],
                env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            until(moment, lambda: moment in said.read_text() or None, patience=PATIENCE)
            if moment == "live at":
                time.sleep(7)  # the audience's and the merchant's connections have idled by then
            demo.send_signal(signal.SIGTERM)
            demo.send_signal(signal.SIGTERM)
            assert demo.wait(90) == 0, said.read_text()
            assert "The shop is closed." in said.read_text()
            assert of(data_dir) == []
            for complaint in ("ReadError", "Unknown child process", "Traceback", "lost the connection"):
                assert complaint not in said.read_text()
        finally:
            if demo.poll() is None:
                os.killpg(demo.pid, signal.SIGKILL)
