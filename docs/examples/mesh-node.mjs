// Gives a file to the mesh, or takes one from it: only its info hash is needed.
//
//   node mesh-node.mjs wss://tracker.example/ give film.mp4      prints the info hash, and serves until it is ended
//   node mesh-node.mjs wss://tracker.example/ take <info hash>   writes the file into the folder it is run in
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { openMesh } from 'tributary/mesh'

const [tracker, what, name] = process.argv.slice(2)
const mesh = await openMesh()
mesh.join({ trackers: [tracker] })

if (what === 'give') {
  const { infoHash } = await mesh.share(basename(name), new Uint8Array(await readFile(name)))
  console.log(infoHash)
} else {
  const described = await mesh.describe(name)
  if (!described) throw new Error('nobody tells what it is')
  mesh.open(described)
  const count = described.hashes.length / 32
  const chunks = []
  for (let chunk = 0; chunk < count; chunk++) {
    const bytes = await mesh.get(name, chunk)
    if (!bytes) throw new Error(`nobody gives chunk ${chunk}`)
    chunks.push(bytes)
  }
  await writeFile(basename(described.files[0].path), Buffer.concat(chunks))
  console.log(`${count} chunks`)
  mesh.close()
}
