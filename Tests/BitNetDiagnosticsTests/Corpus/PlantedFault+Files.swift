import BitNetConversion
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

extension PlantedFault {
  /// Files that are not whole, tensors that are not there.
  static let files: [PlantedFault] = [
    PlantedFault(name: "safetensors cut off", base: bitnet, code: .incompleteFile) { folder in
      try cut(folder.path + "/model.safetensors", to: 0.6)
      return folder.path
    },
    PlantedFault(name: "GGUF cut off", base: wide, code: .incompleteFile) { folder in
      let path = try gguf(folder, .i2_s)
      try cut(path, to: 0.7)
      return path
    },
    PlantedFault(name: "git-LFS pointer", base: bitnet, code: .incompleteFile) { folder in
      try folder.write(
        "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 266312\n")
      return folder.path
    },
    PlantedFault(name: "shard not there", base: bitnet, code: .incompleteFile) { folder in
      try FileManager.default.removeItem(atPath: folder.path + "/model.safetensors")
      try folder.write(
        "model.safetensors.index.json",
        #"{"metadata": {}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}"#)
      return folder.path
    },
    PlantedFault(
      name: "block lost", base: deep, code: .missingTensors, tensor: "blk.3.",
      plant: { model in for tensor in model.names where tensor.contains("layers.3.") { model[tensor] = nil } }),
    PlantedFault(
      name: "a block too many in config.json", base: bitnet, code: .missingTensors, tensor: "blk.2.",
      plant: { try $0.configure("num_hidden_layers", "3") }),
    PlantedFault(
      name: "sub-norms under unknown names", base: bitnet, code: .unknownTensors, tensor: "inner_norm",
      plant: { model in
        for layer in 0..<2 {
          try model.rename(weight(layer, "self_attn.attn_sub_norm"), to: weight(layer, "self_attn.inner_norm"))
        }
      }),
    PlantedFault(
      name: "another head size", base: bitnet, code: .wrongShapes, tensor: "attn_q",
      plant: { try $0.insert("\"head_dim\": 32") }),
    PlantedFault(
      name: "a code that is no trit", base: deep, code: .unusableTensor,
      plant: { $0[weight(2, "mlp.up_proj")]?.bytes[7] = 0xFF }),
    PlantedFault(
      name: "packed without a scale", base: deep, code: .unusableTensor,
      plant: { $0[weight(2, "mlp.up_proj") + "_scale"] = nil }),
    PlantedFault(name: "ternary embedding", base: wide, code: .ternaryHead, tensor: "token_embd") { folder in
      try gguf(
        folder, .i2_s,
        tensor: { entry in
          guard entry.name == "token_embd.weight" else { return nil }
          var bytes = (0..<entry.elementCount / 4).map { UInt8($0 % 3) * 0x55 }
          bytes += [Float(0.1)].littleEndianBytes + Array(repeating: 0, count: 28)
          return (.i2_s, bytes)
        })
    },
    PlantedFault(
      name: "another quantization scheme", base: bitnet, code: .unsupported,
      plant: { try $0.replace("\"bitnet\",\n    \"linear", with: "\"gptq\",\n    \"linear", in: "config.json") }),
    PlantedFault(
      name: "an activation that nobody computes", base: dense, code: .unsupported,
      plant: { try $0.configure("hidden_act", "\"gelu\"") }),
  ]

  private init(
    name: String, base: String, code: Finding.Code, tensor: String? = nil,
    finish: @escaping @Sendable (TemporaryFolder) throws -> String
  ) {
    self.init(
      name: name, base: base, code: code, tensor: tensor, hasReference: false, plant: { _ in }, finish: finish)
  }
}
