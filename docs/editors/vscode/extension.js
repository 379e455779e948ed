// Starts `amal lsp` for scripts and hands it to the editor.
const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const settings = workspace.getConfiguration("amal");
  client = new LanguageClient(
    "amal",
    "Amal",
    { command: settings.get("path", "amal"), args: ["lsp"] },
    {
      documentSelector: [{ language: "amal" }],
      initializationOptions: { warnings: settings.get("warnings", []) },
      // a source that changed has another schema
      synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.{amal,csv,tsv,gz,parquet,json,mtx,sqlite,db}") },
    },
  );
  return client.start();
};

exports.deactivate = () => client && client.stop();
