// The till: what this device knows and does.  Whatever is sold, given back or counted is a fact of the journal first.

import { decimals } from "../common/format.ts";
import { speaker, type Words } from "../common/words.ts";
import type { Breakdown } from "../pricing/models.ts";
import { letGo } from "./acts.ts";
import { added, type Basket, empty, priced } from "./basket.ts";
import { type Article, Catalog } from "./catalog.ts";
import { keepHint, keepPictures, readHint } from "./device.ts";
import { type Sums, sums } from "./drawer.ts";
import { Journal } from "./journal.ts";
import { isPin } from "./pins.ts";
import type {
  Assistant,
  Bodies,
  Fact,
  FactOf,
  Kind,
  KnownSale,
  OpenShift,
  Paired,
  Snapshot,
  Task,
} from "./protocol.ts";
import { knownSales } from "./returns.ts";
import type { Hint, Kept, Notice, Screen, Sheet, Shown } from "./screens.ts";
import { NoAnswer, Server } from "./server.ts";
import type { Disk } from "./storage.ts";
import { Sync } from "./sync.ts";

/** A device's clock may be this much off before the page says so. */
const WRONG_CLOCK = 120_000;

export class Till {
  screen: Screen = "starting";
  readonly slug: string;
  readonly words: Readonly<Record<string, Words>>;
  language: string;
  paired: Paired | null = null;
  snapshot: Snapshot | null = null;
  catalog: Catalog | null = null;
  assistant: Assistant | null = null;
  basket: Basket = empty();
  parked: readonly Basket[] = [];
  sheet: Sheet | null = null;
  notice: Notice | null = null;
  tasks: Task[] = [];
  training = false;
  tries = 0;
  locked = false;
  online = false;
  unknown = false;
  busy = false;
  ahead = 0;
  persisted: boolean | null = null;
  printer = "browser";
  lost: Hint | null = null;
  /** The key of the line that was touched last. */
  touched = "";
  journal: Journal;
  readonly server: Server;
  readonly disk: Disk;
  private readonly sync: Sync;
  private readonly listeners = new Set<() => void>();
  private display: BroadcastChannel | null = null;
  /** The last units, held at the server while money is taken. */
  hold: string | null = null;
  private worked: { basket: Basket; snapshot: Snapshot; minute: number; told: Breakdown | null } | null =
    null;
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(slug: string, disk: Disk, words: Readonly<Record<string, Words>>, language: string) {
    this.slug = slug;
    this.disk = disk;
    this.words = words;
    this.language = language;
    this.server = new Server(slug);
    this.journal = new Journal(disk, "");
    this.sync = new Sync(this.server, {
      journal: () => this.journal,
      shift: () => this.shift?.id ?? null,
      tag: () => (this.snapshot === null ? null : `"${this.snapshot.version}"`),
      connected: (is, ahead) => {
        this.online = is;
        if (ahead !== undefined) this.ahead = ahead;
        this.changed();
      },
      took: (tasks) => {
        this.tasks = [...this.tasks, ...tasks].slice(-50);
        this.changed();
      },
      fetched: (snapshot) => this.take(snapshot),
      refused: (why) => {
        if (why === "locked_out") this.screen = "locked_out";
        this.unknown = why === "unknown";
        this.changed();
      },
    });
  }

  // Listening ---------------------------------------------------------------------------------------------------

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }

  say = (key: string, values?: Readonly<Record<string, string | number>>): string =>
    speaker(this.words[this.language] ?? {})(key, values);

  tell(kind: Notice["kind"], key: string, values?: Readonly<Record<string, string | number>>): void {
    this.notice = { kind, text: this.say(key, values) };
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => {
      this.notice = null;
      this.changed();
    }, 6_000);
    this.changed();
  }

  show(sheet: Sheet | null): void {
    this.sheet = sheet;
    this.changed();
  }

  // Opening -----------------------------------------------------------------------------------------------------

  async open(): Promise<void> {
    void this.askToPersist();
    this.paired = (await this.disk.get<Paired>("paired")) ?? null;
    const kept = await this.disk.get<Kept>("state");
    if (kept) {
      ({ basket: this.basket, parked: this.parked, training: this.training } = kept);
      ({ tries: this.tries, locked: this.locked, printer: this.printer } = kept);
      if (kept.language in this.words) this.language = kept.language;
    }
    if (this.paired === null) {
      this.lost = readHint(this.slug);
      this.screen = "pair";
      this.changed();
      return;
    }
    this.server.speakAs(this.paired);
    this.journal = new Journal(this.disk, this.paired.device);
    await this.journal.open();
    const snapshot = await this.disk.get<Snapshot>("snapshot");
    if (snapshot) await this.take(snapshot, false);
    // A page that died between the sale and the next basket must not sell it twice.
    if (this.journal.facts.some((fact) => fact.kind === "sale" && fact.body.id === this.basket.id))
      this.basket = empty();
    this.screen = "till";
    this.changed();
    this.showCustomer();
    this.sync.kick();
  }

  /** Some browsers ask the person: selling doesn't wait for the answer. */
  private async askToPersist(): Promise<void> {
    const storage: Partial<StorageManager> | undefined = navigator.storage;
    if (!storage?.persist) return;
    this.persisted = (await storage.persisted?.()) || (await storage.persist());
    this.changed();
  }

  async pair(code: string, name: string): Promise<string | null> {
    try {
      this.paired = await this.server.pair(code, name);
    } catch (problem) {
      const { status, code: told } = problem instanceof NoAnswer ? problem : new NoAnswer(0);
      if (status === 0) return "pair_no_network";
      if (status === 429) return "pair_wait";
      return told === "tills.bad_code" || status === 422 ? "pair_bad_code" : "pair_failed";
    }
    await this.disk.put("paired", this.paired);
    await this.disk.put("snapshot", undefined);
    this.snapshot = null;
    this.unknown = false;
    this.lost = null;
    await this.open();
    return null;
  }

  private async take(snapshot: Snapshot, isNew = true): Promise<void> {
    if (isNew) await this.disk.put("snapshot", snapshot);
    await this.journal.reconcile(snapshot.device, isNew);
    this.snapshot = snapshot;
    this.catalog = new Catalog(snapshot, decimals(snapshot.shop.currency));
    const known = snapshot.assistants.find((each) => each.id === this.assistant?.id);
    if (this.assistant !== null) this.assistant = known ?? null;
    this.hint();
    this.changed();
    if (isNew) keepPictures(snapshot);
  }

  kick(): void {
    this.sync.kick();
  }

  /** Another tab has taken over. */
  leave(): void {
    this.sync.stop();
    this.screen = "elsewhere";
    this.changed();
  }

  // What there is ------------------------------------------------------------------------------------------------

  get currency(): string {
    return this.snapshot?.shop.currency ?? "EUR";
  }

  get shift(): OpenShift | null {
    const { facts } = this.journal;
    const closed = new Set(facts.flatMap((fact) => (fact.kind === "shift.closed" ? [fact.body.id] : [])));
    const opened = facts
      .filter((fact) => fact.kind === "shift.opened")
      .filter((fact) => !closed.has(fact.body.id))
      .at(-1);
    if (opened !== undefined) {
      const { at, assistant, body } = opened;
      return { id: body.id, opened_at: at, assistant, float: body.float };
    }
    const told = this.snapshot?.shift ?? null;
    return told !== null && !closed.has(told.id) ? told : null;
  }

  get price(): Breakdown | null {
    const { basket, snapshot } = this;
    if (snapshot === null) return null;
    // Worked out once for a basket, and again as time passes: a rule may begin or end.
    const minute = Math.floor(Date.now() / 60_000);
    if (this.worked?.basket !== basket || this.worked.snapshot !== snapshot || this.worked.minute !== minute)
      this.worked = { basket, snapshot, minute, told: priced(basket, snapshot, Date.now()) };
    return this.worked.told;
  }

  get x(): Sums | null {
    const { shift } = this;
    return shift === null ? null : sums(this.journal.facts, shift.id, shift.float);
  }

  get sales(): KnownSale[] {
    return this.snapshot === null ? [] : knownSales(this.snapshot, this.journal.facts);
  }

  get isClockWrong(): boolean {
    return Math.abs(this.ahead) > WRONG_CLOCK;
  }

  /** A new version of the page may take over: nothing is begun, nothing waits to be sent. */
  get isIdle(): boolean {
    return (
      this.basket.lines.length === 0 && this.sheet === null && !this.busy && this.journal.unsent.length === 0
    );
  }

  may(right: string): boolean {
    return this.assistant !== null && (this.assistant.manager || this.assistant.rights.includes(right));
  }

  /** Units of a scarce variant that this device may still sell without a network; null where there is no limit. */
  leftOf({ variant }: Article): number | null {
    if (!variant.scarce || this.snapshot === null) return null;
    const since = this.snapshot.device.next_sequence;
    const sold = this.journal.facts.reduce(
      (sum, fact) =>
        fact.kind === "sale" && !fact.body.training && fact.sequence >= since
          ? sum +
            fact.body.lines.reduce((so, line) => so + (line.variant === variant.id ? line.quantity : 0), 0)
          : sum,
      0,
    );
    return Math.max(0, (this.online ? variant.available + variant.escrow : variant.escrow) - sold);
  }

  // People -------------------------------------------------------------------------------------------------------

  async signIn(assistant: Assistant, pin: string): Promise<boolean> {
    if (this.locked && !assistant.manager) return false;
    const good = await isPin(assistant, pin);
    if (good) {
      const wasLocked = this.locked;
      this.tries = 0;
      this.locked = false;
      this.assistant = assistant;
      if (wasLocked) await this.note("pin.unlocked", { by: assistant.id });
    } else await this.wrongPin(assistant);
    await this.keep();
    this.changed();
    return good;
  }

  /** Somebody who has the right says yes by a PIN; null where nobody did. */
  async approve(pin: string, right: string): Promise<Assistant | null> {
    for (const one of this.snapshot?.assistants ?? [])
      if ((one.manager || one.rights.includes(right)) && (await isPin(one, pin))) return one;
    if (this.assistant) await this.wrongPin(this.assistant);
    return null;
  }

  private async wrongPin(assistant: Assistant): Promise<void> {
    this.tries += 1;
    if (this.tries >= (this.snapshot?.limits.pin_attempts ?? 5) && !this.locked) {
      this.locked = true;
      this.assistant = null;
      this.sheet = null;
      await this.note("pin.locked", { tries: this.tries }, assistant.id);
    }
    await this.keep();
    this.changed();
  }

  signOut(): void {
    this.assistant = null;
    this.sheet = null;
    this.changed();
  }

  // The basket ---------------------------------------------------------------------------------------------------

  put(basket: Basket, touched = this.touched): void {
    this.basket = basket;
    this.touched = touched;
    void this.keep();
    this.changed();
    this.showCustomer();
  }

  add(article: Article, how: { quantity?: number; weight?: number; price?: number } = {}): void {
    if (article.variant.weighed && how.weight === undefined && how.price === undefined) {
      this.show({ name: "weigh", article });
      return;
    }
    const [basket, line] = added(this.basket, article, how, this.language);
    if (this.sheet?.name === "variants" || this.sheet?.name === "weigh") this.sheet = null;
    this.put(basket, line.key);
  }

  scan(code: string): void {
    if (this.screen !== "till" || this.assistant === null || this.catalog === null || this.shift === null)
      return;
    if (this.sheet !== null && !["variants", "receipt", "camera", "return"].includes(this.sheet.name)) return;
    const found = this.catalog.scan(code);
    if (found.is === "receipt" || found.is === "number") {
      this.show({ name: "return", find: found.is === "receipt" ? found.token : found.receipt });
      return;
    }
    if (found.is === "nothing") {
      this.tell("bad", `scan_${found.why}`, { code: found.code });
      return;
    }
    if (this.sheet?.name === "receipt" || this.sheet?.name === "return") this.sheet = null;
    const { weight, price } = found;
    this.add(found.article, {
      ...(weight === undefined ? {} : { weight }),
      ...(price === undefined ? {} : { price }),
    });
  }

  park(note: string): void {
    this.parked = [...this.parked, { ...this.basket, note, at: Date.now() }];
    this.put(empty(), "");
  }

  resume(id: string): void {
    const found = this.parked.find((each) => each.id === id);
    if (!found) return;
    this.parked = this.parked.filter((each) => each !== found);
    if (this.basket.lines.length > 0) this.parked = [...this.parked, { ...this.basket, at: Date.now() }];
    this.sheet = null;
    this.put(found, "");
  }

  async abandon(): Promise<void> {
    const total = this.price?.totals.total ?? 0;
    if (this.basket.lines.length > 0)
      await this.note("basket.abandoned", { lines: this.basket.lines.length, total });
    await letGo(this);
    this.put(empty(), "");
  }

  // Facts --------------------------------------------------------------------------------------------------------

  /** On the disk, or the person is told that it is not.  Nothing is shown as done before. */
  async note<K extends Kind>(
    kind: K,
    body: Bodies[K],
    assistant = this.assistant?.id ?? null,
    how: { shift?: string | null; numbered?: boolean } = {},
  ): Promise<FactOf<K> | null> {
    const shift = how.shift === undefined ? (this.shift?.id ?? null) : how.shift;
    let fact: Fact;
    try {
      fact = await this.journal.append(kind, body, { assistant, shift, numbered: how.numbered ?? false });
    } catch (problem) {
      const name = problem instanceof DOMException ? problem.name : "";
      if (name === "ConstraintError") await this.journal.reread();
      this.tell("bad", name === "QuotaExceededError" ? "disk_full" : "not_kept");
      return null;
    }
    // It has happened: nothing from here on may say otherwise.
    this.hint();
    this.changed();
    this.sync.kick();
    return fact as unknown as FactOf<K>;
  }

  // Kept ---------------------------------------------------------------------------------------------------------

  async keep(): Promise<void> {
    const { basket, parked, training, tries, locked, language, printer } = this;
    const state: Kept = { basket, parked, training, tries, locked, language, printer };
    await this.disk.put("state", state).catch(() => this.tell("bad", "not_kept"));
  }

  private hint(): void {
    if (this.paired === null) return;
    const unsent = this.journal.unsent.length;
    const told: Hint = { register: this.paired.register.name, series: this.paired.series, unsent };
    keepHint(this.slug, told);
  }

  speak(language: string): void {
    this.language = language;
    document.documentElement.lang = language;
    void this.keep();
    this.changed();
  }

  // The customer's display -----------------------------------------------------------------------------------------

  showCustomer(paid?: Shown["paid"]): void {
    if (this.display === null) {
      this.display = new BroadcastChannel(`till-${this.slug}`);
      // A window that was opened just now asks what there is.
      this.display.onmessage = (event: MessageEvent<{ hello?: boolean }>) => {
        if (event.data.hello) this.showCustomer();
      };
    }
    const lines = this.price?.lines ?? [];
    const shown: Shown = {
      language: this.language,
      currency: this.currency,
      total: this.price?.totals.total ?? 0,
      lines: this.basket.lines.map((line, at) => ({
        title: [line.title, ...line.options].join(" · "),
        quantity: line.quantity,
        weight: line.weight,
        amount: lines[at]?.gross ?? 0,
      })),
      ...(paid === undefined ? {} : { paid }),
    };
    this.display.postMessage(shown);
  }
}
