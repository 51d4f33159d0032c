// `#from=youtube`: which other platform a link to the room stood on.  Behind the hash, so that the page stays one for all.

/** The code of a destination; undefined where none is named. */
export function cameFrom(hash: string): string | undefined {
  const found = /^#from=([a-z0-9-]{1,32})$/.exec(hash);
  return found?.[1];
}
