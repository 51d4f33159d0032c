// What the room page knows and does: the stream, the player, purchases and the collector behind one view.

import { ServerClock } from "../common/clock.ts";
import type { Collector } from "../common/collect.ts";
import { day, money } from "../common/format.ts";
import { timeOrderedId } from "../common/ids.ts";
import { fill, type Say } from "../common/words.ts";
import { isFinal, ON_THE_SHELF, type Outcome, PurchaseClient, post, type Wish } from "./buy.ts";
import type { Embed, Outside } from "./embed.ts";
import { isDue } from "./moment.ts";
import { Player, type Playing } from "./player.ts";
import {
  type Attempt,
  asNow,
  load,
  loadAttempt,
  ownOf,
  type PayAtEnd,
  type Paying,
  type Problem,
  type Purchase,
  purchaseOf,
  save,
  saveAttempt,
  standing,
  open as stillOpen,
} from "./purchases.ts";
import { type Answer, type Connection, type Message, RoomSocket } from "./socket.ts";
import {
  availability,
  type ChatLine,
  chatAfter,
  type Featured,
  inWords,
  type Line,
  merged,
  type Offer,
  piecesOf,
  type RoomState,
} from "./state.ts";
import { minutesOf, optionText, refusalText } from "./texts.ts";

export type SheetView =
  | { readonly is: "none" | "bag" | "seller" | "added" }
  | { readonly is: "line"; readonly line: ChatLine }
  | { readonly is: "offer"; readonly offer: number }
  | { readonly is: "held"; readonly id: string }
  | { readonly is: "waiting"; readonly position: number; readonly url: string };

export interface View {
  readonly state: RoomState;
  readonly chat: readonly ChatLine[];
  readonly featured: number | null;
  readonly connection: Connection;
  readonly playing: Playing;
  readonly muted: boolean;
  readonly soundAsked: boolean;
  readonly tall: boolean;
  readonly liked: boolean;
  /** Where an ended show can be watched again. */
  readonly replay: string | null;
  readonly sheet: SheetView;
  readonly busy: boolean;
  /** The answer takes longer than people expect. */
  readonly slow: boolean;
  readonly problem: Problem | null;
  readonly chatProblem: string | null;
  /** Until when slow mode keeps the visitor from saying more, on the clock of this device. */
  readonly silentUntil: number;
  readonly role: "host" | "moderator" | null;
  readonly purchases: readonly Purchase[];
  readonly places: readonly Place[];
  /** Where the show is paid at the end: whether the shop knows the visitor, and what they hold unpaid. */
  readonly tab: { readonly known: boolean; readonly unpaid: number } | null;
}

/** A place in line: waiting at a position, or offered, with a hold to claim. */
export interface Place {
  readonly id: string;
  readonly variant_id: number;
  readonly state: "waiting" | "offered";
  readonly position: number;
  readonly title: string;
  readonly quantity: number;
  readonly total_minor: number;
  readonly currency: string;
  readonly hold_id: string | null;
  readonly claim_until: string | null;
  /** The day it is ready; null: on the shelf. */
  readonly ready_on: string | null;
  readonly url: string;
}

/** What `/waitlist` tells a script; `again_in` seconds it is worth another look. */
export interface Places {
  readonly places: readonly Place[];
  readonly again_in: number;
  /** Of the holds that were asked about, those that wait for no checkout any longer; and the ordered ones of these. */
  readonly settled?: readonly string[];
  readonly ordered?: readonly string[];
  /** What is reserved in the show, also on other devices of the same account. */
  readonly reserved?: readonly Purchase[];
  readonly known?: boolean;
  readonly unpaid?: number;
}

/** What the server left in the page. */
export interface RoomData {
  readonly state: RoomState;
  readonly chat: readonly ChatLine[];
  readonly now: number;
  readonly shop: { readonly id: number; readonly slug: string; readonly name: string };
  readonly seller: readonly (readonly [string, string])[];
  /** When it starts: in words, on the clocks of the shop, and as a moment. */
  readonly starts: { readonly words: string; readonly at: string } | null;
  /** After the show: the one that comes next. */
  readonly next: { readonly title: string; readonly url: string; readonly starts: string | null } | null;
  readonly replay: string | null;
  readonly poster: string | null;
  /** Whether something is kept for the reader, or waited for: then it is worth a look. */
  readonly waits: boolean;
  /** In a frame of another site. */
  readonly embed?: Embed;
}

const BEAT = 5_000;
const SLOW = 3_000;
// Where each costs a request, likes of so many milliseconds go together.
const GATHER = 2_000;
// When a room that ended asks whether there is a recording, each time after up to twice as long.
const REPLAY_AFTER = [2_000, 5_000, 15_000, 60_000];

export class RoomModel {
  view: View;
  readonly say: Say;
  readonly language: string;
  readonly shop: RoomData["shop"];
  readonly seller: RoomData["seller"];
  readonly starts: RoomData["starts"];
  readonly next: RoomData["next"];
  readonly poster: string | null;
  private readonly waits: boolean;
  private looking: ReturnType<typeof setTimeout> | undefined;
  readonly clock = new ServerClock();
  readonly socket: RoomSocket;
  private readonly purchase: PurchaseClient;
  private readonly collector: Collector;
  private player: Player | undefined;
  private listener: (view: View) => void = () => {};
  /** The site around the room, where it is in a frame. */
  outside: Outside | undefined;
  private wanted: { readonly featured: Featured | null; readonly heardAt: number } | undefined;
  private likes = 0;
  private wasLive = false;
  private likedAt = 0;
  private ref = 0;
  /** Tries of one wish share an id: a tap after a lost answer asks about the same purchase. */
  private attempt: Attempt | undefined;
  /** A later day that the buyer was told instead of the one shown; buying again takes it. */
  private told: { readonly line: number; readonly ready_on: string } | undefined;

  constructor(data: RoomData, say: Say, language: string, collector: Collector) {
    this.say = say;
    this.language = language;
    this.shop = data.shop;
    this.seller = data.seller;
    this.starts = data.starts;
    this.next = data.next;
    this.poster = data.poster;
    this.waits = data.waits;
    this.collector = collector;
    this.clock.heard(data.now);
    const show = data.state.show.id;
    const { protocol, host } = location;
    const url = `${protocol === "https:" ? "wss" : "ws"}://${host}/room/${show}/socket`;
    this.socket = new RoomSocket(url, {
      message: (message) => this.heard(message),
      connection: (connection) => this.put({ connection }),
    });
    this.purchase = new PurchaseClient(
      (message) => this.socket.send(message),
      (wish) => post(show, wish),
    );
    this.view = {
      state: data.state,
      chat: data.chat,
      featured: data.state.featured?.offer_id ?? null,
      connection: "connecting",
      playing: "idle",
      muted: true,
      soundAsked: false,
      tall: true,
      liked: false,
      replay: data.replay,
      sheet: { is: "none" },
      busy: false,
      slow: false,
      problem: null,
      chatProblem: null,
      silentUntil: 0,
      role: null,
      purchases: load(show),
      places: [],
      tab: null,
    };
  }

  watch(listener: (view: View) => void): () => void {
    this.listener = listener;
    return () => {
      this.listener = () => {};
    };
  }

  attach(video: HTMLVideoElement): void {
    this.player = new Player(video, {
      playing: (playing) => this.put({ playing }),
      shape: (tall) => this.put({ tall }),
      note: (type, facts) => this.collector.note(type, facts),
    });
    this.follow();
    this.socket.connect();
    setInterval(() => this.beat(), BEAT);
    setInterval(() => this.tick(), 200);
    addEventListener("online", () => this.socket.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.socket.hurry();
    });
    if (this.view.featured !== null) this.seen(this.view.featured);
    // The page was loaded anew before it heard: the same id tells what became of the tap.
    const lost = loadAttempt(this.view.state.show.id);
    if (lost !== undefined) void this.ask(lost);
    if (this.waits) void this.look();
    else this.lookAfterPurchases();
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.lookAfterPurchases();
    });
  }

  open(sheet: SheetView): void {
    if (sheet.is === "bag") this.collector.note("view_item_list", { quantity: this.view.state.order.length });
    this.put({ sheet, problem: null, busy: false });
  }

  choose(offer: Offer, fromList = false): void {
    if (fromList) this.collector.note("select_item", this.facts(offer));
    this.collector.note("view_item", this.facts(offer));
    this.put({ sheet: { is: "offer", offer: offer.id }, problem: null, busy: false });
    // What the tap will lead to is said before it.
    if (this.view.tab === null && this.payAtEnd()?.live === true) void this.look();
  }

  /** Null where buyers pay as they go. */
  private payAtEnd(): PayAtEnd | null {
    const { pay_at_end: pay, status } = this.view.state.show;
    return !pay ? null : { until: pay.until, live: status === "live" };
  }

  /** What buying so many pieces of this offer leads to; null where buyers pay as they go, or it is not known yet. */
  payingOf(offer: Offer, pieces: number): Paying | null {
    const { pay_at_end: pay, status } = this.view.state.show;
    const { tab } = this.view;
    if (!pay || tab === null || status !== "live" || offer.policy === "first_paid") return null;
    if (this.clock.secondsUntil(pay.until) <= offer.hold_seconds) return null;
    const is = standing(tab.known, tab.unpaid, pieces, pay.units);
    return { is, n: tab.unpaid, most: pay.units, minutes: is === "may" ? pay.minutes : minutesOf(offer) };
  }

  chosen(offer: Offer, line: Line): void {
    this.collector.note("select_item", this.facts(offer, line));
    this.put({ problem: null });
  }

  async buy(offer: Offer, line: Line, quantity: number): Promise<void> {
    if (this.view.busy || this.outside?.takes(offer, line, quantity) === true) return;
    const available = availability(line);
    const told = this.told?.line === line.id ? this.told.ready_on : null;
    const shown =
      [available.is === "later" ? available.ready_on : null, told]
        .filter((one) => one !== null)
        .sort()
        .at(-1) ?? null;
    const key = [offer.id, line.id, quantity, line.price_minor].join("/");
    const id = this.attempt?.key === key ? this.attempt.wish.id : timeOrderedId();
    const wish = {
      id,
      offer_id: offer.id,
      variant_id: line.id,
      quantity,
      price_minor: line.price_minor,
      latest_ready: shown ?? ON_THE_SHELF,
    };
    this.collector.note("add_to_cart", { ...this.facts(offer, line), quantity, hold_id: id });
    await this.ask({ key, wish, shown, at: Date.now() });
  }

  private async ask(attempt: Attempt): Promise<void> {
    this.keep(attempt);
    this.put({ busy: true, problem: null });
    const slow = setTimeout(() => this.put({ slow: true }), SLOW);
    const outcome = await this.purchase.buy(attempt.wish);
    clearTimeout(slow);
    this.put({ slow: false });
    this.finish(outcome, attempt.wish, attempt.shown);
  }

  private keep(attempt: Attempt | undefined): void {
    this.attempt = attempt;
    saveAttempt(this.view.state.show.id, attempt);
  }

  private finish(outcome: Outcome, wish: Wish, shown: string | null): void {
    if (outcome.t === "unknown" || !isFinal(outcome)) {
      const text =
        outcome.t === "unknown"
          ? this.say("no_answer")
          : refusalText(outcome.code, outcome.message, this.say);
      this.put({ busy: false, problem: { code: "unknown", text } });
      return;
    }
    this.keep(undefined);
    this.told = undefined;
    const offer = this.view.state.offers[String(wish.offer_id)];
    const line = offer?.lines[String(wish.variant_id)];
    if (outcome.outcome === "refused") {
      this.put({ busy: false, problem: this.refused(outcome, wish) });
      return;
    }
    if (outcome.outcome === "queued") {
      const position = Number(outcome.facts?.["position"] ?? 0);
      this.put({ busy: false, sheet: { is: "waiting", position, url: `/s/${this.shop.slug}/waitlist` } });
      this.lookAgain(1);
      return;
    }
    const purchase = {
      ...purchaseOf(
        outcome,
        wish.variant_id,
        this.titleOf(offer, line),
        shown,
        `/s/${this.shop.slug}/checkout/${outcome.id}`,
      ),
      quantity: wish.quantity,
      ...(line === undefined
        ? {}
        : {
            total: money(wish.price_minor * wish.quantity, line.currency, this.language),
            minor: wish.price_minor * wish.quantity,
            currency: line.currency,
          }),
      ...(outcome.code === undefined ? {} : { note: refusalText(outcome.code, outcome.message, this.say) }),
    };
    this.put({ busy: false, sheet: { is: "held", id: purchase.id } });
    this.remember(purchase);
    const { tab } = this.view;
    if (tab !== null && outcome.hold !== undefined) {
      const pieces = wish.quantity * (line === undefined ? 1 : piecesOf(line));
      this.put({ tab: { ...tab, unpaid: tab.unpaid + pieces } });
    }
  }

  private titleOf(offer: Offer | undefined, line: Line | undefined): string {
    const options = line === undefined ? "" : optionText(line, offer?.option_texts, this.language);
    return (
      (offer === undefined ? "" : inWords(offer.title, offer.titles, this.language)) +
      (options ? ` · ${options}` : "")
    );
  }

  private remember(purchase: Purchase): void {
    const purchases = [...this.view.purchases.filter((one) => one.id !== purchase.id), purchase].slice(-20);
    save(this.view.state.show.id, purchases);
    this.put({ purchases });
  }

  private forget(ids: readonly string[]): void {
    const purchases = this.view.purchases.filter((one) => !ids.includes(one.id));
    save(this.view.state.show.id, purchases);
    this.put({ purchases });
  }

  /** Why not, with a way on where there is one. */
  private refused(answer: Answer, wish: Wish): Problem {
    const code = answer.code ?? "";
    const own = this.ownCheckout(wish.variant_id);
    if (
      own !== undefined &&
      (code === "stock.sold_out" || code === "stock.limit" || code === "stock.too_late")
    ) {
      return { code, text: this.say("own_hold"), url: own };
    }
    const later = answer.facts?.["ready_on"];
    if (code === "stock.too_late" && typeof later === "string") {
      this.told = { line: wish.variant_id, ready_on: later };
      return { code, text: this.say("too_late_then", { date: day(later, this.language) }) };
    }
    return { code, text: refusalText(answer.code, answer.message, this.say) };
  }

  async wait(offer: Offer, line: Line, quantity: number): Promise<void> {
    if (this.view.busy) return;
    this.put({ busy: true, problem: null });
    this.collector.note("add_to_wishlist", { ...this.facts(offer, line), quantity });
    const url = `/s/${this.shop.slug}/waitlist`;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({
          offer_id: String(offer.id),
          variant_id: String(line.id),
          quantity: String(quantity),
        }),
      });
      const body = (await response.json()) as {
        code?: string;
        message?: string;
        position?: number;
        url?: string;
      };
      if (response.ok) {
        this.put({
          busy: false,
          sheet: { is: "waiting", position: body.position ?? 0, url: body.url ?? url },
        });
        this.lookAgain(1);
      } else
        this.put({
          busy: false,
          problem: { code: body.code ?? "", text: refusalText(body.code, body.message, this.say) },
        });
    } catch {
      this.put({ busy: false, problem: { code: "unknown", text: this.say("no_answer") } });
    }
  }

  /** How the places in line stand now; units that are kept for the buyer are shown as a purchase is. */
  private stand({
    places,
    again_in,
    settled = [],
    ordered = [],
    reserved = [],
    known,
    unpaid,
  }: Places): void {
    if (ordered.length > 0)
      this.outside?.ordered(this.view.purchases.filter((one) => ordered.includes(one.id)));
    if (settled.length > 0) this.forget(settled);
    if (known !== undefined) this.put({ tab: { known, unpaid: unpaid ?? 0 } });
    // Before what is reserved is taken in: a turn that has come is among that too, and is shown when it is new.
    const offered = places.filter((one) => one.state === "offered" && one.hold_id !== null);
    const fresh = offered.filter((one) => !this.view.purchases.some((known) => known.id === one.hold_id));
    for (const one of reserved) {
      const mine = this.view.purchases.find((known) => known.id === one.id);
      if (mine?.expires_at !== one.expires_at) this.remember({ ...one, ...mine, expires_at: one.expires_at });
    }
    for (const {
      hold_id,
      variant_id,
      title,
      quantity,
      total_minor,
      currency,
      url,
      claim_until,
      ready_on,
    } of fresh) {
      const total = money(total_minor, currency, this.language);
      if (hold_id !== null)
        this.remember({
          id: hold_id,
          line: variant_id,
          title,
          quantity,
          total,
          minor: total_minor,
          currency,
          url,
          expires_at: claim_until,
          ready_on,
          later: ready_on !== null,
        });
    }
    const waiting = places.filter((one) => one.state === "waiting");
    this.put({ places: waiting });
    const { sheet } = this.view;
    const first = fresh[0]?.hold_id;
    if (first != null && (sheet.is === "none" || sheet.is === "waiting" || sheet.is === "bag"))
      this.put({ sheet: { is: "held", id: first } });
    else if (sheet.is === "waiting" && waiting[0] !== undefined)
      this.put({ sheet: { ...sheet, position: waiting[0].position } });
    if (places.length > 0) this.lookAgain(again_in);
  }

  /** What was ordered on another page needs no checkout here. */
  lookAfterPurchases(): void {
    if (this.openPurchases().length > 0) void this.look();
  }

  private lookAgain(seconds: number): void {
    clearTimeout(this.looking);
    this.looking = setTimeout(() => void this.look(), seconds * 1_000 * (0.75 + Math.random() / 2));
  }

  private async look(): Promise<void> {
    try {
      const holds = this.openPurchases()
        .map((one) => one.id)
        .join(",");
      const asked = new URLSearchParams({
        show: String(this.view.state.show.id),
        ...(holds === "" ? {} : { holds }),
      });
      const response = await fetch(`/s/${this.shop.slug}/waitlist?${asked}`, {
        headers: { accept: "application/json" },
      });
      if (!response.ok) throw new Error(String(response.status));
      this.stand((await response.json()) as Places);
    } catch {
      this.lookAgain(15);
    }
  }

  speak(text: string): boolean | Promise<boolean> {
    if (this.socket.send({ t: "chat", ref: `c${++this.ref}`, text })) {
      this.put({ chatProblem: null });
      return true;
    }
    return this.speakByPost(text);
  }

  /** Where sockets are blocked, or while one is coming back. */
  private async speakByPost(text: string): Promise<boolean> {
    try {
      const response = await fetch(`/room/${this.view.state.show.id}/chat`, {
        method: "POST",
        headers: { accept: "application/json", "content-type": "application/json" },
        body: JSON.stringify({ text }),
      });
      const body = (await response.json()) as {
        readonly held?: boolean;
        readonly line?: ChatLine;
        readonly code?: string;
        readonly message?: string;
        readonly facts?: Readonly<Record<string, unknown>>;
      };
      if (response.ok) {
        if (body.line !== undefined) this.put({ chat: chatAfter(this.view.chat, [body.line]) });
        this.put({ chatProblem: body.held === true ? this.say("chat_held") : null });
        this.said();
      } else this.notSaid(body.code, body.message, body.facts);
      return response.ok;
    } catch {
      this.put({ chatProblem: this.say("not_connected") });
      return false;
    }
  }

  /** A line was taken: in slow mode the next one waits. */
  private said(): void {
    const pause = this.view.state.show.slow_seconds ?? 0;
    if (pause > 0 && this.view.role === null) this.put({ silentUntil: Date.now() + pause * 1_000 });
  }

  /** A line was not taken. */
  private notSaid(
    code: string | undefined,
    message: string | undefined,
    facts: Readonly<Record<string, unknown>> = {},
  ): void {
    const known = refusalText(code, message, this.say);
    this.put({ chatProblem: fill(known, facts as Readonly<Record<string, string | number>>) });
    if (code === "chat.slow_mode") this.put({ silentUntil: Date.now() + Number(facts["wait_ms"] ?? 0) });
  }

  /** What staff does to a line, or to what is pinned.  Null: it went; else why not. */
  async moderate(method: string, path: string, body?: object): Promise<string | null> {
    try {
      const response = await fetch(`/v1/${this.shop.slug}/chat/${path}`, {
        method,
        headers: { accept: "application/json", "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (response.ok) return null;
      const problem = (await response.json()) as { readonly code?: string; readonly message?: string };
      return refusalText(problem.code, problem.message, this.say);
    } catch {
      return this.say("not_connected");
    }
  }

  like(): void {
    this.likes += 1;
    this.put({ liked: true, state: { ...this.view.state, likes: this.view.state.likes + 1 } });
  }

  sound(): void {
    const muted = !this.view.muted;
    void this.player?.unmute(!muted);
    this.put({ muted, soundAsked: true });
  }

  start(): void {
    void this.player?.start();
  }

  openPurchases(): readonly Purchase[] {
    const pay = this.payAtEnd();
    return stillOpen(
      this.view.purchases.map((one) => asNow(one, pay)),
      (moment) => this.clock.secondsUntil(moment),
    );
  }

  /** A purchase as it is now, also when it is over. */
  purchaseNow(id: string): Purchase | undefined {
    const found = this.view.purchases.find((one) => one.id === id);
    return found === undefined ? undefined : asNow(found, this.payAtEnd());
  }

  ownCheckout(line: number): string | undefined {
    return ownOf(this.view.purchases, line, (moment) => this.clock.secondsUntil(moment))?.url;
  }

  private heard(message: Message): void {
    switch (message.t) {
      case "snapshot":
        this.clock.heard(message.now);
        // All of it: a line that was hidden while nobody listened here is not in it.
        this.put({ state: message.state, chat: message.chat });
        this.follow();
        this.feature(message.state.featured ?? null, true);
        break;
      case "tick": {
        this.clock.heard(message.now);
        const state =
          message.patch === undefined
            ? this.view.state
            : (merged(this.view.state, message.patch) as RoomState);
        this.put({ state, chat: chatAfter(this.view.chat, message.chat, message.hidden, message.answered) });
        if (message.patch !== undefined && typeof message.patch === "object" && message.patch !== null) {
          if ("show" in message.patch) this.follow();
          if ("featured" in message.patch) this.feature(state.featured ?? null, false);
        }
        break;
      }
      case "answer":
        // Too late for the tap, not for the purchase.
        if (!this.purchase.answered(message) && this.attempt?.wish.id === message.id && isFinal(message))
          this.finish(message, this.attempt.wish, this.attempt.shown);
        break;
      case "error":
        // What concerns a purchase is answered as one; the rest belongs to the chat line.
        if (this.attempt !== undefined && message.ref === this.attempt.wish.id) {
          this.purchase.answered({
            t: "answer",
            id: message.ref,
            outcome: "refused",
            code: message.code,
            message: message.message,
            facts: message.facts ?? {},
          });
        } else this.notSaid(message.code, message.message, message.facts);
        break;
      case "ack":
        this.put({ chatProblem: message.held === true ? this.say("chat_held") : null });
        this.said();
        break;
      case "role":
        this.put({ role: message.role });
        break;
      case "bye":
        break;
    }
  }

  /** Show what the state says, when the picture has come to it. */
  private feature(featured: Featured | null, atOnce: boolean): void {
    this.wanted = { featured, heardAt: atOnce ? Number.NEGATIVE_INFINITY : Date.now() };
    this.tick();
  }

  private tick(): void {
    const { wanted } = this;
    if (wanted !== undefined) {
      const { featured, heardAt } = wanted;
      if (featured === null || isDue(featured, heardAt, this.player?.playingDate() ?? null, Date.now())) {
        this.wanted = undefined;
        const id = featured?.offer_id ?? null;
        if (id !== this.view.featured) {
          this.put({ featured: id });
          if (id !== null) this.seen(id);
        }
      }
    }
    if (this.likes > 0) {
      const n = Math.min(this.likes, 20);
      if (this.socket.send({ t: "like", n })) this.likes -= n;
      else if (this.socket.isBlocked && Date.now() - this.likedAt >= GATHER) {
        this.likedAt = Date.now();
        this.likes -= n;
        this.post("like", { n });
      }
    }
  }

  /** Told where no socket passes; that it is lost once matters to nobody. */
  private post(what: "like" | "beat", body: object): void {
    fetch(`/room/${this.view.state.show.id}/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => undefined);
  }

  private seen(id: number): void {
    const offer = this.view.state.offers[String(id)];
    if (offer !== undefined) this.collector.note("view_promotion", this.facts(offer));
  }

  /** Who was there when the show ended is offered the replay as soon as there is one. */
  private async findReplay(channel: number, show: number): Promise<void> {
    const address = `/media/${channel}/shows/${show}/replay.m3u8`;
    for (const pause of REPLAY_AFTER) {
      // The whole room hears of the end at once: it does not ask at once.
      await new Promise((done) => setTimeout(done, pause * (1 + Math.random())));
      if (this.view.state.show.status !== "ended") return;
      const answer = await fetch(address).catch(() => undefined);
      if (answer?.ok === true) {
        this.put({ replay: address });
        return;
      }
    }
  }

  /** Play while the show is on. */
  private follow(): void {
    const { id, status, playback, channel_id: channel } = this.view.state.show;
    const ended = this.wasLive && status === "ended";
    this.wasLive = status === "live";
    if (ended && this.view.replay === null && channel !== undefined && channel !== null)
      void this.findReplay(channel, id);
    void this.player?.play(status === "live" ? (playback ?? null) : null);
  }

  private beat(): void {
    if (this.player === undefined || this.view.state.show.status !== "live") return;
    const { playing, position } = this.player.position();
    const beat = { playing: playing && document.visibilityState === "visible", position };
    if (!this.socket.send({ t: "beat", ...beat }) && this.socket.isBlocked) this.post("beat", beat);
  }

  private facts(offer: Offer, line?: Line): Record<string, string | number | null> {
    return {
      offer_id: offer.id,
      product_id: offer.product_id,
      ...(line === undefined
        ? {}
        : { variant_id: line.id, price_minor: line.price_minor, currency: line.currency }),
    };
  }

  put(change: Partial<View>): void {
    this.view = { ...this.view, ...change };
    this.listener(this.view);
    this.outside?.seen(this.view);
  }
}
