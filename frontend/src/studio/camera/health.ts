// What is wrong with a camera, judged from figures of the last seconds: one word, the most important one.

export interface Figures {
  /** Frames per second that were wanted, encoded, and left out because the encoder, or the network, was behind. */
  readonly wanted: number;
  readonly encoded: number;
  readonly slowDevice: number;
  readonly slowNetwork: number;
  /** Seconds since the microphone was last heard; 0 where silence is meant. */
  readonly quiet: number;
}

export type Advice = "slow_network" | "slow_device" | "quiet" | "";

const SHARE = 0.1;
const QUIET_SECONDS = 10;

export function advice(figures: Figures): Advice {
  const { wanted } = figures;
  if (figures.slowNetwork > SHARE * wanted) return "slow_network";
  if (figures.slowDevice > SHARE * wanted || figures.encoded < (1 - 2 * SHARE) * wanted) return "slow_device";
  if (figures.quiet > QUIET_SECONDS) return "quiet";
  return "";
}

/** The last seconds together: one slow second is no state of things. */
export function together(seconds: readonly Figures[]): Figures {
  const sum = (name: "wanted" | "encoded" | "slowDevice" | "slowNetwork"): number =>
    seconds.reduce((total, one) => total + one[name], 0);
  return {
    wanted: sum("wanted"),
    encoded: sum("encoded"),
    slowDevice: sum("slowDevice"),
    slowNetwork: sum("slowNetwork"),
    quiet: seconds.at(-1)?.quiet ?? 0,
  };
}

/** Bits per second for the next seconds: down fast when the network is behind, up slowly while it keeps up. */
export function nextBitrate(now: number, full: number, least: number, behind: boolean): number {
  return Math.round(behind ? Math.max(least, now * 0.7) : Math.min(full, now * 1.08));
}
