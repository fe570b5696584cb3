// Loaded by OpenCode before any session runs. It keeps the server's password
// out of what the agent's tools can see: their environment, and the server's
// own environment as the system shows it.
import { dlopen, FFIType, toArrayBuffer } from "bun:ffi"

const secret = "OPENCODE_SERVER_PASSWORD"
const restore = __RESTORE__
const libraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libSystem.B.dylib"]

function hide() {
  const value = process.env[secret]
  if (value === undefined) return
  // Tools get a copy of what can be enumerated; the server itself still reads
  // the variable by its name.
  Object.defineProperty(process.env, secret, { value, enumerable: false, configurable: true, writable: true })
  for (const library of libraries) {
    let libc
    try {
      libc = dlopen(library, {
        getenv: { args: [FFIType.cstring], returns: FFIType.ptr },
        ...(process.platform === "linux" && {
          prctl: { args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64], returns: FFIType.i32 },
        }),
      })
    } catch {
      continue
    }
    const at = libc.symbols.getenv(Buffer.from(secret + "\0"))
    if (at) new Uint8Array(toArrayBuffer(at, 0, value.length)).fill(42)
    // PR_SET_DUMPABLE 0: processes of the same user can no longer read this
    // one's memory.
    libc.symbols.prctl?.(4, 0, 0, 0, 0)
    return
  }
}

hide()
for (const [name, value] of Object.entries(restore)) {
  if (value === null) delete process.env[name]
  else process.env[name] = value
}

export const Guard = async () => ({})
