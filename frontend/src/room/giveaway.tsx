// The card of a giveaway: how to enter it, how long it takes entries, and who was drawn.

import { useState } from "preact/hooks";
import { count, countdown, money } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import { useKept } from "./kept.ts";
import { sent } from "./sent.ts";
import type { GiveawayState } from "./state.ts";
import { useTicking } from "./ticking.ts";

interface Props {
  readonly giveaway: GiveawayState;
  readonly say: Say;
  readonly language: string;
  /** Seconds until a moment, on the server's clock. */
  readonly until: (moment: number) => number;
}

/** What the room and the overlay both say of it. */
export function GiveawayWords({ giveaway, say, language, until }: Props) {
  const runs = giveaway.state === "open" || giveaway.state === "closed";
  useTicking(runs, 250);
  const left = until(giveaway.state === "open" ? giveaway.closes_at : giveaway.draws_at);
  return (
    <>
      <p class="room-card-head">
        <span>
          <Icon name="gift" /> {say("giveaway")}
        </span>
        {runs && left > 0 && (
          <b class="num" role="timer">
            {countdown(left)}
          </b>
        )}
      </p>
      <h2>{giveaway.prize}</h2>
      <p class="soft">
        {say("giveaway.worth", { value: money(giveaway.value_minor, giveaway.currency, language) })} ·{" "}
        {giveaway.winners > 1 && <>{say("giveaway.winners", { n: giveaway.winners })} · </>}
        {say("giveaway.entries", { n: count(giveaway.entries, language) })}
      </p>
      {giveaway.state === "closed" && (
        <p role="status">{say(giveaway.waits === true ? "giveaway.waits" : "giveaway.closed")}</p>
      )}
      {giveaway.state === "void" && <p role="status">{say("giveaway.void")}</p>}
      {giveaway.state === "drawn" && (
        <ul class="drawn" aria-label={say("giveaway.drawn")}>
          {(giveaway.drawn ?? []).map(([name, number]) => (
            <li key={number}>
              <b>{name || say("guest")}</b> <span class="num soft">{number}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** With the button; `page` is the giveaway's own, which works without a script. */
export function GiveawayCard({ page, ...props }: Props & { readonly page: string }) {
  const { giveaway, say, until } = props;
  const [number, setNumber] = useKept<string>(`giveaway.${giveaway.id}`);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const won = number !== null && (giveaway.drawn ?? []).some(([, each]) => each === number);
  const takes = giveaway.state === "open" && until(giveaway.closes_at) > 0;

  async function enter(): Promise<void> {
    setBusy(true);
    setProblem(undefined);
    const told = await sent<{ readonly number: string }>(`${page}/enter`, say);
    setBusy(false);
    if (typeof told === "string") setProblem(told);
    else setNumber(told.number);
  }

  return (
    <section class="room-card" aria-label={say("giveaway")}>
      <GiveawayWords {...props} />
      {won && (
        <p>
          <a class="button buy wide" href={page}>
            {say("giveaway.won")}
          </a>
        </p>
      )}
      <p class="room-card-foot">
        {takes && number === null && (
          <button
            type="button"
            class="button buy"
            aria-busy={busy}
            disabled={busy}
            onClick={() => void enter()}
          >
            {say("giveaway.enter")}
          </button>
        )}
        {number !== null && !won && (
          <span role="status">
            <Icon name="check" /> {say("giveaway.in", { number })}
          </span>
        )}
        <a href={page}>{say(giveaway.state === "drawn" ? "giveaway.check" : "giveaway.rules")}</a>
      </p>
      {problem !== undefined && (
        <p class="text-bad" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}
