// What is kept for the visitor and waits for its checkout.

import { count, countdown, money } from "../common/format.ts";
import type { RoomModel } from "./model.ts";
import { type Purchase, sumOf } from "./purchases.ts";

/** How long a purchase is kept: a clock, or that it is paid at the end. */
export function Left({ model, one }: { readonly model: RoomModel; readonly one: Purchase }) {
  if (one.at_end === true) return <b>{model.say("at_end")}</b>;
  return (
    <b class="num">{one.expires_at === null ? "" : countdown(model.clock.secondsUntil(one.expires_at))}</b>
  );
}

/** What is kept for the visitor, the latest on top, each with its time. */
export function BasketLines({
  model,
  open,
}: {
  readonly model: RoomModel;
  readonly open: readonly Purchase[];
}) {
  return (
    <ul class="basket-lines">
      {[...open].reverse().map((one) => (
        <li key={one.id}>
          <span class="clip">{one.title}</span>
          <span class="num">
            {one.quantity === undefined ? "" : `${one.quantity} × `}
            {one.total ?? ""}
          </span>
          <Left model={model} one={one} />
        </li>
      ))}
    </ul>
  );
}

/** One way to the checkout for all of it. */
export function CheckOut({ model, open }: { readonly model: RoomModel; readonly open: readonly Purchase[] }) {
  const sum = sumOf(open);
  const units = open.reduce((all, one) => all + (one.quantity ?? 1), 0);
  const total = sum === null ? "" : money(sum.minor, sum.currency, model.language);
  return (
    <a class="button buy wide" href={open[0]?.url ?? ""}>
      {sum === null
        ? model.say("check_out")
        : model.say("check_out_all", { n: count(units, model.language), total })}
    </a>
  );
}

/** " · 2 × · €258": how many, and what they come to. */
export function boughtText({ quantity, total }: Purchase): string {
  return quantity === undefined || total === undefined ? "" : ` · ${quantity} × · ${total}`;
}
