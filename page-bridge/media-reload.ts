/**
 * Media elements that began to load before the worker took control, and that nobody has touched: loading them once
 * more leads them through the worker without anybody noticing.
 */
export function untouchedMedia(root: ParentNode): HTMLMediaElement[] {
  return [...root.querySelectorAll<HTMLMediaElement>('video, audio')].filter(
    (media) =>
      /^https?:/.test(media.currentSrc) &&
      media.srcObject === null &&
      media.preload !== 'none' &&
      media.paused &&
      !media.autoplay &&
      media.currentTime === 0 &&
      media.played.length === 0,
  )
}

/** @param serves whether the worker would serve a URL */
export async function reloadUntouched(root: ParentNode, serves: (url: string) => Promise<boolean>): Promise<void> {
  const served = await Promise.all(
    untouchedMedia(root).map(async (media) => ((await serves(media.currentSrc)) ? media : undefined)),
  )
  // Somebody may have pressed play in the meantime.
  const still = new Set(untouchedMedia(root))
  for (const media of served) if (media && still.has(media)) media.load()
}
