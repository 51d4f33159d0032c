// The card of a coupon: what it is worth, how many are left, until when; one tap collects it.

import { useState } from "preact/hooks";
import { count, money } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import { useKept } from "./kept.ts";
import { sent } from "./sent.ts";
import type { CouponState } from "./state.ts";

interface Props {
  readonly coupon: CouponState;
  readonly say: Say;
  readonly language: string;
}

function worth({ coupon, say, language }: Props): string {
  const { kind, percent, amount_minor: amount, currency } = coupon;
  if (kind === "free_shipping") return say("coupon.free_shipping");
  if (kind === "percentage") return say("coupon.off", { value: `${percent}%` });
  return amount > 0 ? say("coupon.off", { value: money(amount, currency, language) }) : coupon.title;
}

/** What the room and the overlay both say of it. */
export function CouponWords(props: Props) {
  const { coupon, say, language } = props;
  const ends = coupon.ends_at ?? null;
  const parts = [
    coupon.left == null ? "" : say("coupon.left", { n: count(coupon.left, language) }),
    ends === null
      ? ""
      : say("coupon.ends", {
          time: new Date(ends).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" }),
        }),
  ].filter((part) => part !== "");
  return (
    <p>
      <b>{worth(props)}</b>
      {coupon.minimum_minor > 0 && (
        <> {say("coupon.over", { value: money(coupon.minimum_minor, coupon.currency, language) })}</>
      )}
      {parts.map((part) => ` · ${part}`)}
    </p>
  );
}

export function CouponCard({
  path,
  until,
  ...props
}: Props & { readonly path: string; readonly until: (moment: number) => number }) {
  const { coupon, say } = props;
  const [has, setHas] = useKept<boolean>(`coupon.${coupon.id}`);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const over = !coupon.open || (coupon.ends_at != null && until(coupon.ends_at) <= 0);

  async function collect(): Promise<void> {
    setBusy(true);
    setProblem(undefined);
    const told = await sent<object>(path, say);
    setBusy(false);
    if (typeof told === "string") setProblem(told);
    else setHas(true);
  }

  return (
    <section class="room-card coupon-card" aria-label={say("coupon")}>
      <p class="room-card-head">
        <span>
          <Icon name="percent" /> {coupon.title}
        </span>
      </p>
      <div class="room-card-foot">
        <CouponWords {...props} />
        {has ? (
          <span role="status">
            <Icon name="check" /> {say("coupon.has")}
          </span>
        ) : over || coupon.left === 0 ? (
          <span class="soft">{say(coupon.left === 0 ? "coupon.gone" : "coupon.ended")}</span>
        ) : (
          <button
            type="button"
            class="button buy"
            aria-busy={busy}
            disabled={busy}
            onClick={() => void collect()}
          >
            {say("coupon.collect")}
          </button>
        )}
      </div>
      {problem !== undefined && (
        <p class="text-bad" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}
