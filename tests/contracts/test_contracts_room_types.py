"""The room's state is described once: TypeScript is made from Python."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_typescript_of_the_room_state_is_what_python_says() -> None:
    made = subprocess.run(
        [sys.executable, "tools/room_types.py", "--print"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert (ROOT / "frontend/src/room/state.gen.ts").read_text() == made, "run: python tools/room_types.py"
    assert "export interface RoomState {" in made
