// The sheet of one offer: choose a variant, see price, stock and date, buy or wait.

import { useRef, useState } from "preact/hooks";
import { day, money } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import { FlashLine, Struck } from "./flash.tsx";
import type { Paying, Problem } from "./purchases.ts";
import {
  availability,
  availabilityOf,
  inWords,
  type Line,
  linesOf,
  lineWith,
  type Offer,
  onlyChoices,
  optionKind,
  piecesOf,
  valuesOf,
} from "./state.ts";
import { minutesOf, optionText, optionWord, pictureOf, priceText, stockKind, stockText } from "./texts.ts";

interface Props {
  readonly offer: Offer;
  readonly say: Say;
  readonly language: string;
  readonly until: (moment: number) => number;
  readonly busy: boolean;
  readonly slow: boolean;
  readonly problem: Problem | null;
  /** What buying so many pieces leads to, where the show is paid at the end. */
  readonly paying: (pieces: number) => Paying | null;
  readonly signIn: string;
  /** The checkout of what is kept of a line for this buyer already. */
  readonly own: (line: Line) => string | undefined;
  readonly chosen: (line: Line) => void;
  readonly buy: (line: Line, quantity: number) => void;
  readonly wait: (line: Line, quantity: number) => void;
}

export function Choose({
  offer,
  say,
  language,
  until,
  busy,
  slow,
  problem,
  paying,
  signIn,
  own,
  chosen,
  buy,
  wait,
}: Props) {
  const lines = linesOf(offer);
  const names = offer.option_names.length > 0 ? offer.option_names : [say("choice")];
  const [picked, setPicked] = useState(() => onlyChoices(offer));
  const [wanted, setWanted] = useState(1);
  const form = useRef<HTMLFormElement>(null);
  if (lines.length === 0) return <p>{say("sold_out")}</p>;
  const missing = names.findIndex((_, index) => picked[index] === undefined);
  // Nothing is chosen for the buyer where there are several: a size that was not looked at comes back.
  const line = lines.length === 1 ? lines[0] : missing < 0 ? lineWith(offer, picked as string[]) : undefined;
  const available = line === undefined ? availabilityOf(offer) : availability(line);
  const pieces = line === undefined ? 1 : piecesOf(line);
  const limit = offer.limit ? Math.floor(offer.limit / pieces) : null;
  const most = Math.max(1, Math.min(limit ?? 10, available.is === "gone" ? 10 : available.left, 99));
  const quantity = Math.min(wanted, most);
  const pay = paying(quantity * pieces);
  const picture = pictureOf(offer, 160);
  const kept = line !== undefined && available.is === "gone" && problem === null ? own(line) : undefined;
  const pick = (index: number, value: string) => {
    const options = names.map((_, i) => (i === index ? value : picked[i]));
    // Where the other choices have nothing of this kind, they are made anew.
    const fits = lines.some((one) =>
      options.every((option, i) => option === undefined || one.options[i] === option),
    );
    const next = fits ? options : names.map((_, i) => (i === index ? value : undefined));
    setPicked(next);
    const found = next.every((option) => option !== undefined)
      ? lineWith(offer, next as string[])
      : undefined;
    if (found !== undefined) chosen(found);
  };
  const chosenText = line === undefined ? "" : optionText(line, offer.option_texts, language);
  const price = line === undefined ? "" : money(line.price_minor * quantity, line.currency, language);
  return (
    <form
      class="choose"
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        if (line === undefined)
          form.current?.querySelector<HTMLElement>(`[name="option-${missing}"]`)?.focus();
        else if (available.is === "gone") wait(line, quantity);
        else buy(line, quantity);
      }}
    >
      <div class="choose-head">
        {picture !== null && <img class="thumb" src={picture} alt="" width={72} height={72} />}
        <div>
          <p class="price big" aria-live="polite">
            {line === undefined
              ? priceText(offer, say, language)
              : money(line.price_minor, line.currency, language)}{" "}
            <Struck offer={offer} line={line} say={say} language={language} />
          </p>
          <FlashLine offer={offer} say={say} until={until} />
          <p class={`text-${stockKind(available)}`} aria-live="polite">
            {stockText(available, say, language)}
            {available.is === "gone" && available.waiting > 0 && (
              <span class="soft"> · {say("people_wait", { n: available.waiting })}</span>
            )}
          </p>
          <p class="soft small">
            {inWords(offer.title, offer.titles, language)}
            {chosenText && ` · ${chosenText}`}
          </p>
        </div>
      </div>
      {lines.length > 1 &&
        names.map((name, index) => (
          <fieldset key={name} class="field">
            <legend class="label">{optionWord(name, offer.option_texts, language)}</legend>
            <div class="choices">
              {valuesOf(offer, index).map((value) => {
                const those = lines.filter(
                  (one) =>
                    one.options[index] === value &&
                    picked.every(
                      (option, i) => i === index || option === undefined || one.options[i] === option,
                    ),
                );
                const gone = those.length > 0 && those.every((one) => availability(one).is === "gone");
                return (
                  <label key={value} class={gone ? "choice gone" : "choice"}>
                    <input
                      type="radio"
                      name={`option-${index}`}
                      required
                      checked={picked[index] === value}
                      onChange={() => pick(index, value)}
                    />
                    <span>{optionWord(value, offer.option_texts, language)}</span>
                  </label>
                );
              })}
            </div>
          </fieldset>
        ))}
      {line?.parts !== undefined && (
        <div class="contents">
          <p class="label">{say("contains")}</p>
          <ul>
            {line.parts.map((part) => (
              <li key={part.id}>
                <span class="num">{part.quantity} ×</span> {inWords(part.title, part.titles, language)}{" "}
                <span class="soft">{optionText(part, part.option_texts, language)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {most > 1 && (
        <div class="row apart">
          <span class="label" id="quantity-label">
            {say("quantity")}
            {limit !== null && (
              <span class="optional">
                {" "}
                {pieces > 1 ? say("limit_pieces", { n: limit, pieces }) : say("limit", { n: limit })}
              </span>
            )}
          </span>
          <span class="stepper">
            <button
              type="button"
              aria-label={say("fewer")}
              disabled={quantity <= 1}
              onClick={() => setWanted(quantity - 1)}
            >
              <Icon name="minus" />
            </button>
            <input
              aria-labelledby="quantity-label"
              inputMode="numeric"
              value={quantity}
              onInput={(event) =>
                setWanted(Math.max(1, Math.min(most, Number(event.currentTarget.value) || 1)))
              }
            />
            <button
              type="button"
              aria-label={say("more")}
              disabled={quantity >= most}
              onClick={() => setWanted(quantity + 1)}
            >
              <Icon name="plus" />
            </button>
          </span>
        </div>
      )}
      {line !== undefined && available.is === "later" && (
        <p class="note wait">
          <Icon name="calendar" />
          <span>{say("consent_later", { date: day(available.ready_on, language) })}</span>
        </p>
      )}
      {kept !== undefined && (
        <div class="note good">
          <Icon name="check" />
          <div class="stack tight">
            <p>{say("own_hold")}</p>
            <a class="button buy" href={kept}>
              {say("check_out")}
            </a>
          </div>
        </div>
      )}
      {problem !== null && (
        <div class="note bad" role="alert">
          <Icon name="alert" />
          <div class="stack tight">
            <p>{problem.text}</p>
            {problem.url !== undefined && (
              <a class="button buy" href={problem.url}>
                {say("check_out")}
              </a>
            )}
          </div>
        </div>
      )}
      {slow && (
        <p class="note wait" role="status">
          <Icon name="clock" />
          <span>{say("still_asking")}</span>
        </p>
      )}
      {available.is !== "gone" && (
        <p class="soft small">
          {pay === null
            ? say(`policy.${offer.policy}`, { minutes: minutesOf(offer) })
            : say(`at_end.${pay.is}`, pay)}
          {pay?.is === "unknown" && <a href={signIn}> {say("at_end.sign_in")}</a>}
        </p>
      )}
      <button
        type="submit"
        class={available.is === "gone" ? "button main wide" : "button buy wide"}
        disabled={busy}
        aria-busy={busy}
      >
        {busy
          ? say("asking")
          : line === undefined
            ? say(`choose.${optionKind(names[missing] ?? "")}`, { name: names[missing] ?? "" })
            : available.is === "gone"
              ? say("join_waitlist")
              : available.is === "later"
                ? say("buy_later", { price, date: day(available.ready_on, language) })
                : say("buy_for", { price })}
      </button>
    </form>
  );
}
