import Compute

extension Scheduler {
  /// What went wrong at a place.
  struct Failure: Error {
    var place: Int
    var error: BackendError
  }

  /// Calls a place's backend, opened if need be, and says of its errors whose they are.
  func at<Result>(_ place: Int, _ body: (any Backend) throws -> Result) throws -> Result {
    let target = places[place]
    if let loss = target.loss { throw Failure(place: place, error: loss) }
    do {
      let isNew = target.backend == nil
      let backend = try target.open()
      if isNew {
        backend.timeline = timeline
        residency.isOpen[place] = true
        isAlone = false
      }
      return try body(backend)
    } catch let error as BackendError {
      throw Failure(place: place, error: error)
    }
  }

  /// The caller of the scheduler sees the backends' own errors.
  func surface<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let failure as Failure {
      try? retire(failure)
      throw failure.error
    }
  }

  /// Gives an accelerator up; throws the error where it is the host's.
  func retire(_ failure: Failure) throws {
    guard failure.place != 0 else { throw failure.error }
    let place = places[failure.place]
    // An operation that the device does not have is not the device's end.
    guard failure.error.cause != .request || place.state == .closed else { return }
    guard place.loss == nil, place.isUsable || failure.error.cause == .device else { return }
    if place.isUsable {
      onNotice(
        "\(failure.error); the run goes on without \(place.name), and its results stay the same")
    }
    place.retire(failure.error)
    residency.isUsable[failure.place] = false
    if residency.home == failure.place { residency.home = 0 }
    if pinned == failure.place { pinned = 0 }
  }
}
