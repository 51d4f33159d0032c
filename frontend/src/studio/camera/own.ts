// This device as the camera of the show: choose what is filmed and heard, see it, send it, and be told what is wrong.

import type { Say } from "../../common/words.ts";
import { missing, PictureEncoder, SoundEncoder } from "./encoder.ts";
import { advice, type Figures, nextBitrate, together } from "./health.ts";
import { Picture, type Size } from "./picture.ts";
import { Sound } from "./sound.ts";
import { type Kind, type Line, packed, Uplink } from "./uplink.ts";

const SIZES: Readonly<Record<string, Size & { readonly bitrate: number }>> = {
  "720": { width: 1280, height: 720, bitrate: 2_500_000 },
  "480": { width: 848, height: 480, bitrate: 1_000_000 },
};
const FPS = 30;
const SLOW_FPS = 15;
const TICK_MS = 16;
const LEAST_BITRATE = 400_000;
// Seconds of picture that may wait for the network before frames are left out.
const MOST_WAITING = 0.6;
// Seconds that are judged together; a device that was too slow for so long makes fewer frames from then on.
const SLOW_FOR = 5;
const EVERY_MS = 1_000;

export class OwnCamera {
  private readonly card: HTMLElement;
  private readonly say: Say;
  private readonly language = document.documentElement.lang || "en";
  private readonly picture: Picture;
  private readonly uplink: Uplink;
  private readonly pictures: PictureEncoder;
  private readonly sounds: SoundEncoder;
  private sound: Sound | undefined;
  private ticker: Worker | undefined;
  private wakeLock: WakeLockSentinel | undefined;
  private seconds: ReturnType<typeof setInterval> | undefined;
  private begun = 0;
  private fps = FPS;
  private frame = 0;
  private camera = "";
  private line: Line | "" = "";
  private delay: number | undefined;
  private bitrate = 0;
  private applied = 0;
  private past: readonly Figures[] = [];
  private behindAt = 0;
  private counts = { wanted: 0, encoded: 0, slowDevice: 0, slowNetwork: 0, bytes: 0 };

  /** `say` has the words of the camera. */
  constructor(card: HTMLElement, say: Say) {
    this.card = card;
    this.say = say;
    this.picture = new Picture(this.find<HTMLCanvasElement>("picture"), {
      test: this.say("test_picture"),
      moment: this.say("moment"),
    });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.uplink = new Uplink(`${scheme}://${location.host}${card.dataset["uplink"] ?? ""}`, pageName(), {
      line: (line, why) => this.heardOfLine(line, why),
      ack: (at) => this.acknowledged(at),
    });
    const out = (kind: Kind, at: number, data: Uint8Array) => {
      this.counts.bytes += data.length;
      this.uplink.send(packed(kind, at, data));
    };
    const broke = (problem: unknown) => this.broke(problem);
    this.pictures = new PictureEncoder(out, broke);
    this.sounds = new SoundEncoder(out, broke);
    this.listen();
    const why = missing();
    if (why === "") this.state = "off";
    // Where the page came without HTTPS the server says so, and what to do.
    else if (card.querySelector("[data-needs-https]") === null) this.show(why, true);
  }

  private find<T extends HTMLElement = HTMLElement>(name: string): T {
    const found = this.card.querySelector<T>(`[data-cam-${name}]`);
    if (found === null) throw new Error(`the page has no ${name}`);
    return found;
  }

  private listen(): void {
    for (const button of this.card.querySelectorAll<HTMLButtonElement>("[data-cam-start]"))
      button.addEventListener("click", () => void this.start(button.dataset["camStart"] === "test"));
    this.find("stop").addEventListener("click", () => this.stop());
    this.find("send").addEventListener("click", () => this.send(false));
    this.find("take").addEventListener("click", () => this.send(true));
    this.find("mute").addEventListener("click", () => this.mute());
    this.find<HTMLSelectElement>("microphone").addEventListener("change", (event) => {
      void this.useMicrophone((event.target as HTMLSelectElement).value);
    });
    for (const input of this.card.querySelectorAll<HTMLInputElement>("[data-cam-shape], [data-cam-size]"))
      input.addEventListener("change", () => void this.reshape());
    if (matchMedia("(pointer: coarse) and (orientation: portrait)").matches) {
      const tall = this.card.querySelector<HTMLInputElement>("[data-cam-shape][value='portrait']");
      if (tall !== null) tall.checked = true;
    }
    this.card.addEventListener("camera-stop", () => this.stop());
    addEventListener("online", () => this.uplink.hurry());
    addEventListener("pagehide", () => this.uplink.stop());
    addEventListener("beforeunload", (event) => {
      if (this.isOn && this.line !== "") event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (!this.isOn || document.visibilityState !== "visible") return;
      this.sound?.wake();
      void this.keepAwake();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.isOn) void this.listDevices();
    });
  }

  private get isOn(): boolean {
    return this.card.dataset["ownCamera"] === "on";
  }

  private get isShowLive(): boolean {
    return document.getElementById("studio")?.dataset["status"] === "live";
  }

  private set state(state: "off" | "starting" | "on") {
    this.card.dataset["ownCamera"] = state;
    this.find("off").hidden = state === "on";
    this.find("on").hidden = state !== "on";
    for (const button of this.card.querySelectorAll<HTMLButtonElement>("[data-cam-start]"))
      button.disabled = state === "starting";
  }

  // ── on and off ────────────────────────────────────────────────────────────────────────────────────

  private async start(test: boolean): Promise<void> {
    if (this.card.dataset["ownCamera"] !== "off") return;
    this.state = "starting";
    this.show("");
    let granted: MediaStream | undefined;
    try {
      if (!test) granted = await this.ask();
      this.begun = performance.now();
      this.sound = await Sound.start(this.card.dataset["worklet"] ?? "", (piece) => {
        if (this.uplink.isReady) this.sounds.encode(piece.samples, piece.at - this.begun);
      });
      await this.sounds.configure();
      this.frame = 0;
      this.fps = FPS;
      await this.reshape();
    } catch (problem) {
      for (const track of granted?.getTracks() ?? []) track.stop();
      this.release();
      this.state = "off";
      this.show(reason(problem), true);
      return;
    }
    const video = granted?.getVideoTracks() ?? [];
    const audio = granted?.getAudioTracks() ?? [];
    if (video.length > 0) await this.film(new MediaStream(video));
    else {
      await this.picture.show("test");
      if (!test) this.show("no_camera", true);
    }
    if (audio.length > 0) this.hear(new MediaStream(audio));
    this.state = "on";
    this.ticker = new Worker(this.card.dataset["ticker"] ?? "", { type: "module" });
    this.ticker.onmessage = () => this.tick();
    this.ticker.postMessage(TICK_MS);
    this.seconds = setInterval(() => this.everySecond(), EVERY_MS);
    await this.listDevices();
    void this.keepAwake();
    // Before the show nobody but the studio sees it; on air a tap decides.
    if (this.isShowLive) this.find("send").hidden = false;
    else this.send(false);
    this.badge();
  }

  private stop(): void {
    this.uplink.stop();
    this.line = "";
    this.release();
    this.state = "off";
    this.show("");
    this.find("take").hidden = true;
    this.find("send").hidden = true;
    this.find("figures").textContent = "";
    this.find("advice").hidden = true;
    this.badge();
  }

  private release(): void {
    clearInterval(this.seconds);
    this.ticker?.terminate();
    this.ticker = undefined;
    this.picture.release();
    this.sound?.stop();
    this.sound = undefined;
    this.pictures.close();
    this.sounds.close();
    void this.wakeLock?.release().catch(() => undefined);
    this.wakeLock = undefined;
    this.delay = undefined;
    this.past = [];
    this.find("mute").setAttribute("aria-pressed", "false");
  }

  private broke(problem: unknown): void {
    if (!this.isOn) return;
    this.stop();
    this.show(reason(problem) === "failed" ? "encoder" : reason(problem), true);
  }

  /** Camera and microphone in one question; one of them where there is no other, nothing where there is none. */
  private async ask(): Promise<MediaStream | undefined> {
    const video = this.wishes();
    const audio = HEARING;
    for (const wanted of [{ video, audio }, { video }, { audio }]) {
      try {
        return await navigator.mediaDevices.getUserMedia(wanted);
      } catch (problem) {
        if (!(problem instanceof DOMException) || problem.name !== "NotFoundError") throw problem;
      }
    }
    return undefined;
  }

  private wishes(device?: string): MediaTrackConstraints {
    const base = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: FPS } };
    return device === undefined
      ? { ...base, facingMode: { ideal: "user" } }
      : { ...base, deviceId: { exact: device } };
  }

  private send(takeOver: boolean): void {
    this.find("send").hidden = true;
    this.find("take").hidden = true;
    this.show("");
    this.uplink.start(takeOver);
  }

  private async keepAwake(): Promise<void> {
    this.wakeLock = await navigator.wakeLock?.request("screen").catch(() => undefined);
  }

  // ── what is filmed and heard ──────────────────────────────────────────────────────────────────────

  private async film(stream: MediaStream): Promise<void> {
    this.sound?.addScreen(undefined);
    await this.picture.show("camera", stream);
    const track = this.picture.track;
    if (track === undefined) return;
    this.camera = track.getSettings().deviceId ?? this.camera;
    track.onended = () => void this.lost("camera");
    track.onmute = () => this.show("paused", true);
    track.onunmute = () => this.show("");
  }

  private hear(stream: MediaStream | undefined): void {
    this.sound?.listen(stream);
    const track = this.sound?.track;
    if (track !== undefined) track.onended = () => void this.lost("microphone");
  }

  private async lost(what: "camera" | "microphone"): Promise<void> {
    if (!this.isOn) return;
    if (what === "camera") this.picture.release();
    else this.hear(undefined);
    const asked = { name: what } as unknown as PermissionDescriptor;
    const permission = await navigator.permissions?.query(asked).catch(() => undefined);
    const revoked = permission !== undefined && permission.state !== "granted";
    this.show(revoked ? "revoked" : `${what}_lost`, true);
    await this.listDevices();
  }

  private async useCamera(device: string | undefined): Promise<void> {
    // Many phones open one camera at a time.
    this.picture.release();
    try {
      const video = this.wishes(device);
      await this.film(await navigator.mediaDevices.getUserMedia({ video }));
      this.show("");
    } catch (problem) {
      this.show(reason(problem), true);
    }
    await this.listDevices();
  }

  private async useScreen(): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: FPS }, audio: true });
      await this.picture.show("screen", stream);
      this.sound?.addScreen(stream);
      const track = this.picture.track;
      const back = this.camera;
      if (track !== undefined)
        track.onended = () => void (back === "" ? this.useTest() : this.useCamera(back));
      this.show("");
    } catch {
      // Whoever closes the question wants no screen shown.
    }
    this.listSources();
  }

  private async useTest(): Promise<void> {
    await this.picture.show("test");
    this.show("");
    this.listSources();
  }

  private async useMicrophone(device: string): Promise<void> {
    try {
      this.hear(
        device === ""
          ? undefined
          : await navigator.mediaDevices.getUserMedia({ audio: { ...HEARING, deviceId: { exact: device } } }),
      );
      this.show("");
    } catch (problem) {
      this.show(reason(problem), true);
      await this.listDevices();
    }
  }

  private mute(): void {
    if (this.sound === undefined) return;
    this.sound.muted = !this.sound.muted;
    this.find("mute").setAttribute("aria-pressed", String(this.sound.muted));
  }

  private cameras: readonly MediaDeviceInfo[] = [];

  private async listDevices(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.cameras = devices.filter((one) => one.kind === "videoinput" && one.deviceId !== "");
    this.listSources();
    const select = this.find<HTMLSelectElement>("microphone");
    const current = this.sound?.track?.getSettings().deviceId ?? "";
    const options = devices
      .filter((one) => one.kind === "audioinput" && one.deviceId !== "")
      .map((one, index) => new Option(one.label || this.say("microphone_n", { n: index + 1 }), one.deviceId));
    select.replaceChildren(new Option(this.say("no_microphone"), ""), ...options);
    select.value = current;
  }

  private listSources(): void {
    const filmed = this.picture.source === "camera" ? this.picture.track?.getSettings().deviceId : "";
    // Without a permission browsers name no camera; asking for any asks for the permission, too.
    const nameless = this.cameras.length === 0 && this.picture.source !== "camera";
    const any: [string, boolean, () => Promise<void>][] = nameless
      ? [[this.say("camera_n", { n: 1 }), false, () => this.useCamera(undefined)]]
      : [];
    const named: [string, boolean, () => Promise<void>][] = this.cameras.map((one, index) => [
      one.label.replace(/ \([0-9a-f]{4}:[0-9a-f]{4}\)$/, "") || this.say("camera_n", { n: index + 1 }),
      one.deviceId === filmed,
      () => this.useCamera(one.deviceId),
    ]);
    const choices = [...any, ...named];
    if (navigator.mediaDevices.getDisplayMedia !== undefined)
      choices.push([this.say("screen"), this.picture.source === "screen", () => this.useScreen()]);
    choices.push([this.say("test_picture"), this.picture.source === "test", () => this.useTest()]);
    this.find("sources").replaceChildren(
      ...choices.map(([label, pressed, use]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "button small";
        button.textContent = label;
        button.setAttribute("aria-pressed", String(pressed));
        button.addEventListener("click", () => void use());
        return button;
      }),
    );
  }

  private chosen(name: string): string {
    return this.card.querySelector<HTMLInputElement>(`[data-cam-${name}]:checked`)?.value ?? "";
  }

  private async reshape(): Promise<void> {
    const size = SIZES[this.chosen("size")] ?? { width: 1280, height: 720, bitrate: 2_500_000 };
    const tall = this.chosen("shape") === "portrait";
    const shape = tall ? { width: size.height, height: size.width } : size;
    this.picture.resize(shape);
    this.card.dataset["shape"] = tall ? "tall" : "wide";
    if (this.card.dataset["ownCamera"] === "off") return;
    this.bitrate = this.applied = size.bitrate;
    await this.pictures.configure({
      width: shape.width,
      height: shape.height,
      framerate: this.fps,
      bitrate: this.bitrate,
    });
  }

  // ── frame by frame, second by second ──────────────────────────────────────────────────────────────

  private tick(): void {
    const at = performance.now() - this.begun;
    const frame = Math.floor((at * this.fps) / 1_000);
    if (frame <= this.frame) return;
    const missed = frame - this.frame - 1;
    this.frame = frame;
    this.picture.draw();
    if (!this.uplink.isReady) return;
    const { counts } = this;
    counts.wanted += missed + 1;
    counts.slowDevice += missed;
    if (this.uplink.waiting > this.mostWaiting) {
      counts.slowNetwork++;
      this.behindAt = at;
    } else if (this.pictures.isBehind) counts.slowDevice++;
    else {
      counts.encoded++;
      this.pictures.encode(this.picture.canvas, (frame * 1_000) / this.fps);
    }
  }

  private get mostWaiting(): number {
    return Math.max(60_000, (this.applied / 8) * MOST_WAITING);
  }

  private everySecond(): void {
    const { counts } = this;
    this.counts = { wanted: 0, encoded: 0, slowDevice: 0, slowNetwork: 0, bytes: 0 };
    this.badge();
    const level = this.find<HTMLMeterElement>("level");
    level.value = this.sound?.muted ? 0 : Math.min(1, this.sound?.level ?? 0);
    if (this.line !== "ready" || counts.wanted === 0) return;
    this.past = [...this.past, { ...counts, quiet: this.sound?.quiet ?? 0 }].slice(-SLOW_FOR);
    const found = this.past.length < SLOW_FOR ? "" : advice(together(this.past));
    this.adaptBitrate();
    this.adaptRate(found === "slow_device");
    const note = this.find("advice");
    note.hidden = found === "";
    const words = found === "" ? "" : this.say(found, { mbit: this.number(this.applied / 1_000_000) });
    if (note.textContent !== words) note.textContent = words;
    this.find("figures").textContent = this.say("figures", {
      mbit: this.number((counts.bytes * 8) / 1_000_000),
      fps: counts.encoded,
      lost: counts.slowDevice + counts.slowNetwork,
      delay: this.delay === undefined ? "–" : this.number(this.delay / 1_000),
    });
  }

  private adaptBitrate(): void {
    const full = (SIZES[this.chosen("size")] ?? { bitrate: 2_500_000 }).bitrate;
    const now = performance.now() - this.begun;
    const behind = now - this.behindAt < 2 * EVERY_MS || this.uplink.waiting > this.mostWaiting / 2;
    this.bitrate = nextBitrate(this.bitrate, full, LEAST_BITRATE, behind && this.behindAt > 0);
    // Each change costs a key frame.
    if (Math.abs(this.bitrate - this.applied) < 0.2 * this.applied && this.bitrate < full) return;
    if (this.bitrate === this.applied) return;
    this.applied = this.bitrate;
    this.pictures.setBitrate(this.applied);
  }

  private adaptRate(slow: boolean): void {
    if (!slow || this.fps === SLOW_FPS) return;
    this.fps = SLOW_FPS;
    this.past = [];
    this.frame = Math.floor(((performance.now() - this.begun) * this.fps) / 1_000);
  }

  // ── the line ──────────────────────────────────────────────────────────────────────────────────────

  private heardOfLine(line: Line, why: string): void {
    const before = this.line;
    this.line = line;
    if (line === "ready") {
      this.pictures.restart();
      this.sounds.restart();
      this.delay = undefined;
      this.past = [];
      if (before !== "ready") this.show("");
    } else if (line === "lost") this.show("line_lost", true);
    else if (line === "refused" || line === "ended") {
      this.line = "";
      const busy = why === "media.channel_busy" || why === "replaced";
      this.find("take").hidden = !busy;
      this.find("send").hidden = busy;
      this.show(REASONS[why] ?? "failed", true);
    }
    this.badge();
  }

  private acknowledged(at: number): void {
    const delay = performance.now() - this.begun - at;
    this.delay = this.delay === undefined ? delay : this.delay * 0.8 + delay * 0.2;
  }

  // ── what is said ──────────────────────────────────────────────────────────────────────────────────

  private badge(): void {
    const badge = this.find("badge");
    const sending = this.line === "ready";
    const key = !this.isOn
      ? "off"
      : sending
        ? this.isShowLive
          ? "on_air"
          : "rehearsal"
        : this.line === ""
          ? "preview"
          : "connecting";
    if (badge.dataset["key"] === key) return;
    badge.dataset["key"] = key;
    badge.textContent = this.say(`badge_${key}`);
    badge.className = `badge ${BADGES[key] ?? ""}`;
    badge.hidden = key === "off";
  }

  private show(key: string, bad = false): void {
    const note = this.find("problem");
    note.hidden = key === "" || !bad;
    note.textContent = key === "" ? "" : this.say(key);
    note.dataset["key"] = key;
  }

  private number(value: number): string {
    return new Intl.NumberFormat(this.language, {
      minimumFractionDigits: 1,
      maximumFractionDigits: 1,
    }).format(value);
  }
}

const BADGES: Readonly<Record<string, string>> = { on_air: "live", rehearsal: "good", connecting: "wait" };

const HEARING = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

const REASONS: Readonly<Record<string, string>> = {
  "media.channel_busy": "busy",
  "media.may_not_film": "may_not",
  replaced: "replaced",
  revoked: "may_not",
};

/** Why the browser gave no camera, as a key of the page's words. */
function reason(problem: unknown): string {
  const name = problem instanceof DOMException ? problem.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "not_found";
    case "NotReadableError":
    case "AbortError":
      return "in_use";
    default:
      return problem instanceof Error && problem.message === "no H.264" ? "unsupported" : "failed";
  }
}

/** Names this page to the server.  Not `randomUUID`: that is for secure pages only. */
function pageName(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
