// The picture that is sent: a canvas of one size, into which the chosen source is drawn.  Changing the source changes
// nothing for those who watch but the picture itself.

export type Source = "camera" | "screen" | "test" | "none";
export interface Size {
  readonly width: number;
  readonly height: number;
}

const BARS = ["#c0c0c0", "#c0c000", "#00c0c0", "#00c000", "#c000c0", "#c00000", "#0000c0"];

export class Picture {
  readonly canvas: HTMLCanvasElement;
  source: Source = "none";
  private readonly context: CanvasRenderingContext2D;
  private readonly video = document.createElement("video");
  private readonly words: { readonly test: string; readonly moment: string };
  private stream: MediaStream | undefined;

  constructor(canvas: HTMLCanvasElement, words: { readonly test: string; readonly moment: string }) {
    this.canvas = canvas;
    this.words = words;
    const context = canvas.getContext("2d", { alpha: false });
    if (context === null) throw new Error("this browser draws nothing");
    this.context = context;
    this.video.muted = true;
    this.video.playsInline = true;
  }

  resize(size: Size): void {
    if (this.canvas.width === size.width && this.canvas.height === size.height) return;
    this.canvas.width = size.width;
    this.canvas.height = size.height;
  }

  /** Show this; what was shown before is let go of. */
  async show(source: Source, stream?: MediaStream): Promise<void> {
    this.release();
    this.source = source;
    this.stream = stream;
    this.video.srcObject = stream ?? null;
    if (stream !== undefined) await this.video.play().catch(() => undefined);
  }

  get track(): MediaStreamTrack | undefined {
    return this.stream?.getVideoTracks()[0];
  }

  release(): void {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = undefined;
    this.video.srcObject = null;
    this.source = "none";
  }

  draw(): void {
    const { context, video } = this;
    const { width, height } = this.canvas;
    if (this.source === "test") {
      this.drawTest();
      return;
    }
    if (this.stream === undefined || video.videoWidth === 0 || video.readyState < 2) {
      this.drawWords(this.words.moment);
      return;
    }
    // A camera fills the picture, a screen is seen whole.
    const across = width / video.videoWidth;
    const down = height / video.videoHeight;
    const scale = this.source === "screen" ? Math.min(across, down) : Math.max(across, down);
    const w = video.videoWidth * scale;
    const h = video.videoHeight * scale;
    if (w < width || h < height) {
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);
    }
    context.drawImage(video, (width - w) / 2, (height - h) / 2, w, h);
  }

  private drawTest(): void {
    const { context } = this;
    const { width, height } = this.canvas;
    const bar = width / BARS.length;
    BARS.forEach((colour, index) => {
      context.fillStyle = colour;
      context.fillRect(Math.floor(index * bar), 0, Math.ceil(bar), height);
    });
    const second = (performance.now() / 2_000) % 1;
    context.fillStyle = "#fff";
    context.fillRect(second * width, height * 0.78, width / 40, height * 0.08);
    this.band(`${this.words.test} ${new Date().toLocaleTimeString()}`);
  }

  private drawWords(text: string): void {
    this.context.fillStyle = "#14110e";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.band(text);
  }

  private band(text: string): void {
    const { context } = this;
    const { width, height } = this.canvas;
    context.fillStyle = "#14110e";
    context.fillRect(0, height * 0.42, width, height * 0.16);
    context.fillStyle = "#fff";
    context.font = `600 ${Math.round(Math.min(width, height) / 16)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, width / 2, height / 2, width * 0.92);
  }
}
