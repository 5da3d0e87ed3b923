//! What a checkpoint says of its model: in `config.json`, or in the metadata of a GGUF file.

use serde_json::Value;

use super::checkpoint::{Checkpoint, Shard};
use super::error::LocalError;
use super::gguf::{Gguf, MAGIC};
use super::spec::{ArchSpec, Stretch};

const CONFIG: &str = "config.json";

/// What a checkpoint says of its model.
pub(crate) struct Description {
    /// The configuration, as `config.json` has it.
    pub(crate) config: Value,
    /// What was read out of it.
    pub(crate) spec: ArchSpec,
    /// The template for conversations inside the weight file.
    pub(crate) template: Option<String>,
}

/// Reads the description of the model whose weights are in `shards`.
pub(crate) fn describe(files: Checkpoint<'_>, shards: &[Shard]) -> Result<Description, LocalError> {
    let Some(shard) = shards.iter().find(|shard| shard.bytes.starts_with(MAGIC)) else {
        let path = files.path(CONFIG);
        let config = serde_json::from_slice(&files.required(CONFIG)?)
            .map_err(|source| LocalError::Json { path: path.clone(), source })?;
        let spec = ArchSpec::read(&config).map_err(|source| LocalError::Spec { path, source })?;
        return Ok(Description { config, spec, template: None });
    };
    let path = &shard.path;
    let problem = |problem| LocalError::Gguf { path: path.clone(), problem };
    let file = Gguf::read(&shard.bytes).map_err(problem)?;
    let config = file.config().map_err(problem)?;
    let mut spec = ArchSpec::read(&config)
        .map_err(|source| LocalError::Spec { path: path.clone(), source })?;
    spec.rope.interleaved |= file.interleaved();
    if let Some(factors) = file.factors(spec.rope.width / 2).map_err(problem)? {
        if spec.rope.stretch.is_some() {
            return Err(problem("its positions are stretched in two ways".to_owned()));
        }
        spec.rope.stretch = Some(Stretch::Factors(factors));
    }
    Ok(Description { config, spec, template: file.template() })
}
