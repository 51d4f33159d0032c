// What OBS lays over the picture: the featured product, the pinned message, the chat, the address of the room.
// It hears what the room hears and says nothing itself: it is no viewer.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ServerClock } from "../common/clock.ts";
import { money } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import { pageData, type Say, speaker, type Words } from "../common/words.ts";
import { AuctionWords } from "../room/auction.tsx";
import { CouponWords } from "../room/coupon.tsx";
import { FlashLine, Struck } from "../room/flash.tsx";
import { GiveawayWords } from "../room/giveaway.tsx";
import { PollWords } from "../room/poll.tsx";
import { RoomSocket } from "../room/socket.ts";
import { availabilityOf, currencyOf, inWords, type Offer, priceRange } from "../room/state.ts";
import { stockKind, stockText } from "../room/texts.ts";
import { after, chosenParts, type Part, type Seen } from "./parts.ts";

interface OverlayData extends Seen {
  readonly now: number;
}

const LINES = 4;

function Overlay({ data, say, parts }: { data: OverlayData; say: Say; parts: ReadonlySet<Part> }) {
  const [seen, see] = useState<Seen>(data);
  const [clock] = useState(() => new ServerClock());
  useEffect(() => {
    clock.heard(data.now);
    const { protocol, host } = location;
    const url = `${protocol === "https:" ? "wss" : "ws"}://${host}/room/${data.state.show.id}/socket`;
    const socket = new RoomSocket(url, {
      message: (message) => {
        if (message.t === "snapshot" || message.t === "tick") clock.heard(message.now);
        see((before) => after(before, message));
      },
      connection: () => undefined,
    });
    socket.connect();
  }, [data, clock]);
  const { state, chat } = seen;
  const featured = state.featured == null ? undefined : state.offers[String(state.featured.offer_id)];
  const isLive = state.show.status === "live";
  const said = chat.filter((line) => line.role !== "system").slice(-LINES);
  return (
    <>
      {parts.has("chat") && isLive && (
        <ol class="overlay-chat">
          {said.map((line) => (
            <li key={line.id} class={line.role}>
              <b>{line.name || say("guest")}</b> <span>{line.text}</span>
            </li>
          ))}
        </ol>
      )}
      {parts.has("pinned") && isLive && state.pinned != null && (
        <p class="overlay-pinned" key={state.pinned.id}>
          <Icon name="pin" />
          <span>
            <b>{state.pinned.name || say("guest")}</b> {state.pinned.text}
          </span>
        </p>
      )}
      {parts.has("auction") && isLive && state.auction != null && (
        <section class="room-card auction-card" key={state.auction.id}>
          <AuctionWords
            auction={state.auction}
            say={say}
            language={document.documentElement.lang}
            until={(moment) => clock.secondsUntil(moment)}
          />
        </section>
      )}
      {parts.has("coupon") && isLive && state.coupon != null && (
        <section class="room-card coupon-card" key={state.coupon.id}>
          <CouponWords coupon={state.coupon} say={say} language={document.documentElement.lang} />
        </section>
      )}
      {parts.has("poll") && isLive && state.poll != null && (
        <section class="room-card" key={state.poll.id}>
          <PollWords
            poll={state.poll}
            say={say}
            language={document.documentElement.lang}
            until={(moment) => clock.secondsUntil(moment)}
          />
        </section>
      )}
      {parts.has("giveaway") && isLive && state.giveaway != null && (
        <section class="room-card" key={state.giveaway.id}>
          <GiveawayWords
            giveaway={state.giveaway}
            say={say}
            language={document.documentElement.lang}
            until={(moment) => clock.secondsUntil(moment)}
          />
        </section>
      )}
      {parts.has("card") && isLive && featured !== undefined && (
        <Card key={featured.id} offer={featured} say={say} until={(moment) => clock.secondsUntil(moment)} />
      )}
    </>
  );
}

function Card({ offer, say, until }: { offer: Offer; say: Say; until: (moment: number) => number }) {
  const language = document.documentElement.lang;
  const available = availabilityOf(offer);
  const [low, high] = priceRange(offer);
  const price = money(low, currencyOf(offer), language);
  return (
    <section class="overlay-card">
      {offer.picture != null && <img src={`/pictures/${offer.picture}/480.webp`} alt="" />}
      <div>
        <h1>{inWords(offer.title, offer.titles, language)}</h1>
        <p>
          <b class="overlay-price num">{low === high ? price : say("from_price", { price })}</b>{" "}
          <Struck offer={offer} say={say} language={language} />
        </p>
        <p class={`overlay-stock ${stockKind(available)}`}>{stockText(available, say, language)}</p>
        <FlashLine offer={offer} say={say} until={until} />
      </div>
    </section>
  );
}

const root = document.getElementById("overlay");
if (root !== null) {
  const parts = chosenParts(new URLSearchParams(location.search));
  if (!parts.has("code")) document.getElementById("overlay-code")?.remove();
  render(
    <Overlay
      data={pageData<OverlayData>("overlay-data")}
      say={speaker(pageData<Words>("overlay-words"))}
      parts={parts}
    />,
    root,
  );
}
