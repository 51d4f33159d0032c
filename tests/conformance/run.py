"""Let schemathesis ask a filled shop, as its owner, for all that the OpenAPI document says, and for more.

    python -m tests.conformance.run [--examples 200] [--seed N …] [--phases …]

Without a seed: one that never changes, and a new one, which is printed.  Exits with 1 when anything is found, when
an operation was left out, or when one was never answered with a success.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
from tests.conformance.shop import Facts, filled_shop
from tests.waiting import PATIENCE

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = Path(sys.executable).parent / "schemathesis"
FIXED_SEED: Final = 20_260_801
PHASES: Final = "examples,coverage,fuzzing,stateful"
# A success cannot be had: the node has an owner, so that nobody can claim it.
WITHOUT_SUCCESS: Final = frozenset({"POST /v1/claim"})
CONFIG: Final = """
continue-on-failure = true
[auth.openapi.session]
api_key = "{session}"
# What fits the document and breaks a rule of the trade is 422 with the rule's own code: hooks.py holds it to that.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429"]
# The protocol of witnesses answers 400 to text that is no checkpoint, and no schema can say what one is.
[[operations]]
include-name = "POST /v1/{{shop}}/witness/add-checkpoint"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403", "404", "409", "422", "429"]
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run said, and what was answered: by operation, "positive 200" and the like with how often."""

    passed: bool
    said: str
    selected: int
    tested: int
    answered: dict[str, dict[str, int]]

    def successes(self, operation: str) -> tuple[int, int]:
        """Of requests that fit the document: how many were carried out, and how many were sent."""
        answers = {
            what: times
            for what, times in self.answered.get(operation, {}).items()
            if what.startswith("positive ")
        }
        return sum(times for what, times in answers.items() if what.startswith("positive 2")), sum(
            answers.values()
        )

    def refused(self, operation: str) -> str:
        """Why requests that fit the document were refused, with how often."""
        answers = self.answered.get(operation, {})
        return ", ".join(
            f"{times} × {what.removeprefix('positive ')}"
            for what, times in sorted(answers.items(), key=lambda each: -each[1])
            if what.startswith("positive ") and not what.startswith("positive 2")
        )

    def without_success(self) -> list[str]:
        return [each for each in self.answered if each not in WITHOUT_SUCCESS and not self.successes(each)[0]]

    def share(self) -> float:
        """Of all requests that fit the document, how many were carried out."""
        every = [self.successes(operation) for operation in self.answered]
        return sum(done for done, _ in every) / max(1, sum(sent for _, sent in every))


def run(
    facts: Facts,
    *,
    examples: int,
    seed: int,
    phases: str = PHASES,
    more: tuple[str, ...] = (),
    aloud: bool = False,
) -> Report:
    """`aloud`: print what it says while it says it."""
    with TemporaryDirectory() as place:
        directory = Path(place)
        facts.write(directory / "facts.json")
        (directory / "schemathesis.toml").write_text(CONFIG.format(session=facts.session))
        environment = os.environ | {
            "SCHEMATHESIS_HOOKS": "tests.conformance.hooks",
            "SHOPFLOOR_CONFORMANCE_FACTS": str(directory / "facts.json"),
            "SHOPFLOOR_CONFORMANCE_TALLY": str(directory / "tally.json"),
            "PYTHONPATH": str(ROOT),
        }
        # It waits ten seconds for the document, no longer: made before.
        httpx.get(f"{facts.address}/v1/openapi.json", timeout=PATIENCE, trust_env=False).raise_for_status()
        # How long an answer takes is the machine's affair here; it has a limit of its own where none is named.
        command = [
            PROGRAM, "--config-file", directory / "schemathesis.toml", "run", f"{facts.address}/v1/openapi.json",
            "--checks", "all", "--phases", phases, "--max-examples", str(examples), "--seed", str(seed),
            "--workers", "1", "--request-timeout", str(PATIENCE), "--max-response-time", str(PATIENCE), "--report", "json", "--report-json-path", directory / "report.json", *more,
        ]  # fmt: skip
        said: list[str] = []
        with subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                said.append(line)
                if aloud:
                    print(line, end="", flush=True)
        told: dict[str, Any] = json.loads((directory / "report.json").read_text())
        tally = json.loads((directory / "tally.json").read_text())
    operations = told["operations"]
    return Report(child.returncode == 0, "".join(said), operations["selected"], operations["tested"], tally)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--phases", default=PHASES)
    arguments, more = parser.parse_known_args()
    held = True
    for seed in arguments.seed or [FIXED_SEED, secrets.randbelow(2**31)]:
        print(f"── schemathesis, {arguments.examples} examples, seed {seed}", flush=True)
        with filled_shop() as facts:
            report = run(
                facts,
                examples=arguments.examples,
                seed=seed,
                phases=arguments.phases,
                more=tuple(more),
                aloud=True,
            )
        for operation in sorted(report.answered):
            done, sent = report.successes(operation)
            print(f"{done:6d} of {sent:6d}  {operation}  {report.refused(operation)}")
        missing = report.without_success()
        print(
            f"carried out {report.share():.0%} of what fits the document; never: {', '.join(missing) or 'none'}"
        )
        held = (
            held
            and report.passed
            and report.tested == report.selected == len(report.answered)
            and not missing
        )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
