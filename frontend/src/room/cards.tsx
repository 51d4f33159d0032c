// What stands beside the featured product now and then.

import type { AuctionProps } from "./auction.tsx";
import { CouponCard } from "./coupon.tsx";
import { GiveawayCard } from "./giveaway.tsx";
import { useLater } from "./later.ts";
import type { RoomModel, View } from "./model.ts";
import { PollCard } from "./poll.tsx";

function Lot(props: AuctionProps) {
  const part = useLater(() => import("./auction.tsx"), true);
  return part === undefined ? null : <part.AuctionCard {...props} />;
}

export function Cards({ view, model }: { readonly view: View; readonly model: RoomModel }) {
  const { auction, giveaway, poll, coupon } = view.state;
  const { say, language } = model;
  const shop = `/s/${model.shop.slug}`;
  const until = (moment: number) => model.clock.secondsUntil(moment);
  if (!(auction || coupon || poll || giveaway)) return null;
  return (
    <div class="room-cards">
      {auction && (
        <Lot
          key={auction.id}
          auction={auction}
          language={language}
          until={until}
          shop={model.shop.slug}
          page={`${shop}/auctions/${auction.id}`}
        />
      )}
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
