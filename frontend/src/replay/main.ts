// Makes the page of a replay alive: it plays at once, marks the product in view and lets the chat follow the picture.

import type Hls from "hls.js";
import { ServerClock } from "../common/clock.ts";
import { Collector } from "../common/collect.ts";
import type { Words } from "../common/words.ts";
import { ReplayChat } from "./chat.ts";
import { chapterAt, momentAt, type Stretch } from "./clock.ts";

interface ReplayData {
  readonly shop: { readonly id: number; readonly slug: string };
  readonly show: number;
  readonly now: number;
  readonly source: string;
  /** Where it begins, in seconds. */
  readonly at: number;
  readonly chat: string;
  readonly stretches: readonly Stretch[];
  readonly chapters: readonly (readonly [number, number])[];
  readonly waits: boolean;
  readonly words: Words;
}

interface Reserved {
  readonly title: string;
  readonly expires_at: string | null;
  readonly url: string;
}

const AGAIN = [1_000, 3_000, 10_000, 30_000];

function start(root: HTMLElement, video: HTMLVideoElement): void {
  // Read here: a share in the chunk of `common/words` would cost the room, which counts every byte, one more file.
  const data = JSON.parse(document.getElementById("replay-data")?.textContent ?? "") as ReplayData;
  const { words: texts } = data;
  const collector = new Collector({ shop_id: data.shop.id, show_id: data.show });
  collector.note("page_view");
  collector.flushWhenHidden();
  const words = root.querySelector<HTMLElement>(".watch-words");
  const sound = root.querySelector<HTMLButtonElement>(".watch-sound");
  const stage = root.querySelector<HTMLElement>(".watch-stage");
  const items = [...root.querySelectorAll<HTMLElement>("ol.chapters > .chapter")];
  const chatBox = root.querySelector<HTMLElement>("#replay-chat");
  const chat = chatBox === null ? null : new ReplayChat(chatBox, data.chat, texts);
  const tell = (text: string) => {
    if (words === null) return;
    words.textContent = text;
    words.hidden = text === "";
  };

  const from = data.at;
  let shown = -2;
  const follow = () => {
    const played = video.currentTime * 1000;
    const current = chapterAt(data.chapters, played);
    if (current !== shown) {
      shown = current;
      items.forEach((item, index) => {
        if (index === current) item.setAttribute("aria-current", "true");
        else item.removeAttribute("aria-current");
      });
    }
    const moment = momentAt(data.stretches, played);
    if (moment !== null) void chat?.follow(moment);
  };
  const seek = (ms: number) => {
    video.currentTime = ms / 1000;
    follow();
  };
  video.addEventListener("timeupdate", follow);
  video.addEventListener("seeking", follow);
  video.addEventListener("playing", () => tell(""));
  video.addEventListener("waiting", () => tell(texts["waiting"] ?? ""));
  video.addEventListener("play", () => collector.note("media.play"), { once: true });
  video.addEventListener("resize", () => {
    if (stage !== null) stage.dataset["shape"] = video.videoHeight > video.videoWidth ? "tall" : "wide";
  });
  if (sound !== null) {
    const offer = () => {
      sound.hidden = !video.muted || video.paused;
    };
    video.addEventListener("volumechange", offer);
    video.addEventListener("playing", offer);
    sound.addEventListener("click", () => {
      video.muted = false;
      void video.play().catch(() => undefined);
    });
  }

  root.addEventListener("click", (event) => {
    const link =
      event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-at]") : null;
    if (link === null || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    seek(Number(link.dataset["at"]));
    history.replaceState(null, "", link.href);
    stage?.scrollIntoView({ block: "nearest" });
    void video.play().catch(() => undefined);
  });

  void play(video, data.source, from, tell, () => texts["no_video"] ?? "");
  follow();
  const clock = new ServerClock();
  clock.heard(data.now);
  if (data.waits) void reserved(data, root, clock);
}

/** Muted, because only that may start by itself; whoever saves data or wants calm starts it. */
function begin(video: HTMLVideoElement): void {
  const saves = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;
  if (saves || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  video.muted = true;
  void video.play().catch(() => undefined);
}

async function play(
  video: HTMLVideoElement,
  source: string,
  from: number,
  tell: (text: string) => void,
  unplayable: () => string,
): Promise<void> {
  const { default: Library } = await import("hls.js/light");
  if (!Library.isSupported()) {
    if (video.canPlayType("application/vnd.apple.mpegurl")) begin(video);
    else tell(unplayable());
    return;
  }
  video.removeAttribute("src");
  const hls: Hls = new Library({
    enableWorker: false,
    // Cues would need a track that the page's policy forbids; chapters come with the page.
    enableDateRangeMetadataCues: false,
    enableID3MetadataCues: false,
    enableEmsgMetadataCues: false,
    backBufferLength: 60,
    startPosition: from,
  });
  let tries = 0;
  hls.once(Library.Events.MANIFEST_PARSED, () => begin(video));
  hls.on(Library.Events.FRAG_BUFFERED, () => {
    tries = 0;
  });
  hls.on(Library.Events.ERROR, (_event, error) => {
    if (!error.fatal) return;
    const pause = AGAIN[Math.min(tries++, AGAIN.length - 1)] ?? 0;
    if (error.type === Library.ErrorTypes.MEDIA_ERROR && tries < AGAIN.length) hls.recoverMediaError();
    else if (error.type === Library.ErrorTypes.NETWORK_ERROR)
      setTimeout(() => (hls.levels.length > 0 ? hls.startLoad() : hls.loadSource(source)), pause);
    else tell(unplayable());
  });
  hls.loadSource(source);
  hls.attachMedia(video);
}

/** What is still reserved from the show is one tap from its checkout. */
async function reserved(data: ReplayData, root: HTMLElement, clock: ServerClock): Promise<void> {
  const box = root.querySelector<HTMLElement>("#replay-held");
  const link = box?.querySelector("a");
  const answer = await fetch(`/s/${data.shop.slug}/waitlist?show=${data.show}`, {
    headers: { accept: "application/json" },
  }).catch(() => undefined);
  if (box === null || !link || answer?.ok !== true) return;
  const { reserved: found = [] } = (await answer.json()) as { readonly reserved?: readonly Reserved[] };
  const label = link.textContent;
  const show = () => {
    const open = found.filter((one) => one.expires_at === null || clock.secondsUntil(one.expires_at) > 0);
    box.hidden = open[0] === undefined;
    if (open[0] === undefined) return;
    link.href = open[0].url;
    link.textContent = `${label} · ${open.map((one) => one.title).join(", ")}`;
  };
  show();
  setInterval(show, 1_000);
}

const root = document.getElementById("replay");
const video = document.getElementById("replay-video");
if (root !== null && video instanceof HTMLVideoElement) start(root, video);
