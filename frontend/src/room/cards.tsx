// What stands beside the featured product now and then.

import { GiveawayCard } from "./giveaway.tsx";
import type { RoomModel, View } from "./model.ts";

export function Cards({ view, model }: { readonly view: View; readonly model: RoomModel }) {
  const { giveaway } = view.state;
  const until = (moment: number) => model.clock.secondsUntil(moment);
  return (
    <>
      {giveaway != null && (
        <GiveawayCard
          key={giveaway.id}
          giveaway={giveaway}
          say={model.say}
          language={model.language}
          until={until}
          page={`/s/${model.shop.slug}/giveaways/${giveaway.id}`}
        />
      )}
    </>
  );
}
