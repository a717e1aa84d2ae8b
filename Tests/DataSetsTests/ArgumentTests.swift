import DataSets
import Testing

@Suite("Arguments of the command line")
struct ArgumentTests {
  @Test func arrayArguments() throws {
    let plain = try ArrayArgument(parsing: "a/b.npy")
    #expect(plain.path == "a/b.npy" && plain.name == nil && plain.description == "a/b.npy")
    let named = try ArrayArgument(parsing: "a:b/c.safetensors:x:y")
    #expect(named.path == "a:b/c.safetensors" && named.name == "x:y")
    let suffixed = try ArrayArgument(parsing: "a.safetensors:layers.npy")
    #expect(suffixed.path == "a.safetensors" && suffixed.name == "layers.npy")
    for bad in ["", "a", "a.csv", "a.txt:x", "npy"] {
      expectFileError("file.npy, file.npz:name or file.safetensors:name") {
        _ = try ArrayArgument(parsing: bad)
      }
    }
  }

  @Test func readingAndWriting() throws {
    #expect(try ArrayArgument(parsing: fixture("f4.npy")).read().doubles() == ramp())
    #expect(try ArrayArgument(parsing: fixture("stored.npz:x")).read().doubles() == ramp())
    #expect(
      try ArrayArgument(parsing: fixture("all.safetensors:f16")).read().elementType == .float16)
    expectFileError("'x', 'labels', 'zeros'", "name one array") {
      _ = try ArrayArgument(parsing: fixture("stored.npz")).read()
    }
    let array = NumericArray([1.0, 2, 3])
    try withTemporaryFolder { folder in
      for name in ["a.npy", "b.safetensors:x", "c.safetensors"] {
        let argument = try ArrayArgument(parsing: "\(folder)/\(name)")
        try argument.write(array)
        #expect(try argument.read() == array)
      }
      expectFileError("only read") {
        try ArrayArgument(parsing: "\(folder)/d.npz:x").write(array)
      }
    }
  }

  @Test(arguments: [
    "digits", "idx:some/folder", "cifar10:/a:b", "csv:a:b.csv:target", "npy:x.npy,y.npy",
    "npy:a.npz:x,a.safetensors:y",
  ])
  func specifications(_ text: String) throws {
    #expect(try DataSetSpecification(parsing: text).description == text)
  }

  @Test func csvParts() throws {
    #expect(
      try DataSetSpecification(parsing: "csv:a:b.csv:3") == .csv(file: "a:b.csv", target: "3"))
  }

  @Test(arguments: [
    "", "digit", "digits:", "digits:x", "idx", "idx:", "cifar10:", "csv:a.csv", "csv:a.csv:",
    "csv::x", "csv", "npy:x.npy", "npy:x.npy,y.npy,z.npy", "mnist:here",
  ])
  func badSpecifications(_ text: String) {
    expectFileError(
      "give digits, idx:DIR, cifar10:DIR, csv:FILE:TARGET, npy:X,Y, sine:TASK or synthetic:NAME"
    ) {
      _ = try DataSetSpecification(parsing: text)
    }
  }

  @Test func badArraysInSpecifications() {
    expectFileError("file.npy") { _ = try DataSetSpecification(parsing: "npy:x,y") }
  }
}
