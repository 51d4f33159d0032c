"""Passwords that are tried first.  What everybody tries is taken out; too little must not be left."""

import re
from collections.abc import Iterable
from typing import Final

# Rows of keys, the alphabet and the digits: stretches of four or more of them, in either direction, are no secret.
_ROWS: Final = (
    "01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
    "qazwsxedcrfvtgbyhnujmikolp", "147258369", "159753", "!@#$%^&*()",
)  # fmt: skip
# The words that lists of leaked passwords begin with; with digits and signs they make most of those of ten characters
# and more.
_WORDS: Final = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "pa55word",
    "motdepasse",
    "contrasena",
    "mima",
    "welcome",
    "willkommen",
    "letmein",
    "iloveyou",
    "woaini",
    "wodemima",
    "admin",
    "administrator",
    "qwerty",
    "asdf",
    "zxcv",
    "dragon",
    "monkey",
    "football",
    "baseball",
    "basketball",
    "sunshine",
    "princess",
    "superman",
    "batman",
    "starwars",
    "trustno1",
    "whatever",
    "computer",
    "internet",
    "shopfloor",
    "secret",
    "changeme",
    "default",
    "master",
    "login",
    "hello",
    "test",
    "testing",
    "user",
    "guest",
    "root",
    "abc123",
    "abc",
    "qwe",
    "asd",
    "zxc",
    "xyz",
    "michael",
    "jennifer",
    "jordan",
    "michelle",
    "charlie",
    "liverpool",
    "chelsea",
    "arsenal",
    "barcelona",
    "samsung",
    "google",
    "facebook",
    "linkedin",
    "pokemon",
    "naruto",
    "butterfly",
    "chocolate",
    "flower",
    "summer",
    "winter",
    "spring",
    "autumn",
    "january",
    "february",
    "december",
    "loveme",
    "forever",
    "friends",
    "family",
    "angel",
    "babygirl",
    "shadow",
    "killer",
    "freedom",
    "mustang",
    "ferrari",
    "mercedes",
    "corvette",
    "taobao",
    "douyin",
    "wechat",
    "alibaba",
    "beijing",
    "shanghai",
    "zhongguo",
    "china",
]
_PLAIN: Final = re.compile("|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)))
_LEFT_LETTERS: Final = 3
_LEFT: Final = 7
_RUN: Final = 4
_OWN: Final = 3
_LONG: Final = 64


def is_guessable(password: str, *, own: Iterable[str]) -> bool:
    """`own` is what is known of whoever chose it: the e-mail address, names of shops."""
    text = password.casefold()
    if len(set(text)) < _RUN:
        return True
    if len(text) > _LONG:
        return (text + text).find(text, 1) < _LONG // 2
    rest = text
    for known in sorted({part for name in own for part in _parts(name)}, key=len, reverse=True):
        rest = rest.replace(known, "")
    return _is_little(text) or _is_little(rest)


def _is_little(text: str) -> bool:
    """Is little left when runs of keys, words and repetitions are taken out?"""
    for row in _ROWS:
        for keys in (row, row[::-1]):
            text = _without_runs(text, keys)
    text = re.sub(r"(.+?)\1+", r"\1", _PLAIN.sub("", text))
    letters = text.strip("0123456789 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return len(letters) < _LEFT_LETTERS and len(text) < _LEFT


def _parts(name: str) -> set[str]:
    text = name.casefold().strip()
    return {part for part in (text, text.replace(" ", ""), *re.split(r"[@.\s+-]", text)) if len(part) >= _OWN}


def _without_runs(text: str, row: str) -> str:
    """`text` without stretches of four or more that stand in `row`."""
    kept, at = "", 0
    while at < len(text):
        end = at + _RUN
        if len(text) >= end and text[at:end] in row:
            while end < len(text) and text[at : end + 1] in row:
                end += 1
            at = end
        else:
            kept += text[at]
            at += 1
    return kept
