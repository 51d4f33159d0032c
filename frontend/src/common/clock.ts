// The server's clock, as well as we can know it: holds end by it, not by the clock of the phone.

export class ServerClock {
  private offset: number | null = null;

  /** A message said that it was `serverMs` when it left.  The smallest delay seen is nearest to the truth. */
  heard(serverMs: number, localMs: number = Date.now()): void {
    const offset = serverMs - localMs;
    if (this.offset === null || offset > this.offset) this.offset = offset;
  }

  now(localMs: number = Date.now()): number {
    return localMs + (this.offset ?? 0);
  }

  /** Whole seconds until a moment, never below zero. */
  secondsUntil(moment: string | number, localMs: number = Date.now()): number {
    const at = typeof moment === "number" ? moment : Date.parse(moment);
    return Math.max(0, Math.ceil((at - this.now(localMs)) / 1000));
  }
}
