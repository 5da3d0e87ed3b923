//! A model as the user names it and as it is opened.

use std::path::PathBuf;

/// A model that can be opened: a name for people, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The name reports and the command line use, without suffixes.
    pub name: String,
    /// Where it is.
    pub source: ModelSource,
}

/// Where a model is.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelSource {
    /// Inside the binary.
    BuiltIn,
    /// A folder in the Hugging Face layout, or a GGUF file in one.
    Folder(LocalModel),
    /// A server that speaks the chat wire.
    Chat(ChatEndpoint),
}

/// A folder with a model, or the GGUF file that is one.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalModel {
    /// The folder: `config.json`, `tokenizer.json`, `*.safetensors`; or the file beside `tokenizer.json`.
    pub path: PathBuf,
}

/// A server that speaks the chat wire.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatEndpoint {
    /// The address up to and including the version, such as `https://api.example.com/v1`.
    pub base_url: String,
    /// The name the server knows the model by.
    pub model: String,
    /// The key and the name of the variable it came from, if the server wants one.
    pub key: Option<ApiKey>,
    /// Members merged last into the body of every request.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// The tags around reasoning inside the text, if the model writes any.
    pub think_tags: Option<(String, String)>,
    /// Whether to ask for a streamed answer.
    pub stream: bool,
    /// How many requests may be under way at once.
    pub concurrency: usize,
}

/// A key and the name it is shown by.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The name of the variable that held it.
    pub variable: String,
    /// The key.
    pub secret: secrecy::SecretString,
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.variable == other.variable
    }
}
