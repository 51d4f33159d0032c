// What stands beside the featured product now and then.

import { CouponCard } from "./coupon.tsx";
import { GiveawayCard } from "./giveaway.tsx";
import type { RoomModel, View } from "./model.ts";
import { PollCard } from "./poll.tsx";

export function Cards({ view, model }: { readonly view: View; readonly model: RoomModel }) {
  const { giveaway, poll, coupon } = view.state;
  const { say, language } = model;
  const shop = `/s/${model.shop.slug}`;
  const until = (moment: number) => model.clock.secondsUntil(moment);
  if (coupon == null && poll == null && giveaway == null) return null;
  return (
    <div class="room-cards">
      {coupon != null && (
        <CouponCard
          key={coupon.id}
          coupon={coupon}
          say={say}
          language={language}
          until={until}
          path={`${shop}/coupons/${coupon.slug}`}
        />
      )}
      {poll != null && (
        <PollCard
          key={poll.id}
          poll={poll}
          say={say}
          language={language}
          until={until}
          path={`${shop}/polls/${poll.id}/vote`}
        />
      )}
      {giveaway != null && (
        <GiveawayCard
          key={giveaway.id}
          giveaway={giveaway}
          say={say}
          language={language}
          until={until}
          page={`${shop}/giveaways/${giveaway.id}`}
        />
      )}
    </div>
  );
}
