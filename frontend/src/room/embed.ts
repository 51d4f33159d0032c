// The room in a frame of the merchant's own site.  It answers to that site alone, and only after a greeting from one of the
// origins that the shop has named; links lead out of the frame, a checkout with a pass (web/embedded.py).

import type { RoomModel, View } from "./model.ts";
import type { Purchase } from "./purchases.ts";
import type { Line, Offer } from "./state.ts";

export const VERSION = 1;
// A pass is good for fifteen minutes, and must be at hand when a finger comes down: nothing may be waited for then.
const RENEW = 8 * 60_000;
const ANSWER = 10_000;
const LOOK_AGAIN = 30_000;

export interface Embed {
  readonly sites: readonly string[];
}

/** What the model asks the world around the room. */
export interface Outside {
  readonly seen: (view: View) => void;
  readonly ordered: (purchases: readonly Purchase[]) => void;
  /** True where the tap was taken care of: the site has a basket of its own, or nothing can be reserved here. */
  readonly takes: (offer: Offer, line: Line, quantity: number) => boolean;
}

/** Where a link inside the shop leads out of the frame: with a pass, to a purchase to be paid, all of them or a giveaway
 * that was entered in it; or to any other page. */
export type Exit =
  | { readonly is: "own"; readonly field: "hold" | "giveaway" | null; readonly value: string }
  | { readonly is: "page" | "stay" };

export function exitOf(path: string, slug: string): Exit {
  const own = new RegExp(`^/s/${slug}/(?:cart|checkout/([0-9a-f-]{36})|giveaways/(\\d+))$`).exec(path);
  if (own !== null) {
    const [, hold, giveaway] = own;
    const field = hold !== undefined ? "hold" : giveaway !== undefined ? "giveaway" : null;
    return { is: "own", field, value: hold ?? giveaway ?? "" };
  }
  return { is: new RegExp(`^/s/${slug}/live/\\d+/embed$`).test(path) ? "stay" : "page" };
}

/** Whether a message is from the site around us, and one that we understand. */
export function isGreeted(
  event: { readonly origin: string; readonly source: unknown; readonly data: unknown },
  parent: unknown,
  sites: readonly string[],
): event is { origin: string; source: unknown; data: { type: string } & Record<string, unknown> } {
  const { data } = event;
  return (
    event.source === parent &&
    sites.includes(event.origin) &&
    typeof data === "object" &&
    data !== null &&
    (data as { shopfloor?: unknown }).shopfloor === VERSION &&
    typeof (data as { type?: unknown }).type === "string"
  );
}

/** How high the frame should be for its width: the picture whole, and a hand's breadth for what lies below a wide one. */
export function heightFor(width: number, tall: boolean): number {
  const within = (wanted: number) => Math.round(Math.min(820, Math.max(480, wanted)));
  if (width >= 900) return within(width * 0.52);
  return within(tall ? (width * 16) / 9 : (width * 9) / 16 + 420);
}

function wayOut(model: RoomModel, path: string): HTMLElement {
  const card = document.createElement("section");
  card.className = "way-out";
  const words = document.createElement("p");
  words.textContent = model.say("embed.refused");
  const link = document.createElement("a");
  link.className = "button main wide";
  link.href = path;
  link.textContent = model.say("embed.open");
  card.append(words, link);
  return card;
}

export function embedded(model: RoomModel, embed: Embed): void {
  const { slug } = model.shop;
  const show = model.view.state.show.id;
  let host: string | undefined;
  let cartOfSite = false;
  let pass: string | undefined;
  let refused = false;
  let before: View | undefined;
  let height = 0;
  let featured = "";
  let turn = 0;
  const asked = new Map<string, (answer: { readonly added: boolean; readonly message: string }) => void>();

  const say = (type: string, facts: object = {}): void => {
    if (host !== undefined) parent.postMessage({ shopfloor: VERSION, type, ...facts }, host);
  };
  const showNow = ({ state }: View) => ({ id: show, title: state.show.title, status: state.show.status });
  const product = (view: View) => {
    const offer = view.featured === null ? undefined : view.state.offers[String(view.featured)];
    if (offer === undefined) return { product: null };
    const lines = Object.values(offer.lines);
    return {
      product: {
        offer_id: offer.id,
        product_id: offer.product_id,
        title: offer.title,
        skus: lines.map((line) => line.sku),
        price_minor: Math.min(...lines.map((line) => line.price_minor)),
        currency: lines[0]?.currency ?? null,
      },
    };
  };
  const tellProduct = (view: View): void => {
    const facts = product(view);
    const text = JSON.stringify(facts);
    if (text === featured) return;
    featured = text;
    say("product", facts);
  };
  const bought = ({ id, title, quantity, minor, currency }: Purchase) => ({
    id,
    title,
    quantity: quantity ?? 1,
    total_minor: minor ?? null,
    currency: currency ?? null,
  });
  const fit = (view: View): void => {
    const wanted = heightFor(innerWidth, view.tall);
    if (wanted === height) return;
    height = wanted;
    say("resize", { height });
  };
  const tellAll = (view: View): void => {
    say("ready", { show: showNow(view) });
    say("show", showNow(view));
    featured = "";
    tellProduct(view);
    height = 0;
    fit(view);
  };

  addEventListener("message", (event) => {
    if (!isGreeted(event, parent, embed.sites)) return;
    const { data } = event;
    if (data.type === "hello") {
      cartOfSite = data["cart"] === "site";
      if (host === event.origin) return;
      host = event.origin;
      tellAll(model.view);
    } else if (data.type === "cart.added" || data.type === "cart.refused") {
      const message = typeof data["message"] === "string" ? data["message"].slice(0, 200) : "";
      asked.get(String(data["id"]))?.({ added: data.type === "cart.added", message });
    }
  });
  addEventListener("resize", () => fit(model.view));

  const open = (path: string): void => {
    say("navigate", { url: new URL(path, location.href).href });
    window.open(path, "_blank", "noopener");
  };
  /** A form, because of it alone a browser says that it came from a page of ours. */
  const leave = (url: string, field: string | null, value: string): void => {
    say("navigate", { url });
    const form = document.createElement("form");
    form.method = "post";
    form.action = `/s/${slug}/embed/open`;
    form.target = "_blank";
    for (const [name, text] of Object.entries({
      pass: pass ?? "",
      ...(field !== null && { [field]: value }),
    })) {
      const hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.name = name;
      hidden.value = text;
      form.append(hidden);
    }
    document.body.append(form);
    form.submit();
    form.remove();
  };

  document.addEventListener(
    "click",
    (event) => {
      const link =
        event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[href]") : null;
      if (link === null) return;
      const url = new URL(link.href);
      const exit: Exit = url.origin === location.origin ? exitOf(url.pathname, slug) : { is: "page" };
      if (exit.is === "stay") return;
      event.preventDefault();
      if (exit.is === "own" && !refused) leave(link.href, exit.field, exit.value);
      else open(link.href);
    },
    true,
  );

  const forSite = async (offer: Offer, line: Line, quantity: number): Promise<void> => {
    const id = `${show}-${++turn}`;
    model.put({ busy: true, problem: null });
    const answer = await new Promise<{ readonly added: boolean; readonly message: string }>((resolve) => {
      asked.set(id, resolve);
      setTimeout(() => resolve({ added: false, message: "" }), ANSWER);
      say("cart.add", {
        id,
        offer_id: offer.id,
        product_id: offer.product_id,
        variant_id: line.id,
        sku: line.sku,
        title: offer.title,
        options: line.options,
        quantity,
        price_minor: line.price_minor,
        currency: line.currency,
      });
    });
    asked.delete(id);
    if (answer.added) model.open({ is: "added" });
    else {
      const text = answer.message || model.say("embed.no_answer");
      model.put({ busy: false, problem: { code: "site", text } });
    }
  };

  model.outside = {
    seen: (view) => {
      const last = before;
      before = view;
      if (last === undefined || last === view) return;
      if (last.state.show !== view.state.show) say("show", showNow(view));
      if (last.featured !== view.featured || last.state.offers !== view.state.offers) tellProduct(view);
      if (last.tall !== view.tall) fit(view);
      if (last.purchases !== view.purchases) {
        const known = new Set(last.purchases.map((one) => one.id));
        for (const one of view.purchases) if (!known.has(one.id)) say("purchase.reserved", bought(one));
      }
    },
    ordered: (purchases) => {
      for (const one of purchases) say("purchase.placed", bought(one));
    },
    takes: (offer, line, quantity) => {
      if (refused) {
        open(`/s/${slug}/live/${show}#offer-${offer.id}`);
        return true;
      }
      if (!cartOfSite || host === undefined) return false;
      void forSite(offer, line, quantity);
      return true;
    },
  };
  before = model.view;

  const renew = async (): Promise<void> => {
    try {
      const answer = await fetch(`/s/${slug}/embed/pass`, { method: "POST" });
      if (answer.ok) pass = ((await answer.json()) as { pass: string }).pass;
      else if (answer.status === 403) refuse();
    } catch {
      // The network is away; what was given before is good for some minutes.
    }
  };
  const refuse = (): void => {
    if (refused) return;
    refused = true;
    // No cookie, so no stream, no chat and nothing to reserve: all of that is in a tab of its own.
    model.socket.close();
    model.put({ connection: "open" });
    document.body.classList.add("without-cookies");
    document.body.append(wayOut(model, `/s/${slug}/live/${show}`));
    say("cookies", { kept: false });
    // No stream without a visitor: how the show stands is asked for now and then, while nothing plays.
    setInterval(
      () => {
        if (model.view.playing !== "playing") location.reload();
      },
      LOOK_AGAIN * (1 + Math.random()),
    );
  };
  void renew();
  setInterval(() => void renew(), RENEW);
  // Back from the checkout in another tab.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") model.lookAfterPurchases();
  });
  addEventListener("focus", () => model.lookAfterPurchases());
}
