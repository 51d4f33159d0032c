// The collector for other sites of the merchant, served by the shop as /e.js:
//
//   <script>shopfloor = [["view_item", { product_id: 5 }]]</script>
//   <script async src="https://shop.example/e.js" data-shop="1" data-consent="ask"></script>
//
// `shopfloor.push([type, facts])` notes an event, `shopfloor.push(["consent", true])` says what the visitor said.
import { Collector, type Facts, saysNo, sendTo } from "../common/collect.ts";

type Said = readonly [type: "consent", given: boolean] | readonly [type: string, facts?: Facts];

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  const { shop, show, consent } = script.dataset;
  const collector = new Collector(
    { ...(shop ? { shop_id: Number(shop) } : {}), ...(show ? { show_id: Number(show) } : {}) },
    { send: sendTo(new URL("/e", script.src).href), consent: consent === "given" && !saysNo() },
  );
  let seen = false;
  const hear = ([type, value]: Said): void => {
    if (type === "consent") {
      collector.consent(value === true);
      if (value === true) see();
    } else collector.note(type, value as Facts | undefined);
  };
  const see = (): void => {
    if (seen) return;
    seen = true;
    collector.note("page_view", { path: location.pathname.slice(0, 200) });
  };
  const page = window as { shopfloor?: Said[] | { push(said: Said): void } };
  const before = Array.isArray(page.shopfloor) ? page.shopfloor : [];
  page.shopfloor = { push: hear };
  if (consent === "given" && !saysNo()) see();
  before.forEach(hear);
  collector.flushWhenHidden();
}
