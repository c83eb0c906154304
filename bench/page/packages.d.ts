// The part of both packages that is used; they bring no types.
declare module 'webtorrent/dist/webtorrent.min.js' {
  interface Torrent {
    readonly bitfield?: { get(piece: number): boolean }
    readonly done: boolean
    readonly length: number
  }
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default class WebTorrent {
    add(torrent: Uint8Array, options: { readonly strategy?: string; readonly store?: unknown }): Torrent
    on(event: 'error', listener: (error: Error) => void): this
  }
}

declare module 'memory-chunk-store' {
  const store: unknown
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default store
}
