/** What we use of bittorrent-tracker 11, which has no types of its own. */
declare module 'bittorrent-tracker/server' {
  import type { EventEmitter } from 'node:events'
  import type { IncomingMessage } from 'node:http'
  import type { ServerOptions, WebSocket, WebSocketServer } from 'ws'

  // biome-ignore lint/style/noDefaultExport: that is how the package exports it
  export default class Server extends EventEmitter {
    constructor(options: { udp: boolean; http: boolean; stats: boolean; ws: ServerOptions; interval?: number })
    readonly ws: WebSocketServer
    /** By info hash; `peers.length` counts the peers. */
    readonly torrents: Record<string, { readonly peers: { readonly length: number } }>
    close(done?: () => void): void
    onWebSocketConnection(socket: WebSocket & { upgradeReq: IncomingMessage }): void
  }
}
