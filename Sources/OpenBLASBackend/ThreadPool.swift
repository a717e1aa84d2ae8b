import Glibc
import Kernels
import Synchronization

/// Threads that stay: `run` hands out numbered parts of a computation, always the same part to the
/// same thread, and returns when all are done. Which thread does a part never changes a result.
///
/// A waiting thread spins for a while, which covers the gaps between operations, and then sleeps: an
/// idle pool costs nothing. Calls of `run` from several threads take
/// turns; a part must not call `run` of its own pool.
final class ThreadPool: Sendable {
  /// The number of threads that work, the caller of `run` among them.
  let threads: Int
  private let crew = Crew()
  private let workers: [pthread_t]

  /// Starts `threads` − 1 threads, or as many as the system allows.
  init(threads: Int) {
    precondition(threads >= 1, "a thread pool needs at least one thread, not \(threads)")
    let crew = self.crew
    // Signals are for the program's own threads: the workers inherit a mask of all of them.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    var workers: [pthread_t] = []
    for index in 1..<max(threads, 1) {
      guard let worker = crew.start(index) else { break }
      workers.append(worker)
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    self.workers = workers
    self.threads = workers.count + 1
  }

  deinit {
    crew.publish(active: Crew.stop)
    for worker in workers { pthread_join(worker, nil) }
  }

  /// Calls `body(part)` once for every part in 0 ..< parts: thread t, with the caller as thread 0,
  /// does parts t, t + threads, t + 2·threads, … in this order.
  ///
  /// `body` runs on several threads at once, so it may only write what belongs to its part, and it
  /// must not be isolated to an actor: Swift checks that when it runs, and traps.
  func run(parts: Int, _ body: (Int) -> Void) {
    let active = min(parts, threads)
    if active <= 1 {
      for part in 0..<max(parts, 0) { body(part) }
      return
    }
    withoutActuallyEscaping(body) { body in
      crew.run(Job(parts: parts, step: active, body: body), active: active)
    }
  }
}

private struct Job {
  let parts: Int
  let step: Int
  let body: (Int) -> Void

  func work(_ thread: Int) {
    var part = thread
    while part < parts {
      body(part)
      part += step
    }
  }
}

/// What the threads of a pool share.
///
/// Unchecked: `job` is a plain field, which no lock guards. `run` writes it before it publishes a
/// round and after all threads of that round have counted themselves out, both through atomics with
/// release and acquire order; only those threads read it, in between. The mutexes and conditions are
/// the system's, at fixed addresses.
private final class Crew: @unchecked Sendable {
  static let stop = 0xffff
  /// How long a thread waits awake, the later part of it giving way to whoever wants its processor:
  /// sleeping and waking take tens of microseconds.
  private static let spinNanoseconds: UInt64 = 30_000
  private static let yieldNanoseconds: UInt64 = 400_000

  /// The round's number times 2¹⁶, plus how many threads take part in it (or `stop`).
  private let round = Atomic<Int>(0)
  /// Threads that are still working.
  private let busy = Atomic<Int>(0)
  private var job: Job?
  private let turn: UnsafeMutablePointer<pthread_mutex_t>
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let published: UnsafeMutablePointer<pthread_cond_t>
  private let finished: UnsafeMutablePointer<pthread_cond_t>

  init() {
    turn = .allocate(capacity: 1)
    mutex = .allocate(capacity: 1)
    published = .allocate(capacity: 1)
    finished = .allocate(capacity: 1)
    pthread_mutex_init(turn, nil)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(published, nil)
    pthread_cond_init(finished, nil)
  }

  deinit {
    pthread_mutex_destroy(turn)
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(published)
    pthread_cond_destroy(finished)
    turn.deallocate()
    mutex.deallocate()
    published.deallocate()
    finished.deallocate()
  }

  func run(_ job: Job, active: Int) {
    pthread_mutex_lock(turn)
    self.job = job
    busy.store(active - 1, ordering: .relaxed)
    publish(active: active)
    job.work(0)
    wait(for: finished) { busy.load(ordering: .acquiring) == 0 }
    self.job = nil
    pthread_mutex_unlock(turn)
  }

  /// Starts the next round.
  func publish(active: Int) {
    pthread_mutex_lock(mutex)
    let next = (round.load(ordering: .relaxed) >> 16 + 1) << 16 | active
    round.store(next, ordering: .releasing)
    pthread_cond_broadcast(published)
    pthread_mutex_unlock(mutex)
  }

  /// Starts worker thread `index`; nil if the system refuses.
  func start(_ index: Int) -> pthread_t? {
    let start = Unmanaged.passRetained(Start(crew: self, index: index))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { context in
        let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
        start.crew.work(start.index)
        return nil
      }, start.toOpaque())
    if status == 0 { return thread }
    start.release()
    return nil
  }

  /// What a worker thread does until it is stopped.
  private func work(_ index: Int) {
    var seen = 0
    while true {
      wait(for: published) { round.load(ordering: .acquiring) != seen }
      seen = round.load(ordering: .acquiring)
      let active = seen & 0xffff
      if active == Self.stop { return }
      // A thread outside the round must not look at the job: nobody waits for it.
      if index >= active { continue }
      takePart(index)
      if busy.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        pthread_mutex_lock(mutex)
        pthread_cond_signal(finished)
        pthread_mutex_unlock(mutex)
      }
    }
  }

  /// Never inlined: all references to the job are gone when it returns, and so before `run` ends.
  @inline(never)
  private func takePart(_ index: Int) { job?.work(index) }

  /// Spins, gives way, then sleeps, until `isTrue`.
  private func wait(for condition: UnsafeMutablePointer<pthread_cond_t>, _ isTrue: () -> Bool) {
    if isTrue() { return }
    let start = monotonicNanoseconds()
    var waited: UInt64 = 0
    repeat {
      for _ in 0..<32 {
        if isTrue() { return }
        contraction_spin_hint()
      }
      waited = monotonicNanoseconds() - start
      if waited > Self.spinNanoseconds { sched_yield() }
    } while waited < Self.yieldNanoseconds
    pthread_mutex_lock(mutex)
    while !isTrue() { pthread_cond_wait(condition, mutex) }
    pthread_mutex_unlock(mutex)
  }

  private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private final class Start {
    let crew: Crew
    let index: Int

    init(crew: Crew, index: Int) {
      self.crew = crew
      self.index = index
    }
  }
}
