// The studio, alive: the room stream for numbers and chat, the preview, and forms that answer without leaving the page.
// What has structure (the card, the run, the camera, held lines) is the server's own page, fetched again when it changed.

import { ServerClock } from "../common/clock.ts";
import { count, countdown } from "../common/format.ts";
import { pageData, speaker, type Words } from "../common/words.ts";
import { Player, type Playing } from "../room/player.ts";
import { type Message, RoomSocket } from "../room/socket.ts";
import { type ChatLine, merged, type RoomState } from "../room/state.ts";
import { Acts } from "./acts.ts";
import { takeOver } from "./parts.ts";

const SHOWN = 120;
const LOOK_AGAIN = 5_000;
const SOON = 150;
// Sums of stock follow what the stream says of each variant with this delay: pages are not made for every purchase.
const SUMS_WITHIN = 2_000;

const studio = document.getElementById("studio");
if (studio !== null) run(studio);

function run(studio: HTMLElement): void {
  const say = speaker(pageData<Words>("studio-words"));
  const language = document.documentElement.lang || "en";
  const clock = new ServerClock();
  let state: RoomState | undefined;
  let status = studio.dataset["status"] ?? "";
  let ref = 0;

  // ── the page as the server has it ──────────────────────────────────────────────────────────────────
  let asking = false;
  let again: ReturnType<typeof setTimeout> | undefined;
  let soon: ReturnType<typeof setTimeout> | undefined;
  let soonAt = 0;

  async function look(): Promise<void> {
    clearTimeout(again);
    if (!asking && document.visibilityState === "visible") {
      asking = true;
      try {
        const response = await fetch(location.href, { headers: { accept: "text/html" } });
        if (response.ok) adopt(await response.text());
      } catch {
        // The stream says so when the shop is away; the next look may find it again.
      }
      asking = false;
    }
    again = setTimeout(() => void look(), LOOK_AGAIN);
  }

  /** Within `wait` ms; an earlier look that is due already is kept. */
  function lookSoon(wait = SOON): void {
    const at = Date.now() + wait;
    if (soon !== undefined && soonAt <= at) return;
    clearTimeout(soon);
    soonAt = at;
    soon = setTimeout(() => {
      soon = undefined;
      void look();
    }, wait);
  }

  function adopt(html: string): boolean {
    const page = new DOMParser().parseFromString(html, "text/html");
    if (!takeOver(page)) return false;
    const fresh = page.getElementById("studio");
    const now = fresh?.dataset["status"] ?? status;
    if (now !== status) {
      status = now;
      studio.dataset["status"] = now;
      // Other forms and other words belong to another state of the show.  But a page that films goes on air as it is:
      // until the show ends, all that differs is in its parts.
      const camera = document.querySelector("[data-own-camera='on']");
      if (camera === null || now !== "live") {
        camera?.dispatchEvent(new Event("camera-stop"));
        location.reload();
        return true;
      }
    }
    const flashes = page.querySelector(".flashes");
    if (flashes !== null) flash(flashes);
    bind();
    ticking();
    preview();
    return true;
  }

  function flash(fresh: Element): void {
    document.querySelector(".flashes")?.remove();
    const shown = document.importNode(fresh, true);
    document.getElementById("main")?.prepend(shown);
    setTimeout(() => shown.remove(), shown.querySelector(".bad") === null ? 4_000 : 12_000);
  }

  function trouble(words: string): void {
    const box = document.createElement("div");
    box.className = "flashes";
    box.setAttribute("role", "alert");
    const note = document.createElement("div");
    note.className = "note bad";
    note.textContent = words;
    box.append(note);
    flash(box);
  }

  // ── forms ─────────────────────────────────────────────────────────────────────────────────────────
  document.addEventListener("input", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.closest("[data-part]") !== null)
      event.target.dataset["touched"] = "";
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset["studio"] === undefined) return;
    event.preventDefault();
    if (form.dataset["sent"] !== undefined) return;
    void sendForm(form, event.submitter);
  });

  const acts = new Acts();

  async function sendForm(form: HTMLFormElement, button: HTMLElement | null): Promise<void> {
    form.dataset["sent"] = "";
    button?.setAttribute("aria-busy", "true");
    try {
      const body = new URLSearchParams();
      for (const [name, value] of new FormData(form, button)) body.append(name, String(value));
      acts.name(form.action, body);
      const response = await fetch(form.action, { method: "POST", headers: { accept: "text/html" }, body });
      const html = await response.text();
      acts.answered(form.action, body);
      const asked = new DOMParser().parseFromString(html, "text/html").querySelector("[data-question]");
      if (asked !== null) {
        // What was typed stays until it is answered.
        ask(asked);
        return;
      }
      const answered = form.closest("dialog");
      answered?.remove();
      for (const input of (answered === null ? form : document).querySelectorAll<HTMLInputElement>(
        "[data-touched]",
      )) {
        delete input.dataset["touched"];
        if (input === document.activeElement) input.blur();
      }
      if (form.dataset["empties"] !== undefined) form.reset();
      form.closest("details.line-menu, details.confirm, details.flash-form")?.removeAttribute("open");
      if (!adopt(html)) location.reload();
    } catch {
      trouble(say("no_answer"));
    } finally {
      delete form.dataset["sent"];
      button?.removeAttribute("aria-busy");
    }
  }

  /** A question of the server's as a dialog over the page: one more tap, and nothing has changed without it. */
  function ask(asked: Element): void {
    document.querySelector("dialog.asks")?.remove();
    const dialog = document.createElement("dialog");
    dialog.className = "asks";
    dialog.setAttribute("aria-labelledby", "question-title");
    dialog.append(document.importNode(asked, true));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.querySelector("[data-closes]")?.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  // ── numbers that the stream brings ────────────────────────────────────────────────────────────────
  function bind(): void {
    if (state === undefined) return;
    const numbers: Readonly<Record<string, number>> = {
      viewers: state.viewers,
      orders: state.orders,
      likes: state.likes,
    };
    for (const element of document.querySelectorAll<HTMLElement>("[data-bind]")) {
      const value = numbers[element.dataset["bind"] ?? ""];
      if (value !== undefined) put(element, count(value, language));
    }
    for (const offer of Object.values(state.offers)) {
      for (const line of Object.values(offer.lines)) {
        const element = document.querySelector<HTMLElement>(`[data-left="${line.id}"] b`);
        if (element !== null && line.left > 0) put(element, count(line.left, language));
      }
    }
  }

  function put(element: HTMLElement, text: string): void {
    if (element.textContent !== text) element.textContent = text;
  }

  function ticking(): void {
    for (const element of document.querySelectorAll<HTMLElement>("[data-since]")) {
      const since = Date.parse(element.dataset["since"] ?? "");
      if (!Number.isNaN(since))
        put(element, countdown(Math.max(0, Math.floor((clock.now() - since) / 1000))));
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-until]")) {
      const until = Date.parse(element.dataset["until"] ?? "");
      if (!Number.isNaN(until)) put(element, countdown(clock.secondsUntil(until)));
    }
  }
  setInterval(ticking, 1_000);

  // ── chat ──────────────────────────────────────────────────────────────────────────────────────────
  const list = document.querySelector<HTMLElement>("[data-chat]");
  const menu = document.querySelector<HTMLTemplateElement>("[data-hide-form]");
  const problem = document.querySelector<HTMLElement>("[data-say-problem]");
  let follow = true;
  list?.addEventListener("scroll", () => {
    follow = list.scrollHeight - list.scrollTop - list.clientHeight < 32;
  });

  function heardLines(lines: readonly ChatLine[] = [], hidden: readonly string[] = []): void {
    if (list === null) return;
    for (const id of hidden) list.querySelector(`[data-line="${CSS.escape(id)}"]`)?.remove();
    const fresh = lines.filter((line) => list.querySelector(`[data-line="${CSS.escape(line.id)}"]`) === null);
    if (fresh.length === 0) return;
    list.querySelector("[data-nobody]")?.remove();
    list.append(...fresh.map(lineElement));
    while (list.childElementCount > SHOWN) {
      const first = list.firstElementChild;
      // A line whose menu is open is being dealt with.
      if (first === null || first.querySelector("[open]") !== null) break;
      first.remove();
    }
    if (follow) list.scrollTop = list.scrollHeight;
  }

  function lineElement(line: ChatLine): HTMLElement {
    const item = document.createElement("li");
    item.className = line.role;
    item.dataset["line"] = line.id;
    const said = document.createElement("span");
    said.className = "said";
    const name = document.createElement("b");
    name.textContent = line.name || say("guest");
    said.append(name);
    if (line.role === "host" || line.role === "moderator" || line.role === "buyer") {
      const role = document.createElement("i");
      role.textContent = say(line.role);
      said.append(" ", role);
    }
    const text = document.createElement("span");
    text.textContent = line.text;
    said.append(" ", text);
    item.append(said);
    if (menu !== null && line.role !== "system") item.append(menuFor(menu, line));
    mark(item, line.answered ?? null);
    return item;
  }

  /** That it was answered, or was not. */
  function mark(item: Element, answered: number | null): void {
    item.querySelector(".answered")?.remove();
    if (answered === null) return;
    const badge = document.createElement("i");
    badge.className = "answered";
    badge.textContent = say("answered");
    item.querySelector(".said")?.append(" ", badge);
  }

  function menuFor(template: HTMLTemplateElement, { id, role }: ChatLine): DocumentFragment {
    const copy = document.importNode(template.content, true);
    if (role !== "viewer" && role !== "buyer")
      for (const part of copy.querySelectorAll("[data-of-shopper]")) part.remove();
    for (const input of copy.querySelectorAll<HTMLInputElement>("input[name='line_id']")) input.value = id;
    for (const select of copy.querySelectorAll("select")) select.id = `why-${id}`;
    for (const label of copy.querySelectorAll("label")) label.htmlFor = `why-${id}`;
    return copy;
  }

  document.querySelector<HTMLFormElement>("[data-say]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const text = String(fields.get("text") ?? "").trim();
    if (text === "") return;
    const sent = socket.send({ t: "chat", ref: `s${++ref}`, text, name: String(fields.get("name") ?? "") });
    if (problem !== null) put(problem, sent ? "" : say("not_sent"));
    if (sent) form.reset();
  });

  // ── the stream ────────────────────────────────────────────────────────────────────────────────────
  const lost = document.querySelector<HTMLElement>("[data-lost]");
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${studio.dataset["socket"] ?? ""}`;
  const socket = new RoomSocket(url, {
    message: heard,
    connection: (connection) => {
      if (lost !== null) lost.hidden = connection !== "lost";
    },
  });

  function heard(message: Message): void {
    switch (message.t) {
      case "snapshot":
        clock.heard(message.now);
        state = message.state;
        // It replaces what was said before: a writer may have been erased since.
        for (const line of message.chat)
          list?.querySelector(`[data-line="${CSS.escape(line.id)}"]`)?.replaceWith(lineElement(line));
        heardLines(message.chat);
        bind();
        if (message.state.show.status !== status) lookSoon();
        break;
      case "tick": {
        clock.heard(message.now);
        heardLines(message.chat, message.hidden);
        for (const [id, answered] of Object.entries(message.answered ?? {})) {
          const item = list?.querySelector(`[data-line="${CSS.escape(id)}"]`);
          if (item != null) mark(item, answered);
        }
        if (message.patch === undefined || state === undefined) break;
        const before = state;
        state = merged(before, message.patch) as RoomState;
        bind();
        if (changedInStructure(before, state)) lookSoon();
        else if (before.offers !== state.offers) lookSoon(SUMS_WITHIN);
        break;
      }
      case "error":
        if (problem !== null) put(problem, message.message);
        break;
      case "ack":
        if (problem !== null) put(problem, "");
        break;
      default:
        break;
    }
  }

  // ── the picture ───────────────────────────────────────────────────────────────────────────────────
  const video = document.querySelector<HTMLVideoElement>("[data-preview]");
  const words = document.querySelector<HTMLElement>("[data-preview-words]");
  const sound = document.querySelector<HTMLButtonElement>("[data-sound]");
  const texts: Readonly<Partial<Record<Playing, string>>> = {
    playing: "",
    waiting: "",
    loading: say("coming"),
    failed: say("no_video"),
  };
  const player =
    video === null
      ? undefined
      : new Player(video, {
          playing: (playing) => {
            const text = texts[playing];
            if (words !== null && text !== undefined) put(words, text);
            if (sound !== null) sound.hidden = playing !== "playing" && playing !== "waiting";
          },
          shape: (tall) => video.parentElement?.setAttribute("data-shape", tall ? "tall" : "wide"),
          note: () => undefined,
        });
  sound?.addEventListener("click", () => {
    void player?.unmute(video?.muted === true);
    sound.setAttribute("aria-pressed", String(video?.muted === false));
    sound
      .querySelector("use")
      ?.setAttribute(
        "href",
        `${document.documentElement.dataset["icons"] ?? ""}#${video?.muted === false ? "sound" : "mute"}`,
      );
  });

  /** Play while the camera sends. */
  function preview(): void {
    const sends = document.querySelector("[data-camera='live']") !== null;
    const source = studio.dataset["playback"];
    void player?.play(sends && source !== undefined ? source : null);
    if (!sends && words !== null && source !== undefined) put(words, say("quiet"));
  }

  const own = document.querySelector<HTMLElement>("[data-own-camera]");
  if (own !== null)
    import("./camera/own.ts").then(
      ({ OwnCamera }) => new OwnCamera(own, speaker(pageData<Words>("camera-words"))),
      () => trouble(say("no_answer")),
    );

  if (list !== null) list.scrollTop = list.scrollHeight;
  for (const shown of document.querySelectorAll(".flashes")) setTimeout(() => shown.remove(), 6_000);
  socket.connect();
  addEventListener("online", () => socket.hurry());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      socket.hurry();
      lookSoon();
    }
  });
  preview();
  ticking();
  again = setTimeout(() => void look(), LOOK_AGAIN);
}

/** More than counters: what is shown, what is offered and at which price, what is sold out, the notice, the show itself. */
function changedInStructure(before: RoomState, after: RoomState): boolean {
  if (
    before.show !== after.show ||
    before.featured !== after.featured ||
    before.order !== after.order ||
    before.notice !== after.notice ||
    before.pinned !== after.pinned ||
    before.poll?.closed !== after.poll?.closed ||
    before.poll?.id !== after.poll?.id ||
    before.coupon?.id !== after.coupon?.id ||
    before.auction?.state !== after.auction?.state ||
    before.auction?.bids !== after.auction?.bids ||
    before.auction?.paid !== after.auction?.paid ||
    before.auction?.passed !== after.auction?.passed ||
    before.giveaway?.state !== after.giveaway?.state ||
    before.giveaway?.waits !== after.giveaway?.waits
  )
    return true;
  return Object.entries(after.offers).some(([id, offer]) => {
    const known = before.offers[id];
    if (known === undefined) return true;
    return Object.entries(offer.lines).some(([variant, line]) => {
      const was = known.lines[variant];
      return (
        was === undefined || was.price_minor !== line.price_minor || (was.left === 0) !== (line.left === 0)
      );
    });
  });
}
