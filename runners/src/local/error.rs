//! Why a model on this machine could not be opened.

use std::path::PathBuf;

use super::spec::SpecError;

/// Why a model on this machine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or the folder could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that should be small is not.
    #[error("`{}` has {bytes} bytes, more than such a file can have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A JSON file is none.
    #[error("`{}` is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// The configuration names something this engine does not have.
    #[error("`{}` describes a model that cannot be run", path.display())]
    Spec {
        /// The configuration.
        path: PathBuf,
        /// What is wrong with it.
        source: SpecError,
    },
    /// There are no weights in the folder.
    #[error("no `*.safetensors` or `*.gguf` file in `{}`", folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// The weights are a pickle, which can run code when it is read.
    #[error("`{}` is a pickle file, which is never read: convert it to safetensors", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// The list of shards is not one.
    #[error("`{}` does not list the shards: {problem}", path.display())]
    Index {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A weight file is cut off, or its header lies.
    #[error("`{}` is not a whole safetensors file", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// A header is longer, or lists more tensors, than that of any model.
    #[error("the header of `{}` is larger than that of any model can be", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// A GGUF file cannot be read.
    #[error("`{}` is no GGUF file that can be read: {problem}", path.display())]
    Gguf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There are several GGUF files.
    #[error("`{}` holds {count} `*.gguf` files: name the one to be read", folder.display())]
    SeveralGguf {
        /// The folder.
        folder: PathBuf,
        /// How many.
        count: usize,
    },
    /// A tensor that the configuration calls for is not there.
    #[error("tensor `{name}` is not in `{}`", path.display())]
    MissingTensor {
        /// The file that should hold it.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// Two files hold a tensor of the same name.
    #[error("tensor `{name}` is in `{}` and in `{}`", other.display(), path.display())]
    TwiceTensor {
        /// The second file.
        path: PathBuf,
        /// The first file.
        other: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor `{name}` in `{}` has the shape {found:?} instead of {expected:?}", path.display())]
    TensorShape {
        /// The file that holds it.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that the configuration calls for.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor is stored in a way that this engine does not read.
    #[error("tensor `{name}` in `{}` is stored as {dtype}, which is not read here: F32, BF16 and F16 are, and packed types where `quantization_config` says so", path.display())]
    TensorType {
        /// The file that holds it.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// How it is stored.
        dtype: String,
    },
    /// The tokenizer could not be built.
    #[error("`{}` is not a tokenizer", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tokenizer has more tokens than the model.
    #[error("`{}` has tokens up to {highest}, but the model only {vocab}", path.display())]
    Vocabulary {
        /// The tokenizer.
        path: PathBuf,
        /// Its highest token.
        highest: u32,
        /// The tokens of the model.
        vocab: usize,
    },
    /// There is no chat template.
    #[error("no chat template in `{}`: neither `chat_template.jinja` nor `tokenizer_config.json` has one", folder.display())]
    NoTemplate {
        /// The folder.
        folder: PathBuf,
    },
    /// The chat template is not one.
    #[error("the chat template in `{}` cannot be compiled", folder.display())]
    Template {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: minijinja::Error,
    },
    /// The thread that owns the model could not be started.
    #[error("cannot start the model's thread")]
    Thread(#[source] std::io::Error),
}
