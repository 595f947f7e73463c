import Tokenization
extension Tokenizer { init(folder: String) throws { fatalError() } }
