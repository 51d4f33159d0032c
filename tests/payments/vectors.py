"""What clients of others sign, number and encrypt, recorded: `python -m tests.payments.vectors` writes it anew.

The keys are made for this file and guard nothing.
"""

import json
from pathlib import Path
from typing import Any, Final

from tests.payments.fakes import foreign

FILE: Final = Path(__file__).parents[1] / "vectors/payment_signatures.json"


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def recorded() -> dict[str, Any]:
    """Answers of the foreign clients to the questions that stand in the file."""
    file = read()
    alipay, wechat = file["alipay"], file["wechat"]
    config = {
        "appId": alipay["app_id"], "privateKey": alipay["key"], "keyType": "PKCS8", "alipayPublicKey": alipay["public_key"],
    }  # fmt: skip
    for each in alipay["notifications"]:
        (each["holds"],) = foreign.did("alipayNotices", config=config, bodies=[each["body"]])
    alipay["certificate_number"], alipay["root_number"] = foreign.did(
        "alipayNumbers", certificate=alipay["certificate"], root=alipay["roots"]
    )
    for each in wechat["signatures"]:
        each["signature"] = foreign.did("wechatSign", key=wechat["key"], lines=each["lines"])
    for each in wechat["encrypted"]:
        each["ciphertext"] = foreign.did(
            "wechatEncrypt", apiKey=wechat["api_key"], nonce=each["nonce"], associated=each["associated_data"], text=each["text"]
        )  # fmt: skip
    return file


if __name__ == "__main__":
    FILE.write_text(json.dumps(recorded(), ensure_ascii=False, indent=1) + "\n")
