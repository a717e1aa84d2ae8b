import Compute

extension Scheduler {
  /// The place for the operation at hand.
  ///
  /// - Parameters:
  ///   - moves: whether it may leave home.
  ///   - seconds: what it takes at a place, transfers aside.
  func choose(
    moves: Bool, _ seconds: (DeviceProfile) -> Double
  ) throws -> Int {
    if case .forced(let pick) = policy {
      decisions += 1
      let place = pick(decisions - 1)
      return places[place].isUsable ? place : 0
    }
    guard places.count > 1, hasChoice, try knowsProfiles() else { return pinned ?? 0 }
    let predicted = predictions(seconds)
    let costs = corrected(predicted)
    survey?.add(operands, costs, places.count)
    let chosen: Int
    if let pinned {
      chosen = pinned
    } else {
      locateOperands(moves: moves)
      let decision = Placement.choose(costs, residency, profiles)
      residency.regret = decision.regret
      residency.home = decision.home
      chosen = moves ? decision.place : decision.home
    }
    if moves { places[chosen].calibration.expects(predicted[chosen]) }
    return chosen
  }

  /// Seconds by place, as profiles have it.
  func predictions(_ seconds: (DeviceProfile) -> Double) -> [Double] {
    places.map { $0.isUsable ? $0.profile.map(seconds) ?? .infinity : .infinity }
  }

  /// The same in the light of what the run has seen. Of a device on the host's processors that has
  /// not been tried, what is seen of the host counts.
  func corrected(_ predicted: [Double]) -> [Double] {
    let host = places[0].calibration.factor ?? 1
    return zip(places, predicted).map { place, seconds in
      seconds * (place.calibration.factor ?? (place.isHost || place.sharesProcessors ? host : 1))
    }
  }

  var hasChoice: Bool { places.dropFirst().contains { $0.isUsable } }

  /// Where the operands at hand are, for `Placement`.
  func locateOperands(moves: Bool) {
    for place in places.indices {
      for source in places.indices { residency.missing[place][source] = Placement.Traffic() }
    }
    residency.written = Placement.Traffic()
    residency.resident = Placement.Traffic(bytes: memory.resident[residency.home], pieces: 1)
    guard moves else { return }
    for operand in operands {
      let size = operand.buffer.type.byteCount
      if operand.access.writes {
        residency.written += Placement.Traffic(bytes: operand.elements.count * size, pieces: 1)
      }
      guard operand.needsContent else { continue }
      operand.buffer.validity.forEach(in: operand.elements) { range, valid in
        guard valid != 0 else { return }
        let source = valid & 1 != 0 ? 0 : valid.trailingZeroBitCount
        for place in places.indices where valid & (1 << place) == 0 {
          residency.missing[place][source] += Placement.Traffic(
            bytes: range.count * size, pieces: 1)
        }
      }
    }
  }

  /// By place; a place without a profile takes no operations, so that the host's may stand in.
  var profiles: [DeviceProfile] {
    places.map { $0.profile ?? places[0].profile! }
  }

  /// Measures what has not been measured yet, once the host has worked for so long that measuring
  /// takes no larger part of the run than the work so far.
  func knowsProfiles() throws -> Bool {
    let unknown = places.filter { $0.isUsable && $0.profile == nil }
    if unknown.isEmpty { return true }
    guard places[0].seconds > patience * Double(unknown.count) else { return false }
    try measureProfiles()
    return true
  }

  /// Measures every device whose profile is not known; one that fails is given up.
  public func measureProfiles() throws {
    for (index, place) in places.enumerated() where place.isUsable && place.profile == nil {
      onMeasure(place.name)
      if index == 0 {
        place.profile = try measureHost()
        continue
      }
      do {
        place.profile = try place.measure()
      } catch let error as BackendError {
        try retire(Failure(place: index, error: error))
      }
    }
  }
}
