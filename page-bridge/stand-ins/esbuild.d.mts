export const leanSimplePeer: {
  readonly define: Record<string, string>
  readonly alias: Record<string, string>
}
