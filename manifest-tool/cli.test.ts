import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../test/harness/cli.ts'

const COMMANDS = ['init', 'manifest', 'verify', 'inspect', 'serve', 'seed']

test('wrong use is pointed to the help of the command that was meant', async () => {
  const { code, err } = await runCli(['bogus'])
  assert.deepEqual([code, err], [2, "error: unknown command 'bogus' - see tributary --help\n"])
  for (const command of COMMANDS) {
    const { code, err } = await runCli([command, '.', '--bogus'])
    assert.deepEqual([code, err], [2, `error: unknown option '--bogus' - see tributary ${command} --help\n`])
  }
})

test('help fills its lines', async () => {
  for (const command of COMMANDS) {
    const { out } = await runCli([command, '--help'])
    const lines = out.slice(out.indexOf('\n\n') + 2, out.indexOf('\n\nArguments:')).split('\n')
    lines.forEach((line, i) => {
      const [next = ''] = (lines[i + 1] ?? '').split(' ')
      assert.ok(line === '' || next === '' || `${line} ${next}`.length > 80, `${command} breaks a line early: ${line}`)
    })
  }
})
