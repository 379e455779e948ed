// Starts `amal lsp` for scripts and hands it to the editor.
const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const command = workspace.getConfiguration("amal").get("path", "amal");
  client = new LanguageClient(
    "amal",
    "Amal",
    { command, args: ["lsp"] },
    {
      documentSelector: [{ language: "amal" }],
      // a source that changed has another schema
      synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.{amal,csv,tsv,gz,parquet,json,mtx,sqlite,db}") },
    },
  );
  return client.start();
};

exports.deactivate = () => client && client.stop();
