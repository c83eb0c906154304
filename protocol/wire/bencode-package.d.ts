// The package has no types; tests compare our writer with it.
declare module 'bencode' {
  const bencode: { encode(value: unknown): Uint8Array }
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default bencode
}
