"""The clients of others, in Node: where they lie, and how they are given something to do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "foreign"


def node() -> str | None:
    return shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")


def is_here() -> bool:
    """`make foreign` brings them."""
    return node() is not None and (FOLDER / "node_modules/alipay-sdk").is_dir()


def did(job: str, **given: Any) -> Any:
    program = node()
    assert program is not None
    done = subprocess.run(
        [program, "run.mjs"],
        check=False,
        cwd=FOLDER,
        input=json.dumps({"job": job, **given}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
