import TestSupport
import Testing

@testable import Scheduling

/// The interval map against a set per element.
@Suite struct ValidityTests {
  @Test func anySequenceAgreesWithASetPerElement() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let count = Int.random(in: 1...40, using: &random)
      var validity = Validity(count: count)
      var model = [Validity.Places](repeating: 0, count: count)
      for _ in 0..<60 {
        let a = Int.random(in: 0...count, using: &random)
        let b = Int.random(in: 0...count, using: &random)
        let range = min(a, b)..<max(a, b)
        let place = Int.random(in: 0..<4, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          validity.write(range, at: place)
          for i in range { model[i] = 1 << place }
        default:
          validity.copied(range, to: place)
          for i in range where model[i] != 0 { model[i] |= 1 << place }
        }
        var seen = [Validity.Places](repeating: 99, count: count)
        validity.forEach(in: 0..<count) { part, places in for i in part { seen[i] = places } }
        #expect(seen == model)
        #expect(validity.places == model.reduce(0, |))
        for place in 0..<4 {
          let expected = range.allSatisfy { model[$0] == 0 || model[$0] & (1 << place) != 0 }
          #expect(validity.isValid(range, at: place) == expected)
        }
        // Neighbours differ: the map stays as small as it can be.
        let segments = validity.segments
        #expect(zip(segments, segments.dropFirst()).allSatisfy { $0.places != $1.places })
      }
    }
  }
}
