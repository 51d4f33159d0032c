"""The page on which a buyer pays in the sandbox, or does not.  It has none of the shop's style."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from starlette.responses import HTMLResponse

from shopfloor.kernel.amounts import written
from shopfloor.kernel.headers import POLICY


def choices(session: Mapping[str, Any], said: str, *, secure: bool) -> str:
    currency = session["currency"].upper()
    amount = f"{currency} {written(session['amount_total'], currency)}"
    buttons = (
        [("pay", "Complete authentication"), ("decline", "Fail authentication")]
        if secure
        else [
            ("pay", "Pay"),
            ("secure", "Pay with 3-D Secure"),
            ("decline", "Card is declined"),
            ("later", "Pay by a bank that takes its time"),
            ("later_fail", "Pay by a bank that refuses later"),
            ("twice", "Pay, and be told twice"),
            ("silent", "Pay, and tell nobody"),
            ("gone", "Pay, and close the window"),
            ("disputed", "Pay, and ask the bank for the money back"),
        ]
    )
    rows = "".join(
        f'<p><button name="choice" value="{value}">{words}</button></p>' for value, words in buttons
    )
    wrong = f'<p role="alert"><strong>{escape(said)}</strong></p>' if said else ""
    back = session.get("cancel_url") or session["success_url"]
    return (
        f"<p>No money moves here.</p><p><strong>{amount}</strong> · {escape(session['_name'])}</p>{wrong}"
        f'<form method="post">{rows}</form><p><a href="{escape(back)}">Back without paying</a></p>'
    )


# The page stands for a payment service's: it has none of the shop's style, but can be read and touched on a phone.
_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0}"
    "main{max-width:26rem;margin:auto;padding:1.5rem 1rem}p{margin:.75rem 0}"
    "button,.button{font:inherit;box-sizing:border-box;width:100%;min-height:2.75rem;padding:.5rem 1rem;text-align:left}"
    "a{display:inline-block;padding:.625rem 0}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def document(title: str, content: str, *, status: int = 200, head: str = "") -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>{head}</head>'
        f"<body><main><h1>{title}</h1>{content}</main></body></html>",
        status_code=status,
        headers={
            "cache-control": "no-store",
            "content-security-policy": POLICY.replace(
                "style-src 'self'", f"style-src 'sha256-{_STYLE_HASH}'"
            ),
        },
    )
