"""PDF, by Typst.  Only worker processes come here, and who sets one page `apart`; texts go in as data and are never markup."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopfloor.documents.words import WORDS
from shopfloor.kernel import late

if TYPE_CHECKING:
    import typst
else:
    typst = late.module("typst")

_TEMPLATES: Final = Path(__file__).parent / "templates"
# Latin, Greek and Cyrillic in regular and bold; Chinese.  Both under the SIL Open Font License, as packages of their own.
_FONTS: Final = ("font_source_sans_pro", "pylopdf_fonts_zh_cn")
_LONG_WORD: Final = re.compile("[^\\s\u2e80-\uffff]{25,}")
_STEP: Final = 20
_PATIENCE: Final = 150.0


def pdf(template: str, data: dict[str, Any]) -> bytes:
    """`template`: the name of a file in `templates`.  PDF/A-2b where the fonts have all signs of it.

    A sign that no font has is an empty box on paper, and PDF/A allows none: then it is a plain PDF.
    """
    payload = json.dumps(_broken({**data, "words": dict(WORDS[data["lang"]])}), ensure_ascii=False)
    source = (_TEMPLATES / f"{template}.typ").read_bytes()
    for standard in ("a-2b", None):
        try:
            return typst.compile(
                source,
                font_paths=_fonts(),
                ignore_system_fonts=True,
                sys_inputs={"data": payload},
                pdf_standards=[standard] if standard else [],
            )
        except typst.TypstError as problem:
            if standard is None or "could not be displayed" not in str(problem):
                raise
    raise AssertionError("one of the two returned or raised")


async def apart(template: str, data: dict[str, Any]) -> bytes:
    """The same in a process of its own, for what is wanted now and seldom: whoever serves pages carries no fonts.

    Raises RuntimeError.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, template, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            content, complaint = await process.communicate(json.dumps(data).encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError("the page was not set in time") from None
    if process.returncode:
        raise RuntimeError(complaint.decode(errors="replace")[-2000:])
    return content


@cache
def _fonts() -> "typst.Fonts":
    found: list[str] = []
    for package in _FONTS:
        spec = find_spec(package)
        assert spec is not None, "it is installed with us"
        found += spec.submodule_search_locations or []
    return typst.Fonts(include_system_fonts=False, font_paths=found)


def _broken(value: Any) -> Any:
    """Words that no line can hold may be broken within; where, nobody sees."""
    if isinstance(value, str):
        return _LONG_WORD.sub(lambda word: _in_steps(word[0]), value)
    if isinstance(value, dict):
        return {key: _broken(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_broken(each) for each in value]
    return value


def _in_steps(word: str) -> str:
    return "\u200b".join(word[at : at + _STEP] for at in range(0, len(word), _STEP))


if __name__ == "__main__":
    sys.stdout.buffer.write(pdf(sys.argv[1], json.load(sys.stdin)))
