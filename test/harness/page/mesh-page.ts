import { MeshKit } from './mesh-kit.ts'
import { RawChannel } from './raw-channel.ts'

// Served to test pages as /mesh-page.js.

const meshKit = {
  mesh: new MeshKit(),
  newChannel: () => new RawChannel(),
  channel: undefined as RawChannel | undefined,
}

declare global {
  interface Window {
    meshKit: typeof meshKit
  }
}

window.meshKit = meshKit
