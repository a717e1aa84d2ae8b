import Training

public enum RunReport {
  public static func write(to directory: RunDirectory) throws {}
}
