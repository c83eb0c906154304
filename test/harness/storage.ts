type Area = 'localStorage' | 'sessionStorage'

/** Gives Node what a page keeps texts in, until the test is over. @returns the texts */
export function fakeStorage(owner: { after(run: () => void): void }, area: Area): Map<string, string> {
  const texts = new Map<string, string>()
  const storage = {
    getItem: (name: string) => texts.get(name) ?? null,
    setItem: (name: string, text: string) => texts.set(name, text),
  }
  define(owner, area, { value: storage })
  return texts
}

/** Storage that a browser's settings forbid: even looking at it throws. */
export function noStorage(owner: { after(run: () => void): void }, area: Area): void {
  const get = () => {
    throw new DOMException('denied', 'SecurityError')
  }
  define(owner, area, { get })
}

function define(owner: { after(run: () => void): void }, area: Area, property: PropertyDescriptor): void {
  Object.defineProperty(globalThis, area, { ...property, configurable: true })
  owner.after(() => void Reflect.deleteProperty(globalThis, area))
}
