"""Clients that others' generators make of the document: without a warning, and they read a running shop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
from tests.app.running import PATIENCE, Owner, Running

TOOLS = Path(sys.executable).parent
FRONTEND = Path(__file__).parents[2] / "frontend"
ENVIRONMENT = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
READER = """
import json, sys
from client import Client
from client.api.{tag} import {module}
answer = {module}.sync_detailed(shop="corner", client=Client(base_url=sys.argv[1], cookies={{"session": sys.argv[2]}}))
assert answer.parsed is not None, answer
print(answer.status_code.value, len(json.loads(answer.content)))
"""


def document(node: Running, directory: Path) -> Path:
    path = directory / "openapi.json"
    path.write_text(httpx.get(f"{node.address}/v1/openapi.json", timeout=PATIENCE, trust_env=False).text)
    return path


def test_a_python_client_lists_products_shows_and_orders(node: Running, owner: Owner, tmp_path: Path) -> None:
    owner.show("Evening")
    path = document(node, tmp_path)
    made = subprocess.run(
        [TOOLS / "openapi-python-client", "generate", "--path", path, "--output-path", tmp_path / "client", "--meta", "none"],
        check=False, capture_output=True, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    said = made.stdout + made.stderr
    assert (made.returncode, "arning" in said, "Unable" in said) == (0, False, False), said

    ids = {
        path: (operations["get"]["tags"][0], operations["get"]["operationId"])
        for path, operations in json.loads(path.read_text())["paths"].items()
        if "get" in operations
    }
    for listed in ("products", "shows", "orders"):
        tag, module = ids[f"/v1/{{shop}}/{listed}"]
        program = READER.format(tag=tag, module=module)
        read = subprocess.run(
            [sys.executable, "-c", program, node.address, owner.cookie("session")],
            check=False, capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert read.returncode == 0, read.stderr
        assert read.stdout.startswith("200 ")


def test_typescript_types_are_made_and_compile(node: Running, tmp_path: Path) -> None:
    bin_ = FRONTEND / "node_modules/.bin"
    made = subprocess.run(
        [bin_ / "openapi-typescript", document(node, tmp_path), "-o", tmp_path / "shop.d.ts"],
        check=False, capture_output=True, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "arning" not in made.stdout + made.stderr.replace("npm warn", "")
    (tmp_path / "use.ts").write_text(
        'import type { paths } from "./shop";\n'
        "type Answer<P extends keyof paths> = paths[P] extends { get: { responses: { 200: { content: "
        '{ "application/json": infer A } } } } } ? A : never;\n'
        'export function titles(shows: Answer<"/v1/{shop}/shows">, products: Answer<"/v1/{shop}/products">, '
        'orders: Answer<"/v1/{shop}/orders">): number { return [shows, products, orders].length; }\n'
    )
    checked = subprocess.run(
        [bin_ / "tsc", "--noEmit", "--strict", tmp_path / "use.ts"],
        check=False, capture_output=True, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
