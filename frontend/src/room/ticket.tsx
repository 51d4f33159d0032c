import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import { FlashLine, Struck } from "./flash.tsx";
import { availabilityOf, inWords, type Offer } from "./state.ts";
import { pictureOf, priceText, stockKind, stockText } from "./texts.ts";

interface Props {
  readonly offer: Offer;
  readonly say: Say;
  readonly language: string;
  readonly choose: () => void;
  readonly until: (moment: number) => number;
}

/** The featured offer, at thumb height. */
export function Ticket({ offer, say, language, choose, until }: Props) {
  const available = availabilityOf(offer);
  const picture = pictureOf(offer, 160);
  const title = inWords(offer.title, offer.titles, language);
  return (
    <section class="ticket" aria-label={say("shown_now")} data-offer={offer.id}>
      {picture === null ? (
        <span class="thumb">
          <Icon name="tag" big />
        </span>
      ) : (
        <img class="thumb" src={picture} alt="" width={72} height={72} />
      )}
      <div class="words">
        <h2>{title}</h2>
        <p class="ticket-price">
          <span class="price">{priceText(offer, say, language)}</span>{" "}
          <Struck offer={offer} say={say} language={language} />{" "}
          <span class={`stock text-${stockKind(available)}`}>{stockText(available, say, language)}</span>
        </p>
        <FlashLine offer={offer} say={say} until={until} />
      </div>
      <button type="button" class="button buy" onClick={choose}>
        {available.is === "gone" ? say("wait_for_it") : available.is === "later" ? say("order") : say("buy")}
      </button>
    </section>
  );
}
