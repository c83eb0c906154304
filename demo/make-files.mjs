// Makes the large downloads of the demo in demo/site/files/. The same bytes on every machine, so that visitors of
// two hosts that serve the demo are one swarm. Too large to commit; a file that is there already is left alone.

import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Zip, ZipPassThrough } from 'fflate'
import { PDFDocument, rgb, StandardFonts } from 'pdf-lib'

const directory = fileURLToPath(new URL('site/files/', import.meta.url))
const STEP = 1 << 20

/** Endless pseudo-random bytes: the AES-CTR key stream of a key made from `seed`. */
function* keystream(seed, step = STEP) {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(step)
  while (true) yield cipher.update(zeros)
}

/** Writes `pieces` so that the name appears only when the file is whole. */
async function writeWhole(path, pieces) {
  const out = createWriteStream(`${path}.part`)
  for (const piece of pieces) if (!out.write(piece)) await once(out, 'drain')
  out.end()
  await once(out, 'close')
  await rename(`${path}.part`, path)
}

function* datasetOf(size) {
  let left = size
  for (const piece of keystream('tributary dataset')) {
    if (left <= 0) return
    yield piece.subarray(0, left)
    left -= piece.length
  }
}

const RATE = 48_000
const TRACKS = ['01 spring.wav', '02 brook.wav', '03 confluence.wav', '04 estuary.wav']
const TRACK_SECONDS = 260
const WAV_HEADER = 44
const TRACK_SIZE = WAV_HEADER + TRACK_SECONDS * RATE * 4

/** Header of a stereo, 16 bit PCM file (the canonical 44 bytes of RIFF WAVE). */
function wavHeader(size) {
  const header = Buffer.alloc(WAV_HEADER)
  header.write('RIFF', 0)
  header.writeUInt32LE(size - 8, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20) // PCM
  header.writeUInt16LE(2, 22) // channels
  header.writeUInt32LE(RATE, 24)
  header.writeUInt32LE(RATE * 4, 28)
  header.writeUInt16LE(4, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(size - WAV_HEADER, 40)
  return header
}

/** Running water: noise through a low-pass filter per channel that opens and closes. Whole numbers only: exact everywhere. */
function* water(track) {
  const state = [0, 0]
  let sample = 0
  let left = TRACK_SIZE - WAV_HEADER
  yield wavHeader(TRACK_SIZE)
  for (const noise of keystream(`tributary ${track}`)) {
    if (left <= 0) return
    const source = new Int16Array(noise.buffer, noise.byteOffset, noise.length / 2)
    const samples = new Int16Array(source.length)
    for (let i = 0; i < source.length; i++, sample++) {
      const phase = (sample >> 4) % 90_000
      const open = 1500 + (phase < 45_000 ? phase : 90_000 - phase) / 9
      const channel = i & 1
      state[channel] += ((source[i] - state[channel]) * open) >> 16
      samples[i] = state[channel]
    }
    yield new Uint8Array(samples.buffer, 0, Math.min(left, noise.length))
    left -= noise.length
  }
}

/** A zip archive without compression: sound like this would not get smaller, and players can seek in it. */
function* recordings() {
  let ready = []
  const zip = new Zip((error, piece) => {
    if (error) throw error
    ready.push(piece)
  })
  for (const name of TRACKS) {
    const entry = new ZipPassThrough(`field-recordings/${name}`)
    entry.mtime = new Date(2026, 0, 1, 12) // zip keeps local time: the same digits in every time zone
    zip.add(entry)
    for (const piece of water(name)) {
      entry.push(piece)
      yield* ready
      ready = []
    }
    entry.push(new Uint8Array(0), true)
  }
  zip.end()
  yield* ready
}

const PLATES = 16
const A4 = [595.28, 841.89]

/** One plate: level lines of a river bed as an SVG path, `plate` chooses the river. */
function* streamlines(plate) {
  for (let line = 0; line < 72; line++) {
    const across = (line - 35.5) / 36
    let path = ''
    for (let i = 0; i <= 180; i++) {
      const down = i / 180
      const bend = 70 * Math.sin(plate + 4.4 * down) + 26 * Math.sin(2.3 * plate + 9.7 * down)
      const width = 250 - 190 * down ** 1.4
      const eddy = 9 * Math.sin(7 * across + 6 * down + plate) * Math.sin(15 * down + 3 * across)
      path += `${i === 0 ? 'M' : 'L'}${(297 + bend * down + across * width + eddy).toFixed(3)} ${(40 + 640 * down).toFixed(3)}`
    }
    yield { path, depth: 1 - Math.abs(across) }
  }
}

async function atlas() {
  const pdf = await PDFDocument.create({ updateMetadata: false })
  const date = new Date(Date.UTC(2026, 0, 1))
  pdf.setTitle('Flüsse & Ströme 2026')
  pdf.setCreator('Tributary demo')
  pdf.setCreationDate(date)
  pdf.setModificationDate(date)
  const font = await pdf.embedFont(StandardFonts.TimesRomanItalic)
  for (let plate = 1; plate <= PLATES; plate++) {
    const page = pdf.addPage(A4)
    for (const { path, depth } of streamlines(plate))
      page.drawSvgPath(path, {
        x: 0,
        y: A4[1],
        borderWidth: 0.3 + 0.9 * depth,
        borderColor: rgb(0.02, 0.25 + 0.3 * (1 - depth), 0.36 + 0.24 * (1 - depth)),
      })
    page.drawText('Flüsse & Ströme 2026', { x: 48, y: 72, size: 22, font, color: rgb(0.05, 0.17, 0.21) })
    page.drawText(`Tafel ${plate} / ${PLATES}`, { x: 48, y: 48, size: 12, font, color: rgb(0.35, 0.42, 0.44) })
  }
  return pdf.save()
}

const sizeOf = async (path) => (existsSync(path) ? (await stat(path)).size : -1)

async function makeLarge(name, size, pieces) {
  const path = join(directory, name)
  if ((await sizeOf(path)) === size) return
  await writeWhole(path, pieces())
  const made = await sizeOf(path)
  if (made !== size) throw new Error(`${name} has ${made} bytes instead of ${size}`)
  console.log(`made ${name}, ${Math.round(size / 1e6)} MB`)
}

/** Local header with its data descriptor, central directory entry, end record (APPNOTE.TXT 4.3), as fflate writes them. */
const zipSize = TRACKS.reduce(
  (sum, name) => sum + TRACK_SIZE + 30 + 16 + 46 + 2 * `field-recordings/${name}`.length,
  22,
)

await mkdir(directory, { recursive: true })
await makeLarge('field-recordings.zip', zipSize, recordings)
await makeLarge('dataset.bin', 48_000_000, () => datasetOf(48_000_000))

// Its length depends on the library's version; renaming into place says that it is whole.
const pdfPath = join(directory, 'Flüsse & Ströme 2026.pdf')
if (!existsSync(pdfPath)) {
  await writeWhole(pdfPath, [await atlas()])
  console.log(`made Flüsse & Ströme 2026.pdf, ${((await sizeOf(pdfPath)) / 1e6).toFixed(1)} MB`)
}
