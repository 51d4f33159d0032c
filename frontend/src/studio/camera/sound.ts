// The sound that is sent: microphone and, with a shared screen, its sound, mixed; silence while muted.

const RATE = 48_000;
const OFFSET_EVERY = 5 * RATE;
const APART_MS = 40;

export interface Piece {
  /** Milliseconds on the page's clock. */
  readonly at: number;
  /** 960 samples of the left channel, then as many of the right. */
  readonly samples: Float32Array<ArrayBuffer>;
}

/** Places a count of samples on the page's clock: they are handed over late, now later and now less, never early. */
export class SoundClock {
  private offset: number | undefined;
  private least = Number.POSITIVE_INFINITY;
  private since = 0;

  /** Milliseconds of sample number `sample`, whose piece arrived at `now`. */
  place(sample: number, now: number): number {
    const own = (sample * 1_000) / RATE;
    this.least = Math.min(this.least, now - own);
    if (this.offset === undefined) {
      this.offset = this.least;
      this.since = sample;
    } else if (sample - this.since >= OFFSET_EVERY) {
      if (Math.abs(this.least - this.offset) > APART_MS) this.offset = this.least;
      this.since = sample;
      this.least = Number.POSITIVE_INFINITY;
    }
    return own + this.offset;
  }
}

export class Sound {
  private readonly context: AudioContext;
  private readonly mixer: GainNode;
  private readonly clock = new SoundClock();
  private microphone: MediaStreamAudioSourceNode | undefined;
  private stream: MediaStream | undefined;
  private screen: MediaStreamAudioSourceNode | undefined;
  private heardAt = performance.now();
  level = 0;

  private constructor(context: AudioContext, heard: (piece: Piece) => void) {
    this.context = context;
    this.mixer = new GainNode(context, { channelCount: 2, channelCountMode: "explicit" });
    const node = new AudioWorkletNode(context, "microphone", {
      channelCount: 2,
      channelCountMode: "explicit",
      outputChannelCount: [2],
    });
    node.port.onmessage = (event: MessageEvent<{ at: number; samples: Float32Array<ArrayBuffer> }>) => {
      const now = performance.now();
      const { at, samples } = event.data;
      let peak = 0;
      for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
      this.level = Math.max(peak, this.level * 0.9);
      if (peak > 0.003) this.heardAt = now;
      heard({ at: this.clock.place(at, now), samples });
    };
    // Only what leads to the loudspeaker is computed; nothing of it is heard.
    this.mixer
      .connect(node)
      .connect(new GainNode(context, { gain: 0 }))
      .connect(context.destination);
  }

  static async start(worklet: string, heard: (piece: Piece) => void): Promise<Sound> {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await context.audioWorklet.addModule(worklet);
    const sound = new Sound(context, heard);
    await context.resume();
    return sound;
  }

  /** Hear this microphone from now on; none where there is no stream. */
  listen(stream: MediaStream | undefined): void {
    this.microphone?.disconnect();
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = stream;
    this.microphone =
      stream === undefined
        ? undefined
        : new MediaStreamAudioSourceNode(this.context, { mediaStream: stream });
    this.microphone?.connect(this.mixer);
    this.heardAt = performance.now();
  }

  /** The sound of a shared screen beside it. */
  addScreen(stream: MediaStream | undefined): void {
    this.screen?.disconnect();
    this.screen = undefined;
    if (stream === undefined || stream.getAudioTracks().length === 0) return;
    this.screen = new MediaStreamAudioSourceNode(this.context, { mediaStream: stream });
    this.screen.connect(this.mixer);
  }

  get track(): MediaStreamTrack | undefined {
    return this.stream?.getAudioTracks()[0];
  }

  get muted(): boolean {
    return this.mixer.gain.value === 0;
  }

  set muted(muted: boolean) {
    this.mixer.gain.value = muted ? 0 : 1;
    this.heardAt = performance.now();
  }

  /** Seconds since anything was heard of a microphone that is on. */
  get quiet(): number {
    return this.muted || this.stream === undefined ? 0 : (performance.now() - this.heardAt) / 1_000;
  }

  /** Phones suspend the sound of a page for a call. */
  wake(): void {
    if (this.context.state !== "running") void this.context.resume();
  }

  stop(): void {
    this.listen(undefined);
    this.addScreen(undefined);
    void this.context.close();
  }
}
