"""The page on which anybody checks a statement of the shop: in the browser, which asks nobody; also as a file to keep."""

from typing import Final

from fastapi import Request
from starlette.responses import Response

from shopfloor import accounts, statements
from shopfloor.accounts import Shop
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.web.languages import N_, language_of
from shopfloor.web.static import content_of
from shopfloor.web.templating import render

router = Router(include_in_schema=False)

# What the script says, by its codes.
WORDS: Final = {
    "proven": N_("Proven:"),
    "open": N_("Not proven here:"),
    "failed": N_("Wrong:"),
    "holds": N_("Nothing wrong was found"),
    "fails": N_("This statement does NOT verify"),
    "figures_of": N_("{show}, statement {number}, version {version}, as of {at}"),
    "signed": N_("Signed. No byte of this statement of “{shop}” was changed since key {key} signed it."),
    "any_key": N_("Whose key it is. The file itself says that this is the shop's; enter the key you know: {key}"),
    "your_key": N_("Whose key it is. Yours signed, or vouches for the one that signed."),
    "logged": N_("Logged. It is entry {position} of the shop's log, under a checkpoint of {size} entries, and can't be taken out without breaking that."),
    "witnessed": N_("Witnessed. Somebody else signed that this log only grew. Check that you know whose key this is: {names}"),
    "not_witnessed": N_("Not witnessed. Nobody but the shop signed this checkpoint: the shop could show others another log."),
    "events": N_("That the events behind the figures are unchanged. With the lake's files, the command “shopfloor verify --lake” compares them."),
    "assessed": N_("That buyers were genuine. The shop assessed it by its own rules; that is its opinion."),
    "not_assessed": N_("That viewers and buyers were genuine. Nobody assessed it."),
    "not_canonical": N_("This is no statement file, or it was changed."),
    "not_a_file": N_("This is no statement file of a version that this page knows."),
    "base64": N_("Something that should be Base64 isn't."),
    "key": N_("A key isn't written as name+id+Base64."),
    "chain": N_("The shop's keys in the file don't follow from one another."),
    "no_key": N_("The key that the statement names isn't in the file."),
    "not_signed": N_("The signature doesn't fit: the statement was changed, or somebody else signed it."),
    "other_key": N_("The key you entered isn't in this file: it is another log's, or newer than the file. If the shop has changed its key since, download the file again."),
    "not_vouched": N_("Nothing leads from the key you entered to the one that signed: it was replaced without its signature."),
    "note": N_("The checkpoint isn't written as it should be."),
    "not_logged": N_("It isn't in the log yet. Download it again in a minute."),
    "other_log": N_("The checkpoint is that of another log."),
    "not_included": N_("The proof doesn't lead to the checkpoint: the statement isn't in this log."),
    "unknown_line": N_("The checkpoint has a signature of a key that isn't in the file."),
    "checkpoint_not_signed": N_("The shop didn't sign this checkpoint."),
    "cosignature": N_("The signature of a witness doesn't fit."),
    "own_witness": N_("The shop names itself as its witness."),
    "malformed": N_("Something in the file isn't as it should be."),
    "draw.of": N_("{prize}, a giveaway of {shop}. Winners:"),
    "draw.fails": N_("This draw does NOT verify"),
    "draw.rules": N_("Rules. The list was closed under these rules, whose fingerprint is {hash}."),
    "draw.list": N_("Entries. These {n} are the list that was closed, with the root {root}."),
    "draw.secret": N_("Secret. It is the one whose fingerprint the rules name."),
    "draw.winners": N_("Drawn. Computed again here, the winners are {numbers}."),
    "draw.drand": N_("The public random value. Compare it with what drand says of round {round}: https://api.drand.sh/{chain}/public/{round} must have the signature {value}. The command “shopfloor verify” checks its signature."),
    "draw.local": N_("Chance. The random value is of “{name}”, which is not drand: whoever runs that may have known it beforehand."),
    "draw.published": N_("That the rules and the list were public before the draw. Compare their fingerprints with those you noted."),
    "draw.not_canonical": N_("This is no file of a draw, or it was changed."),
    "draw.not_a_file": N_("This is no file of a draw of a version that this page knows."),
    "draw.other_rules": N_("The list was closed under other rules than those in the file."),
    "draw.other_list": N_("The list isn't the one that was closed."),
    "draw.twice": N_("The list has an entry twice, or one that is none."),
    "draw.other_secret": N_("The secret isn't the one whose fingerprint the rules name."),
    "draw.other_seed": N_("The seed doesn't follow from rules, list, secret and public value."),
    "draw.others": N_("Others were drawn than the file says."),
    "draw.early": N_("The list was closed before the time that the rules name."),
    "draw.late": N_("The list was closed when the public value could be known."),
    "draw.bytes": N_("Something that should be hexadecimal isn't."),
    "insecure": N_("This page was opened without HTTPS, where browsers offer no cryptography. Open it by HTTPS, or save it and open the file."),
    "no_ed25519": N_("This browser can't check Ed25519 signatures. Use Chrome or Edge 137, Safari 17, Firefox 129 or newer, or the command “shopfloor verify”."),
}  # fmt: skip


async def _shown(request: Request, slug: str, db: Db) -> tuple[Shop, dict[str, str], str]:
    """The shop, the words of its page, and its key ("" while there is none).  Raises UnknownShop."""
    async with db.transaction() as tx:
        shop = await accounts.shop_by_slug(tx, slug)
        keys = await statements.log.public_keys(tx, shop_id=shop.id)
    language = language_of(request, shop.locale)
    words = {code: language.words.gettext(text) for code, text in WORDS.items()}
    return shop, words, keys[0].text if keys else ""


@router.get("/s/{shop}/verify")
@public
async def page(request: Request, shop: str, db: Db) -> Response:
    # A key that the shop's own page fills in proves nothing: whoever reads has it by another way.
    found, words, _ = await _shown(request, shop, db)
    return render(request, "shop/verify.html", shop=found, words=words, key="")


@router.get("/s/{shop}/verify.html")
@public
async def to_keep(request: Request, shop: str, db: Db) -> Response:
    """The same page in one file, which works without a network and without us; it keeps the key of now."""
    found, words, key = await _shown(request, shop, db)
    response = render(
        request,
        "shop/verify_file.html",
        shop=found,
        words=words,
        key=key,
        script=content_of("verify.js").decode(),
    )
    response.headers["content-disposition"] = f'attachment; filename="{found.slug}-verify.html"'
    return response
