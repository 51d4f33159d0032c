// What a merchant's own site has in its page: makes the frame of a room, gives it room, and passes messages on as events.
// Runs in foreign pages beside whatever is there: one global flag, no style sheet, nothing of the page is read.
// docs/embedding.md is its description.

const VERSION = 1;
const TRIES = 120;

interface Message {
  readonly shopfloor: number;
  readonly type: string;
  readonly [fact: string]: unknown;
}

function isMessage(data: unknown): data is Message {
  return (
    typeof data === "object" &&
    data !== null &&
    (data as { shopfloor?: unknown }).shopfloor === VERSION &&
    typeof (data as { type?: unknown }).type === "string"
  );
}

function embed(place: HTMLElement): void {
  const shop = new URL(place.dataset["shopfloor"] ?? "", location.href);
  const { show, lang, cart, height, title } = place.dataset;
  // What was not written by a merchant leads nowhere: an address with a scheme of its own would run as a script.
  if (shop.protocol !== "https:" && shop.protocol !== "http:") return;
  const base = shop.href.replace(/[?#].*$/, "").replace(/\/$/, "");
  const address = new URL(
    show === undefined ? `${base}/embed` : `${base}/live/${encodeURIComponent(show)}/embed`,
  );
  if (lang !== undefined) address.searchParams.set("lang", lang);

  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = title ?? "Live show";
  frame.allow = "autoplay; fullscreen; picture-in-picture";
  frame.referrerPolicy = "strict-origin-when-cross-origin";
  frame.style.cssText = `display:block;width:100%;border:0;height:${height ?? "640px"}`;

  const say = (type: string, facts: object = {}): void =>
    frame.contentWindow?.postMessage({ shopfloor: VERSION, type, ...facts }, shop.origin);

  // The frame speaks to nobody it has not been greeted by, and is there when it is there.
  let greeting: ReturnType<typeof setInterval> | undefined;
  const greet = (): void => {
    clearInterval(greeting);
    let tries = 0;
    greeting = setInterval(() => {
      if (++tries > TRIES) clearInterval(greeting);
      say("hello", { cart: cart === "site" ? "site" : "shop" });
    }, 250);
  };
  frame.addEventListener("load", greet);

  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== shop.origin || !isMessage(event.data))
      return;
    const { shopfloor: _, type, ...facts } = event.data;
    if (type === "ready") clearInterval(greeting);
    if (type === "resize" && height === undefined && typeof facts["height"] === "number") {
      frame.style.height = `${Math.min(2_000, Math.max(320, Math.round(facts["height"])))}px`;
    }
    const detail: Record<string, unknown> = { ...facts };
    if (type === "cart.add") {
      // Whoever listens says what became of it; the room waits for that, and tells its visitor.
      detail["added"] = () => say("cart.added", { id: facts["id"] });
      detail["refused"] = (message?: unknown) =>
        say("cart.refused", { id: facts["id"], message: typeof message === "string" ? message : "" });
    }
    place.dispatchEvent(new CustomEvent(`shopfloor:${type}`, { detail, bubbles: true }));
  });
  place.append(frame);
}

function all(): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-shopfloor]")) {
    // The snippet may stand in a page twice, and its script be run again by what builds pages.
    if (place.querySelector("iframe") === null) embed(place);
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
else all();
