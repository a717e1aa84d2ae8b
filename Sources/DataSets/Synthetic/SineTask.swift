/// `sine`: one of a family of sine curves, y = a·sin(ωx + φ), the tasks that Maddox et al. (arXiv
/// 2103.01439) adapt a network to.
///
/// Task t has the amplitude a = 0.1 + 4.9·u_0, the phase φ = 2π·u_1 and the frequency
/// ω = 0.5 + 1.5·u_2 (radians for a unit of x), u the uniform numbers of the stream (seed, task, t).
/// Training inputs are uniform on [−5, 5): −5 + 10·u_i of the stream (seed, training example, t). Test
/// inputs are the middles of equal parts of that interval, in order.
struct SineTask: SyntheticMaker {
  private let keys: SyntheticKeys
  private let task: Int
  let amplitude: Double
  let phase: Double
  let frequency: Double

  init(_ keys: SyntheticKeys) {
    self.keys = keys
    task = keys.integer("task")
    let stream = RandomStream(keys.seed, .task, tensor: task)
    amplitude = 0.1 + 4.9 * stream.uniform(0)
    phase = 2 * Double.pi * stream.uniform(1)
    frequency = 0.5 + 1.5 * stream.uniform(2)
  }

  var inputShape: [Int] { [1] }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    let stream = RandomStream(keys.seed, part, tensor: task)
    return keys.regression(count, part, dimension: 1) { index in
      let place =
        part == .testExample ? (Double(index) + 0.5) / Double(count) : stream.uniform(index)
      let x = -5 + 10 * place
      return ([x], [amplitude * PortableMath.sine(frequency * x + phase)])
    }
  }
}
