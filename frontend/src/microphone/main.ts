// Sound of the page that films, in pieces of 20 ms at 48 kHz: both channels one after the other, and the number of the
// first sample.  Where nothing is connected there is silence: a stream that has sound keeps having it.

const SAMPLES = 960;

declare const currentFrame: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

class Microphone extends AudioWorkletProcessor {
  private piece = new Float32Array(2 * SAMPLES);
  private filled = 0;

  process(inputs: Float32Array[][]): boolean {
    const left = inputs[0]?.[0];
    const right = inputs[0]?.[1] ?? left;
    const length = left?.length ?? 128;
    for (let i = 0; i < length; i++) {
      this.piece[this.filled] = left?.[i] ?? 0;
      this.piece[SAMPLES + this.filled] = right?.[i] ?? 0;
      if (++this.filled === SAMPLES) {
        const piece = this.piece;
        this.port.postMessage({ at: currentFrame + i + 1 - SAMPLES, samples: piece }, [piece.buffer]);
        this.piece = new Float32Array(2 * SAMPLES);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
