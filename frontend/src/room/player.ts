// The video: hls.js where the browser has media source extensions, the browser's own HLS where only that exists.
// Starts muted, because only that may start by itself; a tap brings the sound.

import type Hls from "hls.js";

export type Playing = "idle" | "loading" | "playing" | "waiting" | "blocked" | "failed";

export interface PlayerEars {
  readonly playing: (state: Playing) => void;
  readonly shape: (tall: boolean) => void;
  readonly note: (type: string, facts?: Readonly<Record<string, string | number>>) => void;
}

export class Player {
  private hls: Hls | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private source: string | undefined;
  private startDate: number | null = null;
  private stopped = false;
  readonly video: HTMLVideoElement;
  private readonly ears: PlayerEars;

  constructor(video: HTMLVideoElement, ears: PlayerEars) {
    this.video = video;
    this.ears = ears;
    video.muted = true;
    video.playsInline = true;
    video.addEventListener("playing", () => {
      ears.playing("playing");
      ears.note("media.play");
    });
    video.addEventListener("waiting", () => ears.playing("waiting"));
    video.addEventListener("resize", () => ears.shape(video.videoHeight >= video.videoWidth));
    video.addEventListener("loadedmetadata", () => ears.shape(video.videoHeight >= video.videoWidth));
    // Some browsers pause a hidden page's video; when it is seen again it belongs to the present, not to where it stopped.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.toPresent();
    });
  }

  /** Play this playlist; the same one again changes nothing, null stops. */
  async play(source: string | null): Promise<void> {
    if (source === null) {
      this.stop();
      return;
    }
    if (source === this.source) return;
    this.stop();
    this.stopped = false;
    this.source = source;
    this.ears.playing("loading");
    const { default: Library } = await import("hls.js/light");
    if (this.source !== source || this.stopped) return;
    if (Library.isSupported()) this.attach(Library, source);
    else if (this.video.canPlayType("application/vnd.apple.mpegurl")) await this.native(source);
    else this.ears.playing("failed");
  }

  stop(): void {
    this.stopped = true;
    this.source = undefined;
    clearTimeout(this.retry);
    this.hls?.destroy();
    this.hls = undefined;
    this.startDate = null;
    this.video.removeAttribute("src");
    this.ears.playing("idle");
  }

  /** Called from a tap, because browsers give sound to people only. */
  async unmute(on: boolean): Promise<void> {
    this.video.muted = !on;
    await this.start();
  }

  async start(): Promise<void> {
    try {
      await this.video.play();
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "NotAllowedError") this.ears.playing("blocked");
    }
  }

  /** Whether pictures move, and where the player is in its own seconds. */
  position(): { readonly playing: boolean; readonly position: number } {
    const video = this.video;
    return { playing: !video.paused && !video.ended && video.readyState > 2, position: video.currentTime };
  }

  /** The wall clock of the picture on the screen, in ms since 1970; null when nothing says it. */
  playingDate(): number | null {
    const date = this.hls?.playingDate;
    if (date) return date.getTime();
    if (this.startDate === null && "getStartDate" in this.video) {
      const start = (this.video as { getStartDate(): Date }).getStartDate().getTime();
      this.startDate = Number.isNaN(start) ? null : start;
    }
    return this.startDate === null ? null : this.startDate + this.video.currentTime * 1000;
  }

  private attach(Library: typeof Hls, source: string): void {
    const hls = new Library({
      lowLatencyMode: true,
      enableWorker: false,
      // The card follows the clock of the picture itself; cues would need a track that the page's policy forbids.
      enableDateRangeMetadataCues: false,
      enableID3MetadataCues: false,
      enableEmsgMetadataCues: false,
      backBufferLength: 20,
      maxLiveSyncPlaybackRate: 1.08,
      liveDurationInfinity: true,
    });
    this.hls = hls;
    hls.on(Library.Events.MANIFEST_PARSED, () => void this.start());
    hls.on(Library.Events.ERROR, (_event, error) => {
      if (!error.fatal) {
        if (error.details === Library.ErrorDetails.BUFFER_STALLED_ERROR) this.ears.note("media.buffer_start");
        return;
      }
      this.ears.note("media.error", { code: error.details });
      this.again(source);
    });
    hls.loadSource(source);
    hls.attachMedia(this.video);
  }

  private async native(source: string): Promise<void> {
    this.video.src = source;
    this.video.onerror = () => this.again(source);
    await this.start();
  }

  /** The camera may come a little later, or come back: try again, calmly, for as long as the page wants it. */
  private again(source: string): void {
    this.ears.playing("waiting");
    this.hls?.destroy();
    this.hls = undefined;
    clearTimeout(this.retry);
    this.retry = setTimeout(
      () => {
        if (this.source !== source) return;
        this.source = undefined;
        void this.play(source);
      },
      1_500 + Math.random() * 1_500,
    );
  }

  private toPresent(): void {
    const edge = this.hls?.liveSyncPosition;
    if (typeof edge === "number" && edge - this.video.currentTime > 3) this.video.currentTime = edge;
    if (this.source !== undefined) void this.start();
  }
}
