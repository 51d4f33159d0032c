// The card of an auction: how it stands, what one bids, and the way to the checkout of who won.  Fetched only while
// there is one; its words come with what only this bidder sees.

import { useEffect, useState } from "preact/hooks";
import { count, countdown, money } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import { type Say, speaker, type Words } from "../common/words.ts";
import { type AuctionState, inWords } from "./state.ts";
import { useTicking } from "./ticking.ts";

interface Shown {
  readonly auction: AuctionState;
  readonly language: string;
  /** Seconds until a moment, on the server's clock. */
  readonly until: (moment: number) => number;
}

/** `page` is the auction's own, which works without a script. */
export interface AuctionProps extends Shown {
  readonly page: string;
  readonly shop: string;
}

/** What only this bidder sees. */
interface Mine {
  readonly signed_in: boolean;
  readonly accepted: boolean;
  readonly words: Words;
  readonly paddle?: number;
  readonly max_minor?: number;
  readonly win?: { readonly url: string; readonly deadline: number };
}

interface Placed {
  readonly paddle: number;
  readonly max_minor: number;
}

interface Refused {
  readonly code: string;
  readonly message: string;
  readonly facts: { readonly bid_minor?: number };
}

export function AuctionWords({ auction, say, language, until }: Shown & { readonly say: Say }) {
  const runs = auction.state === "open";
  useTicking(runs, 250);
  const left = runs ? until(auction.ends_at) : 0;
  const name =
    auction.leader == null ? "" : auction.leader_name || say("auction.bidder", { n: auction.leader });
  const lot = [
    ...auction.options,
    ...(auction.quantity > 1 ? [say("auction.lot", { n: auction.quantity })] : []),
  ].join(" · ");
  return (
    <>
      <p class="room-card-head">
        <span>
          <Icon name="hand" /> {say("auction")}
        </span>
        {runs && left > 0 && (
          <b class={left < 10 ? "num soon" : "num"} role="timer">
            {countdown(left)}
          </b>
        )}
      </p>
      <div class="auction-lot">
        {auction.picture != null && (
          <img src={`/pictures/${auction.picture}/160.webp`} alt="" width="48" height="48" />
        )}
        <div>
          <h2>{inWords(auction.title, auction.titles, language)}</h2>
          {lot !== "" && <p class="soft small">{lot}</p>}
        </div>
        <p class="auction-now">
          <span class="soft small">{say(auction.bids > 0 ? "auction.current" : "auction.start")}</span>
          <b class="num" aria-live="polite">
            {money(auction.price_minor ?? auction.asked_minor, auction.currency, language)}
          </b>
        </p>
      </div>
      <p class="soft small">
        {say("auction.bids", { n: count(auction.bids, language) })}
        {runs && name !== "" && <> · {say("auction.lead", { name })}</>}
        {!auction.reserve_met && <> · {say("auction.reserve")}</>}
      </p>
      {auction.state === "sold" && <p role="status">{say("auction.sold", { name })}</p>}
      {auction.state === "sold" && auction.passed === true && (
        <p class="soft small">{say("auction.passed")}</p>
      )}
      {(auction.state === "unsold" || auction.state === "cancelled") && (
        <p role="status">
          {say(auction.state === "unsold" ? "auction.unsold" : "auction.cancelled")}
          {auction.why != null && <>: {say(`auction.why.${auction.why}`)}</>}
        </p>
      )}
    </>
  );
}

/** With what one bids. */
export function AuctionCard({ page, shop, ...shown }: AuctionProps) {
  const { auction, language, until } = shown;
  const [mine, setMine] = useState<Mine>();
  const [typed, setTyped] = useState("");
  const [accepts, accept] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [leap, setLeap] = useState<number>();
  // A bid that got no answer is sent again under its key: it stays one bid.
  const [pending, setPending] = useState<{ readonly amount: string; readonly key: string }>();
  const [asked, setAsked] = useState(0);

  // Who won, and whoever is asked next, has a way to the checkout by now.
  useEffect(() => {
    let gone = false;
    fetch(`${page}/mine`, { headers: { accept: "application/json" } })
      .then(async (response) => {
        if (response.ok && !gone) setMine((await response.json()) as Mine);
      })
      .catch(() => {
        if (!gone) setTimeout(() => setAsked((value) => value + 1), 3000);
      });
    return () => {
      gone = true;
    };
  }, [page, auction.state, auction.passed, asked]);

  if (mine === undefined) return null;
  const say = speaker(mine.words);
  const price = (minor: number) => money(minor, auction.currency, language);
  const leads = mine.paddle !== undefined && mine.paddle === auction.leader;
  const takes = auction.state === "open" && until(auction.ends_at) > 0;

  async function bid(fields: Readonly<Record<string, string>>, confirm = false): Promise<void> {
    const amount = fields["amount_minor"] ?? fields["amount"] ?? "";
    const key = pending?.amount === amount ? pending.key : crypto.randomUUID();
    setPending({ amount, key });
    setBusy(true);
    setProblem(undefined);
    setLeap(undefined);
    try {
      const response = await fetch(`${page}/bid`, {
        method: "POST",
        headers: { accept: "application/json" },
        body: new URLSearchParams({
          ...fields,
          key,
          ...(mine?.accepted === true || accepts ? { accept: "yes" } : {}),
          ...(confirm ? { confirm: "yes" } : {}),
        }),
      });
      const told = (await response.json()) as Placed | Refused;
      setPending(undefined);
      if (response.ok) {
        const { paddle, max_minor } = told as Placed;
        setMine((before) => before && { ...before, accepted: true, paddle, max_minor });
        setTyped("");
      } else {
        const { code, message, facts } = told as Refused;
        if (code === "auctions.leap") setLeap(facts.bid_minor);
        setProblem(message);
      }
    } catch {
      setProblem(say("not_connected"));
    }
    setBusy(false);
  }

  const state = takes && mine.paddle !== undefined && (
    <p class={leads ? "auction-mine good" : "auction-mine bad"} role="status">
      <Icon name={leads ? "check" : "alert"} />
      <b>{say(leads ? "auction.leads" : "auction.outbid")}</b>
      {mine.max_minor !== undefined && (
        <span class="small">{say("auction.up_to", { price: price(mine.max_minor) })}</span>
      )}
    </p>
  );
  return (
    <section class="room-card auction-card" aria-label={say("auction")}>
      <AuctionWords {...shown} say={say} />
      {state}
      {mine.win !== undefined && until(mine.win.deadline) > 0 && (
        <>
          <p class="auction-mine good" role="status">
            <Icon name="check" />
            <b>
              {say("auction.won", {
                time: new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(
                  mine.win.deadline,
                ),
              })}
            </b>
          </p>
          <a class="button buy wide" href={mine.win.url}>
            {say("auction.check_out")}
          </a>
        </>
      )}
      {takes && !mine.signed_in && (
        <a class="button buy wide" href={`/s/${shop}/account/sign-in?next=${page}`}>
          {say("auction.sign_in")}
        </a>
      )}
      {takes && mine.signed_in && (
        <form
          class="auction-bid"
          onSubmit={(event) => {
            event.preventDefault();
            void bid({ amount: typed });
          }}
        >
          {!mine.accepted && (
            <label class="row small">
              <input
                type="checkbox"
                checked={accepts}
                onChange={(event) => accept(event.currentTarget.checked)}
              />
              <span>
                {say("auction.terms")} · <a href={`${page}#terms`}>{say("auction.terms_of")}</a>
              </span>
            </label>
          )}
          {leap !== undefined ? (
            <button
              type="button"
              class="button buy wide"
              disabled={busy}
              onClick={() => void bid({ amount_minor: String(leap) }, true)}
            >
              {say("auction.leap", { price: price(leap) })}
            </button>
          ) : (
            !leads && (
              <button
                type="button"
                class="button buy wide"
                aria-busy={busy}
                disabled={busy || !(mine.accepted || accepts)}
                onClick={() => void bid({ amount_minor: String(auction.asked_minor) })}
              >
                {say("auction.bid", { price: price(auction.asked_minor) })}
              </button>
            )
          )}
          <div class="auction-max">
            <input
              class="num"
              inputMode="decimal"
              maxLength={40}
              aria-label={say("auction.maximum")}
              placeholder={say("auction.maximum")}
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
            <button
              type="submit"
              class="button"
              disabled={busy || typed.trim() === "" || !(mine.accepted || accepts)}
            >
              {say("auction.set")}
            </button>
          </div>
        </form>
      )}
      {problem !== undefined && (
        <p class="text-bad" role="alert">
          {problem}
        </p>
      )}
      {!takes && (
        <p class="room-card-foot">
          <a href={page}>{say("auction.terms_of")}</a>
        </p>
      )}
    </section>
  );
}
