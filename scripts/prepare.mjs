// What a fresh clone lacks: packages, browsers, the build. Uses nothing but Node itself, for nothing is installed yet.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Where browsers are looked for when the environment does not name one. */
const BROWSERS = [
  {
    name: 'Chromium',
    variable: 'TRIBUTARY_CHROMIUM',
    paths: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium'],
    packages: ['chromium'],
  },
  {
    name: 'Firefox',
    variable: 'TRIBUTARY_FIREFOX',
    paths: ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/snap/bin/firefox'],
    packages: ['firefox-esr'],
  },
]

/** Runs `npm ci` unless every package of the lock file is installed in its locked version. */
export function ensurePackages() {
  if (packagesAreInstalled()) return
  console.log('installing packages ...')
  command('npm', ['ci'])
}

function packagesAreInstalled() {
  const installed = readLock('node_modules/.package-lock.json')
  const wanted = readLock('package-lock.json')
  return Object.entries(wanted ?? {}).every(
    ([path, entry]) => path === '' || entry.optional || installed?.[path]?.version === entry.version,
  )
}

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined
}

/**
 * Finds the browsers, installs them where that is possible, and puts their paths into the environment.
 * @throws Error that says what to install
 */
export function ensureBrowsers() {
  const missing = BROWSERS.filter((browser) => !locate(browser))
  const packages = missing.flatMap((browser) => browser.packages)
  if (packages.length > 0 && isRootOnDebian()) installFromDebian(packages)
  const absent = BROWSERS.filter((browser) => !locate(browser))
  if (absent.length === 0) return
  const names = absent.map((browser) => browser.name).join(' and ')
  const variables = absent.map((browser) => browser.variable).join(', ')
  throw new Error(
    `${names} not found - install it (Debian: apt-get install ${packages.join(' ')}) or set ${variables} to its path`,
  )
}

function locate({ variable, paths }) {
  const path = [process.env[variable], ...paths].find((candidate) => candidate && existsSync(candidate))
  if (path) process.env[variable] = path
  return path
}

function isRootOnDebian() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

function installFromDebian(packages) {
  console.log(`installing ${packages.join(' ')} ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  command('apt-get', ['update', '-qq'], { env })
  const wanted = packages.includes('firefox-esr') ? [...packages, ...codecPackages()] : packages
  command('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], { env })
}

/** Firefox decodes H.264 with the system's libavcodec, which it only recommends; the name carries its version. */
function codecPackages() {
  const names = spawnSync('apt-cache', ['search', '--names-only', '^libavcodec[0-9]+$'], { encoding: 'utf8' }).stdout
  return names
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '')
    .slice(-1)
}

/** Builds dist/. @param args `--no-types` leaves out the declarations, which take longest */
export function build(...args) {
  command(process.execPath, ['scripts/build.mjs', ...args])
}

/** @throws Error when the command fails */
export function command(file, args, options = {}) {
  const { status, error } = spawnSync(file, args, { stdio: 'inherit', ...options })
  if (error) throw error
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed with exit code ${status}`)
}
