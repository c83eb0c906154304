type Media = EventTarget & Pick<HTMLMediaElement, 'paused' | 'readyState' | 'HAVE_CURRENT_DATA'>

/** Resolves when each of these elements that is to play shows something, or after `ms`. */
export async function firstFrames(elements: Iterable<Media>, ms: number): Promise<void> {
  const shown = [...elements]
    .filter((media) => !media.paused && media.readyState < media.HAVE_CURRENT_DATA)
    .map((media) => new Promise((resolve) => media.addEventListener('loadeddata', resolve, { once: true })))
  if (shown.length === 0) return
  await Promise.race([Promise.all(shown), new Promise((resolve) => setTimeout(resolve, ms))])
}
