// Takes over the room page: from here on it is alive.

import { render } from "preact";
import { cameFrom } from "../common/came_from.ts";
import { Collector } from "../common/collect.ts";
import { pageData, speaker, type Words } from "../common/words.ts";
import { type RoomData, RoomModel } from "./model.ts";
import { RoomPage } from "./room.tsx";

const root = document.getElementById("room");
if (root !== null) {
  const data = pageData<RoomData>("room-data");
  const say = speaker(pageData<Words>("room-words"));
  const collector = new Collector({ shop_id: data.shop.id, show_id: data.state.show.id });
  collector.note("page_view", { campaign_source: cameFrom(location.hash) });
  collector.flushWhenHidden();
  const model = new RoomModel(data, say, document.documentElement.lang, collector);
  root.replaceChildren();
  root.className = "";
  const { embed } = data;
  if (embed !== undefined) void import("./embed.ts").then(({ embedded }) => embedded(model, embed));
  render(<RoomPage model={model} />, root);
  document.documentElement.classList.add("alive");
}
