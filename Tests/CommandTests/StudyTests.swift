import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// `study` against `train`, and its numbers against its own files, computed again in Double.
struct StudyTests {
  private static let settings = [
    "--model", "mlp:16x2", "--activation", "tanh", "--steps", "30", "--batch-size", "96",
    "--optimizer", "momentum", "--lr", "0.05", "--clip-norm", "1", "--evaluate-every", "12",
    "--checkpoint-every", "10", "--validation-share", "0.1", "--save-logits", "--json",
  ]

  private func hash(_ folder: TemporaryFolder, _ run: String) throws -> String {
    guard
      case .object(let members) = try JSONValue(
        text: folder.bytes("\(run)/result.json"), named: run),
      case .string(let hash)? = members["parameters_sha256"]
    else { return "none" }
    return hash
  }

  /// Every member's folder is what `train` makes with the same options, on another back end.
  @Test(arguments: [[], ["--relinearize-every", "7"], ["--output-scale", "3"]])
  func membersAreRuns(_ more: [String]) throws {
    let folder = try TemporaryFolder()
    let settings = Self.settings + more
    let study = try Command.run(
      ["study", "--orders", "2,full,1", "--seeds", "3", "--out", "study", "--backend", "openblas"]
        + settings, in: folder)
    #expect(study.status == 0, "\(study.errors)")
    for order in ["1", "2", "full"] {
      var options = settings
      if order == "full", more.first == "--relinearize-every" { options.removeLast(2) }
      let run = "run-\(order)"
      let train = try Command.run(
        ["train", "--order", order, "--seed", "3", "--evaluate-early", "--out", run]
          + ["--backend", "opencl"] + options, in: folder)
      #expect(train.status == 0, "\(train.errors)")
      let member = "study/seed-3/order-\(order)"
      #expect(try hash(folder, member) == train.text("parameters_sha256"), "\(order)")
      #expect(folder.names(member) == folder.names(run))
      for part in ["", "/checkpoints", "/logits"] {
        #expect(folder.names(member + part) == folder.names(run + part))
        // run.json names the back end, result.json and the report times.
        for name in folder.names(run + part)
        where name.contains(".") && !["run.json", "result.json", "report.html"].contains(name) {
          #expect(
            try folder.bytes("\(member)\(part)/\(name)") == folder.bytes("\(run)\(part)/\(name)"),
            "\(order) \(part)/\(name)")
        }
      }
      let evaluation = try Command.run("evaluate", "--run", member, "--json", in: folder)
      #expect(try evaluation.number("test_loss") == train.number("test_loss"))
      #expect(try evaluation.number("train_loss") == train.number("train_loss"))
    }
  }

  // MARK: Comparisons

  private func norm(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  private func minus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }

  private func cosine(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / (norm(a) * norm(b))
  }

  /// Distances and cosines from logits/ and checkpoints/.
  ///
  /// Bound: every sum of squares has at most 80 roundings in a row (64 lanes, then trees) of relative
  /// size u, differences one more per element; so 100u of a distance, and of ‖a‖‖b‖ for a product.
  /// A difference of two rounded differences adds u of each one's norm.
  @Test func comparisonsAreTheDefinition() throws {
    let folder = try TemporaryFolder()
    let study = try Command.run(
      ["study", "--orders", "1,3,full", "--out", "s"] + Self.settings, in: folder)
    #expect(study.status == 0, "\(study.errors)")
    let table = CSVText(folder.text("s/study.csv"))
    let unit = 0x1p-24
    func logits(_ order: String, _ step: Int) throws -> [Double] {
      try folder.array("s/seed-0/order-\(order)/logits/step-\(step).npy").values
    }
    let names = ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"].map {
      "layers.\($0)"
    }
    func movement(_ order: String, _ step: Int, _ name: String) throws -> [Double] {
      let file = try SafetensorsFile(
        folder.path + "/s/seed-0/order-\(order)/checkpoints/step-\(step).safetensors")
      guard order == "full" else { return try file.tensor("displacement." + name).doubles() }
      let start = try SafetensorsFile(folder.path + "/s/seed-0/order-full/initial.safetensors")
      return minus(
        try file.tensor("parameters." + name).doubles(), try start.tensor(name).doubles())
    }
    #expect(Set(table.rows.map { $0["step"] }) == ["0", "1", "2", "4", "8", "12", "24", "30"])
    for row in table.rows {
      let (order, step) = (row["order"] ?? "", Int(row["step"] ?? "") ?? -1)
      if order == "full" {
        #expect(row["logit_distance"] == "" && row["parameter_cosine"] == "")
        continue
      }
      let (now, full) = (try logits(order, step), try logits("full", step))
      let (a, b) = (minus(now, try logits(order, 0)), minus(full, try logits("full", 0)))
      let distance = norm(minus(now, full)) / Double(360).squareRoot()
      let found = try #require(row.number("logit_distance"))
      #expect(abs(found - distance) <= 100 * unit * distance, "\(order) \(step)")
      if step == 0 {
        #expect(row["logit_cosine"] == "" && found == 0)
      } else {
        let found = try #require(row.number("logit_cosine"))
        #expect(abs(found - cosine(a, b)) <= 300 * unit, "\(order) \(step)")
      }
      guard step == 30 else { continue }
      var (all, allFull): ([Double], [Double]) = ([], [])
      for name in names + [""] {
        let (a, b) =
          name.isEmpty
          ? (all, allFull) : (try movement(order, step, name), try movement("full", step, name))
        if !name.isEmpty { (all, allFull) = (all + a, allFull + b) }
        let suffix = name.isEmpty ? "" : ".\(name)"
        let distance = norm(minus(a, b))
        let found = try #require(row.number("parameter_distance\(suffix)"))
        #expect(
          abs(found - distance) <= 100 * unit * distance + 2 * unit * (norm(a) + norm(b)), "\(name)"
        )
        let cosineFound = try #require(row.number("parameter_cosine\(suffix)"))
        #expect(abs(cosineFound - cosine(a, b)) <= 300 * unit, "\(name)")
        if !name.isEmpty {
          let moved = try #require(row.number("movement.\(name)"))
          #expect(abs(moved - norm(a)) <= 100 * unit * norm(a))
        }
      }
      #expect(all.count == 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10)
    }
    // The losses are those of the members' own metrics.
    for order in ["1", "3", "full"] {
      let own = CSVText(folder.text("s/seed-0/order-\(order)/metrics.csv"))
        .rows.filter { $0["test_loss"] != "" }
      let rows = table.rows(["order": order])
      for column in ["step", "epoch", "learning_rate", "train_loss", "test_loss", "test_accuracy"] {
        #expect(rows.map { $0[column] } == own.map { $0[column] }, "\(column)")
      }
    }
    // An expansion of order 1 has the kernel that it started with; the network has not.
    let distances = table.rows(["order": "1"]).map { $0["kernel_distance"] }
    #expect(distances == Array(repeating: "0", count: 8))
    #expect(try #require(table.rows(["order": "full"]).last?.number("kernel_distance")) > 0.001)
    #expect(table.rows(["step": "0"]).allSatisfy { $0["kernel_distance"] == "0" })
    let alignments = table.rows(["order": "1"]).map { $0["kernel_alignment"] }
    #expect(alignments == Array(repeating: "1", count: 8))
    let alignment = try #require(table.rows(["order": "full"]).last?.number("kernel_alignment"))
    #expect(alignment > 0 && alignment < 0.99999)
  }

  // MARK: Divergence

  @Test func aDivergedMemberIsMarkedAndTheOthersGoOn() throws {
    let folder = try TemporaryFolder()
    let options = [
      "--model", "mlp:16x2", "--activation", "tanh", "--lr", "300", "--steps", "40", "--json",
      "--quiet",
    ]
    let study = try Command.run(
      ["study", "--orders", "1,3,full", "--out", "s"] + options, in: folder)
    #expect(study.status == 0, "\(study.errors)")
    for order in ["1", "full"] {
      let train = try Command.run(["train", "--order", order] + options, in: folder)
      #expect(try hash(folder, "s/seed-0/order-\(order)") == train.text("parameters_sha256"))
    }
    let table = CSVText(folder.text("s/study.csv"))
    let last = try #require(table.rows(["order": "3"]).last)
    let step = try #require(last["step"])
    expectSentence(
      try Command.run(["train", "--order", "3"] + options, in: folder), "at step \(step);")
    for column in table.columns
    where !["seed", "order", "step", "diverged"].contains(column) {
      #expect(last[column] == "", "\(column)")
    }
    #expect(table.rows(["diverged": "1"]).count == 1 && last["diverged"] == "1")
    #expect(!folder.names("s/seed-0/order-3").contains("final.safetensors"))
    let summary = CSVText(folder.text("s/summary.csv"))
    #expect(summary.rows.map { $0["diverged"] } == ["0", "1", "0"])
    #expect(summary.rows.map { $0["seeds"] } == ["1", "1", "1"])
    #expect(summary.rows[1]["test_loss_mean"] == "")
    let again = try Command.run(
      ["study", "--orders", "1,3,full", "--out", "s", "--resume"] + options.dropLast(2), in: folder)
    #expect(again.output.contains("yes"), "\(again.output)\(again.errors)")
  }

  /// Without full there is nothing to compare with, and that is said once.
  @Test func withoutFull() throws {
    let folder = try TemporaryFolder()
    let study = try Command.run(
      "study", "--model", "mlp:8x1", "--orders", "1,2", "--steps", "3", "--out", "s",
      "--kernel-probes", "0", in: folder)
    #expect(study.status == 0)
    #expect(study.errors.split(separator: "\n").count { $0.contains("Without full") } == 1)
    let table = CSVText(folder.text("s/study.csv"))
    for column in ["logit_distance", "parameter_cosine.layers.0.weight", "kernel_distance"] {
      #expect(table.columns.contains(column) && table.rows.allSatisfy { $0[column] == "" })
    }
  }

  // MARK: Seeds and grids

  @Test func seedsAndGrids() throws {
    let folder = try TemporaryFolder()
    let options = ["--activation", "tanh", "--steps", "6", "--json", "--quiet"]
    let study = try Command.run(
      [
        "study", "--model", "mlp:99x1", "--orders", "1,full", "--seeds", "0..1,5", "--grid",
        "lr=0.1,0.5", "--grid", "width=8,12", "--grid", "output_scale=2", "--out", "s",
      ] + options, in: folder)
    #expect(study.status == 0, "\(study.errors)")
    let table = CSVText(folder.text("s/study.csv"))
    #expect(
      table.columns.prefix(6) == [
        "seed", "width", "lr", "output_scale", "order", "relinearize_every",
      ])
    // 2 × 2 places, 3 seeds, 2 orders, steps 0, 1, 2, 4 and 6.
    #expect(table.rows.count == 4 * 3 * 2 * 5)
    let run = "s/width-12_lr-0.1_output_scale-2/seed-5/order-1"
    let train = try Command.run(
      ["train", "--model", "mlp:12x1", "--order", "1", "--seed", "5", "--lr", "0.1"]
        + ["--output-scale", "2"] + options, in: folder)
    #expect(try hash(folder, run) == train.text("parameters_sha256"))
    let ends = table.rows(["width": "12", "lr": "0.1", "order": "1", "step": "6"])
    #expect(ends.map { $0["seed"] } == ["0", "1", "5"])
    #expect(try ends[2].number("test_loss") == train.number("test_loss"))

    let summary = CSVText(folder.text("s/summary.csv"))
    #expect(summary.rows.count == 4 * 2)
    for row in summary.rows {
      let place = row.filter { ["width", "lr", "order"].contains($0.key) }
      for name in ["test_loss", "test_accuracy", "train_loss", "kernel_distance", "logit_distance"]
      {
        let values = table.rows(place.merging(["step": "6"]) { a, _ in a }).compactMap {
          $0.number(name)
        }
        guard row["order"] == "1" || name != "logit_distance" else {
          #expect(values.isEmpty && row["\(name)_mean"] == "")
          continue
        }
        #expect(values.count == 3)
        let mean = values.reduce(0, +) / 3
        let deviation = (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 2).squareRoot()
        let error = deviation / 3.0.squareRoot()
        #expect(abs(try #require(row.number("\(name)_mean")) - mean) <= 1e-14 * abs(mean))
        #expect(
          abs(try #require(row.number("\(name)_standard_error")) - error) <= 1e-13 * abs(mean))
      }
    }
    guard case .array(let list)? = try study.json["summary"] else {
      return #expect(Bool(false), "\(study.output)")
    }
    #expect(list.count == 8)
  }

  /// Around the end of another run, around one of its checkpoints, and around given parameters.
  @Test func centers() throws {
    let folder = try TemporaryFolder()
    let model = ["--model", "mlp:8x1", "--activation", "tanh", "--json"]
    let first = ["train", "--order", "2", "--steps", "9", "--out", "run"] + model
    #expect(try Command.run(first, in: folder).status == 0)
    var ends: [[UInt8]] = []
    for center in ["run", "run/final.safetensors", "run/checkpoints/step-9.safetensors"] {
      let out = "study-\(ends.count)"
      let study = try Command.run(
        ["study", "--orders", "1,full", "--steps", "4", "--center", center, "--out", out] + model,
        in: folder)
      #expect(study.status == 0, "\(study.errors)")
      #expect(
        try folder.bytes("\(out)/seed-0/order-1/initial.safetensors")
          == folder.bytes("run/final.safetensors"))
      ends.append(try folder.bytes("\(out)/seed-0/order-1/final.safetensors"))
    }
    #expect(ends[0] == ends[1] && ends[1] == ends[2])
    expectSentence(
      try Command.run(["study", "--center", "study-0"] + model, in: folder), "final.safetensors")
  }

  @Test func plan() throws {
    let folder = try TemporaryFolder()
    let model = ["--model", "mlp:8x1", "--steps", "10", "--plan", "--json"]
    func number(_ name: String, _ arguments: [String]) throws -> Double {
      try Command.run(arguments + model, in: folder).number(name)
    }
    let study = ["study", "--orders", "2,full", "--seeds", "0..2"]
    let alone = try number("flops_per_step", ["train", "--order", "2"])
    let full = try number("flops_per_step", ["train"])
    #expect(try number("flops_per_step", study) == alone + full)
    #expect(try number("flops", study) == (alone + full) * 30)
    #expect(try number("members", study) == 6)
    #expect(try number("peak_bytes", study) > number("peak_bytes", ["train", "--order", "2"]))
    #expect(folder.names().isEmpty)
  }
}
