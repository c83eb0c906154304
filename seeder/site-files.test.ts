import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from '../test/harness/cli.ts'
import { FileRefused, SiteFiles } from './site-files.ts'

const text = async (files: SiteFiles, path: string, length: number) => {
  const into = new Uint8Array(length)
  return (await files.read(path, 0, into)) ? Buffer.from(into).toString() : undefined
}

test('nothing outside of the root is read, however it is named', { timeout: 20_000 }, async (t) => {
  const dir = await makeFolder(t, { 'in/side.txt': 'inside', 'real.txt': 'real' })
  await writeFile(join(dir, '..', 'secret.txt'), 'secret')
  await symlink(join(dir, '..', 'secret.txt'), join(dir, 'link.txt'))
  await symlink('..', join(dir, 'up'))
  await symlink('in/side.txt', join(dir, 'within.txt'))
  await symlink('loop', join(dir, 'loop'))
  execFileSync('mkfifo', [join(dir, 'pipe')])
  const files = await SiteFiles.open(dir, 4)
  t.after(() => files.close())
  const refused = ['../secret.txt', '/etc/passwd', 'in/../../secret.txt', 'in//side.txt', './real.txt', 'in\\side.txt']
  for (const path of [...refused, '', 'a\0b', 'link.txt', 'up/secret.txt', 'loop', 'pipe', 'in', 'none.txt']) {
    assert.equal((await files.look(path)).kind, 'refused', path)
    await assert.rejects(files.read(path, 0, new Uint8Array(1)), FileRefused, path)
  }
  assert.equal(await text(files, 'within.txt', 6), 'inside')
  assert.equal(await text(files, 'in/side.txt', 6), 'inside')
})

test('a read beyond the end is no read', async (t) => {
  const files = await SiteFiles.open(await makeFolder(t, { 'a.txt': 'abc' }), 4)
  t.after(() => files.close())
  assert.equal(await text(files, 'a.txt', 3), 'abc')
  assert.equal(await text(files, 'a.txt', 4), undefined)
})

test('many files are read at once through few handles', async (t) => {
  const names = Array.from({ length: 60 }, (_, i) => `${i}.txt`)
  const dir = await makeFolder(t, Object.fromEntries(names.map((name) => [name, name.padEnd(8)])))
  const files = await SiteFiles.open(dir, 5)
  t.after(() => files.close())
  const texts = await Promise.all([...names, ...names].map((name) => text(files, name, 8)))
  assert.deepEqual(
    texts,
    [...names, ...names].map((name) => name.padEnd(8)),
  )
  assert.ok(files.openFiles <= 5, `${files.openFiles} open`)
})

test('an open file is the old one until it is forgotten, and is closed when it rests', async (t) => {
  const dir = await makeFolder(t, { 'a.txt': 'old' })
  const files = await SiteFiles.open(dir, 4)
  t.after(() => files.close())
  assert.equal(await text(files, 'a.txt', 3), 'old')
  await writeFile(join(dir, 'b.txt'), 'new')
  await rename(join(dir, 'b.txt'), join(dir, 'a.txt'))
  assert.equal(await text(files, 'a.txt', 3), 'old')
  files.forget('a.txt')
  assert.equal(await text(files, 'a.txt', 3), 'new')
  files.sweep()
  assert.equal(files.openFiles, 1)
  files.sweep()
  assert.equal(files.openFiles, 0)
  await rm(join(dir, 'a.txt'))
  await assert.rejects(text(files, 'a.txt', 3), /a\.txt is missing/)
})
