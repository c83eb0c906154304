// What `supply/` names of the Fetch standard and Node's own types leave out. Node takes these options and names; the
// kind of cache is of no consequence, as it has none.

interface RequestInit {
  cache?: 'default' | 'no-store' | 'reload' | 'no-cache' | 'force-cache' | 'only-if-cached'
}

type RequestCredentials = 'omit' | 'same-origin' | 'include'

type BlobPart = ArrayBuffer | NodeJS.ArrayBufferView | Blob | string
