import Compute

/// Runs `body` on a backend, and once more on another if the first one fails in a way that another
/// can make good.
///
/// `body` begins from what it has saved: a second call must end as the first would have, had it not
/// failed. Because all backends compute the same bits, so do the results.
///
/// - Parameters:
///   - fallback: makes the second backend.
///   - reason: for an error that the second backend can make good, a sentence about it; nil for
///     others, which are thrown.
///   - onNotice: receives the sentence.
public func withFallback<Result>(
  _ backend: any Backend, to fallback: () throws -> any Backend, reason: (any Error) -> String?,
  onNotice: (String) -> Void, _ body: (any Backend) throws -> Result
) throws -> Result {
  do {
    return try body(backend)
  } catch {
    guard let sentence = reason(error) else { throw error }
    onNotice(sentence)
  }
  return try body(fallback())
}
