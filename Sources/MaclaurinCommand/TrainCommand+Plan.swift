import Maclaurin

extension TrainCommand {
  private static func name(of plan: JetProductPlan) -> String {
    plan.isInterpolated ? "interpolated" : "schoolbook"
  }

  /// What a run would take.
  func show(_ plan: TrainingPlan, _ settings: TrainingSettings) {
    report.result(
      [
        "parameters": .number(Double(plan.parameters)),
        "batch_size": .number(Double(settings.batchSize)),
        "peak_bytes": .number(Double(plan.peakBytes)),
        "largest_buffer_bytes": .number(Double(plan.largestBuffer)),
        "data_bytes": .number(Double(plan.dataBytes)),
        "order_zero_cache_bytes": .number(Double(plan.orderZero.bytes)),
        "flops_per_step": .number(plan.flopsPerStep),
        "contraction_flops_per_step": .number(plan.contractionFlopsPerStep),
        "steps": .number(Double(settings.steps)),
        "jet_products": .array(
          plan.jetProducts.map { layer in
            .object([
              "layer": .string(layer.layer), "forward": .string(Self.name(of: layer.forward)),
              "adjoint": layer.adjoint.map { .string(Self.name(of: $0)) } ?? .null,
              "products": .number(Double(layer.products)),
              "schoolbook_products": .number(Double(layer.schoolbookProducts)),
            ])
          }),
      ],
      table(
        [
          ["parameters", String(plan.parameters)],
          ["batch size", String(settings.batchSize)],
          ["memory", bytesText(plan.peakBytes)],
          ["  in one piece", bytesText(plan.largestBuffer)],
          ["  of which data", bytesText(plan.dataBytes)],
          settings.order == 0 ? [] : ["  order-0 cache", OrderZeroOption.text(plan.orderZero)],
          ["GFLOP per step", fixed(plan.flopsPerStep / 1e9, 3)],
          ["  in contractions", fixed(plan.contractionFlopsPerStep / 1e9, 3)],
          ["steps", String(settings.steps)],
        ].filter { !$0.isEmpty }
          + plan.jetProducts.map { layer in
            let isInterpolated = layer.products < layer.schoolbookProducts
            return [
              "products of \(layer.layer)",
              isInterpolated
                ? "\(layer.products), interpolated, of \(layer.schoolbookProducts)"
                : "\(layer.products)",
            ]
          }), nil)
  }
}
