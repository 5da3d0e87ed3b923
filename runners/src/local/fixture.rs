//! What the tests of this engine share: checkpoints with known answers, and changed copies of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::checkpoint::{Checkpoint, Shard};
use super::decoder::Decoder;
use super::describe::describe;
use super::error::LocalError;
use super::load::Weights;
use super::pages::Pages;
use super::spec::ArchSpec;
use super::telemetry::Counters;

/// The checkpoints in the fixtures' folder.
pub(crate) const NAMES: [&str; 20] = [
    "deepseek_v2",
    "deepseek_v2_lite",
    "deepseek_v2_yarn",
    "deepseek_v3",
    "deepseek_v3_fp8",
    "deepseek_v3_yarn",
    "glm4_moe",
    "glm4_moe_groups",
    "gpt_oss",
    "gpt_oss_mxfp4",
    "llama",
    "llama_llama3",
    "mixtral",
    "olmoe",
    "qwen2",
    "qwen2_moe",
    "qwen2_window",
    "qwen3",
    "qwen3_moe",
    "qwen3_moe_sparse",
];
/// Names a folder with more checkpoints of the same form.
const OWN: &str = "TRIPOS_MODEL_FIXTURES";
/// Where the larger checkpoints lie beside the workspace.
const BESIDE: &str = "../../shared/data/models";
/// The fixture that holds the texts which all of them share.
const WHOLE: &str = "deepseek_v3";
const TEXTS: [&str; 4] =
    ["chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];

/// What the reference implementation computed for one checkpoint.
#[derive(Deserialize)]
pub(crate) struct Expected {
    pub(crate) cases: Vec<Case>,
    pub(crate) chat: ExpectedChat,
}

/// What it computed for one prompt.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) prompt: String,
    pub(crate) ids: Vec<u32>,
    pub(crate) last_logits: Vec<f32>,
    pub(crate) token_logprobs: Vec<f64>,
    pub(crate) greedy: Vec<u32>,
    pub(crate) greedy_min_margin: f32,
}

/// How it rendered one conversation.
#[derive(Deserialize)]
pub(crate) struct ExpectedChat {
    pub(crate) messages: Vec<tripos_tasks::Message>,
    pub(crate) rendered: String,
    pub(crate) rendered_no_thinking: String,
}

/// Returns the folder of a fixture.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Returns the folders of all checkpoints that there are: the fixtures, those beside the workspace,
/// and those in the folder that `TRIPOS_MODEL_FIXTURES` names.
pub(crate) fn folders() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = NAMES.into_iter().map(folder).collect();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(BESIDE);
    if beside.is_dir() {
        found.append(&mut inside(&beside));
    } else {
        println!("without the checkpoints in `{BESIDE}`, which is not there");
    }
    if let Some(own) = std::env::var_os(OWN).filter(|path| !path.is_empty()) {
        let own = inside(Path::new(&own));
        assert!(!own.is_empty(), "`{OWN}` names a folder without checkpoints");
        found.extend(own);
    }
    found
}

/// Returns the folders in `folder` that hold what a reference computed.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of checkpoints");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.join("expected.json").is_file()).collect();
    found.sort();
    found
}

/// Returns what the reference computed for a fixture.
pub(crate) fn expected(name: &str) -> Expected {
    expected_in(&folder(name))
}

/// Returns what the reference computed for the checkpoint in a folder.
pub(crate) fn expected_in(folder: &Path) -> Expected {
    serde_json::from_slice(&read(folder, "expected.json")).expect("the fixture is whole")
}

/// Returns the spec of a fixture.
pub(crate) fn spec(name: &str) -> ArchSpec {
    let config: Value = serde_json::from_slice(&read(&folder(name), "config.json")).expect("JSON");
    ArchSpec::read(&config).expect("a spec")
}

/// Loads the decoder in a folder.
pub(crate) fn decoder(folder: &Path) -> Decoder {
    let shards = Checkpoint::Folder(folder).shards().expect("shards");
    load(folder, &shards).expect("a decoder")
}

/// Loads the decoder whose weights are these and whose configuration is in a folder.
pub(crate) fn load(folder: &Path, shards: &[Shard]) -> Result<Decoder, LocalError> {
    let spec = describe(Checkpoint::Folder(folder), shards)?.spec;
    let weights = Weights::read(shards, spec.packing)?;
    let pages = Pages::new(&spec, 8, 1 << 24);
    Decoder::load(&spec, &weights, pages, Arc::new(Counters::new(&spec)))
}

/// A copy of a fixture that a test can spoil.
pub(crate) struct Copy(TempDir);

impl Copy {
    /// Copies a fixture.
    pub(crate) fn of(name: &str) -> Self {
        Self::of_folder(&folder(name))
    }

    /// Copies the checkpoint in a folder. One without a tokenizer gets the one they all share.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder");
        let shared = TEXTS.map(|name| self::folder(WHOLE).join(name));
        let own = std::fs::read_dir(folder).expect("the checkpoint");
        for from in shared.into_iter().chain(own.map(|entry| entry.expect("an entry").path())) {
            let to = copy.path().join(from.file_name().expect("a name"));
            std::fs::write(to, std::fs::read(from).expect("a file")).expect("a copied file");
        }
        Self(copy)
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Reads one file.
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        read(self.path(), file)
    }

    /// Replaces one file.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(file), content).expect("a written file");
    }

    /// Removes one file.
    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.path().join(file)).expect("a removed file");
    }

    /// Changes `config.json`.
    pub(crate) fn edit_config(&self, edit: impl FnOnce(&mut Value)) {
        let mut config = serde_json::from_slice(&self.read("config.json")).expect("JSON");
        edit(&mut config);
        self.write("config.json", config.to_string());
    }

    /// Changes the weights.
    pub(crate) fn edit_weights(&self, edit: impl FnOnce(&mut Tensors)) {
        let mut tensors = self.tensors();
        edit(&mut tensors);
        self.write("model.safetensors", pack(&tensors));
    }

    /// Splits the weights into two shards with an index.
    pub(crate) fn shard(&self) {
        let mut second = self.tensors();
        let first =
            second.extract_if(.., |name, _| name.contains("layers.1.")).collect::<Tensors>();
        let files = [("a.safetensors", &first), ("b.safetensors", &second)];
        let places =
            files.iter().flat_map(|(file, tensors)| tensors.keys().map(move |n| (n, file)));
        let map: BTreeMap<_, _> = places.collect();
        let index = json!({"metadata": {}, "weight_map": map}).to_string();
        self.remove("model.safetensors");
        self.write("model.safetensors.index.json", index);
        for (file, tensors) in files {
            self.write(file, pack(tensors));
        }
    }

    /// Returns the tensors of all weight files.
    fn tensors(&self) -> Tensors {
        let stored = |tensor: TensorView<'_>| Stored {
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            data: tensor.data().to_vec(),
        };
        let mut all = Tensors::new();
        for entry in std::fs::read_dir(self.path()).expect("the copy") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "safetensors") {
                let bytes = std::fs::read(path).expect("a file");
                let tensors = SafeTensors::deserialize(&bytes).expect("the fixture is whole");
                all.extend(tensors.iter().map(|(name, view)| (name.to_owned(), stored(view))));
            }
        }
        all
    }
}

/// The tensors of a checkpoint by name.
pub(crate) type Tensors = BTreeMap<String, Stored>;

/// One tensor as a file holds it.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<u8>,
}

impl Stored {
    /// Stores values as they are.
    pub(crate) fn new(shape: &[usize], values: &[f32]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dtype: Dtype::F32, shape: shape.to_vec(), data }
    }

    /// Stores the same values in another way.
    pub(crate) fn convert(&mut self, dtype: Dtype, value: impl Fn(f32) -> [u8; 2]) {
        let values = self.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        self.data = values.flat_map(value).collect();
        self.dtype = dtype;
    }
}

fn pack(tensors: &Tensors) -> Vec<u8> {
    let views = tensors.iter().map(|(name, stored)| {
        let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.data);
        (name, view.expect("sizes agree"))
    });
    safetensors::serialize(views, None).expect("tensors that fit")
}

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).expect(file)
}
