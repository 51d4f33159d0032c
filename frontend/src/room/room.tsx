// The room: the video is the page, everything else lies on it.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { away, count } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import { BasketLines, boughtText, CheckOut, Left } from "./basket.tsx";
import { ChatForm, ChatList } from "./chat.tsx";
import { Struck } from "./flash.tsx";
import { useLater } from "./later.ts";
import type { RoomModel, View } from "./model.ts";
import { availabilityOf, type ChatLine, inWords, type Offer, offersInOrder } from "./state.ts";
import { pictureOf, priceText, stockKind, stockText } from "./texts.ts";
import { Ticket } from "./ticket.tsx";
import { useTicking } from "./ticking.ts";

export function RoomPage({ model }: { readonly model: RoomModel }) {
  const [view, setView] = useState<View>(model.view);
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => model.watch(setView), [model]);
  useEffect(() => {
    if (video.current !== null) model.attach(video.current);
  }, [model]);

  const sheets = useLater(() => import("./sheets.tsx"), view.sheet.is !== "none");

  const act = useMemo(
    () => (view.role === null ? null : (line: ChatLine) => model.open({ is: "line", line })),
    [model, view.role],
  );
  const { say, language, shop } = model;
  const { state } = view;
  const title = inWords(state.show.title, state.show.titles, language);
  const featured = view.featured === null ? undefined : state.offers[String(view.featured)];
  const isLive = state.show.status === "live";
  const isOver = state.show.status === "ended";
  // Before and after the show: what it will have, or had, is looked at in the shop.
  const isIdle = !isLive;
  // Who watches is a viewer at once; the count of everybody follows within seconds.
  const viewers = isLive && view.playing === "playing" ? Math.max(1, state.viewers) : state.viewers;

  return (
    <div
      class="room"
      data-shape={view.tall ? "tall" : "wide"}
      data-status={state.show.status}
      data-connection={view.connection}
    >
      <div class="stage">
        <video
          ref={video}
          playsInline
          muted
          aria-label={say("video_of", { title })}
          {...(model.poster === null ? {} : { poster: model.poster })}
        />
        <StageWords view={view} model={model} />
      </div>
      <header class="room-top">
        <a class="glass round" href={`/s/${shop.slug}`} aria-label={say("to_shop", { shop: shop.name })}>
          <Icon name="back" />
        </a>
        <div class="room-name">
          <h1>{title}</h1>
          <p>
            {isLive && <span class="badge live">{say("live")}</span>}
            {isLive && (
              <span class="viewers" role="img" aria-label={say("viewers", { n: viewers })}>
                <Icon name="eye" /> {count(viewers, language)}
              </span>
            )}
            {view.connection === "lost" && (
              <span class="badge wait" role="status">
                {say("reconnecting")}
              </span>
            )}
          </p>
        </div>
        <a class="glass round" href={`/s/${shop.slug}/orders`} aria-label={say("my_orders")}>
          <Icon name="receipt" />
        </a>
        <button type="button" class="glass" onClick={() => model.open({ is: "seller" })}>
          <Icon name="shield" /> {say("who_sells")}
        </button>
      </header>
      <div class="deck" id="offers" tabIndex={-1}>
        {state.notice && (
          <p class={`notice ${state.notice.kind}`} role="status">
            <Icon name="info" /> <span>{inWords(state.notice.text, state.notice.texts, language)}</span>
          </p>
        )}
        {state.pinned && isLive && (
          <p class="pinned">
            <Icon name="pin" />
            <span>
              <span class="for-readers">{say("pinned")}: </span>
              <b>{state.pinned.name || say("guest")}</b> {state.pinned.text}
            </span>
          </p>
        )}
        {!isOver && <ChatList lines={view.chat} say={say} act={act} />}
        <Holds view={view} model={model} />
        {sheets !== undefined && isLive && <sheets.Cards view={view} model={model} />}
        {featured !== undefined && (
          <Ticket
            key={featured.id}
            offer={featured}
            say={say}
            language={language}
            choose={() => model.choose(featured)}
            until={(moment) => model.clock.secondsUntil(moment)}
          />
        )}
        {isIdle && <Goods view={view} model={model} strip />}
        {!isOver && (
          <div class="controls">
            <ChatForm
              say={say}
              problem={view.chatProblem}
              pause={view.role === null ? (state.show.slow_seconds ?? 0) : 0}
              silentUntil={view.silentUntil}
              send={(text) => model.speak(text)}
            />
            {!isIdle && (
              <>
                <button
                  type="button"
                  class="glass round"
                  aria-label={view.muted ? say("sound_on") : say("sound_off")}
                  aria-pressed={!view.muted}
                  onClick={() => model.sound()}
                >
                  <Icon name={view.muted ? "mute" : "sound"} />
                </button>
                <button
                  type="button"
                  class={view.liked ? "glass round liked" : "glass round"}
                  aria-label={say("like", { n: state.likes })}
                  onClick={() => model.like()}
                >
                  <Icon name="heart" />
                  <small aria-hidden="true">{count(state.likes, language)}</small>
                </button>
                <button
                  type="button"
                  class="glass round bag-button"
                  aria-label={say("all_offers", { n: state.order.length })}
                  onClick={() => model.open({ is: "bag" })}
                >
                  <Icon name="bag" />
                  <small aria-hidden="true">{state.order.length}</small>
                </button>
              </>
            )}
          </div>
        )}
      </div>
      <aside class="room-side" aria-label={say("offers")}>
        <h2>{say("offers")}</h2>
        {isIdle ? <Goods view={view} model={model} /> : <Bag view={view} model={model} />}
      </aside>
      {sheets !== undefined && (
        <sheets.Sheets view={view} model={model} bag={<Bag view={view} model={model} />} />
      )}
    </div>
  );
}

/** What stands in the middle of the picture when the picture itself does not say it. */
function StageWords({ view, model }: { readonly view: View; readonly model: RoomModel }) {
  const { say } = model;
  const { show } = view.state;
  if (show.status === "planned") {
    // Nobody waits on a page for a day.
    const isNear = model.starts === null || model.clock.secondsUntil(model.starts.at) <= 3_600;
    return (
      <div class="stage-words">
        <p class="soft">{say("not_yet")}</p>
        <p class="stage-title">{inWords(show.title, show.titles, model.language)}</p>
        {model.starts !== null && (
          <>
            <p>
              {say("starts_at", { time: model.starts.words })}
              <Until model={model} at={model.starts.at} />
            </p>
            <a class="button" href={`${show.id}/calendar.ics`}>
              {say("add_to_calendar")}
            </a>
          </>
        )}
        {isNear && <p class="soft">{say("stay_here")}</p>}
      </div>
    );
  }
  if (show.status === "ended") {
    return (
      <div class="stage-words">
        <p class="stage-title">{say("over")}</p>
        <p>{say("thanks")}</p>
        <p class="row">
          {view.replay !== null && (
            // The page of an ended show is its replay.
            <a class="button" href={`/s/${model.shop.slug}/live/${show.id}`}>
              <Icon name="play" /> {say("replay")}
            </a>
          )}
          <a class="button" href={`/s/${model.shop.slug}`}>
            {say("to_shop", { shop: model.shop.name })}
          </a>
        </p>
        {model.next !== null && (
          <p>
            {say("next_show")}
            <br />
            <a href={model.next.url}>{model.next.title}</a>
            {model.next.starts !== null && <span class="soft"> · {model.next.starts}</span>}
          </p>
        )}
      </div>
    );
  }
  if (view.playing === "blocked") {
    return (
      <button type="button" class="stage-words tap" onClick={() => model.start()}>
        <Icon name="play" big /> {say("tap_to_play")}
      </button>
    );
  }
  if (view.playing === "failed") return <p class="stage-words">{say("no_video")}</p>;
  if (view.playing !== "playing")
    return (
      <p class="stage-words quiet" role="status">
        {say("video_coming")}
      </p>
    );
  if (view.muted && !view.soundAsked) {
    return (
      <button type="button" class="tap-sound glass" onClick={() => model.sound()}>
        <Icon name="mute" /> {say("tap_for_sound")}
      </button>
    );
  }
  return null;
}

/** How long it is until the show, without a clock that runs. */
function Until({ model, at }: { readonly model: RoomModel; readonly at: string }) {
  useTicking(true, 5_000);
  const seconds = model.clock.secondsUntil(at);
  return (
    <span class="until">{seconds <= 60 ? model.say("starts_soon") : away(seconds, model.language)}</span>
  );
}

/** The goods of a show that sells nothing now: a picture, a name and a price lead to the shop. */
function Goods({
  view,
  model,
  strip = false,
}: {
  readonly view: View;
  readonly model: RoomModel;
  readonly strip?: boolean;
}) {
  const { say, language, shop } = model;
  const offers = offersInOrder(view.state);
  if (offers.length === 0) return strip ? null : <p class="soft">{say("no_offers")}</p>;
  return (
    <ul class={strip ? "strip" : "bag"} aria-label={say("offers")}>
      {offers.map((offer: Offer) => {
        const picture = pictureOf(offer, strip ? 480 : 160);
        return (
          <li key={offer.id}>
            <a href={`/s/${shop.slug}/p/${offer.product_id}`}>
              {picture === null ? (
                <span class="thumb">
                  <Icon name="tag" big />
                </span>
              ) : (
                <img class="thumb" src={picture} alt="" width={64} height={64} loading="lazy" />
              )}
              <span class="words">
                <b>{inWords(offer.title, offer.titles, language)}</b>
                <span class="price">{priceText(offer, say, language)}</span>
              </span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function Bag({ view, model }: { readonly view: View; readonly model: RoomModel }) {
  const { say, language } = model;
  const offers = offersInOrder(view.state);
  if (offers.length === 0) return <p class="soft">{say("no_offers")}</p>;
  return (
    <ul class="bag">
      {offers.map((offer: Offer, index) => {
        const available = availabilityOf(offer);
        const picture = pictureOf(offer, 160);
        return (
          <li key={offer.id}>
            <button type="button" onClick={() => model.choose(offer, true)}>
              <span class="bag-number num">{index + 1}</span>
              {picture === null ? (
                <span class="thumb">
                  <Icon name="tag" big />
                </span>
              ) : (
                <img class="thumb" src={picture} alt="" width={64} height={64} loading="lazy" />
              )}
              <span class="words">
                <b>{inWords(offer.title, offer.titles, language)}</b>
                <span>
                  <span class="price">{priceText(offer, say, language)}</span>{" "}
                  <Struck offer={offer} say={say} language={language} />{" "}
                  <span class={`small text-${stockKind(available)}`}>
                    {stockText(available, say, language)}
                  </span>
                </span>
                {view.featured === offer.id && <span class="badge live">{say("shown_now")}</span>}
              </span>
              <Icon name="next" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** Purchases that wait for their checkout, each with its time. */
function Holds({ view, model }: { readonly view: View; readonly model: RoomModel }) {
  const ticking = useTicking(view.purchases.length > 0);
  const open = useMemo(() => model.openPurchases(), [view.purchases, ticking]);
  return (
    <>
      {view.places.map((one) => (
        <a key={one.id} class="hold-chip" href={one.url}>
          <Icon name="clock" />
          <span class="clip">{one.title}</span>
          <span class="strong num">{model.say("waiting_chip", { n: one.position })}</span>
        </a>
      ))}
      {open.length > 1 ? (
        <section class="hold-basket" aria-label={model.say("basket")}>
          <BasketLines model={model} open={open} />
          <CheckOut model={model} open={open} />
        </section>
      ) : (
        open.map((one) => (
          <a key={one.id} class="hold-chip" href={one.url}>
            <Icon name="clock" />
            <span class="clip">
              {one.title}
              {boughtText(one)}
            </span>
            <Left model={model} one={one} />
            <span class="strong">{model.say("check_out")}</span>
          </a>
        ))
      )}
    </>
  );
}
