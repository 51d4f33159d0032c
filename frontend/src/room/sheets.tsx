// What rises from below after a tap: fetched behind the first picture of the page.

import type { ComponentChildren } from "preact";
import { countdown, day } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import { BasketLines, boughtText, CheckOut } from "./basket.tsx";
import { Choose } from "./choose.tsx";
import type { RoomModel, View } from "./model.ts";
import { Moderation } from "./moderation.tsx";
import { Sheet } from "./sheet.tsx";
import { inWords } from "./state.ts";
import { useTicking } from "./ticking.ts";

export { Cards } from "./cards.tsx";

interface Props {
  readonly view: View;
  readonly model: RoomModel;
  readonly bag: ComponentChildren;
}

/** The sheet that the view asks for. */
export function Sheets({ view, model, bag }: Props) {
  const { say, language } = model;
  const { sheet, state } = view;
  const close = () => model.open({ is: "none" });
  if (sheet.is === "bag")
    return (
      <Sheet title={say("offers")} say={say} close={close}>
        {bag}
      </Sheet>
    );
  const opened = sheet.is === "offer" ? state.offers[String(sheet.offer)] : undefined;
  if (opened !== undefined)
    return (
      <Sheet key={opened.id} title={inWords(opened.title, opened.titles, language)} say={say} close={close}>
        <Choose
          offer={opened}
          say={say}
          language={language}
          until={(moment) => model.clock.secondsUntil(moment)}
          busy={view.busy}
          slow={view.slow}
          problem={view.problem}
          paying={(pieces) => model.payingOf(opened, pieces)}
          signIn={`/s/${model.shop.slug}/account/sign-in?next=/s/${model.shop.slug}/live/${view.state.show.id}`}
          own={(line) => model.ownCheckout(line.id)}
          chosen={(line) => model.chosen(opened, line)}
          buy={(line, quantity) => void model.buy(opened, line, quantity)}
          wait={(line, quantity) => void model.wait(opened, line, quantity)}
        />
      </Sheet>
    );
  if (sheet.is === "line")
    return (
      <Sheet title={say("act.title")} say={say} close={close}>
        <Moderation model={model} line={sheet.line} pinned={state.pinned?.id === sheet.line.id} />
      </Sheet>
    );
  if (sheet.is === "held") return <HeldSheet view={view} model={model} id={sheet.id} />;
  if (sheet.is === "waiting")
    return (
      <Sheet title={say("waiting_title")} say={say} close={close}>
        <p>{sheet.position > 0 ? say("waiting_position", { n: sheet.position }) : say("waiting_noted")}</p>
        <p class="soft">{say("waiting_how")}</p>
        <a class="button wide" href={sheet.url}>
          {say("see_place")}
        </a>
      </Sheet>
    );
  if (sheet.is === "added")
    return (
      <Sheet title={say("embed.added")} say={say} close={close}>
        <p>{say("embed.added_how")}</p>
        <button type="button" class="button main wide" onClick={close}>
          {say("keep_watching")}
        </button>
      </Sheet>
    );
  if (sheet.is === "seller")
    return (
      <Sheet title={say("who_sells")} say={say} close={close}>
        <SellerFacts model={model} />
      </Sheet>
    );
  return null;
}

function HeldSheet({
  view,
  model,
  id,
}: {
  readonly view: View;
  readonly model: RoomModel;
  readonly id: string;
}) {
  const { say, language } = model;
  useTicking(true);
  const one = model.purchaseNow(id);
  if (one === undefined) return null;
  const pay = view.state.show.pay_at_end ?? null;
  const others = model.openPurchases().filter((each) => each.id !== id && each.expires_at !== null);
  const seconds = one.expires_at === null ? null : model.clock.secondsUntil(one.expires_at);
  return (
    <Sheet
      title={seconds === null ? say("yours_to_pay") : say("held_for_you")}
      say={say}
      close={() => model.open({ is: "none" })}
    >
      <p class="strong">
        {one.title}
        {boughtText(one)}
      </p>
      {one.at_end === true && pay !== null && (
        <p class="note good">
          <Icon name="clock" />
          <span>{say("at_end.kept", { minutes: pay.minutes })}</span>
        </p>
      )}
      {seconds !== null && one.at_end !== true && (
        <p class={seconds === 0 ? "timer over" : seconds < 60 ? "timer soon" : "timer"} role="timer">
          <span>{seconds === 0 ? say("hold_over") : say("hold_left")}</span>
          <b class="clock">{countdown(seconds)}</b>
        </p>
      )}
      {one.note !== undefined && (
        <p class="note wait">
          <Icon name="alert" />
          <span>{one.note}</span>
        </p>
      )}
      {one.ready_on !== null && (
        <p class="note wait">
          <Icon name="calendar" />
          <span>
            {say(one.later ? "later_than_seen" : "ready_then", { date: day(one.ready_on, language) })}
          </span>
        </p>
      )}
      {others.length > 0 ? (
        <>
          <BasketLines model={model} open={others} />
          <CheckOut model={model} open={[...others, one]} />
        </>
      ) : (
        <a class="button buy wide" href={one.url}>
          {say("check_out")}
        </a>
      )}
      <button type="button" class="button plain wide" onClick={() => model.open({ is: "none" })}>
        {say("keep_watching")}
      </button>
    </Sheet>
  );
}

/** The card of the seller as the server wrote it: no second request, nothing to log in to. */
function SellerFacts({ model }: { readonly model: RoomModel }) {
  return (
    <dl class="facts">
      {model.seller.map(([label, value]) => (
        <>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}
