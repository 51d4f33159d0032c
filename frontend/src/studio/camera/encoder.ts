// The browser's own encoders: H.264, and AAC where it has one, else Opus.

import { KIND, type Kind } from "./uplink.ts";

export type Out = (kind: Kind, at: number, data: Uint8Array) => void;

// Baseline first: every player shows it, and no encoder holds frames back for it.
const PICTURES = ["avc1.42E01F", "avc1.4D401F", "avc1.64001F", "avc1.42001F"];
const KEY_FRAME_MS = 1_000;
// As many frames as may wait for the encoder before the next one is left out.
const QUEUE = 2;

export interface PictureSettings {
  readonly width: number;
  readonly height: number;
  readonly framerate: number;
  readonly bitrate: number;
}

/** What is missing in this browser for filming; "" where nothing is. */
export function missing(): "insecure" | "unsupported" | "" {
  if (!window.isSecureContext || navigator.mediaDevices === undefined) return "insecure";
  const has = "VideoEncoder" in window && "AudioEncoder" in window && "AudioWorkletNode" in window;
  return has ? "" : "unsupported";
}

export class PictureEncoder {
  private readonly out: Out;
  private readonly broke: (problem: unknown) => void;
  private encoder: VideoEncoder | undefined;
  private codec: string | undefined;
  private settings: PictureSettings | undefined;
  private parameters: Uint8Array | undefined;
  private keyAt = Number.NEGATIVE_INFINITY;
  private waitsForKey = true;

  constructor(out: Out, broke: (problem: unknown) => void) {
    this.out = out;
    this.broke = broke;
  }

  async configure(settings: PictureSettings): Promise<void> {
    for (const codec of this.codec === undefined ? PICTURES : [this.codec]) {
      const wanted = config(codec, settings);
      const { supported } = await VideoEncoder.isConfigSupported(wanted);
      if (!supported) continue;
      this.codec = codec;
      this.settings = settings;
      if (this.encoder === undefined || this.encoder.state === "closed") {
        this.encoder = new VideoEncoder({
          output: (chunk, meta) => this.encoded(chunk, meta),
          error: (problem) => this.broke(problem),
        });
      }
      this.encoder.configure(wanted);
      this.keyAt = Number.NEGATIVE_INFINITY;
      return;
    }
    throw new Error("no H.264");
  }

  /** Fewer or more bits from the next frame on. */
  setBitrate(bitrate: number): void {
    if (this.encoder?.state !== "configured" || this.codec === undefined || this.settings === undefined)
      return;
    this.settings = { ...this.settings, bitrate };
    this.encoder.configure(config(this.codec, this.settings));
    this.keyAt = Number.NEGATIVE_INFINITY;
  }

  /** Somebody listens from now on, who knows nothing yet. */
  restart(): void {
    this.waitsForKey = true;
    this.keyAt = Number.NEGATIVE_INFINITY;
  }

  get isBehind(): boolean {
    return (this.encoder?.encodeQueueSize ?? 0) >= QUEUE;
  }

  encode(canvas: HTMLCanvasElement, at: number): void {
    if (this.encoder?.state !== "configured") return;
    const frame = new VideoFrame(canvas, { timestamp: Math.round(at * 1_000), alpha: "discard" });
    const keyFrame = at - this.keyAt >= KEY_FRAME_MS - 5;
    if (keyFrame) this.keyAt = at;
    this.encoder.encode(frame, { keyFrame });
    frame.close();
  }

  close(): void {
    if (this.encoder?.state !== "closed") this.encoder?.close();
    this.encoder = undefined;
  }

  private encoded(chunk: EncodedVideoChunk, meta?: EncodedVideoChunkMetadata): void {
    const described = meta?.decoderConfig?.description;
    const fresh = described === undefined ? undefined : bytes(described);
    const changed = fresh !== undefined && !isEqual(fresh, this.parameters);
    if (changed) this.parameters = fresh;
    const key = chunk.type === "key";
    if (this.waitsForKey && !key) return;
    const at = chunk.timestamp / 1_000;
    if ((changed || this.waitsForKey) && this.parameters !== undefined)
      this.out(KIND.pictureParameters, at, this.parameters);
    this.waitsForKey = false;
    const data = new Uint8Array(chunk.byteLength);
    chunk.copyTo(data);
    this.out(key ? KIND.keyFrame : KIND.frame, at, data);
  }
}

function config(codec: string, settings: PictureSettings): VideoEncoderConfig {
  return { codec, ...settings, latencyMode: "realtime", bitrateMode: "variable", avc: { format: "avc" } };
}

const AAC: AudioEncoderConfig = {
  codec: "mp4a.40.2",
  sampleRate: 48_000,
  numberOfChannels: 2,
  bitrate: 128_000,
};
const OPUS: AudioEncoderConfig = { ...AAC, codec: "opus", bitrate: 96_000 };

export class SoundEncoder {
  private readonly out: Out;
  private readonly broke: (problem: unknown) => void;
  private encoder: AudioEncoder | undefined;
  private parameters: Uint8Array | undefined;
  private told = false;
  codec: "aac" | "opus" = "aac";

  constructor(out: Out, broke: (problem: unknown) => void) {
    this.out = out;
    this.broke = broke;
  }

  async configure(): Promise<void> {
    const aac = await AudioEncoder.isConfigSupported(AAC).catch(() => ({ supported: false }));
    this.codec = aac.supported ? "aac" : "opus";
    if (this.codec === "opus") this.parameters = new Uint8Array([2]);
    this.encoder = new AudioEncoder({
      output: (chunk, meta) => this.encoded(chunk, meta),
      error: (problem) => this.broke(problem),
    });
    this.encoder.configure(this.codec === "aac" ? AAC : OPUS);
  }

  restart(): void {
    this.told = false;
  }

  encode(samples: Float32Array<ArrayBuffer>, at: number): void {
    if (this.encoder?.state !== "configured") return;
    const data = new AudioData({
      format: "f32-planar",
      sampleRate: 48_000,
      numberOfFrames: samples.length / 2,
      numberOfChannels: 2,
      timestamp: Math.round(at * 1_000),
      data: samples,
    });
    this.encoder.encode(data);
    data.close();
  }

  close(): void {
    if (this.encoder?.state !== "closed") this.encoder?.close();
    this.encoder = undefined;
  }

  private encoded(chunk: EncodedAudioChunk, meta?: EncodedAudioChunkMetadata): void {
    const described = meta?.decoderConfig?.description;
    if (this.codec === "aac" && described !== undefined) this.parameters = bytes(described);
    if (this.parameters === undefined) return;
    const at = chunk.timestamp / 1_000;
    if (!this.told) {
      this.told = true;
      this.out(this.codec === "aac" ? KIND.aacParameters : KIND.opusParameters, at, this.parameters);
    }
    const data = new Uint8Array(chunk.byteLength);
    chunk.copyTo(data);
    this.out(KIND.sound, at, data);
  }
}

function bytes(source: AllowSharedBufferSource): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice()
    : new Uint8Array(source).slice();
}

function isEqual(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return (
    other !== undefined && one.length === other.length && one.every((byte, index) => byte === other[index])
  );
}
