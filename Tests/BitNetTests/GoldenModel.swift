import Foundation
import TestSupport

/// What `Tests/Golden/make_bitnet_golden.py` wrote about one model: the results of Hugging Face transformers.
struct GoldenModel: Decodable {
  struct AllPositions: Decodable {
    let prompt: Int
    let logits: Floats
  }

  struct HiddenRMS: Decodable {
    let prompt: Int
    let last_position: [Double]
    let all_positions: [Double]
  }

  struct Greedy: Decodable {
    let prompt: Int
    let tokens: [Int]
    let margins: [Double]
  }

  struct Modes: Decodable {
    let prompt: Int
    let last_logits: [String: Floats]
  }

  struct Text: Decodable {
    let text: String
    let ids: [Int]
  }

  let native_mode: String
  let prompts: [[Int]]
  let noise: [Double]
  let last_logits: [Floats]
  let all_positions: AllPositions
  let hidden_rms: HiddenRMS
  let greedy: Greedy
  let modes: Modes
  let texts: [Text]?

  static let names = [
    "bitnet-online", "bitnet-offline", "bitnet-offline-reciprocal", "bitnet-ragged", "llama-tied", "llama-untied",
    "llama-bitnet", "qwen2", "qwen3",
  ]

  static func path(_ name: String) -> String { TestFiles.goldenPath("models/\(name)") }

  static func load(_ name: String) throws -> GoldenModel {
    let data = try Data(contentsOf: URL(filePath: path(name) + "/golden.json"))
    return try JSONDecoder().decode(GoldenModel.self, from: data)
  }
}

/// Little-endian 32-bit floats in base64.
struct Floats: Decodable {
  let values: [Float]

  init(from decoder: any Decoder) throws {
    let data = try Data(base64Encoded: decoder.singleValueContainer().decode(String.self)) ?? Data()
    values = stride(from: 0, to: data.count / 4 * 4, by: 4).map { start in
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[start + $1]) << (8 * UInt32($1)) }
      return Float(bitPattern: bits)
    }
  }
}

func cosine(_ a: [Float], _ b: [Float]) -> Double {
  let product = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
  func square(_ v: [Float]) -> Double { v.reduce(0.0) { $0 + Double($1) * Double($1) } }
  return product / (square(a) * square(b)).squareRoot()
}
