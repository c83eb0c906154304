/** Certificate and ICE credentials: made anew by each side for each connection. */
const CREDENTIAL = /^a=(fingerprint|ice-ufrag|ice-pwd):/

/**
 * What two session descriptions say about the one connection that comes of them: the same for both sides, and for no other
 * connection. Undefined when one of them names no certificate.
 */
export function channelOf(one: string, other: string): string | undefined {
  const both = [credentialsOf(one), credentialsOf(other)]
  return both.every((text) => text.includes('a=fingerprint:')) ? both.sort().join('\n') : undefined
}

/** Media sections repeat them. */
function credentialsOf(sdp: string): string {
  const lines = sdp.split(/\r?\n/).filter((line) => CREDENTIAL.test(line))
  return [...new Set(lines)].sort().join('\n')
}
