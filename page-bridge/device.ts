// What browsers tell of the visitor's device. Each part is missing in some, and then stands in nobody's way.

/** Part of the Network Information API. */
export interface NetworkInformation extends EventTarget {
  readonly saveData?: boolean
  readonly type?: string
  readonly effectiveType?: string
}

/** Part of the Battery Status API. */
export interface BatteryManager extends EventTarget {
  readonly charging: boolean
  /** From 0 to 1. */
  readonly level: number
}

/** Part of `navigator`. */
export interface Device {
  readonly connection?: NetworkInformation
  getBattery?(): Promise<BatteryManager>
}

/** Below this, a battery that is not being charged is the visitor's alone. */
const LOW_LEVEL = 0.2
const SLOW: readonly (string | undefined)[] = ['slow-2g', '2g']

/** Whether bytes are dear on this line, or hardly get through. */
export function isDear(connection: NetworkInformation | undefined): boolean {
  if (!connection) return false
  return connection.saveData === true || connection.type === 'cellular' || SLOW.includes(connection.effectiveType)
}

export function isLow(battery: BatteryManager | undefined): boolean {
  return battery !== undefined && !battery.charging && battery.level < LOW_LEVEL
}
