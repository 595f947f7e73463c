#if Server
import BitNetServer
import TestSupport
import Testing

@Suite struct ConfigurationTests {
  @Test func `flags win over the environment, the environment over the file`() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("server.yaml", "port: 1\nhost: a\nmax-queue: 3\nlog-prompts: yes\n")
    let loader = try ConfigurationLoader(
      file: file, environment: ["BITNET_PORT": "2", "BITNET_HOST": "b"], flags: [("port", "4")])
    #expect(loader.configuration.port == 4)
    #expect(loader.configuration.host == "b")
    #expect(loader.configuration.maximumQueue == 3)
    #expect(loader.configuration.logPrompts)
    #expect(loader.configuration.requestTimeout == 600)
  }

  @Test func `what is printed gives the same configuration again`() throws {
    let folder = try TemporaryFolder()
    let loader = try ConfigurationLoader(
      file: nil, environment: [:],
      flags: [
        ("host", "::1"), ("model", "/a b/#c \"d\""), ("cors-origin", "https://a,https://b"), ("log-format", "json"),
      ])
    let again = try ConfigurationLoader(
      file: folder.write("printed.yaml", loader.printed()), environment: [:], flags: [])
    #expect(again.configuration == loader.configuration)
  }

  @Test(arguments: [
    ("prot: 1", "Did you mean 'port'?"), ("port: x", "port is 'x'"), ("port: 70000", "0 to 65535"),
    ("port: {a: 1}", "nested"), ("- port", "names and values"), ("port: [", "not YAML"), ("mode: ternary", "bitlinear"),
    ("no-page: maybe", "true or false"),
  ])
  func `a wrong file is refused with a reason`(yaml: String, reason: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("server.yaml", yaml)
    let error = try #require(throws: ConfigurationError.self) {
      _ = try ConfigurationLoader(file: path, environment: [:], flags: [])
    }
    #expect(error.description.contains(reason) && error.description.hasPrefix(path), "\(error)")
  }

  @Test func `variables of others are left alone`() throws {
    let environment = ["BITNET_SERVICE_HOST": "10.0.0.1", "BITNET_ISA": "scalar", "HOME": "/"]
    _ = try ConfigurationLoader(file: nil, environment: environment, flags: [])
    #expect(throws: ConfigurationError.self) {
      _ = try ConfigurationLoader(file: nil, environment: ["BITNET_MAX_QEUE": "1"], flags: [])
    }
  }
}
#endif
