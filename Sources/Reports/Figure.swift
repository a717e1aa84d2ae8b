import DataSets
import FoundationEssentials
import Training

/// A chart, panels, a heat map or a reliability diagram, with the name of its file.
struct Figure: Equatable {
  enum Content: Equatable {
    case chart(Chart)
    case panels(ChartPanels)
    case heatMap(HeatMap)
    case reliability(ReliabilityDiagram)
  }

  /// Of its file, without `.svg`.
  var name: String
  var content: Content
  /// A sentence below it.
  var note: String?

  init(_ name: String, _ chart: Chart, note: String? = nil) {
    (self.name, content, self.note) = (name, .chart(chart), note)
  }

  init(_ name: String, _ panels: ChartPanels, note: String? = nil) {
    (self.name, content, self.note) = (name, .panels(panels), note)
  }

  init(_ name: String, _ map: HeatMap) {
    (self.name, content, note) = (name, .heatMap(map), map.note)
  }

  init(_ name: String, _ diagram: ReliabilityDiagram) {
    (self.name, content, note) = (name, .reliability(diagram), diagram.note)
  }

  var title: String {
    switch content {
    case .chart(let chart): chart.title
    case .panels(let panels): panels.title
    case .heatMap(let map): map.title
    case .reliability(let diagram): diagram.title
    }
  }

  var isEmpty: Bool {
    switch content {
    case .chart(let chart): chart.isEmpty
    case .panels(let panels): panels.charts.isEmpty
    case .heatMap: false
    case .reliability(let diagram): diagram.methods.isEmpty
    }
  }

  /// For a page.
  var svg: String {
    switch content {
    case .chart(let chart): chart.svg
    case .panels(let panels): panels.svg(isFile: false)
    case .heatMap(let map): HeatMapDrawing(map: map, hasTitle: false).svg
    case .reliability(let diagram): diagram.svg(isFile: false)
    }
  }

  /// For a file of its own.
  var file: String {
    switch content {
    case .chart(let chart): chart.file
    case .panels(let panels): panels.svg(isFile: true)
    case .heatMap(let map): HeatMapDrawing(map: map, hasTitle: true).svg
    case .reliability(let diagram): diagram.svg(isFile: true)
    }
  }

  /// Writes the figures to `folder`/figures and then the page to `folder`/report.html.
  static func write(_ figures: [Figure], page: String, to folder: String) throws {
    let place = folder + "/figures"
    do {
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    } catch {
      throw TrainingError("the folder \(place) cannot be created; check the path and its rights")
    }
    for figure in figures { try AtomicFile.write("\(place)/\(figure.name).svg", figure.file) }
    try AtomicFile.write(folder + "/report.html", page)
  }
}
