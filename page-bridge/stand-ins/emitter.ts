type Listener = (...details: readonly unknown[]) => void

interface Subscription {
  readonly listener: Listener
  readonly isOnce: boolean
}

/** Node's EventEmitter, as far as a stream and its users need it. */
export class Emitter {
  readonly #subscriptions = new Map<string, readonly Subscription[]>()

  on(type: string, listener: Listener): this {
    return this.#subscribe(type, { listener, isOnce: false })
  }

  once(type: string, listener: Listener): this {
    return this.#subscribe(type, { listener, isOnce: true })
  }

  removeListener(type: string, listener: Listener): this {
    const subscriptions = this.#of(type)
    const at = subscriptions.map((subscription) => subscription.listener).lastIndexOf(listener)
    this.#subscriptions.set(
      type,
      subscriptions.filter((_, i) => i !== at),
    )
    return this
  }

  /** @throws the error when an `error` has no listener: it must not be lost */
  emit(type: string, ...details: readonly unknown[]): boolean {
    // Listeners that come or go meanwhile do not change who is told.
    const subscriptions = this.#of(type)
    if (type === 'error' && subscriptions.length === 0) throw details[0]
    for (const { listener, isOnce } of subscriptions) {
      if (isOnce) this.removeListener(type, listener)
      listener.apply(this, [...details])
    }
    return subscriptions.length > 0
  }

  #subscribe(type: string, subscription: Subscription): this {
    this.#subscriptions.set(type, [...this.#of(type), subscription])
    return this
  }

  #of(type: string): readonly Subscription[] {
    return this.#subscriptions.get(type) ?? []
  }
}
