import { countdown, money } from "../common/format.ts";
import type { Say } from "../common/words.ts";
import { currencyOf, flashLeft, type Line, type Offer, struckOf } from "./state.ts";
import { useTicking } from "./ticking.ts";

interface Props {
  readonly offer: Offer;
  readonly say: Say;
  /** Seconds until a moment, on the server's clock. */
  readonly until: (moment: number) => number;
}

/** A flash: how long it lasts, and how much of it is left. */
export function FlashLine({ offer, say, until }: Props) {
  const { flash } = offer;
  useTicking(flash != null, 250);
  if (flash == null) return null;
  const left = flashLeft(offer);
  return (
    <p class="flash-line">
      <b>{say("flash")}</b>
      <b class="num" role="timer">
        {countdown(until(flash.ends_at))}
      </b>
      <progress
        max={flash.units}
        value={left}
        aria-label={say("flash_left", { n: left, all: flash.units })}
      />
    </p>
  );
}

/** The price that the flash is a reduction of, where that may be said. */
export function Struck({
  offer,
  line,
  say,
  language,
}: {
  readonly offer: Offer;
  readonly line?: Line | undefined;
  readonly say: Say;
  readonly language: string;
}) {
  const minor = line === undefined ? struckOf(offer) : (offer.flash?.struck[String(line.id)] ?? null);
  if (minor === null || offer.flash == null) return null;
  const words = say("flash_struck", { days: offer.flash.days });
  return (
    <s class="struck num" title={words}>
      <span class="for-readers">{words}: </span>
      {money(minor, currencyOf(offer), language)}
    </s>
  );
}
