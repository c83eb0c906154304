// A media element that began to load before the worker controls its page has to go on without it: Chromium takes the bytes of
// a worker, which have no address of their own, for another site's, and ends in MEDIA_ERR_NETWORK. Nor does it forget what it
// has of a URL for minutes. So the worker is told what it has to leave alone, and what nobody has touched gets another URL.

/** Media elements that have, or are about to have, bytes of this site. */
function loadedMedia(root: ParentNode, siteRoot: string): HTMLMediaElement[] {
  return [...root.querySelectorAll<HTMLMediaElement>('video, audio')].filter(
    (media) => media.currentSrc.startsWith(siteRoot) && (media.preload !== 'none' || isTouched(media)),
  )
}

function isTouched({ paused, autoplay, currentTime, played }: HTMLMediaElement): boolean {
  return !paused || autoplay || currentTime > 0 || played.length > 0
}

/** URLs of the media that the page has begun to load. */
export function loadedUrls(root: ParentNode, siteRoot: string): string[] {
  return loadedMedia(root, siteRoot).map(({ currentSrc }) => currentSrc)
}

/**
 * Leads through the worker what was loaded without it, and what nobody has touched.
 * @param urls what was loaded when the worker took over
 * @param serves whether the worker would serve a URL
 */
export async function reloadUntouched(
  root: ParentNode,
  siteRoot: string,
  urls: readonly string[],
  serves: (url: string) => Promise<boolean>,
): Promise<void> {
  const loaded = loadedMedia(root, siteRoot).filter(({ currentSrc }) => urls.includes(currentSrc))
  await Promise.all(
    loaded.map(async (media) => {
      // Somebody may press play while we ask.
      if ((await serves(media.currentSrc)) && !isTouched(media)) reload(media)
    }),
  )
}

function reload(media: HTMLMediaElement): void {
  const { currentSrc } = media
  const ownSource = media.hasAttribute('src')
  media.src = currentSrc + (currentSrc.includes('#') ? '&' : '#')
  // What the page's <source> elements say is looked at again the next time.
  if (!ownSource) media.addEventListener('loadstart', () => media.removeAttribute('src'), { once: true })
}
