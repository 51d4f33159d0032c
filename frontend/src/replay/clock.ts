// The time of the player against the clock of the video: a replay leaves out what was not recorded.

/** Milliseconds: where it begins on the clock of the video, where in the replay, and how long it is. */
export type Stretch = readonly [start: number, at: number, duration: number];
export type Span = readonly [at: number, end: number];

/** The clock of the video at this time of the replay; null where nothing is recorded. */
export function momentAt(stretches: readonly Stretch[], played: number): number | null {
  const found = stretches.filter(([, at]) => played >= at).at(-1) ?? stretches[0];
  if (found === undefined) return null;
  const [start, at, duration] = found;
  return start + Math.min(Math.max(0, played - at), duration);
}

/** Which chapter is playing, by its place in the list; -1 between them. The later one of two that overlap. */
export function chapterAt(chapters: readonly Span[], played: number): number {
  return chapters.reduce((found, [at, end], i) => (played >= at && played < end ? i : found), -1);
}
