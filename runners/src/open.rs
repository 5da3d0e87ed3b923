//! Turns a model into a runner.

use std::path::Path;
use std::sync::Arc;

use crate::model::{Model, ModelSource};
use crate::remote::{self, RemoteError};
use crate::runner::Runner;

/// Why a model could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A model on this machine.
    #[cfg(feature = "local")]
    #[error("cannot open the model `{name}`")]
    Local {
        /// The model's name.
        name: String,
        /// What is wrong with it.
        source: crate::local::LocalError,
    },
    /// A model behind a server.
    #[error("cannot open the model `{name}`")]
    Remote {
        /// The model's name.
        name: String,
        /// What is wrong with it.
        source: RemoteError,
    },
    /// A model on this machine, and nothing here to run it with.
    #[error(
        "the model `{name}` runs on this machine, and this program was built without the feature `local`"
    )]
    WithoutLocal {
        /// The model's name.
        name: String,
    },
}

/// Opens `model`: reads its files, or gets ready to ask its server.
pub fn open(model: &Model) -> Result<Arc<dyn Runner>, OpenError> {
    let name = &model.name;
    match &model.source {
        ModelSource::BuiltIn => open_local(name, None),
        ModelSource::Folder(folder) => open_local(name, Some(&folder.path)),
        ModelSource::Chat(endpoint) => match remote::open(endpoint) {
            Ok(runner) => Ok(Arc::new(runner)),
            Err(source) => Err(OpenError::Remote { name: name.clone(), source }),
        },
    }
}

/// Opens the model in `folder`, or the one inside the binary.
#[cfg(feature = "local")]
fn open_local(name: &str, folder: Option<&Path>) -> Result<Arc<dyn Runner>, OpenError> {
    let opened = folder.map_or_else(crate::local::open_built_in, crate::local::open_folder);
    match opened {
        Ok(runner) => Ok(Arc::new(runner)),
        Err(source) => Err(OpenError::Local { name: name.to_owned(), source }),
    }
}

#[cfg(not(feature = "local"))]
fn open_local(name: &str, _: Option<&Path>) -> Result<Arc<dyn Runner>, OpenError> {
    Err(OpenError::WithoutLocal { name: name.to_owned() })
}

/// Names what models on this machine are computed on; nothing where they cannot be.
#[cfg(feature = "local")]
pub fn devices() -> &'static [&'static str] {
    &["cpu"]
}

/// Names what models on this machine are computed on; nothing where they cannot be.
#[cfg(not(feature = "local"))]
pub fn devices() -> &'static [&'static str] {
    &[]
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::{ChatEndpoint, LocalModel};

    #[track_caller]
    fn check(source: ModelSource, expected: &str) {
        let model = Model { name: "mine".to_owned(), source };
        let Err(error) = open(&model) else { panic!("`{model:?}` was opened") };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let text = [Some(error.to_string()), cause].into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(text.join(" / "), expected);
    }

    fn folder() -> ModelSource {
        ModelSource::Folder(LocalModel { path: PathBuf::from("no/such/folder") })
    }

    #[cfg(feature = "local")]
    #[test]
    fn a_missing_folder_is_named_with_its_model() {
        check(folder(), "cannot open the model `mine` / cannot read `no/such/folder`");
    }

    #[cfg(not(feature = "local"))]
    #[test]
    fn without_the_feature_local_models_are_refused() {
        let refused = "the model `mine` runs on this machine, and this program was built without \
                       the feature `local`";
        check(folder(), refused);
        check(ModelSource::BuiltIn, refused);
    }

    #[test]
    fn an_address_that_is_none_names_the_model() {
        let endpoint = ChatEndpoint {
            base_url: "not an address".to_owned(),
            model: "m".to_owned(),
            key: None,
            extra: serde_json::Map::new(),
            think_tags: None,
            stream: false,
            concurrency: 1,
        };
        let model = Model { name: "mine".to_owned(), source: ModelSource::Chat(endpoint) };
        assert!(matches!(open(&model), Err(OpenError::Remote { name, .. }) if name == "mine"));
    }
}
