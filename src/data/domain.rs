use super::{Classes, Preparation};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a set's images show, and how a picture becomes one of them: what weights say of the set that they were trained on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Domain {
    pub classes: Classes,
    pub preparation: Preparation,
}

/// Keys of a file's metadata. The first has a JSON array, the second a name of a [`Preparation`]; neither is there where they
/// would say what is taken for granted.
const NAMES: &str = "classes";
const PREPARATION: &str = "preparation";

impl Domain {
    /// What a file of weights says.
    pub fn of(metadata: &BTreeMap<String, String>) -> Result<Domain> {
        let classes = match metadata.get(NAMES) {
            None => Classes::default(),
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Error::invalid(
                    NAMES,
                    "a JSON array of ten names in the metadata",
                    error.to_string(),
                )
            })?,
        };
        let preparation = metadata.get(PREPARATION).map(|name| name.parse()).transpose()?;
        Ok(Domain { classes, preparation: preparation.unwrap_or_default() })
    }

    /// Puts it where [`of`](Domain::of) finds it.
    pub fn describe(&self, metadata: &mut BTreeMap<String, String>) {
        let usual = Domain::default();
        if self.classes != usual.classes {
            let names = serde_json::Value::from(self.classes.names().to_vec());
            metadata.insert(NAMES.into(), names.to_string());
        }
        if self.preparation != usual.preparation {
            metadata.insert(PREPARATION.into(), self.preparation.name().into());
        }
    }
}
