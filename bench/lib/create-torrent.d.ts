// The part that is used; the package brings no types.
declare module 'create-torrent' {
  interface Options {
    readonly announceList: readonly (readonly string[])[]
    readonly urlList: readonly string[]
    /** Bytes; chosen by the size when absent. */
    readonly pieceLength?: number
  }
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default function createTorrent(
    path: string,
    options: Options,
    done: (error: Error | null, torrent: Uint8Array) => void,
  ): void
}
