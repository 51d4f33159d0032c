"""kill -9 of buyers, of the web process and of PostgreSQL under load: a short run of the soak."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parents[2] / "tools" / "soak.py"


async def test_nothing_acknowledged_is_lost_and_nothing_doubled() -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(SOAK), "--kills", "6", "--seed", "5"],
        check=False,
        capture_output=True,
        text=True,
        timeout=170,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert (figures["lost"], figures["doubled"], figures["offences"]) == (0, 0, 0)
    assert (
        figures["kills_of_buyers"], figures["kills_of_the_web_process"], figures["kills_of_the_database"],
    ) == (2, 2, 2)  # fmt: skip
    assert 0 < figures["answers_of_the_web_process"] < figures["answers"]
    assert figures["holds_acknowledged"] > 0
